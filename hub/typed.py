"""What people type, tidied: bounded in length, without signs that nobody can see. What shows nothing then is an empty text."""

import re
import unicodedata

_LINE_ENDS = re.compile(r"\r\n?|[\u2028\u2029\x85]")
_SPACES = re.compile(r"[ \t]+")
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_JOINER = "\u200d"
"""Holds the parts of an emoji together; every other sign without a shape is taken out, those that turn the reading direction too."""
_HOLLOW = frozenset("\u115f\u1160\u3164\uffa0\u2800")
"""Letters by their category that look like a blank: Hangul's fillers and braille without a dot. They are words beside other signs only."""


def one_line(text: str, most: int | None = None) -> str:
    """`text` on one line, cut to `most` signs if that is given."""
    return _cut(_tidied(_LINE_ENDS.sub(" ", text).replace("\n", " ")), most)


def some_lines(text: str, most: int | None = None) -> str:
    """`text` with its lines, never two empty ones in a row, cut to `most` signs if that is given; a line's end counts as one."""
    lines = "\n".join(_tidied(line) for line in _LINE_ENDS.sub("\n", text).split("\n"))
    return _cut(re.sub(r"\n{3,}", "\n\n", lines).strip(), most)


def _tidied(line: str) -> str:
    seen = (sign for sign in line if sign in {"\t", _JOINER} or unicodedata.category(sign) not in _UNSEEN)
    return _SPACES.sub(" ", "".join(seen)).strip()


def _cut(text: str, most: int | None) -> str:
    # At an end there is nothing to join: the sign came with what was pasted.
    cut = text[:most].strip().strip(_JOINER).strip()
    return "" if all(sign.isspace() or sign in _HOLLOW for sign in cut) else cut
