"""What a citizen types when asking for a visit, and what is wrong with it. Only what is needed is asked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import phonenumbers
from pydantic import validate_email

from hub.domain.catalogue import Catalogue

LONGEST_LINE = 120
LONGEST_NOTES = 1000
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_CONTROL_BUT_LINES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]+")
_COUNTRY = "BE"
"""Whose numbers are written without a country code."""


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
    """The form with control characters taken out and spaces at the ends dropped."""
    lines = {
        name: _CONTROL.sub(" ", typed.get(name, "")).strip()[:LONGEST_LINE]
        for name in ("work_type", "name", "email", "phone", "street", "postcode", "town")
    }
    notes = _CONTROL_BUT_LINES.sub(" ", typed.get("notes", "").replace("\r\n", "\n")).strip()[:LONGEST_NOTES]
    return RequestForm(**lines, notes=notes, consent=bool(typed.get("consent")))


def faults_of(form: RequestForm, catalogue: Catalogue) -> dict[str, str]:
    """What is wrong, by field: the name of the sentence that says it. Empty when the form can be taken."""
    kind = catalogue.work_types.get(form.work_type)
    faults = {
        "work_type": "" if kind is not None and kind.requestable else "fault_work_type",
        "name": "" if form.name else "fault_name",
        "street": "" if any(sign.isalpha() for sign in form.street) else "fault_street",
        "postcode": "" if catalogue.territory(form.postcode) else "fault_postcode",
        "town": "" if form.town else "fault_town",
        "email": "" if not form.email or usable_email(form.email) else "fault_email",
        "phone": "" if not form.phone or usable_phone(form.phone) else "fault_phone",
        "consent": "" if form.consent else "fault_consent",
    }
    if not form.email and not form.phone:
        faults["email"] = "fault_contact"
    return {field: fault for field, fault in faults.items() if fault}


def usable_email(typed: str) -> str:
    """The address, or an empty text when it is none."""
    try:
        # The function also takes `Name <address>`, which is not what was asked.
        return validate_email(typed)[1] if "<" not in typed and len(typed) <= LONGEST_LINE else ""
    except ValueError:
        return ""


def usable_phone(typed: str) -> str:
    """The number in E.164, or an empty text when no such number is possible."""
    try:
        number = phonenumbers.parse(typed, _COUNTRY)
    except phonenumbers.NumberParseException:
        return ""
    possible = phonenumbers.is_possible_number(number)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if possible else ""
