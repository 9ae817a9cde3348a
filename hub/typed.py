"""What people type, tidied: bounded in length, without signs that nobody can see. What shows nothing then is an empty text."""

import re
import unicodedata

_LINE_ENDS = re.compile(r"\r\n?|[\u2028\u2029\x85]")
_SPACES = re.compile(r"[ \t]+")
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_JOINERS = "\u200c\u200d"
"""Between two signs they say how these are written: the parts of an emoji as one, letters of a Persian or an Indian word apart. Every other
sign without a shape is taken out, those that turn the reading direction too."""
_BLANKS = "".join(chr(number) for number in range(0x3001) if chr(number).isspace()) + _JOINERS
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
    seen = (sign for sign in line if sign == "\t" or sign in _JOINERS or unicodedata.category(sign) not in _UNSEEN)
    return _SPACES.sub(" ", "".join(seen)).strip()


def _cut(text: str, most: int | None) -> str:
    # At an end there is nothing to join: the sign came with what was pasted.
    cut = text.strip(_BLANKS)[:most].strip(_BLANKS)
    return "" if all(sign in _BLANKS or sign in _HOLLOW for sign in cut) else cut
