"""The words for people: gettext catalogues, one `texts/<language>.po` per language in the folder of whoever says them.

A message's id is its key (`slots.title`), its string what is said, in English too: what a page says can change without the code,
and no language is the code's own.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po


@cache
def load_texts(folder: Path, language: str) -> Mapping[str, str]:
    """Every text of `language` in `folder`, by key; read once. Raises FileNotFoundError when nobody wrote in that language."""
    return {str(message.id): str(message.string) for message in read_catalogue(folder / f"{language}.po") if message.id}


def read_catalogue(file: Path) -> Catalog:
    """The catalogue in `file`, as it stands. Raises babel.messages.pofile.PoFileError when it is none."""
    with file.open(encoding="utf-8") as lines:
        return read_po(lines, abort_invalid=True)
