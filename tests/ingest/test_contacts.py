"""What counts as a way to reach a citizen, by the country they are in."""

import pytest

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
