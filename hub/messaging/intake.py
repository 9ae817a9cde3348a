"""The door through which a room hands in an order that did not come over the bus, to be taken like any other.

Rooms do not call each other: the event is left as a job, which exists exactly when the caller's transaction commits, and the room
that takes orders in does it under the event's own id, so once.
"""

import json
from collections.abc import Mapping
from typing import Any

from hub.db.unit_of_work import UnitOfWork

TAKE_ORDER_JOB = "ingest.take_order"


def hand_in_order(work: UnitOfWork, event: Mapping[str, Any]) -> None:
    """Leave `event`, a CloudEvent that creates a work order as a utility would send it, for when `work` commits."""
    work.defer(TAKE_ORDER_JOB, event=json.dumps(event, ensure_ascii=False, allow_nan=False))
