"""Quiet hours in the citizen's zone, on both clock changes too."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.quiet_hours import QuietHours

ZONE = "Europe/Brussels"
EVENING = QuietHours(time(20), time(8), frozenset({6}))


def local(year: int, month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=ZoneInfo(ZONE)).astimezone(UTC)


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        (local(2026, 5, 4, 9), local(2026, 5, 4, 9)),
        (local(2026, 5, 4, 19, 59), local(2026, 5, 4, 19, 59)),
        (local(2026, 5, 4, 20), local(2026, 5, 5, 8)),
        (local(2026, 5, 5, 3), local(2026, 5, 5, 8)),
        (local(2026, 5, 5, 8), local(2026, 5, 5, 8)),
        # Saturday evening waits until Monday: Sunday is quiet.
        (local(2026, 5, 9, 21), local(2026, 5, 11, 8)),
        (local(2026, 5, 10, 12), local(2026, 5, 11, 8)),
        # The nights of the clock changes end at 08:00 by the wall clock, an hour less or more away.
        (local(2026, 3, 28, 22), local(2026, 3, 30, 8)),
        (local(2026, 10, 24, 22), local(2026, 10, 26, 8)),
    ],
)
def test_a_message_waits_for_the_end_of_quiet(asked: datetime, allowed: datetime) -> None:
    assert EVENING.next_allowed(asked, ZONE) == allowed


def test_the_clock_changes_shorten_and_lengthen_the_night() -> None:
    quiet = QuietHours(time(20), time(8))
    spring = quiet.next_allowed(local(2026, 3, 28, 20), ZONE) - local(2026, 3, 28, 20)
    autumn = quiet.next_allowed(local(2026, 10, 24, 20), ZONE) - local(2026, 10, 24, 20)
    assert (spring, autumn) == (timedelta(hours=11), timedelta(hours=13))


def test_the_zone_is_the_citizens() -> None:
    instant = datetime(2026, 5, 4, 19, 0, tzinfo=UTC)
    assert EVENING.next_allowed(instant, "Europe/Brussels") > instant
    assert EVENING.next_allowed(instant, "Europe/London") > instant
    assert EVENING.next_allowed(instant, "America/New_York") == instant


def test_an_hour_of_quiet_at_noon_ends_the_same_day() -> None:
    noon = QuietHours(time(12), time(14))
    assert noon.next_allowed(local(2026, 5, 4, 12, 30), ZONE) == local(2026, 5, 4, 14)


@given(
    instant=st.integers(0, 2 * 365 * 86400).map(
        lambda seconds: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    ),
    starts=st.times(),
    ends=st.times(),
    weekdays=st.frozensets(st.integers(0, 6), max_size=6),
)
def test_the_answer_is_never_quiet_never_earlier_and_never_more_than_nine_days_away(
    instant: datetime, starts: time, ends: time, weekdays: frozenset[int]
) -> None:
    quiet = QuietHours(starts.replace(microsecond=0), ends.replace(microsecond=0), weekdays)
    allowed = quiet.next_allowed(instant, ZONE)
    assert instant <= allowed < instant + timedelta(days=9)
    assert not quiet.covers(allowed.astimezone(ZoneInfo(ZONE)))


def test_when_every_weekday_is_quiet_that_is_an_error() -> None:
    with pytest.raises(ValueError, match="no weekday"):
        QuietHours(time(20), time(8), frozenset(range(7))).next_allowed(local(2026, 5, 4, 9), ZONE)
