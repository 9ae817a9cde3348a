"""What time it is, by whichever clock."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hub.clock import SharedClock, ShiftedClock, SystemClock


def test_the_simulated_time_is_the_same_for_everybody_who_reads_the_file(tmp_path: Path) -> None:
    instant = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    SharedClock(tmp_path / "clock").set(instant)
    assert SharedClock(tmp_path / "clock").now() == instant
    assert [file.name for file in tmp_path.iterdir()] == ["clock"]


def test_a_shifted_clock_goes_on_from_where_it_was_set(tmp_path: Path) -> None:
    clock = ShiftedClock(tmp_path / "shift")
    instant = SystemClock().now() + timedelta(days=3)
    clock.shift_to(instant)
    assert timedelta(0) <= clock.now() - instant < timedelta(seconds=30)
