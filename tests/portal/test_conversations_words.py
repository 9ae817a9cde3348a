"""What short answers are taken for, and the words that are sent back."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.conversations import Meaning
from hub.notifications.texts import LANGUAGES, SMS_LIMIT
from portal.conversations.meaning import LONGEST_COMMAND, Understood, understand
from portal.conversations.words import load_words, say

LONGEST = {
    "times": ", ".join(f"{number}) mer. 30 sept. 10:00-12:00" for number in range(1, 6)),
    "day": "mercredi 30 septembre",
    "from": "10:00",
    "until": "12:00",
}


@pytest.mark.parametrize(
    "text",
    [
        "JA", "ja.", "Ja!!", "  ja \n", "Ja 👍", "👍🏽", "✔️", "ja graag", "Ja, dat is goed", "OK", "Oké!", "ok dank u", "akkoord",
        "OUI", "Oui, merci !", "d'accord", "D\N{RIGHT SINGLE QUOTATION MARK}accord", "Parfait, merci", "c'est bon",
        "Ja bitte", "Einverstanden.", "bestätigt", "Ja, das passt", "YES", "yes please", "Yes, that's fine", "Ｙｅｓ", "j", "y",
    ],
)  # fmt: skip
def test_a_yes_is_understood_in_four_languages(text: str) -> None:
    assert understand(text) == Understood(Meaning.YES)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("3", 3), ("3.", 3), ("(3)", 3), (" 3 \n", 3), ("3️⃣", 3), ("３", 3), ("nr. 3", 3), ("N° 3", 3), ("no 3", 3), ("nummer 3", 3),
        ("optie 2 graag", 2), ("le 4 s'il vous plaît", 4), ("Nummer 5 bitte", 5), ("number 1 please", 1), ("ja 2", 2),
        ("drie", 3), ("deux", 2), ("fünf", 5), ("one", 1), ("één", 1), ("9", 9),
    ],
)  # fmt: skip
def test_a_number_is_understood(text: str, number: int) -> None:
    assert understand(text) == Understood(Meaning.NUMBER, number)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("NEE", Meaning.NO), ("Nee, dank u", Meaning.NO), ("Non.", Meaning.NO), ("nein danke", Meaning.NO), ("no", Meaning.NO),
        ("no thanks, 3", Meaning.NO), ("nee 3", Meaning.NO), ("👎", Meaning.NO), ("Niet goed", Meaning.NO),
        ("Neen, wij verhuizen volgende week en willen eerst iemand spreken", Meaning.NO),
        ("Verkeerd nummer!", Meaning.WRONG_NUMBER), ("foutief nummer", Meaning.WRONG_NUMBER),
        ("Mauvais numéro", Meaning.WRONG_NUMBER), ("Falsche Nummer", Meaning.WRONG_NUMBER),
        ("Sorry, wrong number", Meaning.WRONG_NUMBER), ("nee, verkeerd nummer", Meaning.WRONG_NUMBER),
        ("Bel mij", Meaning.CALL_ME), ("rappelez-moi svp", Meaning.CALL_ME), ("please call me", Meaning.CALL_ME),
    ],
)  # fmt: skip
def test_what_no_machine_may_decide_is_named_for_the_person_who_reads_it(text: str, meaning: Meaning) -> None:
    assert understand(text) == Understood(meaning)


@pytest.mark.parametrize(
    "text",
    [
        "", "   ", "…", "?", "Ja?", "3?", "ja maar niet voor 9u", "ja of nee", "1 of 2", "2, 3", "om 3 uur", "10 uur", "12", "3.5", "½",
        "ja niet", "ok mais pas le 3", "is dat goed", "misschien", "wanneer dan", "ja " * 30, "3 " * 20, "WO-1234 JA", "yes tomorrow",
        "<script>alert(1)</script>", "ja'; DROP TABLE work_order; --",
    ],
)  # fmt: skip
def test_whatever_is_more_or_less_than_an_answer_is_left_to_a_person(text: str) -> None:
    assert understand(text) == Understood(Meaning.OTHER)


@given(st.text(max_size=60))
def test_no_text_breaks_it_and_only_numbers_carry_one(text: str) -> None:
    found = understand(text)
    assert (found.number is not None) == (found.meaning is Meaning.NUMBER)
    assert found.number is None or 0 <= found.number <= 9


@given(st.text(alphabet=string.ascii_letters + string.digits + " .,!", min_size=LONGEST_COMMAND + 1, max_size=200))
def test_a_long_text_is_never_an_answer(text: str) -> None:
    if len(" ".join(text.split())) > LONGEST_COMMAND:
        assert understand(text).meaning not in (Meaning.YES, Meaning.NUMBER)


def test_every_language_says_the_same() -> None:
    keys = {language: set(load_words(language)) for language in LANGUAGES}
    assert len({frozenset(found) for found in keys.values()}) == 1
    for key in keys["en"]:
        named = {language: set(_fields(load_words(language)[key])) for language in LANGUAGES}
        assert len({frozenset(found) for found in named.values()}) == 1, key


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_answer_fits_into_a_short_message(language: str) -> None:
    for key, text in load_words(language).items():
        said = say(language, key, **{name: LONGEST[name] for name in _fields(text)})
        assert len(said) <= SMS_LIMIT, key
        assert "{" not in said


def _fields(text: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(text) if name]
