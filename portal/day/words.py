"""The words of the day's pages; those that all of the citizen's pages share are the portal's."""

from pathlib import Path

from portal.words import Words

FOLDER = Path(__file__).with_name("texts")


def day_words(language: str) -> Words:
    """The words in `language`."""
    return Words(language, FOLDER)
