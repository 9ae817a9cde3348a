"""What a figure is: a value that always shows what it was counted from."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from feedback.errors import PeriodError

LONGEST = timedelta(days=366)


class Unit(StrEnum):
    """How a value reads."""

    SHARE = "share"
    RATIO = "ratio"
    SCORE = "score"
    SECONDS = "seconds"


@dataclass(frozen=True)
class Period:
    """Local days from `first` to `last`, both included; raises PeriodError for none, or for more than a year."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise PeriodError("The last day lies before the first. Choose them the other way round.")
        if self.last - self.first >= LONGEST:
            raise PeriodError("That is more than a year. Choose a shorter time.")


@dataclass(frozen=True)
class Figure:
    """One key figure.

    `numerator` is None for a median or percentile, whose `denominator` counts the values it was taken from. `value` is a
    fraction of 1, a ratio, a score from -100 to 100 or seconds, by `unit`; None when there is nothing to count.
    """

    code: str
    name: str
    meaning: str
    unit: Unit
    numerator: int | None
    denominator: int
    value: float | None


@dataclass(frozen=True)
class DayCount:
    """How many appointments were booked and orders completed on one local day."""

    day: date
    booked: int
    completed: int


@dataclass(frozen=True)
class FigureGroup:
    """Figures that belong together."""

    name: str
    figures: tuple[Figure, ...]
