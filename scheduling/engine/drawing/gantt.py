"""Where everything of the timeline stands: one row for each technician's day, hours from left to right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scheduling.engine.drawing import words
from scheduling.engine.drawing.picture import Picture, Row, Visit
from scheduling.engine.problem import DAY_SECONDS
from scheduling.engine.spans import Span

LABEL_WIDTH = 150.0
CHART_WIDTH = 1040.0
HEAD = 26.0
ROW = 36.0
_BAR_TOP, _BAR_HEIGHT = 11.0, 20.0
_HOUR = 3600
_NARROW = 4 * _HOUR + 1
"""Longer windows are not drawn: they would run into each other across the day."""
_SIGN_WIDTH = 7.0


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle with its words; `text` is what fits into it."""

    x: float
    y: float
    width: float
    height: float
    title: str
    text: str = ""
    style: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A horizontal stroke, with little feet at its ends when it is a window."""

    x1: float
    x2: float
    y: float


@dataclass(frozen=True, slots=True)
class Strip:
    """One row: where it stands and what is on it."""

    key: int
    y: float
    name: str
    facts: str
    title: str
    shift: Box
    busy: Line | None
    drives: tuple[Box, ...]
    pauses: tuple[Box, ...]
    windows: tuple[Line, ...]
    visits: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Hour:
    """A line down the chart at a full hour."""

    x: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """The rows of one day, or some of them."""

    title: str
    day: int
    width: float
    height: float
    hours: tuple[Hour, ...]
    strips: tuple[Strip, ...]


class _Scale:
    """From seconds to places along a row."""

    def __init__(self, first: int, last: int) -> None:
        self._first, self._last = first, last
        self._pace = CHART_WIDTH / (last - first)

    def x(self, second: int) -> float:
        """The place of a second, held inside the chart."""
        return round((min(max(second, self._first), self._last) - self._first) * self._pace, 1)

    def box(self, span: Span, y: float, height: float, title: str, text: str = "", style: str = "") -> Box:
        """The rectangle over a span, at least a hair wide."""
        left, right = self.x(span.start), self.x(span.end)
        fits = text if right - left >= len(text) * _SIGN_WIDTH + 6 else ""
        return Box(left, y, round(max(1.0, right - left), 1), height, title, fits, style)


def charts(picture: Picture, rows_each: int) -> list[Chart]:
    """The days one after the other, each in pieces of at most so many rows; all have the same hours of the day."""
    if not picture.rows:
        return []
    first = min(row.route.shift.start - row.day * DAY_SECONDS for row in picture.rows) // _HOUR
    last = -(-max(max(row.timeline.home, row.route.shift.end) - row.day * DAY_SECONDS for row in picture.rows) // _HOUR)
    found = []
    for day in picture.days:
        rows = [row for row in picture.rows if row.day == day]
        scale = _Scale(day * DAY_SECONDS + first * _HOUR, day * DAY_SECONDS + last * _HOUR)
        pieces = [rows[at : at + rows_each] for at in range(0, len(rows), rows_each)]
        found += [_chart(day, piece, scale, (first, last), whole=len(pieces) == 1) for piece in pieces]
    return found


def _chart(day: int, rows: Sequence[Row], scale: _Scale, hours: tuple[int, int], *, whole: bool) -> Chart:
    every = max(1, (hours[1] - hours[0]) // 16)
    lines = [
        Hour(scale.x(day * DAY_SECONDS + hour * _HOUR), f"{hour % 24:02d}:00")
        for hour in range(hours[0], hours[1] + 1, every)
    ]
    name = words.day_name(day)
    title = name if whole else f"{name}: technicians {rows[0].route.technician} to {rows[-1].route.technician}"
    strips = tuple(_strip(row, HEAD + at * ROW, scale) for at, row in enumerate(rows))
    return Chart(title, day, CHART_WIDTH, HEAD + len(rows) * ROW + 4, tuple(lines), strips)


def _strip(row: Row, y: float, scale: _Scale) -> Strip:
    line = row.timeline
    middle = y + _BAR_TOP + _BAR_HEIGHT / 2
    drives = [span for visit in row.visits for span in visit.drives] + list(row.homeward)
    pauses = [*line.pauses, *row.route.absences]
    busy = Line(scale.x(line.departure), scale.x(line.home), middle) if row.visits else None
    return Strip(
        key=row.key,
        y=y,
        name=f"Technician {row.route.technician}",
        facts=f"{words.counted(len(row.visits), 'visit')} · {words.duration(line.travel_seconds)}"
        if row.visits
        else "no visits",
        title=words.row(row),
        shift=scale.box(row.route.shift, y + 2, ROW - 4, _shift_words(row)),
        busy=busy,
        drives=tuple(scale.box(span, middle - 3, 6, _spoken("Driving", span)) for span in drives),
        pauses=tuple(
            scale.box(span, y + _BAR_TOP, _BAR_HEIGHT, _spoken("Break", span), style="pause") for span in pauses
        ),
        windows=tuple(
            found
            for at, visit in enumerate(row.visits)
            for found in _window_lines(visit, y + (3 if at % 2 else 6.5), scale)
        ),
        visits=tuple(_visit_box(visit, row, y, scale) for visit in row.visits),
    )


def _visit_box(visit: Visit, row: Row, y: float, scale: _Scale) -> Box:
    style = f"tier{visit.label.tier}{' bound' if visit.label.bound else ''}"
    span = Span(visit.start, visit.end)
    return scale.box(span, y + _BAR_TOP, _BAR_HEIGHT, words.visit(visit, row), str(visit.label.order), style)


def _window_lines(visit: Visit, y: float, scale: _Scale) -> list[Line]:
    narrow = [span for span in visit.label.task.windows if span.end - span.start <= _NARROW]
    lines = [Line(scale.x(span.start), scale.x(span.end - 1), y) for span in narrow]
    return [line for line in lines if line.x2 > line.x1]


def _spoken(what: str, span: Span) -> str:
    return f"{what}: {words.clock(span.start)} to {words.clock(span.end)}"


def _shift_words(row: Row) -> str:
    return f"Shift of technician {row.route.technician}: {words.clock(row.route.shift.start)} to {words.clock(row.route.shift.end)}"
