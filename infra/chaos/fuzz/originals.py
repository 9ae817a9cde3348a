"""The good messages that are spoilt: events of every type in canonical form, and the shipped profiles' samples."""

import json
import random
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hub.messaging.service_bus import ReceivedMessage
from infra.chaos.options import START
from ingest.change_schemas import CANCEL_TYPE, CLOSE_TYPE, UPDATE_TYPE
from ingest.profiles.reading import SHIPPED
from ingest.sample.orders import OrderDraw
from ingest.sample.technicians import served_territories

_SAMPLES = SHIPPED.with_name("samples")
_ENQUEUED_AT = datetime(2026, 5, 4, 6, 30, tzinfo=UTC)


class Originals:
    """Draws good messages, each about another order or about one drawn before."""

    def __init__(self, luck: random.Random) -> None:
        self._luck = luck
        self._draw = OrderDraw(luck, START.date(), served_territories(12))
        self._names: list[str] = []
        self._numbers = 0
        rows = (_SAMPLES / "csv-folder.csv").read_bytes().splitlines(keepends=True)
        self._samples = (
            ("tmf697-json", "application/json", (_SAMPLES / "tmf697-json.json").read_bytes()),
            ("iec61968-xml", "application/xml", (_SAMPLES / "iec61968-xml.xml").read_bytes()),
            *(("csv-folder", "text/csv", rows[0] + row) for row in rows[1:]),
        )

    def draw(self) -> ReceivedMessage:
        """One more good message."""
        kind = self._luck.random()
        if kind < 0.3:
            name, content_type, body = self._luck.choice(self._samples)
            return self.message(body, content_type, {"profile": name})
        if kind < 0.7 or not self._names:
            return self._event(self._create())
        return self._event(self._change())

    def message(self, body: bytes, content_type: str, properties: Mapping[str, Any]) -> ReceivedMessage:
        """`body` as it comes from the bus under an id of its own."""
        self._numbers += 1
        return ReceivedMessage(
            body=body,
            message_id=f"fuzz-{self._numbers}",
            subject=None,
            correlation_id=None,
            content_type=content_type,
            properties=properties,
            sequence_number=self._numbers,
            delivery_count=0,
            enqueued_at=_ENQUEUED_AT,
            dead_letter_reason=None,
            dead_letter_description=None,
        )

    def _event(self, event: dict[str, Any]) -> ReceivedMessage:
        return self.message(json.dumps(event).encode(), "application/cloudevents+json", {})

    def _create(self) -> dict[str, Any]:
        order = self._draw.order(
            self._numbers, self._luck.choice(("meter_swap", "fibre_survey", "repair", "cabinet_repair"))
        )
        self._names.append(str(order["externalId"]))
        return {**self._draw.event(order, self._numbers), "sequence": f"{self._numbers:06d}"}

    def _change(self) -> dict[str, Any]:
        order = self._draw.order(self._numbers, "meter_swap")
        kept = self._luck.sample(sorted(order), self._luck.randint(1, len(order)))
        event = self._draw.event({name: order[name] for name in kept}, self._numbers)
        event["data"]["externalId"] = self._luck.choice(self._names)
        kind = self._luck.choice((UPDATE_TYPE, UPDATE_TYPE, CANCEL_TYPE, CLOSE_TYPE))
        return {
            **event,
            "id": str(UUID(int=self._luck.getrandbits(128), version=4)),
            "type": kind,
            "sequence": f"{self._numbers:06d}",
        }
