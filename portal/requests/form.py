"""What a citizen types when asking for a visit, and what is wrong with it. Only what is needed is asked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import phonenumbers
from pydantic import validate_email

from hub.domain.catalogue import Catalogue
from hub.typed import one_line, some_lines

LONGEST_LINE = 120
LONGEST_NOTES = 1000
_POSTCODE = re.compile(r"(?:(?:BE|B)[\s-]*)?([0-9][0-9\s]*)", re.IGNORECASE)
"""A postal code as people write it: with the country before it, or spaces within."""
_COUNTRY = "BE"
"""Whose numbers are written without a country code."""
_COUNTRIES = frozenset({"BE", "NL", "DE", "FR", "LU"})
"""Whose numbers are taken: of where we come, and of its neighbours, who live here too. Others cost many times as much to reach."""
_TYPE = phonenumbers.PhoneNumberType
_MOBILE = frozenset({_TYPE.MOBILE, _TYPE.FIXED_LINE_OR_MOBILE})
_REACHABLE = _MOBILE | {_TYPE.FIXED_LINE, _TYPE.VOIP}
"""No number that costs whoever calls or writes more than usual, and earns somebody money."""


@dataclass(frozen=True)
class RequestForm:
    """The fields as they were typed, cleaned of what nobody can see."""

    work_type: str = ""
    name: str = ""
    email: str = ""
    phone: str = ""
    street: str = ""
    postcode: str = ""
    town: str = ""
    notes: str = ""
    consent: bool = False


def clean_form(typed: Mapping[str, str]) -> RequestForm:
    """The form without signs that nobody can see, cut to length; of a postal code the figures are left."""
    lines = {
        name: one_line(typed.get(name, ""), LONGEST_LINE)
        for name in ("work_type", "name", "email", "phone", "street", "postcode", "town")
    }
    if written := _POSTCODE.fullmatch(lines["postcode"]):
        lines["postcode"] = "".join(written[1].split())
    notes = some_lines(typed.get("notes", ""), LONGEST_NOTES)
    return RequestForm(**lines, notes=notes, consent=bool(typed.get("consent")))


def faults_of(form: RequestForm, catalogue: Catalogue) -> dict[str, str]:
    """What is wrong, by field: the name of the sentence that says it. Empty when the form can be taken."""
    kind = catalogue.work_types.get(form.work_type)
    faults = {
        "work_type": "" if kind is not None and kind.requestable else "fault_work_type",
        "name": "" if form.name else "fault_name",
        "street": "" if any(sign.isalpha() for sign in form.street) else "fault_street",
        "postcode": _fault_of_postcode(form.postcode, catalogue),
        "town": "" if form.town else "fault_town",
        "email": "" if not form.email or usable_email(form.email) else "fault_email",
        "phone": "" if not form.phone or usable_phone(form.phone) else "fault_phone",
        "consent": "" if form.consent else "fault_consent",
    }
    if not form.email and not form.phone:
        faults["email"] = "fault_contact"
    elif not form.email and not faults["phone"] and not can_be_texted(form.phone):
        faults["phone"] = "fault_mobile"
    return {field: fault for field, fault in faults.items() if fault}


def example_postcode(catalogue: Catalogue) -> str:
    """A postal code that is served, to show how one is written; empty when none is."""
    return str(min((first for first, _, _ in catalogue.postcodes), default=""))


def _fault_of_postcode(typed: str, catalogue: Catalogue) -> str:
    if not typed:
        return "fault_postcode_missing"
    # Postal codes of one country are equally long, counting the noughts some begin with.
    lengths = {len(str(number)) for first, last, _ in catalogue.postcodes for number in (first, last)}
    is_one = typed.isascii() and typed.isdigit() and (len(typed) in lengths or typed.startswith("0"))
    if not is_one:
        return "fault_postcode_shape"
    return "" if catalogue.territory(typed) else "fault_postcode"


def usable_email(typed: str) -> str:
    """The address, or an empty text when it is none."""
    try:
        # The function also takes `Name <address>`, which is not what was asked.
        return validate_email(typed)[1] if "<" not in typed and len(typed) <= LONGEST_LINE else ""
    except ValueError:
        return ""


def usable_phone(typed: str) -> str:
    """The number in E.164, or an empty text when it is none at which people of the countries served are reached."""
    number = _number(typed)
    if number is None or phonenumbers.number_type(number) not in _REACHABLE:
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def can_be_texted(typed: str) -> bool:
    """Whether an SMS can come to this number."""
    number = _number(typed)
    return number is not None and phonenumbers.number_type(number) in _MOBILE


def _number(typed: str) -> phonenumbers.PhoneNumber | None:
    """The number when it was given out in one of the countries served."""
    try:
        number = phonenumbers.parse(typed, _COUNTRY)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.region_code_for_number(number) in _COUNTRIES else None
