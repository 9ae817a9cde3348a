"""The catalogues of texts: the product's own are complete in every language, and each way to fall behind is named with its place."""

import shutil
from pathlib import Path

import pytest
from babel.messages.pofile import PoFileError
from typer.testing import CliRunner

from hub.domain.errors import ConfigurationError
from hub.notifications.texts import LANGUAGES
from hub.texts import load_texts, read_catalogue
from hub.translations import check_texts, find_folders, update_texts
from infra.hosts.cli import app
from infra.hosts.texts_commands import ROOMS

FOLDERS = [folder for room in ROOMS for folder in find_folders(room)]
HEAD = (
    'msgid ""\nmsgstr ""\n"Language: {language}\\n"\n"Content-Type: text/plain; charset={charset}\\n"\n'
    '"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n'
)
ENGLISH = [("title", "Choose"), ("day", "On {day}"), ("mail", "Dear {{ name }},\n\nuntil {day}.")]
DUTCH = [("title", "Kies"), ("day", "Op {day}"), ("mail", "Beste {{ name }},\n\ntot {day}.")]


def entry(key: str, text: str, english: str | None = None) -> str:
    """One text of a catalogue, with its English above it when it is a translation."""
    comments = "".join(f"#. {line}\n" for line in (english or "").splitlines() if line)
    lines = "\n".join('"' + line.replace("\n", "\\n") + '"' for line in text.splitlines(keepends=True)) or '""'
    lines = f'""\n{lines}' if "\n" in text else lines
    return f'{comments}msgid "{key}"\nmsgstr {lines}\n\n'


def write(folder: Path, language: str, body: str, *, says: str = "", charset: str = "utf-8") -> None:
    (folder / f"{language}.po").write_text(
        HEAD.format(language=says or language, charset=charset) + body.rstrip("\n") + "\n", encoding="utf-8"
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three texts in every language, without a fault."""
    write(tmp_path, "en", "".join(entry(*one) for one in ENGLISH))
    for language in set(LANGUAGES) - {"en"}:
        write(tmp_path, language, dutch())
    assert check_texts(tmp_path) == []
    return tmp_path


def dutch(without: str = "", **texts: str) -> str:
    """The Dutch texts, some of them other ones."""
    return "".join(
        entry(key, texts.get(key, text), english)
        for (key, text), (_, english) in zip(DUTCH, ENGLISH, strict=True)
        if key != without
    )


def line_of(file: Path, sought: str) -> int:
    return file.read_text(encoding="utf-8").splitlines().index(sought) + 1


@pytest.mark.parametrize("place", FOLDERS, ids=lambda place: "-".join(place.parts[-3:]))
def test_every_language_says_the_same_things(place: Path) -> None:
    assert [str(fault) for fault in check_texts(place)] == []


def test_the_products_own_folders_are_all_found_and_none_has_words_of_another_kind() -> None:
    folders = {file.parent for room in ROOMS for file in room.rglob("texts/**/*") if file.is_file()}
    assert folders == set(FOLDERS)
    assert {file.name for place in FOLDERS for file in place.iterdir() if file.is_file()} == {
        f"{language}.po" for language in LANGUAGES
    }


@pytest.mark.parametrize(
    ("body", "at", "sentence"),
    [
        (dutch(without="day"), "", "`day` is missing."),
        (dutch() + entry("more", "Meer"), 'msgid "more"', "`more` is surplus"),
        (dutch() + entry("day", "Op {day}", "On {day}"), 'msgid "day"', "`day` is there 2 times."),
        (dutch(day="", mail=DUTCH[2][1]), 'msgid "day"', "`day` is empty."),
        (dutch(day=" "), 'msgid "day"', "`day` is empty."),
        (dutch().replace('msgid "day"', '#, fuzzy\nmsgid "day"'), 'msgid "day"', "`day` is marked fuzzy"),
        (dutch(day="Op {dag}"), 'msgid "day"', "other placeholders than the English: +dag, -day."),
        (dutch(day="Op {day}, {day}"), 'msgid "day"', "other placeholders than the English: +day."),
        (dutch(day="Op {day:d}"), 'msgid "day"', "other placeholders than the English: +day:d, -day."),
        (
            dutch(mail="Beste {{ naam }}, tot {day}."),
            'msgid "mail"',
            "other placeholders than the English: +naam, -name.",
        ),
        (dutch(day="Op {day} {"), 'msgid "day"', "`day` has a brace that belongs to no placeholder."),
        (dutch(day="Op {day}\n"), 'msgid "day"', "`day` begins or ends with a line break"),
        (dutch().replace("#. On {day}", "#. At {day}"), 'msgid "day"', "`day` was made from other English"),
        (
            dutch() + 'msgid "one"\nmsgid_plural "many"\nmsgstr[0] "een"\nmsgstr[1] "veel"\n',
            'msgid "one"',
            "a plural or a context",
        ),
    ],
)
def test_a_text_that_differs_is_named_with_its_line(folder: Path, body: str, at: str, sentence: str) -> None:
    write(folder, "nl", body)
    file = folder / "nl.po"
    found = [fault for fault in check_texts(folder) if sentence in fault.sentence]
    assert [one.file for one in found] == [file]
    assert found[0].line == (line_of(file, at) if at else 1)


def test_a_catalogue_that_is_absent_broken_or_another_languages_is_named(folder: Path) -> None:
    (folder / "nl.po").unlink()
    (folder / "fr.po").write_text("title = Choisissez\n", encoding="utf-8")
    write(folder, "de", dutch(), says="nl", charset="iso-8859-1")
    write(folder, "it", dutch())
    told = {fault.file.name: fault.sentence for fault in check_texts(folder)}
    assert told.keys() == {"nl.po", "fr.po", "de.po", "it.po"}
    assert "cannot be read" in told["nl.po"]
    assert "cannot be read" in told["fr.po"]
    assert "must say `Language: de` and `charset=utf-8`" in told["de.po"]
    assert "nobody is spoken to in `it`" in told["it.po"]


def test_the_command_names_the_place_and_exits_with_1(folder: Path) -> None:
    good = CliRunner().invoke(app, ["texts", "check", str(folder)])
    assert (good.exit_code, good.stdout) == (0, "")
    write(folder, "nl", dutch(without="mail"))
    bad = CliRunner().invoke(app, ["texts", "check", str(folder)])
    assert (bad.exit_code, bad.stdout) == (1, f"{folder / 'nl.po'}:1: `mail` is missing.\n")


def test_a_place_without_texts_does_not_pass(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["texts", "check", str(tmp_path)]).exit_code == 1


@pytest.mark.parametrize("place", FOLDERS, ids=lambda place: "-".join(place.parts[-3:]))
def test_an_update_leaves_every_text_of_a_complete_catalogue_as_it_is(place: Path, tmp_path: Path) -> None:
    copy = tmp_path / "texts"
    shutil.copytree(place, copy)
    update_texts(copy)
    for language in LANGUAGES:
        assert load_texts(copy, language) == load_texts(place, language)
    assert check_texts(copy) == []
    assert update_texts(copy) == []


@pytest.mark.parametrize("place", FOLDERS, ids=lambda place: str(place.relative_to(ROOMS[0].parent)))
def test_the_products_own_catalogues_are_as_an_update_leaves_them(place: Path, tmp_path: Path) -> None:
    copy = tmp_path / "texts"
    shutil.copytree(place, copy)
    assert update_texts(copy) == []


def test_changed_english_marks_its_translations_and_new_english_waits_for_them(folder: Path) -> None:
    write(folder, "en", entry("title", "Pick one") + entry("new", "New: {day}") + entry(*ENGLISH[2]))
    assert {file.name for file in update_texts(folder)} == {"nl.po", "fr.po", "de.po"}
    catalogue = read_catalogue(folder / "nl.po")
    assert [message.id for message in catalogue if message.id] == ["title", "new", "mail"]
    assert catalogue["title"].fuzzy
    assert catalogue["title"].auto_comments == ["Pick one"]
    assert not catalogue["mail"].fuzzy
    # Outdated words are better than none; words that are gone can be taken up again.
    assert load_texts(folder, "nl")["title"] == "Kies"
    assert catalogue.obsolete["day"].string == "Op {day}"
    told = [fault.sentence for fault in check_texts(folder) if fault.file.name == "nl.po"]
    assert told == ["`title` is marked fuzzy: look it through, then take the mark away.", "`new` is empty."]
    assert update_texts(folder) == []


def test_words_that_come_back_are_offered_again_but_not_trusted(folder: Path) -> None:
    write(folder, "en", entry(*ENGLISH[0]))
    update_texts(folder)
    write(folder, "en", "".join(entry(*one) for one in ENGLISH))
    update_texts(folder)
    catalogue = read_catalogue(folder / "nl.po")
    assert (catalogue["day"].string, catalogue["day"].fuzzy, dict(catalogue.obsolete)) == ("Op {day}", True, {})


def test_a_language_without_a_catalogue_gets_one_to_fill(folder: Path) -> None:
    (folder / "de.po").unlink()
    result = CliRunner().invoke(app, ["texts", "update", str(folder)])
    assert (result.exit_code, result.stdout) == (0, f"{folder / 'de.po'}\n")
    catalogue = read_catalogue(folder / "de.po")
    assert (catalogue.locale_identifier, catalogue.charset, catalogue.num_plurals) == ("de", "utf-8", 2)
    told = [fault.sentence for fault in check_texts(folder)]
    assert told == ["`title` is empty.", "`day` is empty.", "`mail` is empty."]


def test_a_folder_that_cannot_be_updated_is_a_sentence(folder: Path) -> None:
    (folder / "en.po").unlink()
    result = CliRunner().invoke(app, ["texts", "update", str(folder)])
    assert isinstance(result.exception, ConfigurationError)
    assert str(result.exception).startswith(f"{folder} cannot be brought up to date (")


def test_texts_are_read_as_they_are_written_and_nothing_else_is_read(folder: Path, tmp_path: Path) -> None:
    assert dict(load_texts(folder, "nl")) == dict(DUTCH)
    with pytest.raises(FileNotFoundError):
        load_texts(tmp_path / "nowhere", "nl")
    (folder / "nl.po").write_text('msgid "a"\nmsgstr "b"\nnonsense\n', encoding="utf-8")
    with pytest.raises(PoFileError):
        read_catalogue(folder / "nl.po")
