"""Speed factors: exact arithmetic, hours of wall time, both days on which clocks change, and files that are wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.domain.errors import ConfigurationError
from hub.domain.places import Place
from scheduling.travel.factors import FactoredTravel, SpeedFactors, read_factors
from scheduling.travel.great_circle import GreatCircle
from scheduling.travel.model import UNREACHABLE, Seconds, legs

BRUSSELS = ZoneInfo("Europe/Brussels")
FILE = """
zone = "Europe/Brussels"
plan_by = "{plan_by}"
work = {{ monday = "8-12", friday = "8-10" }}
monday = {{ "7-9" = 0.5, "9-10" = 0.8 }}
friday = {{ "0-24" = 1.25 }}
sunday = {{ "2-3" = 0.5 }}
"""


def factors(tmp_path: Path, plan_by: str = "mean") -> SpeedFactors:
    file = tmp_path / "factors.toml"
    file.write_text(FILE.format(plan_by=plan_by))
    return read_factors(file)


class Steps:
    """A model that answers 0, 1, 2 … and one place that nobody reaches."""

    name = "steps"

    def matrix(self, origins: Sequence[Place], destinations: Sequence[Place]) -> Seconds:
        table = np.arange(len(origins) * len(destinations), dtype=np.int32).reshape(len(origins), len(destinations))
        table[-1, -1] = UNREACHABLE
        return table


def test_plans_use_the_mean_of_the_working_hours_exactly(tmp_path: Path) -> None:
    # Monday 8, 9, 10, 11: 2, 1.25, 1, 1; Friday 8 and 9: 0.8 each.
    mean = (Fraction(2) + Fraction(5, 4) + 2 + Fraction(8, 10) * 2) / 6
    assert factors(tmp_path).planning_factor == Fraction(round(mean * 10_000), 10_000)
    assert factors(tmp_path, "slowest").planning_factor == 2
    places = [Place(50, at / 10) for at in range(70)]
    table = FactoredTravel(Steps(), factors(tmp_path)).matrix(places, places)
    factor = factors(tmp_path).planning_factor
    expected = [math.floor(Fraction(second) * factor + Fraction(1, 2)) for second in range(70 * 70 - 1)]
    assert table.dtype == np.int32
    assert table.ravel().tolist() == [*expected, UNREACHABLE]


def test_legs_are_the_table_s_and_the_name_tells_the_factor(tmp_path: Path) -> None:
    base = GreatCircle()
    model = FactoredTravel(base, factors(tmp_path, "slowest"))
    places = [Place(50 + at / 50, 4) for at in range(9)]
    table = model.matrix(places, places)
    assert legs(model, places) == tuple(int(table[at, at + 1]) for at in range(8))
    assert legs(model, places) == tuple(2 * one for one in legs(base, places))
    assert legs(model, places[:1]) == ()
    assert model.name == "great-circle x1.3 at 12.5 m/s, times 2 (slowest hour)"
    assert FactoredTravel(base, factors(tmp_path)).name.endswith("times 1.1417 (mean hour)")


def test_no_drive_gets_past_unreachable() -> None:
    week = tuple((0.1,) * 24 for _ in range(7))
    slow = SpeedFactors("UTC", week, ((0, 24),) * 7)
    here = [Place(0, 0), Place(0, 180)]
    base = GreatCircle(1.0, 0.08)
    assert base.matrix(here, here)[0, 1] < UNREACHABLE
    assert (FactoredTravel(base, slow).matrix(here, here) == [[0, UNREACHABLE], [UNREACHABLE, 0]]).all()
    assert slow.drive_seconds(UNREACHABLE, datetime(2026, 5, 4, tzinfo=UTC)) == UNREACHABLE


def test_a_drive_over_the_end_of_the_rush_hour_is_slow_only_until_then(tmp_path: Path) -> None:
    week = factors(tmp_path)
    # Monday 8:50 local: ten minutes at half speed cover five of the twenty; 15 minutes remain at 0.8.
    at = datetime(2026, 5, 4, 8, 50, tzinfo=BRUSSELS)
    assert week.drive_seconds(1200, at) == 600 + math.ceil(900 / 0.8)
    assert week.drive_seconds(300, at) == 600
    assert week.drive_seconds(0, at) == 0
    assert week.drive_seconds(1200, at.astimezone(UTC)) == week.drive_seconds(1200, at)


@settings(max_examples=100, deadline=None)
@given(
    seconds=st.integers(0, 20_000),
    minute=st.integers(0, 7 * 24 * 60),
    later=st.integers(1, 5_000),
    speeds=st.lists(st.sampled_from([0.3, 0.7, 1.0, 1.3]), min_size=24, max_size=24),
)
def test_who_sets_off_later_does_not_arrive_earlier(seconds: int, minute: int, later: int, speeds: list[float]) -> None:
    week = SpeedFactors("Europe/Brussels", (tuple(speeds),) * 7, ((8, 17),) * 7)
    first = datetime(2026, 3, 26, tzinfo=UTC) + timedelta(minutes=minute)
    second = first + timedelta(seconds=later)
    arrivals = [at + timedelta(seconds=week.drive_seconds(seconds, at)) for at in (first, second)]
    assert arrivals[1] - arrivals[0] >= timedelta(seconds=-1)


def test_on_the_day_summer_time_begins_the_skipped_hour_slows_nobody(tmp_path: Path) -> None:
    """29 March 2026: after 1:59 comes 3:00, so the slow hour from 2 to 3 does not happen."""
    week = factors(tmp_path)
    at = datetime(2026, 3, 29, 1, 30, tzinfo=BRUSSELS)
    assert week.drive_seconds(3600, at) == 3600
    assert week.speed_at(at + timedelta(hours=0)) == 1.0
    assert week.speed_at(datetime(2026, 3, 29, 1, 0, tzinfo=UTC)) == 1.0


def test_on_the_day_it_ends_the_repeated_hour_slows_twice(tmp_path: Path) -> None:
    """25 October 2026: 2:00 to 3:00 comes twice, at half speed; 7200 s of that cover 3600."""
    week = factors(tmp_path)
    at = datetime(2026, 10, 25, 0, 0, tzinfo=UTC)
    assert at.astimezone(BRUSSELS).hour == 2
    assert week.drive_seconds(3600, at) == 7200
    assert week.drive_seconds(3700, at) == 7300


def test_a_zone_off_by_half_an_hour_changes_its_factor_on_its_own_full_hour() -> None:
    day = tuple(0.5 if hour == 9 else 1.0 for hour in range(24))
    week = SpeedFactors("Asia/Kolkata", (day,) * 7, ((8, 17),) * 7)
    # 9:00 in Kolkata is 3:30 UTC: ten minutes before it at full speed, then half.
    assert week.drive_seconds(1200, datetime(2026, 5, 4, 3, 20, tzinfo=UTC)) == 600 + 1200


def test_a_time_without_a_zone_is_refused(tmp_path: Path) -> None:
    naive = datetime(2026, 5, 4, tzinfo=UTC).replace(tzinfo=None)
    with pytest.raises(ValueError, match="has no zone"):
        factors(tmp_path).speed_at(naive)
    with pytest.raises(ValueError, match="has no zone"):
        factors(tmp_path).drive_seconds(9, naive)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("zone = ", "cannot be read"),
        ('work = { monday = "8-17" }', "no time zone ''"),
        ('zone = "Mars/Base"\nwork = { monday = "8-17" }', "no time zone 'Mars/Base'"),
        ('zone = "UTC"', "At least one weekday must have working hours"),
        ('zone = "UTC"\nwork = { someday = "8-17" }', "'someday' in work is not a weekday"),
        ('zone = "UTC"\nwork = { monday = "17-8" }', "'17-8' of monday is not a span of hours"),
        ('zone = "UTC"\nwork = { monday = "8-25" }', "'8-25' of monday is not a span of hours"),
        ('zone = "UTC"\nwork = "always"', "work must be a table"),
        ('zone = "UTC"\nplan_by = "luck"\nwork = { monday = "8-17" }', "plan_by must be 'mean' or 'slowest'"),
        ('zone = "UTC"\nwork = { monday = "8-17" }\nmondays = {}', "'mondays' is not known"),
        ('zone = "UTC"\nwork = { monday = "8-17" }\nmonday = { "8-9" = 80 }', "monday at 8 o'clock must be between"),
        ('zone = "UTC"\nwork = { monday = "8-17" }\nmonday = { "8-9" = nan }', "monday at 8 o'clock must be between"),
        ('zone = "UTC"\nwork = { monday = "8-17" }\nmonday = { "8-9" = true }', "must be a number"),
        (
            'zone = "UTC"\nwork = { monday = "8-17" }\nmonday = { "8-10" = 0.8, "9-11" = 0.7 }',
            "hour from 9 o'clock twice",
        ),
    ],
)
def test_a_wrong_file_is_a_sentence_that_names_it(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "traffic.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=r"traffic\.toml") as told:
        read_factors(file)
    assert sentence in str(told.value)


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_factors(tmp_path / "none.toml")
