"""One example of each message on the bus, for whoever connects a utility. The tests read each as the room does."""

from collections.abc import Mapping
from typing import Any

from ingest.change_schemas import CANCEL_TYPE, CLOSE_TYPE, UPDATE_TYPE
from ingest.events import CHANGE_REFUSED_TYPE, CREATED_TYPE, ESCALATED_TYPE, STATE_CHANGED_TYPE
from ingest.schemas import CREATE_TYPE

_UTILITY = "urn:utility:sample"
_HUB = "urn:doorstep:hub"
_ORDER = "WO-2026-004711"
_ORDER_ID = "6f8b1f3e-4a53-4c0e-9d3c-6a0a3a1f7a10"
_CORRELATION = "case-88012"

_PLACE: Mapping[str, Any] = {
    "role": "installation address",
    "@type": "GeographicAddress",
    "streetName": "Lindestraat",
    "streetNr": "12",
    "postcode": "9000",
    "city": "Gent",
    "country": "BE",
    "geographicLocation": {
        "@type": "GeoJsonPoint",
        "geoJson": {"type": "Point", "coordinates": [3.7174, 51.0543]},
    },
}
_PARTY: Mapping[str, Any] = {
    "id": "C-1001",
    "role": "customer",
    "name": "Lotte Vermeulen",
    "@referredType": "Individual",
    "contactMedium": [
        {"mediumType": "email", "characteristic": {"emailAddress": "lotte.vermeulen@citizen.example"}},
        {"mediumType": "mobile", "characteristic": {"phoneNumber": "+32 470 00 00 01"}},
    ],
}


def example_events() -> Mapping[str, Mapping[str, Any]]:
    """Whole CloudEvents by the names of `ingest.asyncapi`'s messages. People and addresses are invented."""
    return {
        "createWorkOrder": _incoming(1, CREATE_TYPE, _create()),
        "updateWorkOrder": _incoming(
            2, UPDATE_TYPE, {"externalId": _ORDER, "requestedCompletionDate": "2026-06-05T17:00:00+02:00"}
        ),
        "cancelWorkOrder": _incoming(
            3, CANCEL_TYPE, {"externalId": _ORDER, "cancellationReason": "The customer keeps the old meter."}
        ),
        "closeWorkOrder": _incoming(
            4, CLOSE_TYPE, {"externalId": _ORDER, "reason": "Done together with another order."}
        ),
        "workOrderCreated": _outgoing(
            16,
            CREATED_TYPE,
            "WorkOrderCreateEvent",
            f"Work order {_ORDER} was made for a citizen who asked for it.",
            {"workOrder": _order("acknowledged", "received")},
        ),
        "workOrderStateChanged": _outgoing(
            17, STATE_CHANGED_TYPE, "WorkOrderStateChangeEvent", f"Work order {_ORDER} is booked.", _booked()
        ),
        "workOrderEscalated": _outgoing(
            18,
            ESCALATED_TYPE,
            "WorkOrderEscalatedEvent",
            f"Work order {_ORDER} is handed back: no contact.",
            _handed_back(),
        ),
        "workOrderChangeRefused": _outgoing(
            19,
            CHANGE_REFUSED_TYPE,
            "WorkOrderChangeRefusedEvent",
            f"A change of work order {_ORDER} was refused.",
            _refused(),
        ),
    }


def _incoming(number: int, kind: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"order-event-{number}",
        "source": _UTILITY,
        "type": kind,
        "subject": _ORDER,
        "time": f"2026-05-04T06:0{number}:00Z",
        "sequence": f"{number:06d}",
        "correlationid": _CORRELATION,
        "datacontenttype": "application/json",
        "data": data,
    }


def _create() -> Mapping[str, Any]:
    work = {
        "workSpecification": {"id": "meter_swap"},
        "place": [_PLACE],
        "workCharacteristic": [{"name": "language", "value": "nl"}],
        "relatedParty": [_PARTY],
    }
    return {
        "externalId": _ORDER,
        "description": "Replace the meter by a digital one.",
        "priority": "2",
        "requestedStartDate": "2026-05-06T08:00:00+02:00",
        "requestedCompletionDate": "2026-05-29T17:00:00+02:00",
        "workOrderItem": [{"id": "1", "action": "add", "work": work}],
        "@type": "WorkOrder",
    }


def _outgoing(number: int, kind: str, event_type: str, title: str, payload: Mapping[str, Any]) -> Mapping[str, Any]:
    identity = f"0d4a6a52-6c0e-4f5d-8f43-0000000000{number}"
    at = "2026-05-04T07:30:00Z"
    return {
        "specversion": "1.0",
        "id": identity,
        "source": _HUB,
        "type": kind,
        "subject": _ORDER,
        "time": at,
        "sequence": f"{number:019d}",
        "correlationid": _CORRELATION,
        "datacontenttype": "application/json",
        "data": {
            "eventId": identity,
            "eventTime": at,
            "eventType": event_type,
            "correlationId": _CORRELATION,
            "domain": "workOrder",
            "title": title,
            "event": payload,
        },
    }


def _order(state: str, status: str, **more: Any) -> Mapping[str, Any]:
    slot = more.pop("slot", None)
    work = {"workSpecification": {"id": "meter_swap"}, **({"deliveryTimeSlot": slot} if slot else {})}
    return {
        "id": _ORDER_ID,
        "externalId": _ORDER,
        "state": state,
        "status": status,
        "stateChangeDate": "2026-05-04T07:30:00Z",
        **more,
        "relatedParty": [{"id": _UTILITY, "role": "utility", "@referredType": "Organization"}],
        "workOrderItem": [{"id": "1", "action": "add", "state": state, "work": work}],
        "@type": "DoorstepWorkOrder",
        "@baseType": "WorkOrder",
    }


def _booked() -> Mapping[str, Any]:
    slot = {"startDateTime": "2026-05-07T08:00:00Z", "endDateTime": "2026-05-07T10:00:00Z"}
    agreed = {"id": "5c5c1d0a-8a51-4b8e-8d0d-1f1f7f0b2c11", "description": "Arrival window, agreement 1"}
    return {"workOrder": _order("pending", "booked", appointment=agreed, slot=slot)}


def _handed_back() -> Mapping[str, Any]:
    dossier = {"sentence": "Three messages by e-mail and SMS were not answered."}
    return {"workOrder": _order("held", "on hold", holdReason="no contact"), "dossier": dossier}


def _refused() -> Mapping[str, Any]:
    reason = "A technician is on the way; the visit cannot be called off any more."
    change = {"id": "order-event-3", "type": CANCEL_TYPE, "reason": reason}
    return {"workOrder": _order("inProgress", "in progress"), "change": change}
