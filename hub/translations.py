"""Whether the catalogues of texts say the same in every language, and bringing them up to date with the English ones.

English is where a text begins. In the other catalogues the comment above a text (`#.`) is the English it was translated from: what
translators read, and how a translation that has fallen behind is known.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from babel import Locale
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import PoFileError, write_po

from hub.notifications.texts import LANGUAGES
from hub.texts import read_catalogue

SOURCE = "en"
_MESSAGE_ID = re.compile(r'msgid "(.+)"\s*')
_PLACEHOLDER = re.compile(r"\{\{\s*(.*?)\s*\}\}|\{(.*?)\}")


@dataclass(frozen=True)
class TextFault:
    """What is wrong with a text; `line` counts from 1, and is 1 for what belongs to the file as a whole."""

    file: Path
    line: int
    sentence: str

    def __str__(self) -> str:
        """As compilers say it, so that editors find the place."""
        return f"{self.file}:{self.line}: {self.sentence}"


def find_folders(place: Path) -> list[Path]:
    """Every folder below `place` that holds catalogues."""
    return sorted({file.parent for file in place.rglob("*.po")})


def check_texts(folder: Path) -> list[TextFault]:
    """What keeps the catalogues of `folder` from saying the same in every language, by file and line.

    A text may be missing, surplus, twice there, empty, marked fuzzy, or made from English that reads otherwise now; it may hold
    other {placeholders} than the English one, a brace that belongs to none, or a line break at its ends, which `msgfmt --check`
    refuses.
    """
    faults: list[TextFault] = []
    read: dict[str, Catalog] = {}
    for language in _languages(folder):
        file = folder / f"{language}.po"
        try:
            read[language] = read_catalogue(file)
            faults += _of_file(file, language, read[language])
        except (OSError, ValueError, PoFileError) as error:
            faults.append(TextFault(file, 1, f"this catalogue cannot be read ({error})."))
    if SOURCE in read:
        for language in read.keys() - {SOURCE}:
            faults += _of_translation(folder / f"{language}.po", read[SOURCE], read[language])
    return sorted(faults, key=lambda fault: (fault.file, fault.line))


def update_texts(folder: Path) -> list[Path]:
    """Bring the other catalogues of `folder` up to date with the English one; returns the files that changed.

    New texts come in empty, in the order of the English ones. Where the English reads otherwise now, the translation stays and is
    marked fuzzy. What English has no more is kept as obsolete. A language without a catalogue gets one. Raises OSError, and
    PoFileError for a file that is no catalogue.
    """
    english = read_catalogue(folder / f"{SOURCE}.po")
    changed = []
    for language in _languages(folder):
        if language == SOURCE:
            continue
        file = folder / f"{language}.po"
        present = file.read_text(encoding="utf-8") if file.exists() else ""
        old = read_catalogue(file) if present else Catalog(locale=language)
        # The head of a file is its translators' own: it stays as it is.
        head = present.partition("\n\n")[0] or _new_head(english, language)
        written = f"{head}\n\n{_as_po(_renew(english, old), omit_header=True)}\n"
        if written != present:
            file.write_text(written, encoding="utf-8", newline="\n")
            changed.append(file)
    return changed


def _languages(folder: Path) -> list[str]:
    return sorted({*LANGUAGES, *(file.stem for file in folder.glob("*.po"))})


def _of_file(file: Path, language: str, catalogue: Catalog) -> Iterator[TextFault]:
    """The faults that can be seen without another language."""
    if language not in LANGUAGES:
        yield TextFault(
            file, 1, f"nobody is spoken to in `{language}`: name it in LANGUAGES, or take this catalogue away."
        )
    if catalogue.locale_identifier != language or catalogue.charset.lower() != "utf-8":
        yield TextFault(file, 1, f"the head must say `Language: {language}` and `charset=utf-8`.")
    lines = file.read_text(encoding="utf-8").splitlines()
    ids = Counter(found[1] for line in lines if (found := _MESSAGE_ID.fullmatch(line)))
    for key, message in _texts(catalogue).items():
        line = message.lineno or 1
        if not isinstance(message.string, str) or message.context is not None:
            yield TextFault(file, line, f"`{key}` has a plural or a context, which texts do not have here.")
            continue
        if ids[key] > 1:
            yield TextFault(file, line, f"`{key}` is there {ids[key]} times.")
        if not message.string.strip():
            yield TextFault(file, line, f"`{key}` is empty.")
        if message.fuzzy:
            yield TextFault(file, line, f"`{key}` is marked fuzzy: look it through, then take the mark away.")
        if message.string != message.string.strip("\n"):
            yield TextFault(
                file, line, f"`{key}` begins or ends with a line break, which gettext allows in no text with a key."
            )
        if re.search(r"[{}]", _PLACEHOLDER.sub("", message.string)):
            yield TextFault(file, line, f"`{key}` has a brace that belongs to no placeholder.")


def _of_translation(file: Path, english: Catalog, translation: Catalog) -> Iterator[TextFault]:
    """The faults that are seen beside the English catalogue."""
    sources, translated = _texts(english), _texts(translation)
    for key, source in sources.items():
        if key not in translated:
            yield TextFault(file, 1, f"`{key}` is missing.")
            continue
        message = translated[key]
        line = message.lineno or 1
        if message.string and (difference := _differing(source, message)):
            yield TextFault(file, line, f"`{key}` has other placeholders than the English: {difference}.")
        if not message.fuzzy and _squeezed(message.auto_comments) != _squeezed(_comments(source)):
            sentence = f"`{key}` was made from other English: run `doorstep texts update`, then look it through."
            yield TextFault(file, line, sentence)
    for key in translated.keys() - sources.keys():
        yield TextFault(file, translated[key].lineno or 1, f"`{key}` is surplus: English has no such text.")


def _texts(catalogue: Catalog) -> dict[str, Message]:
    """The messages by key, without the head."""
    return {str(message.id): message for message in catalogue if message.id}


def _differing(source: Message, message: Message) -> str:
    """The placeholders that one has oftener than the other: `+day` for one too many, `-day` for one too few."""
    wanted, found = (Counter(a or b for a, b in _PLACEHOLDER.findall(str(one.string))) for one in (source, message))
    return ", ".join([*(f"+{name}" for name in found - wanted), *(f"-{name}" for name in wanted - found)])


def _comments(source: Message) -> list[str]:
    """What translators read above a text: the notes it has in English, and the English."""
    return [*source.auto_comments, *str(source.string).splitlines()]


def _squeezed(comments: list[str]) -> str:
    # Tools break long comments where they like.
    return "".join("".join(comments).split())


def _renew(english: Catalog, old: Catalog) -> Catalog:
    new = Catalog(locale=old.locale)
    gone = {str(key): message for key, message in old.obsolete.items()} | _texts(old)
    for key, source in _texts(english).items():
        known, comments = gone.pop(key, None), _comments(source)
        flags = set(known.flags) if known else set()
        if known and known.string and _squeezed(known.auto_comments) != _squeezed(comments):
            flags.add("fuzzy")
        new.add(
            key,
            known.string if known else "",
            flags=flags,
            auto_comments=comments,
            user_comments=known.user_comments if known else (),
        )
    new.obsolete.update({key: message for key, message in gone.items() if message.string})
    return new


def _new_head(english: Catalog, language: str) -> str:
    new = Catalog(
        locale=language,
        project=english.project,
        version=english.version,
        header_comment=english.header_comment,
        language_team=Locale.parse(language).get_display_name(SOURCE),
        fuzzy=False,
    )
    return _as_po(new)


def _as_po(catalogue: Catalog, *, omit_header: bool = False) -> str:
    # Not wrapped: a sentence on one line can be searched for.
    written = BytesIO()
    write_po(written, catalogue, width=0, omit_header=omit_header)
    return written.getvalue().decode("utf-8").rstrip("\n")
