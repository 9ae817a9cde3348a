"""What citizens' forms may hold: text of a bounded length, without signs that nobody can see."""

import re
import unicodedata
from dataclasses import dataclass

MOST_CODE = 60
MOST_LINE = 200
MOST_NOTE = 500
MOST_NAME = 80
_LINE_ENDS = re.compile(r"\r\n?|[\u2028\u2029\x85]")
_SPACES = re.compile(r"[ \t]+")
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn"}
_JOINER = "\u200d"
"""Holds the parts of an emoji together; every other sign without a shape is taken out, those that turn the reading direction too."""


@dataclass(frozen=True)
class AccessForm:
    """How to get in, as it came from the form."""

    gate_code: str = ""
    dog: str = ""
    parking: str = ""
    note: str = ""

    def tidied(self) -> "AccessForm":
        """The same without unseen signs and cut to length: one line each, but for the note."""
        return AccessForm(
            gate_code=one_line(self.gate_code, MOST_CODE),
            dog=one_line(self.dog, MOST_LINE),
            parking=one_line(self.parking, MOST_LINE),
            note=_some_lines(self.note, MOST_NOTE),
        )


def one_line(text: str, most: int) -> str:
    """`text` on one line, of at most `most` signs."""
    return _SPACES.sub(" ", _seen(_LINE_ENDS.sub(" ", text).replace("\n", " "))).strip()[:most].strip()


def shown_name(name: str) -> str:
    """What a file is called on pages: the last part of what its sender called it; never the name of anything of ours."""
    last = re.split(r"[/\\]", name)[-1]
    return one_line(last, MOST_NAME).strip(". ") or "file"


def _some_lines(text: str, most: int) -> str:
    lines = [_SPACES.sub(" ", _seen(line)).strip() for line in _LINE_ENDS.sub("\n", text).split("\n")]
    # Browsers count a line's end as one sign or as two; the length that counts is the one that is kept.
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()[:most].strip()


def _seen(text: str) -> str:
    return "".join(sign for sign in text if sign in {"\t", _JOINER} or unicodedata.category(sign) not in _UNSEEN)
