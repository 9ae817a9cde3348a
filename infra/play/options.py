"""What a play is asked to show."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Brussels")
"""Where the sample feed's people live."""
FIELD_WORK_STARTS = timedelta(days=3)
"""From the first order to the first day on the road: people get some days to answer, and late answers meet running routes."""


@dataclass(frozen=True)
class PlayOptions:
    """How large a play is. The same options give the same people with the same habits.

    `days` are working days on the road. `start` is the Monday on which the orders begin to arrive. `kills` is how often the
    worker is killed (SIGKILL) in the middle of its work. `keep` leaves the database behind for a look. `threads` is how many people act
    at the same moment.
    """

    orders: int = 300
    technicians: int = 12
    days: int = 5
    seed: int = 1
    start: date = date(2026, 5, 4)
    kills: int = 0
    keep: bool = False
    threads: int = 8

    def __post_init__(self) -> None:
        for name, least, most in (("orders", 1, 20_000), ("technicians", 1, 500), ("days", 1, 60), ("kills", 0, 20)):
            if not least <= getattr(self, name) <= most:
                raise ValueError(f"--{name} must be between {least} and {most}.")
        if self.start.weekday() != 0:
            raise ValueError(f"A play starts on a Monday, and {self.start.isoformat()} is none.")

    @property
    def first_field_day(self) -> date:
        """The first day on which technicians work."""
        return self.start + FIELD_WORK_STARTS

    @property
    def field_days(self) -> tuple[date, ...]:
        """The working days on the road, Monday to Friday."""
        days = list[date]()
        day = self.first_field_day
        while len(days) < self.days:
            if day.weekday() < 5:
                days.append(day)
            day += timedelta(days=1)
        return tuple(days)

    def local(self, day: date, hour: int, minute: int = 0) -> datetime:
        """An instant by the wall clocks of the play's people."""
        return datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZONE)
