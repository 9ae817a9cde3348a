"""Spoilt messages: each ends taken in or dead-lettered with a reason; none crashes the import, none takes long."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from hub.bootstrap import Hub, build_hub
from hub.clock import FixedClock
from hub.jobs import RememberedQueue
from hub.settings import Settings
from infra.chaos.fuzz import trials
from infra.chaos.fuzz.__main__ import run_drawn
from infra.chaos.fuzz.hostile import documents
from infra.chaos.fuzz.trials import Trials, run_seeded
from infra.hosts.rooms import SUBSCRIPTIONS
from tests.conftest import MONDAY_MORNING, MakeDatabase
from tests.ingest.messages import a_message, an_event

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def fuzz_hub(
    make_database: MakeDatabase, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Hub]:
    url = make_database(template=migrated_template)
    settings = Settings(database_url=SecretStr(url), state_dir=tmp_path_factory.mktemp("state"), demo=True)
    built = build_hub(settings, SUBSCRIPTIONS, clock=FixedClock(MONDAY_MORNING), jobs=RememberedQueue())
    with pytest.MonkeyPatch.context() as patch:
        # How long a message may take is for `make fuzz` to judge: beside other tests a second passes with nothing done.
        patch.setattr(trials, "LIMIT_SECONDS", 30.0)
        yield built
    built.close()


def test_spoilt_messages_and_hostile_documents_all_come_to_an_end(fuzz_hub: Hub) -> None:
    hostile = len(list(documents("/nowhere", "http://127.0.0.1:1")))
    report = run_seeded(fuzz_hub, 25 * hostile, seed=7)
    assert report.faults == []
    assert report.messages == 25 * hostile == report.done + report.dead_lettered
    assert report.dead_lettered > 100
    assert {"imported", "dead-lettered", "rejected", "early"} <= set(report.outcomes)


def test_what_hypothesis_draws_all_comes_to_an_end(fuzz_hub: Hub) -> None:
    report = run_drawn(fuzz_hub, 150, seed=7)
    assert report.faults == []
    assert report.messages == report.done + report.dead_lettered >= 150


class TestTheReport:
    def test_a_message_that_raises_is_a_fault(self, fuzz_hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        def crash(*_: object) -> None:
            raise RecursionError("too deep")

        monkeypatch.setattr("infra.chaos.fuzz.trials.receive_message", crash)
        trials = Trials(fuzz_hub)
        trials.alone(a_message(an_event()))
        assert "RecursionError" in trials.report.faults[0]

    def test_a_slow_message_is_a_fault(self, fuzz_hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("infra.chaos.fuzz.trials.LIMIT_SECONDS", 0.0)
        trials = Trials(fuzz_hub)
        trials.alone(a_message(an_event()))
        assert "took" in trials.report.faults[0]

    def test_a_file_that_was_read_is_a_fault(self, fuzz_hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        def leaky(secret_file: str, listener: str) -> Iterator[object]:
            event = an_event()
            event["data"]["description"] = Path(secret_file).read_text()
            document = next(documents(secret_file, listener))
            yield replace(document, body=json.dumps(event).encode())

        monkeypatch.setattr("infra.chaos.fuzz.trials.documents", leaky)
        faults = run_seeded(fuzz_hub, 1, seed=1).faults
        assert any("content was read into work_order" in fault for fault in faults)
