"""Addresses as logs, dossiers and pages may show them: enough to recognise one's own, too little to use."""


def mask_email(address: str) -> str:
    """`an.peeters@citizen.example` becomes `a…@citizen.example`."""
    name, at, host = address.rpartition("@")
    return f"{name[:1]}…@{host}" if at else "…"


def mask_phone(number: str) -> str:
    """`+32470000001` becomes `+32…01`; a number too short to hide anything becomes `…`."""
    return f"{number[:3]}…{number[-2:]}" if len(number) >= 8 else "…"


def mask_recipient(recipient: str) -> str:
    """Either of the two, by what the recipient looks like."""
    return mask_email(recipient) if "@" in recipient else mask_phone(recipient)
