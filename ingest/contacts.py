"""Whether a citizen can be reached by what the utility sent: phone numbers, e-mail addresses, languages."""

import re

import phonenumbers
from phonenumbers.phonemetadata import PhoneMetadata

from hub.notifications.texts import LANGUAGES

DEFAULT_LANGUAGE = "nl"
_THREE_LETTERS = {"nld": "nl", "dut": "nl", "fra": "fr", "fre": "fr", "deu": "de", "ger": "de", "eng": "en"}
"""ISO 639-2, in both of its spellings."""


def _plain_plans() -> dict[str, frozenset[int]]:
    """By calling code how long a national number can be, for our countries whose plan is that plain."""
    plans = [PhoneMetadata.metadata_for_region(region) for region in ("BE", "NL", "FR", "DE")]
    return {
        str(plan.country_code): frozenset(plan.general_desc.possible_length)
        for plan in plans
        if plan is not None
        and plan.general_desc is not None
        and plan.national_prefix_for_parsing == "0"
        and not plan.national_prefix_transform_rule
    }


_LENGTHS = _plain_plans()
_E164 = re.compile(rf"\+(?P<code>{'|'.join(_LENGTHS)})(?P<national>[1-9][0-9]*)")
_EMAIL = re.compile(
    r"[^\s@<>\"',;:\\()\[\]]{1,64}@(?=.{1,189}$)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9-]+)+"
)


def usable_phone(text: str, country_code: str) -> str | None:
    """The number in E.164, or None when no such number is possible; a national number is one of `country_code`.

    Possible is asked, not valid: numbers reserved for fiction are possible, and a new range of an operator is too.
    """
    if _is_plain(text):
        return text
    try:
        number = phonenumbers.parse(text, country_code)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _is_plain(text: str) -> bool:
    """Whether `text` is in E.164 already and of a possible length, which is what parsing it would say at ten times the cost.

    Only for plans of numbering whose one rule is a leading 0 that is not dialled from abroad; anything else is parsed.
    """
    found = _E164.fullmatch(text)
    return found is not None and len(found["national"]) in _LENGTHS[found["code"]]


def usable_email(text: str) -> str | None:
    """The address, or None when it is none."""
    return text if _EMAIL.fullmatch(text) else None


def spoken_language(tag: str) -> str | None:
    """The language we write in for a tag such as `nl-BE`, `fr_FR` or `deu`, or None when we do not write it."""
    primary = re.split(r"[-_]", tag.strip().lower(), maxsplit=1)[0]
    primary = _THREE_LETTERS.get(primary, primary)
    return primary if primary in LANGUAGES else None
