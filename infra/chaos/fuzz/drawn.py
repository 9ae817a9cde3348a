"""Messages as Hypothesis draws them: JSON of any shape in the places of an event and of an order. For development only."""

import json
from typing import Any

from hypothesis import strategies as st

from hub.messaging.service_bus import ReceivedMessage
from ingest.change_schemas import CANCEL_TYPE, CLOSE_TYPE, UPDATE_TYPE
from ingest.schemas import CREATE_TYPE

_TEXTS = st.one_of(
    st.text(max_size=40),
    st.text(alphabet=st.characters(codec="utf-8", categories=["Cc", "Cf", "Zs", "Zl", "Nd", "Lo"]), max_size=20),
    st.sampled_from(
        [
            "meter_swap",
            "repair",
            "9000",
            "BE",
            "2026-05-29T17:00:00+02:00",
            "2026-05-29",
            "add",
            "Point",
            "customer",
            "fr",
        ]
    ),
)
_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(min_value=10**18, max_value=10**40), st.floats(), _TEXTS
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4), max_leaves=12
)


def _shape(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """An object with some of the fields, each well-formed or anything; or no object at all."""
    odd = {name: st.one_of(good, good, good, VALUES) for name, good in fields.items()}
    return st.one_of(st.fixed_dictionaries({}, optional=odd), st.fixed_dictionaries(odd), VALUES)


_CODES = st.sampled_from(["A-1", "A-2", "A-3", "", " A-1 "]) | _TEXTS
_POINT = _shape(
    {"type": st.just("Point"), "coordinates": st.just([3.7174, 51.0543]) | st.lists(st.floats(), max_size=4)}
)
_PLACE = _shape(
    {
        "streetName": _TEXTS,
        "streetNr": _TEXTS,
        "postcode": st.sampled_from(["9000", "2800", "0000"]),
        "city": _TEXTS,
        "country": st.sampled_from(["BE", "FR", "xx"]),
        "geographicLocation": _shape({"geoJson": _POINT}),
    }
)
_MEDIUM = _shape(
    {
        "preferred": st.booleans(),
        "characteristic": _shape(
            {
                "emailAddress": st.just("an@citizen.example") | _TEXTS,
                "phoneNumber": st.just("+33639980001") | _TEXTS,
            }
        ),
    }
)
_PARTY = _shape(
    {
        "role": st.sampled_from(["customer", "citizen", " Resident "]),
        "name": _TEXTS,
        "contactMedium": st.lists(_MEDIUM, max_size=3),
    }
)
_WORK = _shape(
    {
        "workSpecification": _shape({"id": st.sampled_from(["meter_swap", "cabinet_repair"])}),
        "place": st.lists(_PLACE, max_size=2) | _PLACE,
        "relatedParty": st.lists(_PARTY, max_size=2),
        "workCharacteristic": st.lists(_shape({"name": st.just("language"), "value": _TEXTS}), max_size=2),
        "note": _shape({"text": _TEXTS}),
    }
)
_ORDER = _shape(
    {
        "externalId": _CODES,
        "description": _TEXTS,
        "priority": st.sampled_from(["0", "1", "2", "3", "4"]),
        "requestedStartDate": st.sampled_from(["2026-05-06T08:00:00+02:00", "2026-05-06"]),
        "requestedCompletionDate": st.sampled_from(["2026-05-29T17:00:00+02:00", "2020-01-01T00:00:00Z"]),
        "cancellationReason": _TEXTS,
        "workOrderItem": st.lists(_shape({"id": st.just("1"), "action": st.just("add"), "work": _WORK}), max_size=2),
    }
)
EVENTS: st.SearchStrategy[Any] = _shape(
    {
        "specversion": st.just("1.0"),
        "id": st.uuids().map(str) | _CODES,
        "source": st.just("urn:utility:fuzz"),
        "type": st.sampled_from([CREATE_TYPE, UPDATE_TYPE, CANCEL_TYPE, CLOSE_TYPE]),
        "time": st.sampled_from(["2026-05-04T06:00:00Z", "2026-05-04T08:00:00+02:00"]),
        "sequence": st.sampled_from(["1", "2", "000003", "b"]) | st.integers(),
        "correlationid": _TEXTS,
        "data": _ORDER,
    }
)
"""What a utility's CloudEvent could be, from good to nonsense, as a JSON value."""


def _as_message(event: Any, name: str) -> ReceivedMessage:
    try:
        body = json.dumps(event).encode()
    except RecursionError:
        body = b"null"
    return ReceivedMessage(
        body=body,
        message_id=name,
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


MESSAGES: st.SearchStrategy[ReceivedMessage] = st.builds(_as_message, EVENTS, st.uuids().map(str) | _TEXTS)
"""The same as messages of the bus."""
