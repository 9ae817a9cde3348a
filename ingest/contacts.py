"""Whether a citizen can be reached by what the utility sent: phone numbers, e-mail addresses, languages."""

import re

import phonenumbers

LANGUAGES = ("nl", "fr", "de", "en")
DEFAULT_LANGUAGE = "nl"
_THREE_LETTERS = {"nld": "nl", "dut": "nl", "fra": "fr", "fre": "fr", "deu": "de", "ger": "de", "eng": "en"}
"""ISO 639-2, in both of its spellings."""
_EMAIL = re.compile(
    r"[^\s@<>\"',;:\\()\[\]]{1,64}@(?=.{1,189}$)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9-]+)+"
)


def usable_phone(text: str, country_code: str) -> str | None:
    """The number in E.164, or None when no such number is possible; a national number is one of `country_code`.

    Possible is asked, not valid: numbers reserved for fiction are possible, and a new range of an operator is too.
    """
    try:
        number = phonenumbers.parse(text, country_code)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def usable_email(text: str) -> str | None:
    """The address, or None when it is none."""
    return text if _EMAIL.fullmatch(text) else None


def spoken_language(tag: str) -> str | None:
    """The language we write in for a tag such as `nl-BE`, `fr_FR` or `deu`, or None when we do not write it."""
    primary = re.split(r"[-_]", tag.strip().lower(), maxsplit=1)[0]
    primary = _THREE_LETTERS.get(primary, primary)
    return primary if primary in LANGUAGES else None
