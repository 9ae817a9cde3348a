"""The wire of changes: what a utility's update, cancel or close must hold.

An update's data is a TMF697 work order in which only what changes stands: a field that is absent stays as it is, a date
that is null is taken away. A cancel or a close names the order and may say why.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from ingest.schemas import (
    CITIZEN_ROLES,
    LANGUAGE_CHARACTERISTIC,
    Citizen,
    Code,
    GeographicAddress,
    Instant,
    MalformedOrderError,
    Note,
    Objects,
    Paragraph,
    Wire,
    Work,
    many,
    validated,
)

UPDATE_TYPE = "org.tmforum.workOrder.attributeValueChange.v1"
CANCEL_TYPE = "org.tmforum.workOrder.cancel.v1"
CLOSE_TYPE = "org.tmforum.workOrder.close.v1"
END_TYPES = frozenset({CANCEL_TYPE, CLOSE_TYPE})


class Part(StrEnum):
    """What of an order a message can change; each part has a revision of its own, so that an older message can still tell of another part."""

    CITIZEN = "citizen"
    LANGUAGE = "language"
    NOTES = "notes"
    PLACE = "place"
    WORK_TYPE = "work type"
    START = "requested start"
    COMPLETION = "requested completion"
    PRIORITY = "priority"


@dataclass(frozen=True)
class OrderChange:
    """An update as the utility asked for it, not yet judged. Only the `parts` named are to be changed; None takes a date away."""

    external_id: str
    parts: frozenset[Part]
    citizen: Citizen | None = None
    language: str = ""
    notes: str = ""
    place: GeographicAddress | None = None
    work_type: str = ""
    not_before: datetime | None = None
    due_at: datetime | None = None
    priority: int = 2


@dataclass(frozen=True)
class OrderEnd:
    """A cancel or a close: which order, and why, if the utility said so."""

    external_id: str
    reason: str


class _Item(Wire):
    id: Code | None = None
    action: Literal["add", "modify", "noChange"] | None = None
    work: Work | None = None


class WorkOrderUpdate(Wire):
    """TMF697 WorkOrder_Update, as far as we read it: what is absent stays as it is."""

    external_id: Code | None = None
    id: Code | None = None
    category: Code | None = None
    description: Paragraph | None = None
    priority: Literal["0", "1", "2", "3", "4"] | None = None
    requested_start_date: Instant | None = None
    requested_completion_date: Instant | None = None
    note: Annotated[list[Note], BeforeValidator(many), Field(max_length=20)] = Field(default_factory=list)
    place: Objects = Field(default_factory=list)
    related_party: Objects = Field(default_factory=list)
    work_order_item: Annotated[list[_Item], BeforeValidator(many), Field(max_length=1)] = Field(default_factory=list)


class _Reference(Wire):
    external_id: Code | None = None
    id: Code | None = None


class WorkOrderEnd(Wire):
    """A cancel or a close: the order, by itself or inside `workOrder` as TMF697's CancelWorkOrder has it, and why."""

    external_id: Code | None = None
    id: Code | None = None
    work_order: _Reference | None = None
    cancellation_reason: Paragraph | None = None
    reason: Paragraph | None = None
    note: Annotated[list[Note], BeforeValidator(many), Field(max_length=20)] = Field(default_factory=list)


def read_change(data: Any) -> OrderChange:
    """The update in an event's data; raises MalformedOrderError naming what is missing or wrong."""
    wire = validated(WorkOrderUpdate, _object(data), "data")
    work = wire.work_order_item[0].work if wire.work_order_item else None
    found: dict[Part, Any] = {
        Part.CITIZEN: _citizen(wire, work),
        Part.LANGUAGE: _language(work),
        Part.NOTES: _notes(wire, work),
        Part.PLACE: _place(wire, work),
        Part.WORK_TYPE: _work_type(wire, work),
        Part.PRIORITY: None if wire.priority is None else int(wire.priority),
    }
    parts = {part for part, value in found.items() if value is not None}
    if "requested_start_date" in wire.model_fields_set:
        parts.add(Part.START)
    if "requested_completion_date" in wire.model_fields_set:
        parts.add(Part.COMPLETION)
    return OrderChange(
        external_id=_external_id(wire.external_id, wire.id),
        parts=frozenset(parts),
        citizen=found[Part.CITIZEN],
        language=found[Part.LANGUAGE] or "",
        notes=found[Part.NOTES] or "",
        place=found[Part.PLACE],
        work_type=found[Part.WORK_TYPE] or "",
        not_before=wire.requested_start_date,
        due_at=wire.requested_completion_date,
        priority=2 if found[Part.PRIORITY] is None else found[Part.PRIORITY],
    )


def read_end(data: Any) -> OrderEnd:
    """The cancel or close in an event's data; raises MalformedOrderError when it names no order."""
    wire = validated(WorkOrderEnd, _object(data), "data")
    inner = wire.work_order or _Reference()
    texts = [wire.cancellation_reason or "", wire.reason or "", *(note.text for note in wire.note)]
    return OrderEnd(
        external_id=_external_id(wire.external_id, inner.external_id, wire.id, inner.id),
        reason=" ".join(dict.fromkeys(" ".join(text.split()) for text in texts if text))[:500],
    )


def _object(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise MalformedOrderError("The order cannot be read: 'data' must be a TMF697 work order, a JSON object.")
    return data


def _external_id(*candidates: str | None) -> str:
    found = next((one for one in candidates if one is not None), None)
    if found is None:
        raise MalformedOrderError("The order cannot be read: data.externalId is missing.")
    return found


def _citizen(wire: WorkOrderUpdate, work: Work | None) -> Citizen | None:
    lists = [(work.related_party, "data.workOrderItem[0].work.relatedParty")] if work else []
    for parties, path in (*lists, (wire.related_party, "data.relatedParty")):
        for at, party in enumerate(parties):
            role = party.get("role")
            if isinstance(role, str) and role.strip().lower() in CITIZEN_ROLES:
                return validated(Citizen, party, f"{path}[{at}]")
    return None


def _language(work: Work | None) -> str | None:
    for one in work.work_characteristic if work else ():
        if one.name.lower() == LANGUAGE_CHARACTERISTIC and isinstance(one.value, str):
            return one.value[:35]
    return None


def _notes(wire: WorkOrderUpdate, work: Work | None) -> str | None:
    texts = [wire.description, *(note.text for note in wire.note), *(note.text for note in (work.note if work else ()))]
    said = [text for text in texts if text is not None]
    return "\n".join(dict.fromkeys(text for text in said if text))[:4000] if said else None


def _place(wire: WorkOrderUpdate, work: Work | None) -> GeographicAddress | None:
    if work and work.place:
        return validated(GeographicAddress, work.place[0], "data.workOrderItem[0].work.place[0]")
    if wire.place:
        return validated(GeographicAddress, wire.place[0], "data.place")
    return None


def _work_type(wire: WorkOrderUpdate, work: Work | None) -> str | None:
    # `category` serves only when it is all that a create named; in an update it is the category, which we leave alone.
    if work is None:
        return None
    return (work.work_specification.id if work.work_specification else None) or work.work_type
