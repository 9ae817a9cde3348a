"""What `doorstep utility` prints of an event, and the day a sample begins."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub.clock import ShiftedClock
from infra.hosts import utility

_HELD = {"state": "held", "status": "on hold", "holdReason": "no contact", "note": {"text": "Nobody answered."}}


def _event(said: dict[str, object]) -> bytes:
    return json.dumps(
        {
            "specversion": "1.0",
            "id": "1",
            "source": "urn:doorstep:hub",
            "type": "org.doorstep.any.v1",
            "subject": "SU-1",
            "time": "2026-05-04T07:00:00Z",
            "data": {"event": said},
        }
    ).encode()


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ({"workOrder": {"state": "pending"}}, "pending"),
        ({"workOrder": _HELD}, "held: no contact: Nobody answered."),
        (
            {"workOrder": _HELD, "dossier": {"attempts": [{}, {}]}},
            "held: handed back after 2 contact attempts: Nobody answered.",
        ),
        ({"workOrder": _HELD, "dossier": {"sentence": "too large"}}, "held: handed back: Nobody answered."),
        ({}, "org.doorstep.any.v1"),
    ],
)
def test_a_line_says_which_order_its_state_and_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], said: dict[str, object], line: str
) -> None:
    monkeypatch.setenv("DOORSTEP_SERVICE_BUS", "Endpoint=sb://127.0.0.1:1;")
    monkeypatch.setattr(utility, "receive_events", lambda *_, **__: iter([_Message(_event(said))]))
    utility.receive(follow=False, as_json=False)
    assert capsys.readouterr().out == f"2026-05-04 07:00 UTC SU-1 {line}\n"


class _Message:
    def __init__(self, body: bytes) -> None:
        self.body = body


def test_a_sample_written_for_the_demo_begins_on_the_demos_day(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ShiftedClock(tmp_path / "shift").shift_to(datetime(2031, 3, 3, 9, tzinfo=UTC))
    monkeypatch.setenv("DOORSTEP_SHIFTED_CLOCK", str(tmp_path / "shift"))
    utility.write_sample(tmp_path / "feed.jsonl", 2, 1, None)
    first = json.loads((tmp_path / "feed.jsonl").read_text().splitlines()[0])
    assert first["subject"].startswith("SU-310303-")
