"""The words of the citizen's pages."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).with_name("texts")


class Words:
    """The texts of one language: `words("confirm_kept", time="10:12")`; raises KeyError for an unknown key or a missing value."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._texts = load_words(language)

    def __call__(self, key: str, **values: object) -> str:
        """The text named `key`, filled with `values`."""
        return self._texts[key].format_map(values)


@cache
def load_words(language: str) -> Mapping[str, str]:
    """Every text of `language`."""
    return tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
