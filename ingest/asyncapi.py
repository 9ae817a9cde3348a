"""What arrives and leaves on the bus, as an AsyncAPI 3 document made from the very types that read and write it.

https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from hub.messaging.envelope import CONTENT_TYPE, Envelope
from ingest.change_schemas import CANCEL_TYPE, CLOSE_TYPE, UPDATE_TYPE, WorkOrderEnd, WorkOrderUpdate
from ingest.events import (
    CHANGE_REFUSED_TYPE,
    CREATED_TYPE,
    ESCALATED_TYPE,
    STATE_CHANGED_TYPE,
    ChangeRefusedPayload,
    CreatedPayload,
    EscalationPayload,
    StateChangePayload,
    WorkOrderEvent,
)
from ingest.schemas import CITIZEN_ROLES, CREATE_TYPE, Citizen, GeographicAddress, WorkOrderCreate

VERSION = "3.0.0"
_SCHEMAS = "#/components/schemas/"
_MESSAGES = "#/components/messages/"
_CLOUD_EVENT = "CloudEvent"


@dataclass(frozen=True)
class DocumentedMessage:
    """One kind of message: its CloudEvents type, what its data are, and what it is for, in a sentence."""

    name: str
    event_type: str
    data: type[BaseModel]
    title: str
    summary: str


INCOMING: Sequence[DocumentedMessage] = (
    DocumentedMessage(
        "createWorkOrder", CREATE_TYPE, WorkOrderCreate, "Create", "A new work order: TMF697's body of POST /workOrder."
    ),
    DocumentedMessage(
        "updateWorkOrder",
        UPDATE_TYPE,
        WorkOrderUpdate,
        "Update",
        "What changes of an order. A field that is absent stays as it is; a date that is null is taken away.",
    ),
    DocumentedMessage(
        "cancelWorkOrder",
        CANCEL_TYPE,
        WorkOrderEnd,
        "Cancel",
        "The order shall not be done. Refused, with an answer, once a technician has set off.",
    ),
    DocumentedMessage(
        "closeWorkOrder", CLOSE_TYPE, WorkOrderEnd, "Close", "The utility counts the order as done, whoever did it."
    ),
)
OUTGOING: Sequence[DocumentedMessage] = (
    DocumentedMessage(
        "workOrderCreated",
        CREATED_TYPE,
        WorkOrderEvent[CreatedPayload],
        "Created",
        "An order that no utility sent: a citizen asked for the work, and a dispatcher accepted. Its steps follow like any order's.",
    ),
    DocumentedMessage(
        "workOrderStateChanged",
        STATE_CHANGED_TYPE,
        WorkOrderEvent[StateChangePayload],
        "State changed",
        "A step of the order's life, with the arrival window that is agreed at that moment.",
    ),
    DocumentedMessage(
        "workOrderEscalated",
        ESCALATED_TYPE,
        WorkOrderEvent[EscalationPayload],
        "Handed back",
        "The order is handed back, with the dossier of every attempt to reach its citizen.",
    ),
    DocumentedMessage(
        "workOrderChangeRefused",
        CHANGE_REFUSED_TYPE,
        WorkOrderEvent[ChangeRefusedPayload],
        "Change refused",
        "An update, cancel or close that is not done: the order stays as it is, and the reason says why.",
    ),
)


def asyncapi_document(
    *, orders_queue: str, events_topic: str, by_sessions: bool, examples: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """The document for an installation's queue and topic. `examples` are whole events by the message's name."""
    return {
        "asyncapi": VERSION,
        "info": {
            "title": "Doorstep on Azure Service Bus",
            "version": "1.0.0",
            "description": (
                "A utility sends work orders and their changes to a queue and hears what becomes of them from a topic. "
                "Every message is a CloudEvent 1.0 in structured mode (JSON). `source` and `id` name an event once and for "
                "all: one that comes twice has one effect. `sequence`, else `time`, says which of two changes is the newer; "
                "an older one that comes late changes nothing. Sending and receiving below are Doorstep's: a utility sends "
                "to where Doorstep receives."
            ),
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": CONTENT_TYPE,
        "servers": {"serviceBus": _SERVER},
        "channels": {
            "orders": _channel(orders_queue, "The utility's orders and changes.", INCOMING),
            "events": _channel(events_topic, "What becomes of them; each reader has a subscription.", OUTGOING),
        },
        "operations": {
            "receiveOrders": {
                "action": "receive",
                "channel": {"$ref": "#/channels/orders"},
                "title": "Take in orders",
                "description": _how_to_send(by_sessions=by_sessions),
                "messages": [{"$ref": f"#/channels/orders/messages/{one.name}"} for one in INCOMING],
            },
            "sendEvents": {
                "action": "send",
                "channel": {"$ref": "#/channels/events"},
                "title": "Tell what becomes of orders",
                "description": (
                    "At least once, in order for each work order; the bus's message id is the event's id. `sequence` rises "
                    "with every event. The application property `type` repeats the event's type, for correlation filters."
                ),
                "messages": [{"$ref": f"#/channels/events/messages/{one.name}"} for one in OUTGOING],
            },
        },
        "components": {
            "messages": {one.name: _message(one, examples.get(one.name)) for one in (*INCOMING, *OUTGOING)},
            "schemas": _schemas(),
            "securitySchemes": {
                "sharedAccessKey": {
                    "type": "plain",
                    "description": "A shared access key of the namespace: send to the queue, listen to the subscription.",
                }
            },
        },
    }


_SERVER: Mapping[str, Any] = {
    "host": "{namespace}.servicebus.windows.net",
    "protocol": "amqps",
    "protocolVersion": "1.0",
    "description": "Azure Service Bus, or the local broker of `doorstep broker`.",
    "variables": {"namespace": {"description": "The namespace's name."}},
    "security": [{"$ref": "#/components/securitySchemes/sharedAccessKey"}],
}


def _how_to_send(*, by_sessions: bool) -> str:
    by = "The queue has sessions: set the session id to the utility and the order's id. " if by_sessions else ""
    return (
        f"{by}What can be read but not done is answered by a state change to rejected. What cannot be read is dead-lettered "
        "with a sentence as its description, and waits for somebody to correct or discard it."
    )


def _channel(address: str, description: str, messages: Sequence[DocumentedMessage]) -> dict[str, Any]:
    return {
        "address": address,
        "description": description,
        "servers": [{"$ref": "#/servers/serviceBus"}],
        "messages": {one.name: {"$ref": _MESSAGES + one.name} for one in messages},
    }


def _message(one: DocumentedMessage, example: Mapping[str, Any] | None) -> dict[str, Any]:
    said = {"properties": {"type": {"const": one.event_type}, "data": {"$ref": _SCHEMAS + _data_name(one)}}}
    return {
        "name": one.event_type,
        "title": one.title,
        "summary": one.summary,
        "contentType": CONTENT_TYPE,
        "correlationId": {
            "description": "The sender's own word, which every answer and every line of the log repeats.",
            "location": "$message.payload#/correlationid",
        },
        "payload": {"allOf": [{"$ref": _SCHEMAS + _CLOUD_EVENT}, {"type": "object", "required": ["data"], **said}]},
        **({"examples": [{"name": one.name, "payload": dict(example)}]} if example else {}),
    }


def _data_name(one: DocumentedMessage) -> str:
    return f"{one.name[0].upper()}{one.name[1:]}Data"


def _schemas() -> dict[str, Any]:
    """The schemas of all data by name, and of what they are made of. What we read and what we write are told apart: their strictness differs."""
    found = _schemas_of(INCOMING, "validation") | _schemas_of(OUTGOING, "serialization")
    envelope = Envelope.model_json_schema(ref_template=_SCHEMAS + "{model}")
    envelope["properties"] |= {
        "correlationid": {"type": "string", "maxLength": 200, "description": "What the sender finds its answer by."},
        "sequence": {"type": ["string", "integer"], "description": "Which of two events about an order is the newer."},
    }
    for schema in (found["ReadWork"], found["ReadWorkOrderCreate"], found["ReadWorkOrderUpdate"]):
        _say_what_objects_hold(schema["properties"])
    return {**found, _CLOUD_EVENT: envelope}


def _say_what_objects_hold(properties: dict[str, Any]) -> None:
    """Places and parties are read one by one, when it is known which of them counts; the types do not say so, this does."""
    properties["place"] = {
        "description": "The first one counts: where the work is. The item's place goes before the order's.",
        **_one_or_many({"$ref": f"{_SCHEMAS}ReadGeographicAddress"}),
    }
    is_citizen = {"properties": {"role": {"enum": sorted(CITIZEN_ROLES)}}, "required": ["role"]}
    properties["relatedParty"] = {
        "description": f"The first whose role is one of {', '.join(sorted(CITIZEN_ROLES))} must be at home; others are left alone.",
        **_one_or_many({"type": "object", "if": is_citizen, "then": {"$ref": f"{_SCHEMAS}ReadCitizen"}}),
    }


def _one_or_many(schema: dict[str, Any]) -> dict[str, Any]:
    # TMF697 declares some of these as one object where implementations send a list.
    return {"oneOf": [schema, {"type": "array", "items": schema, "maxItems": 100}]}


def _schemas_of(messages: Sequence[DocumentedMessage], mode: JsonSchemaMode) -> dict[str, Any]:
    """AsyncAPI's schemas are JSON Schema; each direction's parts get a prefix, for they share names such as Work."""
    prefix = "Sent" if mode == "serialization" else "Read"
    parts_read_later = (GeographicAddress, Citizen) if mode == "validation" else ()
    models = list(dict.fromkeys((*(one.data for one in messages), *parts_read_later)))
    named, whole = models_json_schema([(one, mode) for one in models], ref_template=f"{_SCHEMAS}{prefix}{{model}}")
    parts = {f"{prefix}{name}": schema for name, schema in whole.get("$defs", {}).items()}
    return parts | {_data_name(one): named[one.data, mode] for one in messages}
