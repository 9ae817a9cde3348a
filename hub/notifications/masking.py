"""Addresses as logs, dossiers and pages may show them: enough to recognise one's own, too little to use."""

import re

_NUMBER = re.compile(r"[+0-9 ()./-]*")


def mask_email(address: str) -> str:
    """`an.peeters@citizen.example` becomes `a…@citizen.example`."""
    name, at, host = address.rpartition("@")
    return f"{name[:1]}…@{host}" if at else "…"


def mask_phone(number: str) -> str:
    """`+32470000001` becomes `+32…01`; a number too short to hide anything becomes `…`."""
    return f"{number[:3]}…{number[-2:]}" if len(number) >= 8 else "…"


def mask_place(address: str) -> str:
    """`Veldstraat 1, 9000 Gent` becomes `…, 9000 Gent`."""
    _, comma, town = address.rpartition(",")
    return f"…, {town.strip()}" if comma else "…"


def mask_recipient(recipient: str) -> str:
    """Whichever of these it is, by what the recipient looks like."""
    if "@" in recipient:
        return mask_email(recipient)
    return mask_phone(recipient) if _NUMBER.fullmatch(recipient) else mask_place(recipient)
