"""Messages of a utility for tests to begin from: one good order, and ways to spoil it."""

import json
from copy import deepcopy
from typing import Any
from uuid import uuid4

from hub.messaging.service_bus import ReceivedMessage
from ingest.schemas import CREATE_TYPE

UTILITY = "urn:utility:sample"


def an_order(**changes: Any) -> dict[str, Any]:
    """TMF697 WorkOrder_Create of a meter swap in Ghent; every call makes another external id."""
    order: dict[str, Any] = {
        "externalId": f"WO-{uuid4().hex[:10]}",
        "category": "residential",
        "description": "Swap the meter in the hall.",
        "priority": "2",
        "requestedStartDate": "2026-05-06T08:00:00+02:00",
        "requestedCompletionDate": "2026-05-29T17:00:00+02:00",
        "workOrderItem": [
            {
                "id": "1",
                "action": "add",
                "work": {
                    "workSpecification": {"id": "meter_swap"},
                    "place": [
                        {
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
                    ],
                    "workCharacteristic": [{"name": "language", "value": "fr"}],
                    "relatedParty": [
                        {
                            "id": "C-1",
                            "role": "customer",
                            "name": "An Peeters",
                            "@referredType": "Individual",
                            "contactMedium": [
                                {"mediumType": "email", "characteristic": {"emailAddress": "an@citizen.example"}},
                                {"mediumType": "mobile", "characteristic": {"phoneNumber": "+33 6 39 98 00 01"}},
                            ],
                        }
                    ],
                },
            }
        ],
        "@type": "WorkOrder",
    }
    return {**order, **changes}


def spoiled(path: str, value: Any = ...) -> dict[str, Any]:
    """The order with the field at `path` (dots and numbers) set to `value`, or left out."""
    order = deepcopy(an_order())
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place: Any = order
    for part in way:
        place = place[part]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return order


def an_event(order: Any = None, **changes: Any) -> dict[str, Any]:
    """A CloudEvent that carries `order`."""
    event = {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": UTILITY,
        "type": CREATE_TYPE,
        "time": "2026-05-04T06:00:00Z",
        "datacontenttype": "application/json",
        "data": an_order() if order is None else order,
    }
    return {**event, **changes}


def a_message(body: Any, message_id: str = "") -> ReceivedMessage:
    """`body` (bytes, or a JSON value) as it comes from the bus."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return ReceivedMessage(
        body=content,
        message_id=message_id or str(uuid4()),
        subject=None,
        correlation_id=None,
        content_type="application/cloudevents+json",
        properties={},
        sequence_number=1,
        delivery_count=0,
        enqueued_at=None,
        dead_letter_reason=None,
        dead_letter_description=None,
    )
