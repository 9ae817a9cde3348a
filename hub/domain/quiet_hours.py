"""When citizens are left in peace."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Self
from zoneinfo import ZoneInfo

from hub.domain.public_holidays import is_public_holiday

_DAYS_SEARCHED = 60
"""Without holidays nine are enough, a week and the days at its ends. No country keeps the same weekday free for two months."""


@dataclass(frozen=True)
class QuietHours:
    """No message goes out from `starts` to `ends` (local wall time, over midnight when `ends` is earlier), on `weekdays` (Monday is 0),
    nor on the public holidays of the region `holidays` (see `public_holidays`; empty: none are kept).

    Equal times mean that no hour is quiet.
    """

    starts: time
    ends: time
    weekdays: frozenset[int] = frozenset()
    holidays: str = ""

    @classmethod
    def read(cls, written: str) -> Self:
        """What `written` gave; raises ValueError for anything else."""
        starts, ends, *rest = written.split(" ")
        days = [word for word in rest if word.isdigit()]
        regions = [word for word in rest if not word.isdigit()]
        return cls(
            time.fromisoformat(starts),
            time.fromisoformat(ends),
            frozenset(int(day) for day in days),
            regions[0] if regions else "",
        )

    def written(self) -> str:
        """One line that `read` understands: `20:00:00 08:00:00 6 BE` is from eight to eight, on Sundays and on Belgium's holidays."""
        days = [str(day) for day in sorted(self.weekdays)]
        return " ".join(
            [self.starts.isoformat(), self.ends.isoformat(), *days, *([self.holidays] * bool(self.holidays))]
        )

    def next_allowed(self, instant: datetime, zone: str) -> datetime:
        """`instant`, or the end of the quiet span it falls into; `zone` is where the citizen lives.

        An end that a clock change skips is taken with the offset before the change; of a repeated hour the first counts.
        Raises ValueError when every day is quiet.
        """
        local_zone = ZoneInfo(zone)
        local = instant.astimezone(local_zone)
        if not self.covers(local):
            return instant
        for ahead in range(_DAYS_SEARCHED):
            for wall in sorted({time(0), self.ends}):
                day = local.date() + timedelta(days=ahead)
                candidate = datetime.combine(day, wall, local_zone).astimezone(UTC)
                if candidate >= instant and not self.covers(candidate.astimezone(local_zone)):
                    return candidate
        message = "quiet hours leave no weekday for messages within two months"
        raise ValueError(message)

    def covers(self, local: datetime) -> bool:
        """Whether local time `local` is quiet."""
        return self.is_quiet_day(local.date()) or self.is_quiet_at(local.time())

    def is_quiet_day(self, day: date) -> bool:
        """Whether the whole of `day` is quiet."""
        return day.weekday() in self.weekdays or is_public_holiday(day, self.holidays)

    def is_quiet_at(self, wall: time) -> bool:
        """Whether wall time `wall` is quiet on every day."""
        if self.starts <= self.ends:
            return self.starts <= wall < self.ends
        return wall >= self.starts or wall < self.ends
