"""A worker that is killed (SIGKILL) in the middle of its work loses nothing and does nothing twice."""

from datetime import datetime

import pytest

from infra.play.options import PlayOptions
from infra.play.play import run_play
from infra.play.world import World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("play")]


def test_a_play_whose_worker_is_killed_twice_ends_like_any_other(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", postgres_url)
    worlds, workers = list[World](), set[int]()

    def note_worker(now: datetime, settled: int) -> None:
        workers.update(pid for pid in [worlds[0].worker.pid] if pid is not None)

    options = PlayOptions(orders=25, technicians=4, days=2, seed=5, kills=2)
    outcome = run_play(options, note_worker, watch=worlds.append)

    assert outcome.violations == ()
    assert len(workers) == 3, "the first worker and its two successors"
    assert outcome.figures["restarts"] == 2
    nothing = (
        "unaccounted",
        "misjudged",
        "invented",
        "double_bookings",
        "promises_broken",
        "contact_attempts_repeated",
    )
    assert {name: outcome.figures[name] for name in nothing} == dict.fromkeys(nothing, 0)
    assert outcome.figures["events_published"] == outcome.figures["utility_heard"]
