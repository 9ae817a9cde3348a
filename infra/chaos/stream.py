"""What the utility of a chaos run sends, and what must have become of each order at the end.

Everything is drawn before the first message leaves, so that the ledger judges by a script and not by what was seen.
"""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from hub.messaging.service_bus import OutgoingMessage
from infra.chaos.options import START, ChaosOptions
from ingest.change_schemas import CANCEL_TYPE, UPDATE_TYPE
from ingest.inbox import InboxOutcome
from ingest.sample.defects import DEFECTS, Event
from ingest.sample.orders import SOURCE, WITHOUT_CITIZEN, OrderDraw, draw_work_types
from ingest.sample.technicians import served_territories

_TECHNICIANS = 12
_FARTHEST = 300
"""How many messages later, at most, a second copy or a message that should have come before arrives."""
_SPOILT = tuple(one for one in DEFECTS if one.expected is not InboxOutcome.DUPLICATE)


class End(StrEnum):
    """What must have become of an order, or of a message in which no order can be read."""

    OPEN = "open"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    QUARANTINED = "quarantined"


@dataclass(frozen=True)
class Case:
    """One order and the messages about it, in the order in which the utility sends them (the first copies of each).

    `notes` is what the order must say at the end; None when it does not matter. `message_ids` name the messages on the bus, and
    `needs_citizen` says whether somebody is invited.
    """

    external_id: str
    what: str
    end: End
    message_ids: tuple[str, ...]
    needs_citizen: bool
    notes: str | None = None


@dataclass(frozen=True)
class Stream:
    """All messages in sending order, some of them twice, and the cases they belong to. `distinct` counts messages by what names them
    once and for all: the source and id of their event, or their id and body when no event can be read."""

    messages: tuple[OutgoingMessage, ...]
    cases: tuple[Case, ...]
    distinct: int
    copies: int


@dataclass
class _Timeline:
    """Messages with the place in the stream at which each is sent."""

    luck: random.Random
    placed: list[tuple[float, OutgoingMessage]] = field(default_factory=list)

    def put(self, place: float, message: OutgoingMessage) -> None:
        self.placed.append((place, message))

    def later(self, place: float) -> float:
        """A place behind `place`, near or far."""
        return place + 0.5 + self.luck.random() ** 2 * _FARTHEST

    def in_order(self) -> Iterator[OutgoingMessage]:
        return (message for _, message in sorted(self.placed, key=lambda one: one[0]))


def draw_stream(options: ChaosOptions) -> Stream:
    """The messages of a run; the same options draw the same, byte for byte."""
    luck = random.Random(f"chaos/{options.seed}/{options.orders}")
    draw = OrderDraw(luck, START.date(), served_territories(_TECHNICIANS))
    timeline = _Timeline(luck)
    numbers = list(range(options.orders))
    luck.shuffle(numbers)
    broken, changed = round(options.orders * options.broken), round(options.orders * options.out_of_order)
    kinds: dict[int, Callable[[_Draft], Case]] = {}
    kinds |= {number: _spoilt(at) for at, number in enumerate(numbers[:broken])}
    kinds |= {number: _CHANGED[at % len(_CHANGED)] for at, number in enumerate(numbers[broken : broken + changed])}
    types = draw_work_types(luck, options.orders)
    spoilt = set(numbers[:broken])
    cases = []
    for number, work_type in enumerate(types):
        draft = _Draft(draw, timeline, number, "meter_swap" if number in spoilt else work_type)
        cases.append(kinds.get(number, _plain)(draft))
    sent_once = len(timeline.placed)
    copies = _copy_some(timeline, cases, round(options.orders * options.duplicated), draw)
    distinct = sent_once + sum(1 for one in copies if one)
    return Stream(tuple(timeline.in_order()), tuple(cases), distinct, len(copies))


@dataclass
class _Draft:
    """An order in the making: draws its events and puts its messages into the timeline."""

    draw: OrderDraw
    timeline: _Timeline
    number: int
    work_type: str
    revision: int = 0

    def __post_init__(self) -> None:
        self.order = self.draw.order(self.number, self.work_type)
        self.external_id: str = self.order["externalId"]
        self.needs_citizen = self.work_type not in WITHOUT_CITIZEN

    def create(self) -> Event:
        return self._event(self.order)

    def update(self, description: str) -> Event:
        return {**self._event({"externalId": self.external_id, "description": description}), "type": UPDATE_TYPE}

    def cancel(self) -> Event:
        reason = {"externalId": self.external_id, "cancellationReason": "The customer no longer wants it."}
        return {**self._event(reason), "type": CANCEL_TYPE}

    def _event(self, data: dict[str, Any]) -> Event:
        """Events are drawn in the order in which the utility made them; their `sequence` says so."""
        self.revision += 1
        return {**self.draw.event(data, self.number), "subject": self.external_id, "sequence": f"{self.revision:06d}"}

    def send(self, *events: Event | bytes) -> tuple[str, ...]:
        """Send them, the first at the order's own place and each of the others some way behind the one before."""
        place, ids = float(self.number), []
        for event in events:
            body = event if isinstance(event, bytes) else as_bytes(event)
            message = OutgoingMessage(body=body, message_id=_bus_id(self.draw.luck))
            self.timeline.put(place, message)
            place = self.timeline.later(place)
            ids.append(message.message_id)
        return tuple(ids)

    def case(self, what: str, end: End, ids: Sequence[str], notes: str | None = None) -> Case:
        return Case(self.external_id, what, end, tuple(ids), self.needs_citizen, notes)


def _plain(draft: _Draft) -> Case:
    return draft.case("plain", End.OPEN, draft.send(draft.create()))


def _spoilt(at: int) -> Callable[[_Draft], Case]:
    defect = _SPOILT[at % len(_SPOILT)]
    end = End.REJECTED if defect.expected is InboxOutcome.REJECTED else End.QUARANTINED

    def make(draft: _Draft) -> Case:
        event = draft.create()
        del event["sequence"]
        return draft.case(defect.name, end, draft.send(defect.spoil(event)))

    return make


def _update_first(draft: _Draft) -> Case:
    create, update = draft.create(), draft.update("Changed before it came.")
    return draft.case("update before create", End.OPEN, draft.send(update, create), "Changed before it came.")


def _cancel_first(draft: _Draft) -> Case:
    create, cancel = draft.create(), draft.cancel()
    return draft.case("cancel before create", End.CANCELLED, draft.send(cancel, create))


def _late_older_update(draft: _Draft) -> Case:
    create, older, newer = draft.create(), draft.update("Changed once."), draft.update("Changed twice.")
    return draft.case("older update late", End.OPEN, draft.send(create, newer, older), "Changed twice.")


def _all_reversed(draft: _Draft) -> Case:
    create, update, cancel = draft.create(), draft.update("Changed."), draft.cancel()
    return draft.case("cancel, update, create", End.CANCELLED, draft.send(cancel, update, create))


def _update_after_cancel(draft: _Draft) -> Case:
    create, update, cancel = draft.create(), draft.update("Changed."), draft.cancel()
    return draft.case("update after its cancel", End.CANCELLED, draft.send(create, cancel, update))


_CHANGED = (_update_first, _cancel_first, _late_older_update, _all_reversed, _update_after_cancel)


def _copy_some(timeline: _Timeline, cases: Sequence[Case], count: int, draw: OrderDraw) -> list[bool]:
    """Send `count` of the messages a second time: the same message again, the same event under another bus id, or the same order
    under another event. Returns for each copy whether it counts as a message of its own."""
    creates = {case.message_ids[0]: case for case in cases if case.what == "plain"}
    copies = list[bool]()
    for place, message in timeline.luck.sample(timeline.placed, min(count, len(timeline.placed))):
        kind = timeline.luck.randrange(3)
        again, is_new = message, False
        if kind == 1 and _is_event(message.body):
            again = OutgoingMessage(body=message.body, message_id=_bus_id(draw.luck))
        elif kind == 2 and message.message_id in creates:
            event = {**json.loads(message.body), "id": str(UUID(int=draw.luck.getrandbits(128), version=4))}
            again, is_new = OutgoingMessage(body=as_bytes(event), message_id=_bus_id(draw.luck)), True
        timeline.put(timeline.later(place), again)
        copies.append(is_new)
    return copies


def _is_event(body: bytes) -> bool:
    """Whether the message is a create that can be read: only then its event's id names it, whatever its id on the bus."""
    try:
        event = json.loads(body)
    except ValueError:
        return False
    return isinstance(event, dict) and event.get("source") == SOURCE and "sequence" in event


def _bus_id(luck: random.Random) -> str:
    return str(UUID(int=luck.getrandbits(128), version=4))


def as_bytes(event: Event) -> bytes:
    """The event as a utility sends it."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
