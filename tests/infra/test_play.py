"""A small play through everything: the bus, the ladder, the pages, the board, the phones, and the account at the end."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import psycopg
import pytest

from infra.play.options import PlayOptions
from infra.play.outcome import Outcome
from infra.play.play import run_play
from infra.play.world import World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("play")]
OPTIONS = PlayOptions(orders=25, technicians=4, days=2, seed=3)


class Watched:
    """What a test saw of a play."""

    def __init__(self) -> None:
        self.days: list[str] = []
        self.worlds: list[World] = []
        self.pids: list[int] = []

    def show(self, now: datetime, settled: int) -> None:
        if not self.days or self.days[-1] != f"{now:%a}":
            self.days.append(f"{now:%a}")

    def watch(self, world: World) -> None:
        self.worlds.append(world)
        self.pids = [process.pid for process in world.hosts.processes if process.pid is not None]


@pytest.fixture(scope="module")
def watched() -> Watched:
    return Watched()


@pytest.fixture(scope="module")
def outcome(postgres_url: str, watched: Watched) -> Iterator[Outcome]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", postgres_url)
        yield run_play(OPTIONS, watched.show, watch=watched.watch)


def test_every_order_comes_to_its_end_and_every_promise_is_kept(outcome: Outcome) -> None:
    figures = outcome.figures
    assert outcome.violations == ()
    ends = ("rejected", "dead_lettered", "completed", "on_hold", "cancelled", "open", "unaccounted")
    assert figures["received"] == sum(int(figures[name] or 0) for name in ends)
    assert [figures[name] for name in ("unaccounted", "double_bookings", "promises_broken", "http_errors")] == [0] * 4


def test_all_kinds_of_people_had_their_part(outcome: Outcome) -> None:
    figures = outcome.figures
    for name in ("completed", "on_hold", "dead_lettered", "confirmed_appointments", "promises_kept", "surveys"):
        assert int(figures[name] or 0) > 0, name
    assert int(figures["messages_sent"] or 0) >= OPTIONS.orders
    assert int(figures["promises_kept"] or 0) >= int(figures["completed"] or 0) - 4  # street cabinets have no window


def test_the_utility_hears_everything(outcome: Outcome) -> None:
    assert outcome.figures["events_published"] == outcome.figures["utility_heard"]
    assert outcome.figures["out_of_order_events"] == 0


def test_time_runs_fast_and_in_order(outcome: Outcome, watched: Watched) -> None:
    assert watched.days[:5] == ["Mon", "Tue", "Wed", "Thu", "Fri"]
    assert int(outcome.figures["times_faster"] or 0) > 1000


def test_nothing_is_left_behind(outcome: Outcome, watched: Watched, postgres_url: str) -> None:
    world = watched.worlds[0]
    assert not world.folder.exists()
    assert not any(Path(f"/proc/{pid}").exists() for pid in watched.pids)
    with psycopg.connect(postgres_url) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [world.database]).fetchone()
    assert found is None


def test_the_figures_are_one_json_object(outcome: Outcome) -> None:
    read = json.loads(json.dumps(outcome.as_json()))
    asked = (
        "received rejected dead_lettered completed on_hold cancelled open confirmed_appointments promises_kept promises_broken "
        "double_bookings events_published unaccounted wall_seconds"
    )
    assert set(asked.split()) <= set(read)
    assert read["violations"] == []


def test_wrong_options_are_a_sentence_and_exit_code_1() -> None:
    command = [sys.executable, "-m", "infra.hosts", "play", "--orders", "0"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert "--orders must be between 1 and 20000." in ran.stderr
