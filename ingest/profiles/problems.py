"""What can be wrong with a message that a profile reads: where, and what."""

from collections.abc import Sequence
from dataclasses import dataclass

from ingest.schemas import MalformedOrderError

_MOST_TOLD = 20
_LONGEST_SHOWN = 60


@dataclass(frozen=True)
class Problem:
    """`place` is where in the message (JSON path, XPath and line, CSV row and column); `sentence` goes on after it."""

    place: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.place} {self.sentence}" if self.place else self.sentence


class FieldError(ValueError):
    """A value cannot become what it should; the text goes on after the value's place."""


class UnmappableMessageError(MalformedOrderError):
    """A message does not fit its profile; `problems` has every one of them, the sentence the first twenty."""

    code = "unmappable-message"

    def __init__(self, profile: str, problems: Sequence[Problem]) -> None:
        told = "; ".join(str(problem) for problem in problems[:_MOST_TOLD])
        more = len(problems) - _MOST_TOLD
        rest = f"; and {more} more" if more > 0 else ""
        begin = f"The message does not fit the profile '{profile}': " if profile else ""
        super().__init__(f"{begin}{told}{rest}.")
        self.profile, self.problems = profile, tuple(problems)


def shown(value: object) -> str:
    """The value in quotes, cut off and printable: it comes from outside."""
    text = "".join(sign if sign.isprintable() else "?" for sign in str(value)[: _LONGEST_SHOWN + 1])
    return f"'{text[:_LONGEST_SHOWN]}…'" if len(text) > _LONGEST_SHOWN else f"'{text}'"
