"""What counts as a way to reach a citizen, by the country they are in."""

import phonenumbers
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.contacts import spoken_language, usable_phone


@pytest.mark.parametrize(
    ("text", "country", "number"),
    [
        ("0470 12 34 56", "BE", "+32470123456"),
        ("0470/12.34.56", "BE", "+32470123456"),
        ("0032470123456", "BE", "+32470123456"),
        ("+32 (0)470 12 34 56", "NL", "+32470123456"),
        ("tel:+32470123456", "BE", "+32470123456"),
        ("06 12345678", "NL", "+31612345678"),
        ("621 123 456", "LU", "+352621123456"),
        ("06 39 98 00 01", "FR", "+33639980001"),
        ("12", "BE", None),
        ("call the neighbours", "BE", None),
        ("9" * 500, "BE", None),
        ("", "BE", None),
    ],
)
def test_phone_numbers_are_those_of_a_country(text: str, country: str, number: str | None) -> None:
    assert usable_phone(text, country) == number


@given(
    code=st.sampled_from(["32", "31", "33", "49", "352", "44", "39", "1", ""]),
    national=st.text("0123456789", max_size=18),
    country=st.sampled_from(["BE", "NL", "LU"]),
)
@example("32", "0470123456", "BE")
@example("32", "470123456", "NL")
@example("31", "14020", "BE")
@example("49", "115", "BE")
@settings(max_examples=400, deadline=None)
def test_the_short_way_for_plain_numbers_says_what_parsing_says(code: str, national: str, country: str) -> None:
    text = f"+{code}{national}"
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        expected = None
    else:
        is_possible = phonenumbers.is_possible_number(number)
        expected = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if is_possible else None
    assert usable_phone(text, country) == expected


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("nl", "nl"),
        ("NL-BE", "nl"),
        ("fr_FR", "fr"),
        ("deu", "de"),
        ("ger", "de"),
        ("dut", "nl"),
        ("eng", "en"),
        ("es", None),
        ("", None),
    ],
)
def test_languages_are_read_in_every_usual_spelling(tag: str, language: str | None) -> None:
    assert spoken_language(tag) == language
