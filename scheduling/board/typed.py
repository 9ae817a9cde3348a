"""What a dispatcher types on the board, read: the days to plan and the times of an absence."""

from datetime import date, time, timedelta

from hub.clock import Clock
from hub.domain.errors import DoorstepError
from scheduling import service

LONGEST_SPAN = timedelta(days=14)
FURTHEST = timedelta(days=2 * 366)
"""Nobody plans days further from today; a year with a digit too few or too many is."""


class PlanSpanError(DoorstepError):
    """The days to plan are in the wrong order, too many, too far away, or cannot be read."""

    code = "plan-span"


def read_span(clock: Clock, first_day: str, last_day: str) -> tuple[date, date]:
    """The days to plan, both included. Raises PlanSpanError."""
    try:
        first, last = date.fromisoformat(first_day), date.fromisoformat(last_day)
    except ValueError as error:
        raise PlanSpanError("A day to plan was not readable. Write it as 2026-05-04.") from error
    if last < first:
        raise PlanSpanError("The last day to plan lies before the first. Choose them again.")
    if not (is_near(clock, first) and is_near(clock, last)):
        raise PlanSpanError("A day to plan lies more than two years from today. Look at its year.")
    if last - first >= LONGEST_SPAN:
        raise PlanSpanError(f"At most {LONGEST_SPAN.days} days can be planned at once. Choose a shorter span.")
    return first, last


def is_near(clock: Clock, day: date) -> bool:
    """Whether `day` is close enough to the hub's today for a plan."""
    return abs(day - clock.now().date()) <= FURTHEST


def read_clock(text: str) -> time:
    """A time of the day, by the clocks of the place. Raises AbsenceError."""
    try:
        read = time.fromisoformat(text)
    except ValueError as error:
        raise service.AbsenceError("A time was not readable. Write it as 13:30.") from error
    if read.tzinfo is not None:
        raise service.AbsenceError("A time is that of the place and has no offset. Write it as 13:30.")
    return read
