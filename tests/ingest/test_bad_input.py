"""Whatever comes from the bus ends as imported, rejected or dead-lettered with a sentence; never as an exception."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hub.bootstrap import Hub
from hub.messaging.service_bus import Complete, DeadLetter
from ingest.service import receive_message
from tests.ingest.messages import a_message, an_event, an_order, spoiled
from tests.ingest.reading import orders, outcomes

WORK = "workOrderItem.0.work"
PLACE = f"{WORK}.place.0"
POINT = f"{PLACE}.geographicLocation.geoJson.coordinates"
READ = "The order cannot be read: data."
ITEM = f"{READ}workOrderItem[0]."
AT_PLACE = f"{ITEM}work.place[0]."


def _text(event: dict[str, Any], **changes: Any) -> bytes:
    return json.dumps({**event, **changes}).encode()


def _with(path: str, raw: bytes) -> bytes:
    """The good event with the JSON text `raw` at `path` of its order, however wrong that text is."""
    return json.dumps(an_event(spoiled(path, "@@"))).encode().replace(b'"@@"', raw)


NOT_JSON = "The message is not JSON in UTF-8"
NUL = "The message holds a NUL character, which no text may hold. Send it without."
BAD: list[tuple[str, bytes, str]] = [
    ("empty", b"", NOT_JSON),
    ("not JSON", b"hello", NOT_JSON),
    ("cut off", _text(an_event())[:300], NOT_JSON),
    ("not UTF-8", _with(f"{PLACE}.city", b'"Li\xe8ge"'), NOT_JSON),
    ("a list", b"[]", "The message is JSON, but not an object. A CloudEvent is a JSON object."),
    ("a bare order", json.dumps(an_order()).encode(), "The message is no CloudEvent: it has no specversion."),
    ("other version", _text(an_event(), specversion="0.3"), "'specversion' is wrong: input should be '1.0'."),
    ("no id", _text(an_event(), id=None), "The attribute 'id' is missing."),
    ("long id", _text(an_event(), id="x" * 201), "The attribute 'id' is longer than 200 characters."),
    ("other type", _text(an_event(), type="a.b"), "Events of type 'a.b' are not understood here; send org.tmforum."),
    ("no data", _text(an_event(), data=None), "The CloudEvent has no data; it must hold a TMF697 work order."),
    ("data is text", _text(an_event(), data="x"), "The order cannot be read: 'data' must be a TMF697 work order"),
    ("no items", _text(an_event(spoiled("workOrderItem"))), f"{READ}workOrderItem is missing."),
    ("no item", _text(an_event(spoiled("workOrderItem", []))), f"{READ}workOrderItem must have at least 1."),
    ("no number", _text(an_event(spoiled("externalId"))), f"{READ}externalId is missing."),
    ("number is a number", _with("externalId", b"7"), f"{READ}externalId must be a text."),
    ("empty number", _with("externalId", b'"  "'), f"{READ}externalId is empty."),
    ("long number", _with("externalId", b'"' + b"9" * 101 + b'"'), f"{READ}externalId is longer than 100 characters."),
    ("no place", _text(an_event(spoiled(f"{WORK}.place"))), f"{ITEM}work.place is missing."),
    ("no postcode", _text(an_event(spoiled(f"{PLACE}.postcode"))), f"{AT_PLACE}postcode is missing."),
    ("postcode is no such", _with(f"{PLACE}.postcode", b'"9000!"'), f"{AT_PLACE}postcode is not a postal code."),
    ("no town", _text(an_event(spoiled(f"{PLACE}.city"))), f"{AT_PLACE}city is missing."),
    ("no point", _text(an_event(spoiled(f"{PLACE}.geographicLocation.geoJson"))), f"{AT_PLACE}geographicLocation.geoJson is missing."),
    ("one coordinate", _with(POINT, b"[3.7]"), f"{AT_PLACE}geographicLocation.geoJson.coordinates must have"),
    ("coordinate is text", _with(POINT, b'["3.7", 51]'), "coordinates[0] must be a number."),
    ("infinite coordinate", _with(POINT, b"[1e999, 51]"), "coordinates[0] must be a finite number."),
    ("NaN", _with(POINT, b"[NaN, 51]"), NOT_JSON),
    ("Infinity", _with(POINT, b"[-Infinity, 51]"), NOT_JSON),
    ("huge number", _with(POINT, b"[" + b"9" * 100_000 + b", 51]"), NOT_JSON),
    ("no type", _text(an_event(spoiled(f"{WORK}.workSpecification"))) .replace(b'"category"', b'"other"'),
     f"{ITEM}work.workSpecification.id is missing."),
    ("other action", _with("workOrderItem.0.action", b'"burn"'), f"{ITEM}action must be 'add', 'modify', 'delete' or"),
    ("no name", _text(an_event(spoiled(f"{WORK}.relatedParty.0.name"))), f"{ITEM}work.relatedParty[0].name is missing."),
    ("time without zone", _with("requestedStartDate", b'"2026-05-06T08:00:00"'),
     f"{READ}requestedStartDate must have a time zone, such as 2026-05-04T08:00:00+02:00."),
    ("time is a number", _with("requestedStartDate", b"1778000000"), f"{READ}requestedStartDate must be a text such as"),
    ("no such time", _with("requestedStartDate", b'"yesterday"'), f"{READ}requestedStartDate is wrong: input should be"),
    ("distant time", _with("requestedStartDate", b'"0001-01-01T00:00:00+14:00"'),
     f"{READ}requestedStartDate must lie between the years 2000 and 2100."),
    ("other priority", _with("priority", b'"9"'), f"{READ}priority must be '0', '1', '2', '3' or '4'."),
    ("NUL in the name", _with(f"{WORK}.relatedParty.0.name", b'"An\\u0000"'), NUL),
    ("NUL where we do not look", _with("agreement", b'[{"id":"\\u0000"}]'), NUL),
    ("NUL in the envelope", _text(an_event(), subject="a\x00b"), NUL),
    ("control character", _with(f"{PLACE}.city", b'"Gent\\r\\nBcc: x"'), f"{AT_PLACE}city holds control characters."),
    ("control in the note", _with("note", b'{"text": "a\\u0007b"}'), f"{READ}note[0].text holds control characters."),
    ("lone surrogate", _with(f"{PLACE}.city", b'"\\ud800"'), NOT_JSON),
    ("raw surrogate", _with(f"{PLACE}.city", b'"\xed\xa0\x80"'), NOT_JSON),
    ("deep list", b"[" * 100_000, NOT_JSON),
    ("deep object", b'{"a":' * 100_000 + b"1" + b"}" * 100_000, NOT_JSON),
    ("deep field", _with("agreement", b"[" * 5000 + b"]" * 5000), NOT_JSON),
    ("long text", _with("description", b'"' + b"x" * 262_144 + b'"'), f"{READ}description is longer than 4000 char"),
    ("long name", _with(f"{WORK}.relatedParty.0.name", b'"' + b"x" * 262_144 + b'"'), "name is longer than 200 char"),
    ("many items", _text(an_event(an_order(workOrderItem=[{}] * 5000))), f"{READ}workOrderItem must have at most 100."),
]  # fmt: skip


@pytest.mark.parametrize(("body", "sentence"), [bad[1:] for bad in BAD], ids=[bad[0] for bad in BAD])
def test_a_message_that_cannot_be_read_is_dead_lettered_with_a_sentence(
    shared_hub: Hub, body: bytes, sentence: str
) -> None:
    before, orders_before = outcomes(shared_hub), orders(shared_hub)
    answer = receive_message(shared_hub, a_message(body))
    assert isinstance(answer, DeadLetter)
    assert sentence in answer.description
    assert (len(answer.description) <= 501, len(answer.reason) <= 100) == (True, True)
    assert orders(shared_hub) == orders_before
    assert outcomes(shared_hub) == {**before, "dead-lettered": before.get("dead-lettered", 0) + 1}


def test_good_orders_around_a_broken_message_are_unaffected(ingest_hub: Hub) -> None:
    answers = [receive_message(ingest_hub, a_message(body)) for body in (an_event(), b"{", an_event())]
    assert [type(answer) for answer in answers] == [Complete, DeadLetter, Complete]
    assert outcomes(ingest_hub) == {"imported": 2, "dead-lettered": 1}


def test_a_dead_letter_that_comes_again_counts_once(ingest_hub: Hub) -> None:
    message = a_message(b"{", message_id="bus\x00id\ud800" + "x" * 5000)
    for _ in range(2):
        assert isinstance(receive_message(ingest_hub, message), DeadLetter)
    assert outcomes(ingest_hub) == {"dead-lettered": 1}


@pytest.mark.parametrize("value", ["Robert'); DROP TABLE work_order;--", "🏠 Żółć 東京 \u202e", "a" * 200, "{{7*7}}"])
def test_strange_but_readable_text_is_kept_as_it_is(ingest_hub: Hub, value: str) -> None:
    body = an_event(spoiled(f"{WORK}.relatedParty.0.name", value))
    assert receive_message(ingest_hub, a_message(body)) == Complete()
    assert orders(ingest_hub)[0].citizen_name == value


_PATHS = [
    "externalId", "category", "description", "priority", "requestedStartDate", "requestedCompletionDate", "note",
    "place", "relatedParty", "workOrderItem", "workOrderItem.0", "workOrderItem.0.id", "workOrderItem.0.action", WORK,
    f"{WORK}.workSpecification", f"{WORK}.workSpecification.id", f"{WORK}.place", PLACE, f"{PLACE}.streetName",
    f"{PLACE}.streetNr", f"{PLACE}.postcode", f"{PLACE}.city", f"{PLACE}.country", f"{PLACE}.geographicLocation", POINT,
    f"{WORK}.workCharacteristic", f"{WORK}.workCharacteristic.0.value", f"{WORK}.relatedParty",
    f"{WORK}.relatedParty.0.role", f"{WORK}.relatedParty.0.name", f"{WORK}.relatedParty.0.contactMedium",
    f"{WORK}.relatedParty.0.contactMedium.0.characteristic.emailAddress",
    f"{WORK}.relatedParty.0.contactMedium.1.characteristic.phoneNumber",
]  # fmt: skip
_TEXTS = st.text() | st.sampled_from(
    ["²", "٩٠٠٠", "+", "tel:+32", "9999-12-31T23:59:59-12:00", "\u2028", "a@b.c", "nl-"]
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=12,
)
_quick = settings(max_examples=120, deadline=None)


def _ends_well(hub: Hub, body: bytes) -> None:
    before = sum(outcomes(hub).values())
    answer = receive_message(hub, a_message(body))
    assert isinstance(answer, Complete | DeadLetter)
    if isinstance(answer, DeadLetter):
        assert answer.description
    assert sum(outcomes(hub).values()) == before + 1


@given(path=st.sampled_from(_PATHS), value=_JSON)
@example(path=f"{PLACE}.postcode", value="²²²²")
@example(path=f"{WORK}.workCharacteristic.0.value", value="\u0130" * 40)
@_quick
def test_any_value_in_any_field_ends_imported_rejected_or_dead_lettered(
    shared_hub: Hub, path: str, value: object
) -> None:
    _ends_well(shared_hub, json.dumps(an_event(spoiled(path, value))).encode())


@given(attributes=st.dictionaries(st.sampled_from(list(an_event())) | _TEXTS, _JSON, max_size=3))
@_quick
def test_any_envelope_ends_imported_rejected_or_dead_lettered(shared_hub: Hub, attributes: dict[str, object]) -> None:
    _ends_well(shared_hub, json.dumps({**an_event(), **attributes}).encode())


@given(body=st.binary(max_size=300))
@_quick
def test_any_bytes_are_dead_lettered(shared_hub: Hub, body: bytes) -> None:
    answer = receive_message(shared_hub, a_message(body))
    assert isinstance(answer, DeadLetter)
