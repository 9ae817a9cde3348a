"""The words of the citizen's pages."""

from functools import cache
from pathlib import Path

from hub.texts import load_texts

FOLDER = Path(__file__).with_name("texts")


class Words:
    """The texts of one language: `words("confirm_kept", time="10:12")`; raises KeyError for an unknown key or a missing value.

    A sub-room has a folder of its own for what only its pages say.
    """

    def __init__(self, language: str, folder: Path = FOLDER) -> None:
        self.language = language
        self._texts = load_texts(folder, language)

    def __call__(self, key: str, **values: object) -> str:
        """The text named `key`, filled with `values`."""
        return self._texts[key].format_map(values)


@cache
def words_in(language: str) -> Words:
    """The portal's own words in a language, the same object each time: what was made with them can be found again."""
    return Words(language)
