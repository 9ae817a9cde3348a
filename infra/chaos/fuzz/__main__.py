"""`python -m infra.chaos.fuzz`: try spoilt messages on a database of its own; prints one JSON object and a sentence."""

import argparse
import json
import logging
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr

from hub.bootstrap import Hub, build_hub
from hub.clock import FixedClock
from hub.db.databases import create_database
from hub.db.embedded import EmbeddedServer
from hub.db.schema import upgrade
from hub.db.server_account import shared_place
from hub.settings import Settings
from infra.chaos.fuzz.trials import Report, Trials, run_seeded
from infra.chaos.options import START
from infra.hosts.rooms import SUBSCRIPTIONS

_DRAWN_SHARE = 0.25
"""Of the messages are drawn by Hypothesis; the others are good ones that were spoilt."""
_EVERY = 500


def main() -> int:
    """Run for a person; returns the exit code: 1 when a message crashed the import, was slow, or had no end."""
    parser = argparse.ArgumentParser(prog="python -m infra.chaos.fuzz", description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    logging.basicConfig(level=logging.CRITICAL)
    drawn = int(given.messages * _DRAWN_SHARE)
    try:
        with fuzz_hub() as hub:
            report = run_seeded(hub, given.messages - drawn, given.seed, _Shower(given.messages))
            _add(report, run_drawn(hub, drawn, given.seed))
    except KeyboardInterrupt:
        print("Stopped by you.", file=sys.stderr)
        return 130
    print(json.dumps(report.as_json(), ensure_ascii=False))
    print(
        f"{report.messages:,} messages: {report.done:,} done, {report.dead_lettered:,} dead-lettered, the slowest took "
        f"{report.slowest_seconds:.2f} s of processor time, {len(report.faults)} faults.",
        file=sys.stderr,
    )
    return int(bool(report.faults))


@contextmanager
def fuzz_hub() -> Iterator[Hub]:
    """A hub with every room on a throwaway database; its clock stands still."""
    place = shared_place()
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="doorstep-fuzz-", dir=place) as name:
        folder = Path(name)
        folder.chmod(0o755)
        with EmbeddedServer(folder / "postgres", throwaway=True) as server:
            settings = Settings(
                database_url=SecretStr(create_database(server.url, "fuzz")), state_dir=folder, demo=True
            )
            hub = build_hub(settings, SUBSCRIPTIONS, clock=FixedClock(START))
            upgrade(hub.engine)
            try:
                yield hub
            finally:
                hub.close()


def run_drawn(hub: Hub, count: int, seed: int) -> Report:
    """`count` messages that Hypothesis draws; the first that fails is made small and stands in the report."""
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as seeded

    from infra.chaos.fuzz.drawn import MESSAGES

    trials = Trials(hub)

    @seeded(seed)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(MESSAGES)
    def attempt(message: object) -> None:
        trials.alone(message)  # type: ignore[arg-type]

    if count:
        attempt()
    return trials.report


def _add(report: Report, other: Report) -> None:
    report.messages += other.messages
    report.done += other.done
    report.dead_lettered += other.dead_lettered
    report.slowest_seconds = max(report.slowest_seconds, other.slowest_seconds)
    report.faults += other.faults


class _Shower:
    """Says how far it is, now and then."""

    def __init__(self, total: int) -> None:
        self._total, self._shown = total, 0

    def __call__(self, done: int) -> None:
        """`done` messages were tried."""
        if done - self._shown >= _EVERY:
            self._shown = done
            print(f"{done:,} of {self._total:,} messages", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
