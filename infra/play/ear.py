"""The utility's ear: what `doorstep utility receive --follow --json`, a process of its own, wrote down."""

import json
from pathlib import Path

from infra.play.ledger import HeardEvent

COMMAND = ("utility", "receive", "--follow", "--json")
_STATE_CHANGED = "org.doorstep.work-order.state-changed.v1"


def read_notes(file: Path) -> list[HeardEvent]:
    """The events in the order in which they were heard; lines that are no event (the log's own) are passed over."""
    if not file.exists():
        return []
    with file.open(encoding="utf-8") as lines:
        return [_heard(json.loads(line)) for line in lines if line.startswith("{") and line.endswith("\n")]


def count_notes(file: Path) -> int:
    """How many events were written down so far."""
    return len(read_notes(file))


def _heard(event: dict[str, object]) -> HeardEvent:
    status = ""
    data = event.get("data")
    if event.get("type") == _STATE_CHANGED and isinstance(data, dict):
        status = str(data["event"]["workOrder"]["status"])
    return HeardEvent(
        id=str(event["id"]),
        external_id=str(event.get("subject") or ""),
        status=status,
        sequence=str(event.get("sequence", "")),
    )
