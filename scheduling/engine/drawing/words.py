"""The words in a picture: times, lengths of time, and what a visit is, for titles and lists."""

from __future__ import annotations

from scheduling.engine.drawing.picture import Label, LeftOut, Row, Visit
from scheduling.engine.problem import DAY_SECONDS
from scheduling.engine.spans import Span


def clock(second: int) -> str:
    """Wall time on its day, `16:05`; the horizon starts at midnight."""
    return f"{second % DAY_SECONDS // 3600:02d}:{second % 3600 // 60:02d}"


def duration(seconds: int) -> str:
    """A length of time, `1 h 05 min`."""
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"


def day_name(day: int) -> str:
    """`Day 1` is the first of the horizon."""
    return f"Day {day + 1}"


def counted(number: int, one: str, many: str = "") -> str:
    """`1 visit`, `2 visits`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def windows(spans: tuple[Span, ...], day: int | None) -> str:
    """Windows as `09:00 to 11:00`; where they are not within `day`, with the days. The last second is still inside."""
    return ", ".join(f"{_moment(span.start, day)} to {_moment(span.end - 1, day)}" for span in spans)


def order(label: Label) -> str:
    """What an order is: `Order 23 (pinned), weight 100, bound`."""
    kind = f" ({label.kind})" if label.kind else ""
    return f"Order {label.order}{kind}, weight {label.weight}{', bound' if label.bound else ''}"


def visit(one: Visit, row: Row) -> str:
    """A visit as a sentence."""
    driving = sum(span.end - span.start for span in one.drives)
    waiting = f", {duration(one.start - one.arrival)} waiting" if one.start - one.arrival >= 60 else ""
    return (
        f"{order(one.label)}: {clock(one.start)} to {clock(one.end)} by technician {row.route.technician}, after "
        f"{duration(driving)} of driving{waiting}. May start {windows(one.label.task.windows, row.day)}."
    )


def row(one: Row) -> str:
    """A technician's day as a sentence."""
    if not one.visits:
        return f"Technician {one.route.technician}, {day_name(one.day)}: no visits"
    return (
        f"Technician {one.route.technician}, {day_name(one.day)}: {counted(len(one.visits), 'visit')}, "
        f"{duration(one.timeline.travel_seconds)} of driving, out {clock(one.timeline.departure)}, home {clock(one.timeline.home)}"
    )


def left_out(one: LeftOut) -> str:
    """An order that is not served, as a sentence."""
    return f"{order(one.label)}: not served. {one.reason}".strip()


def _moment(second: int, day: int | None) -> str:
    own = second // DAY_SECONDS
    return clock(second) if own == day else f"{day_name(own).lower()} {clock(second)}"
