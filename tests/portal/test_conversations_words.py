"""What short answers are taken for, and the words that are sent back."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.conversations import Meaning
from hub.notifications.texts import LANGUAGES, SMS_LIMIT
from hub.texts import load_texts
from portal.conversations.answers import LONGEST_STREET
from portal.conversations.meaning import LONGEST_COMMAND, Understood, understand
from portal.conversations.words import FOLDER, say

LONGEST = {
    "times": ", ".join(f"{number}) mer. 30 sept. 10:00-12:00" for number in range(1, 6)),
    "day": "mercredi 30 septembre",
    "from": "10:00",
    "until": "12:00",
    "street": "x" * LONGEST_STREET,
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
        ("optie 2 graag", 2), ("le numéro 4 s'il vous plaît", 4), ("Nummer 5 bitte", 5), ("number 1 please", 1), ("ja 2", 2),
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


@pytest.mark.parametrize(
    ("text", "number"),
    [
        # Dutch
        ("3 graag", 3), ("Ja, 3 aub", 3), ("ok 3", 3), ("3 is goed", 3), ("3 voor mij", 3), ("nummer één", 1), ("Eén graag", 1), ("nr 2, dank u wel", 2),
        ("nummer een", 1), ("de nummer 3", 3), ("optie: 2", 2), ("twee aub", 2), ("Prima, 4 graag", 4), ("slot 5", 5), ("Hallo, 2 graag. Mvg", 2),
        # French
        ("le numéro 2", 2), ("Bonjour, 2 svp", 2), ("numéro un", 1), ("option 3, merci beaucoup", 3), ("3 me convient", 3), ("oui, trois", 3),
        ("N°4 s'il vous plaît", 4), ("quatre, merci", 4), ("d'accord, 1", 1), ("choix 2", 2), ("3, c'est bon", 3), ("pour moi 2", 2),
        # German
        ("eins", 1), ("Eins bitte", 1), ("Nummer 2 bitte", 2), ("die Nummer 2", 2), ("zwei passt gut", 2), ("3 passt", 3), ("Ja, drei bitte", 3), ("fünf, danke schön", 5),
        # English
        ("one", 1), ("One, please", 1), ("number one", 1), ("the number 3", 3), ("2 works for me", 2), ("three thanks", 3), ("3)", 3), ("Sure, 2", 2),
    ],
)  # fmt: skip
def test_a_number_among_pleasantries_is_a_choice(text: str, number: int) -> None:
    assert understand(text) == Understood(Meaning.NUMBER, number)


@pytest.mark.parametrize(
    "text",
    [
        # Dutch
        "een moment aub", "Eén moment aub", "1 moment", "ok 1 moment", "een dag", "Een", "een", "een ogenblik", "een minuutje", "eentje graag", "ja een dag",
        "op 3", "de 3", "de 3e", "3 mei", "voor 3", "voor 3 graag", "om 3", "dag 3", "3 dagen", "1 dag", "3 j", "goede dag", "vanaf 3", "nog een keer", "een van 2", "tijd 3",
        # French
        "Un moment svp", "un moment s'il vous plaît", "Ok un moment", "c'est un plaisir", "un", "une", "une minute", "un jour", "un instant", "le 3", "le 3 svp",
        "le 4 s'il vous plaît", "oui le 3", "pour le 3", "pour 3", "c'est le 2", "mardi 3", "3 mai", "un autre", "une question", "merci bien", "Merci bien !", "bonne journée",
        "si le 3", "si c'est bon pour moi", "l'un ou l'autre", "deux jours", "à 3",
        # German
        "ein Moment bitte", "Einen Moment", "den 3.", "Den 3. bitte", "der 3.", "am 3.", "ab 3", "ein", "eine Frage", "um 3", "für 3", "3 Uhr", "eins noch", "Guten Tag",
        "in einer Stunde", "zwei Tage", "2 Personen",
        # English
        "One moment please", "one moment", "one day", "one second", "that one", "this one", "the one", "great one", "no one is home", "ok one moment", "One sec",
        "one question", "the 3", "the 3rd", "for 3", "at 3", "by 3 please", "3 pm", "three days", "two people", "3 for the day",
        # signs
        "<3", "ok <3", "<3 thanks", ":3", "3€", "€ 3", "3/5", "1/2", "-3", "3%", "3 + 2", "~3", "3-5", "3x", "2x graag",
    ],
)  # fmt: skip
def test_an_article_a_day_and_a_request_for_patience_choose_nothing(text: str) -> None:
    assert understand(text).meaning not in (Meaning.NUMBER, Meaning.YES)


@given(st.text(max_size=60))
def test_no_text_breaks_it_and_only_numbers_carry_one(text: str) -> None:
    found = understand(text)
    assert (found.number is not None) == (found.meaning is Meaning.NUMBER)
    assert found.number is None or 0 <= found.number <= 9


@given(st.text(alphabet=string.ascii_letters + string.digits + " .,!", min_size=LONGEST_COMMAND + 1, max_size=200))
def test_a_long_text_is_never_an_answer(text: str) -> None:
    if len(" ".join(text.split())) > LONGEST_COMMAND:
        assert understand(text).meaning not in (Meaning.YES, Meaning.NUMBER)


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_answer_fits_into_a_short_message(language: str) -> None:
    for key, text in load_texts(FOLDER, language).items():
        said = say(language, key, **{name: LONGEST[name] for name in _fields(text)})
        assert len(said) <= SMS_LIMIT, key
        assert "{" not in said


def _fields(text: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(text) if name]
