"""The words of the citizen's pages."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).with_name("texts")


class Words:
    """The texts of one language: `words("confirm_kept", time="10:12")`; raises KeyError for an unknown key or a missing value.

    A sub-room has a folder of its own for what only its pages say.
    """

    def __init__(self, language: str, folder: Path = FOLDER) -> None:
        self.language = language
        self._texts = load_words(language, folder)

    def __call__(self, key: str, **values: object) -> str:
        """The text named `key`, filled with `values`."""
        return self._texts[key].format_map(values)


@cache
def load_words(language: str, folder: Path = FOLDER) -> Mapping[str, str]:
    """Every text of `language` in `folder`."""
    return tomllib.loads((folder / f"{language}.toml").read_text(encoding="utf-8"))
