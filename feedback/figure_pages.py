"""How figures read on the page, and the plots as plain shapes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from feedback.errors import PeriodError
from feedback.figures import DayCount, Figure, Period, Unit

NOTHING = "–"
"""Stands where there is nothing to count."""
_USUAL = timedelta(days=27)


@dataclass(frozen=True)
class Bar:
    """One day of a plot; lengths are in the plot's own units, `label` is what is read for it."""

    x: float
    y: float
    width: float
    height: float
    label: str


@dataclass(frozen=True)
class Plot:
    """A plot of one count per day, 720 × 160 units, its base line at 140."""

    code: str
    title: str
    total: int
    most: int
    bars: tuple[Bar, ...]
    first: str
    last: str


def read_period(first: str, last: str, today: date) -> Period:
    """The period two date fields ask for; the last 28 days when both are empty. Raises PeriodError."""
    try:
        end = date.fromisoformat(last) if last else today
        begin = date.fromisoformat(first) if first else end - _USUAL
    except (ValueError, OverflowError) as error:
        raise PeriodError("Write days like 2026-05-04.") from error
    return Period(begin, end)


def usual_period(today: date) -> Period:
    """What is shown unless somebody asks for another time."""
    return Period(today - _USUAL, today)


def show_value(figure: Figure) -> str:
    """The value as people read it: "93.1 %", "1.25", "+23", "2 d 4 h"; a dash when there is none."""
    if figure.value is None:
        return NOTHING
    if figure.unit is Unit.SHARE:
        return f"{figure.value * 100:.1f} %"
    if figure.unit is Unit.SCORE:
        return f"{figure.value:+.0f}"
    if figure.unit is Unit.SECONDS:
        return show_seconds(figure.value)
    return f"{figure.value:.2f}"


def show_seconds(seconds: float) -> str:
    """A length of time in its two largest units: "2 d 4 h", "3 h 20 min", "12 min", "40 s"."""
    whole = round(seconds)
    days, rest = divmod(whole, 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, left = divmod(rest, 60)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else f"{left} s"


def draw_days(code: str, title: str, days: Sequence[DayCount], counts: Sequence[int]) -> Plot:
    """Bars for `counts`, one for each of `days`, scaled so that the highest reaches the top."""
    most = max(counts, default=0)
    step = 720 / max(len(days), 1)
    bars = tuple(
        Bar(
            x=round(place * step + step * 0.1, 2),
            y=round(140 - 130 * count / most, 2) if most else 140,
            width=round(step * 0.8, 2),
            height=round(130 * count / most, 2) if most else 0,
            label=f"{one.day.isoformat()}: {count}",
        )
        for place, (one, count) in enumerate(zip(days, counts, strict=True))
    )
    return Plot(code, title, sum(counts), most, bars, days[0].day.isoformat(), days[-1].day.isoformat())
