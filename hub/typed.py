"""What people type, tidied: bounded in length, without signs that nobody can see. What shows nothing then is an empty text."""

import re
import unicodedata

_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x1c-\x1e\u2028\u2029\x85]")
_SPACES = re.compile(r"[ \t]+")
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co"})
"""By category; a sign without one is a newer emoji than Python knows."""
_JOINER = "\u200d"
_JOINERS = f"\u200c{_JOINER}"
"""Between two signs they say how these are written: the parts of an emoji as one, letters of a Persian or an Indian word apart. Every other
sign without a shape is taken out, those that turn the reading direction too."""
_BLANKS = "".join(chr(number) for number in range(0x3001) if chr(number).isspace()) + _JOINERS
_HOLLOW = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
"""Signs by their category that show nothing alone: Hangul's fillers, braille without a dot, what chooses the shape of the sign before."""
_BLACK_FLAG = "\U0001f3f4"


def one_line(text: str, most: int | None = None) -> str:
    """`text` on one line, cut to `most` signs if that is given."""
    return _cut(_tidied(_LINE_ENDS.sub(" ", text).replace("\n", " ")), most)


def some_lines(text: str, most: int | None = None) -> str:
    """`text` with its lines, never two empty ones in a row, cut to `most` signs if that is given; a line's end counts as one."""
    lines = "\n".join(_tidied(line) for line in _LINE_ENDS.sub("\n", text).split("\n"))
    return _cut(re.sub(r"\n{3,}", "\n\n", lines).strip(), most)


def _tidied(line: str) -> str:
    seen: list[str] = []
    for sign in line:
        if sign == "\t" or sign in _JOINERS or unicodedata.category(sign) not in _UNSEEN:
            seen.append(sign)
        elif _is_tag(sign) and seen and (seen[-1] == _BLACK_FLAG or _is_tag(seen[-1])):
            # With these the black flag is that of England, Scotland or Wales.
            seen.append(sign)
    return _SPACES.sub(" ", "".join(seen)).strip()


def _is_tag(sign: str) -> bool:
    return "\U000e0020" <= sign <= "\U000e007f"


def _cut(text: str, most: int | None) -> str:
    cut = _without_ends(_without_ends(text)[:most])
    return cut if _HOLLOW.sub("", cut).strip(_BLANKS) else ""


def _without_ends(text: str) -> str:
    """At an end there is nothing to join, so the sign came with what was pasted; but after a vowel's sign it chooses how that is written."""
    begun = text.lstrip(_BLANKS)
    bare = begun.rstrip(_BLANKS)
    ends_in_mark = bare != "" and unicodedata.category(bare[-1]) in {"Mn", "Mc"}
    return bare + _JOINER if ends_in_mark and begun.startswith(_JOINER, len(bare)) else bare
