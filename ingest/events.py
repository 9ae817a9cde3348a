"""What the utility hears: CloudEvents whose data are TMF697 events, strict on what we write."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from hub.domain.appointments import Appointment
from hub.domain.events import Event
from hub.domain.ids import EventId
from hub.domain.lifecycle import TMF697_STATES, WorkOrderStatus
from hub.domain.work_orders import WorkOrder

CREATED_TYPE = "org.doorstep.work-order.created.v1"
STATE_CHANGED_TYPE = "org.doorstep.work-order.state-changed.v1"
ESCALATED_TYPE = "org.doorstep.work-order.escalated.v1"
CHANGE_REFUSED_TYPE = "org.doorstep.work-order.change-refused.v1"
ESCALATED = "work_order.escalated"
UPDATED = "work_order.updated"
CONTACT_CHANGED = "work_order.contact_changed"
CHANGE_REFUSED = "work_order.change_refused"
"""The events' names inside the hub."""


@dataclass(frozen=True)
class OutboxEvent:
    """One event for the utility, not yet sent. `id` becomes the CloudEvent's id and the bus's message id."""

    id: EventId
    work_order_id: UUID
    type: str
    subject: str
    at: datetime
    data: Mapping[str, Any]
    correlation_id: str


class _Outgoing(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)

    def to_data(self) -> dict[str, Any]:
        """The JSON value, without what is absent."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class TimePeriod(_Outgoing):
    """TMF697 TimePeriod; here the agreed arrival window, the end not included."""

    start_date_time: datetime
    end_date_time: datetime


class AppointmentRef(_Outgoing):
    """TMF697 AppointmentRef."""

    id: str
    description: str


class Note(_Outgoing):
    """TMF697 Note: why the state changed."""

    author: str
    date: datetime
    text: str


class RelatedParty(_Outgoing):
    """TMF697 RelatedParty: the utility that sent the order."""

    id: str
    role: Literal["utility"] = "utility"
    referred_type: Literal["Organization"] = Field(default="Organization", alias="@referredType")


class WorkSpecificationRef(_Outgoing):
    """TMF697 WorkSpecificationRef: our work type."""

    id: str


class Work(_Outgoing):
    """TMF697 Work; `delivery_time_slot` is the arrival window the citizen agreed to."""

    work_specification: WorkSpecificationRef
    delivery_time_slot: TimePeriod | None = None


class WorkOrderItem(_Outgoing):
    """TMF697 WorkOrderItem: our orders have one."""

    id: Literal["1"] = "1"
    action: Literal["add"] = "add"
    state: str
    work: Work


class WorkOrderState(_Outgoing):
    """TMF697 WorkOrder as far as the utility needs it. `status` and `hold_reason` say in our words what TMF697's state leaves open."""

    id: str
    external_id: str
    state: str
    status: str
    hold_reason: str | None = None
    state_change_date: datetime
    appointment: AppointmentRef | None = None
    note: Note | None = None
    related_party: tuple[RelatedParty, ...]
    work_order_item: tuple[WorkOrderItem, ...]
    type: Literal["DoorstepWorkOrder"] = Field(default="DoorstepWorkOrder", alias="@type")
    base_type: Literal["WorkOrder"] = Field(default="WorkOrder", alias="@baseType")


class CreatedPayload(_Outgoing):
    """TMF697 WorkOrderCreateEventPayload. Who asked and where is fetched over the API, by whoever may see it."""

    work_order: WorkOrderState


class StateChangePayload(_Outgoing):
    """TMF697 WorkOrderStateChangeEventPayload."""

    work_order: WorkOrderState


class EscalationPayload(_Outgoing):
    """The order that is handed back, and the dossier: every attempt that was made, as the contact room wrote it."""

    work_order: WorkOrderState
    dossier: dict[str, Any]


class RefusedChange(_Outgoing):
    """The utility's message that changed nothing, or not all it asked: id and type of its CloudEvent, and why."""

    id: str
    type: str
    reason: str


class ChangeRefusedPayload(_Outgoing):
    """The order as it stays, and the change that was refused."""

    work_order: WorkOrderState
    change: RefusedChange


class WorkOrderEvent[P: _Outgoing](_Outgoing):
    """TMF697's event around a payload."""

    event_id: str
    event_time: datetime
    event_type: str
    correlation_id: str
    domain: Literal["workOrder"] = "workOrder"
    title: str
    event: P


_CREATED = WorkOrderEvent[CreatedPayload]
_STATE_CHANGED = WorkOrderEvent[StateChangePayload]
_ESCALATED = WorkOrderEvent[EscalationPayload]
_CHANGE_REFUSED = WorkOrderEvent[ChangeRefusedPayload]
# Each event is put together as plain values and checked as one: model by model costs four times as much, at every step of every order.


def created(order: WorkOrder, event: Event) -> OutboxEvent:
    """What the utility hears first of an order it did not send: a citizen asked for the work, and a dispatcher accepted."""
    payload = {"work_order": _state(order, event, WorkOrderStatus(event.after), None)}
    title = f"Work order {order.external_id} was made for a citizen who asked for it."
    return _outbox_event(order, event, CREATED_TYPE, "WorkOrderCreateEvent", title, _CREATED, payload)


def state_changed(order: WorkOrder, event: Event, appointment: Appointment | None) -> OutboxEvent:
    """What the utility hears of a step of the lifecycle; `appointment` is what is agreed with the citizen at that moment."""
    payload = {"work_order": _state(order, event, WorkOrderStatus(event.after), appointment)}
    title = f"Work order {order.external_id} is {event.after}."
    return _outbox_event(order, event, STATE_CHANGED_TYPE, "WorkOrderStateChangeEvent", title, _STATE_CHANGED, payload)


def escalated(order: WorkOrder, event: Event) -> OutboxEvent:
    """What the utility hears when an order is handed back; the event's data are the dossier."""
    payload = {"work_order": _state(order, event, order.status, None), "dossier": dict(event.data)}
    title = f"Work order {order.external_id} is handed back{f': {order.hold_reason}' if order.hold_reason else ''}."
    return _outbox_event(order, event, ESCALATED_TYPE, "WorkOrderEscalatedEvent", title, _ESCALATED, payload)


def change_refused(order: WorkOrder, event: Event, appointment: Appointment | None) -> OutboxEvent:
    """What the utility hears of an update, cancel or close that is not done; the event's data name its message."""
    change = {"id": str(event.data["change"]), "type": str(event.data["changeType"]), "reason": event.reason}
    payload = {"work_order": _state(order, event, order.status, appointment), "change": change}
    title = f"A change of work order {order.external_id} was refused."
    kind = "WorkOrderChangeRefusedEvent"
    return _outbox_event(order, event, CHANGE_REFUSED_TYPE, kind, title, _CHANGE_REFUSED, payload)


def shortened(data: Mapping[str, Any]) -> dict[str, Any]:
    """The event `data` hold, without what can grow: the order, its state, and where the dossier is. Shortening twice changes nothing."""
    payload = data["event"]
    kept = {name: value for name, value in payload["workOrder"].items() if name != "note"}
    short: dict[str, Any] = {"workOrder": kept}
    if "change" in payload:
        short["change"] = payload["change"]
    if "dossier" in payload:
        # What the whole dossier can be checked against later, when it is fetched.
        record = payload["dossier"].get("record", {})
        head = {"headHash": record["headHash"]} if "headHash" in record else {}
        sentence = "The dossier is too large for a message; ask us for it."
        short["dossier"] = {"sentence": sentence, **({"record": head} if head else {})}
    return {**data, "event": short}


def _state(
    order: WorkOrder, event: Event, status: WorkOrderStatus, appointment: Appointment | None
) -> dict[str, object]:
    """The values of a `WorkOrderState`."""
    state = TMF697_STATES[status]
    values: dict[str, object] = {
        "id": str(order.id),
        "external_id": order.external_id,
        "state": state,
        "status": status.value,
        "state_change_date": event.at,
        "related_party": ({"id": order.utility},),
    }
    work: dict[str, object] = {"work_specification": {"id": order.work_type}}
    if appointment is not None:
        values["appointment"] = {
            "id": str(appointment.id),
            "description": f"Arrival window, agreement {appointment.sequence}",
        }
        work["delivery_time_slot"] = {
            "start_date_time": appointment.starts_at,
            "end_date_time": appointment.ends_at,
        }
    if order.hold_reason and status is WorkOrderStatus.ON_HOLD:
        values["hold_reason"] = order.hold_reason.value
    if event.reason:
        values["note"] = {"author": event.actor.kind.value, "date": event.at, "text": event.reason}
    return {**values, "work_order_item": ({"state": state, "work": work},)}


def _outbox_event(
    order: WorkOrder,
    event: Event,
    cloud_type: str,
    event_type: str,
    title: str,
    model: type[_Outgoing],
    payload: Mapping[str, object],
) -> OutboxEvent:
    event_id = EventId(uuid4())
    data = model.model_validate(
        {
            "event_id": str(event_id),
            "event_time": event.at,
            "event_type": event_type,
            "correlation_id": order.correlation_id,
            "title": title,
            "event": payload,
        }
    )
    return OutboxEvent(
        id=event_id,
        work_order_id=order.id,
        type=cloud_type,
        subject=order.external_id,
        at=event.at,
        data=data.to_data(),
        correlation_id=order.correlation_id,
    )
