"""The made-up utility's mistakes: each spoils a good order in one way, and says what must become of it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ingest.inbox import InboxOutcome

type Event = dict[str, Any]


@dataclass(frozen=True)
class Defect:
    """One mistake: what it is, what must become of the message, and how it comes about."""

    name: str
    expected: InboxOutcome
    spoil: Callable[[Event], bytes]


def _bytes(event: Event) -> bytes:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def _work(event: Event) -> dict[str, Any]:
    work: dict[str, Any] = event["data"]["workOrderItem"][0]["work"]
    return work


def _cut_off(event: Event) -> bytes:
    whole = _bytes(event)
    return whole[: len(whole) * 2 // 3]


def _without_place(event: Event) -> bytes:
    del _work(event)["place"]
    return _bytes(event)


def _unknown_work_type(event: Event) -> bytes:
    _work(event)["workSpecification"]["id"] = "chimney_sweep"
    return _bytes(event)


def _other_event(event: Event) -> bytes:
    return _bytes({**event, "type": "org.tmforum.serviceTest.create.v4"})


def _outside(event: Event) -> bytes:
    place = _work(event)["place"][0]
    # Namur: a real town that no territory of the sample catalogue serves.
    place.update(postcode="5000", city="Namur")
    place["geographicLocation"]["geoJson"]["coordinates"] = [4.8665, 50.4669]
    return _bytes(event)


def _not_an_event(event: Event) -> bytes:
    return _bytes(event["data"])


def _without_contact(event: Event) -> bytes:
    _work(event)["relatedParty"][0]["contactMedium"] = []
    return _bytes(event)


def _naive_time(event: Event) -> bytes:
    event["data"]["requestedCompletionDate"] = event["data"]["requestedCompletionDate"][:19]
    return _bytes(event)


def _abroad(event: Event) -> bytes:
    _work(event)["place"][0]["country"] = "FR"
    return _bytes(event)


def _not_utf8(event: Event) -> bytes:
    place = _work(event)["place"][0]
    place["streetName"] = "Beëindigde weg"
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode("latin-1", "replace")


DEFECTS: tuple[Defect, ...] = (
    Defect("JSON that is cut off", InboxOutcome.DEAD_LETTERED, _cut_off),
    Defect("unknown work type", InboxOutcome.REJECTED, _unknown_work_type),
    Defect("order sent again under a new event", InboxOutcome.DUPLICATE, _bytes),
    Defect("no place", InboxOutcome.DEAD_LETTERED, _without_place),
    Defect("place outside every territory", InboxOutcome.REJECTED, _outside),
    Defect("another kind of event", InboxOutcome.DEAD_LETTERED, _other_event),
    Defect("order without a CloudEvent around it", InboxOutcome.DEAD_LETTERED, _not_an_event),
    Defect("nobody can be contacted", InboxOutcome.REJECTED, _without_contact),
    Defect("time without a zone", InboxOutcome.DEAD_LETTERED, _naive_time),
    Defect("a country we do not work in", InboxOutcome.REJECTED, _abroad),
    Defect("text that is not UTF-8", InboxOutcome.DEAD_LETTERED, _not_utf8),
)
"""In the order in which a feed with few mistakes takes them. The duplicate repeats an earlier good order unchanged."""
