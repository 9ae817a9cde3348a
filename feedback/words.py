"""The words of the survey, in the citizen's language."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).with_name("texts")


@cache
def load_words(language: str) -> Mapping[str, str]:
    """Every text of `language` by its key."""
    return tomllib.loads((_FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
