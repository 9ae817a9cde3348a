"""The broker's own reading and writing of AMQP bytes, checked against proton's."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from proton import Message, symbol, timestamp, ulong

from infra.local import wire

texts = st.text(st.characters(exclude_categories=["C"]), max_size=300)
names = st.text("abcdefghij", min_size=1, max_size=20)


@st.composite
def messages(draw: st.DrawFn) -> Any:
    message: Any = Message(body=draw(st.binary(max_size=600) | texts | st.none()), inferred=draw(st.booleans()))
    message.id = draw(st.none() | texts)
    message.subject = draw(st.none() | texts)
    message.priority = draw(st.integers(0, 9))
    message.ttl = draw(st.none() | st.integers(1, 4_000_000)) or 0
    message.properties = draw(st.none() | st.dictionaries(names, texts | st.integers(-(2**60), 2**60), max_size=12))
    message.annotations = draw(st.none() | st.dictionaries(names.map(symbol), texts, max_size=12))
    return message


def decoded(encoded: bytes) -> Any:
    message = Message()
    message.decode(encoded)
    return message


@given(messages(), st.integers(0, 2000), st.integers(1, 2**62))
def test_delivery_adds_what_the_broker_says_and_changes_nothing_else(sent: Any, count: int, sequence: int) -> None:
    added: dict[str, int | str] = {
        "x-opt-sequence-number": sequence,
        "x-opt-enqueued-time": 1_780_000_000_000,
        "x-opt-deadletter-source": "work-orders",
    }
    got = decoded(wire.for_delivery(sent.encode(), count, added))
    assert got.delivery_count == count
    assert (got.priority, got.ttl) == (sent.priority, sent.ttl)
    annotations: dict[Any, Any] = dict(got.annotations)
    assert {key: annotations.pop(symbol(key)) for key in added} == added
    assert annotations == (sent.annotations or {})
    assert (got.id, got.subject, got.properties, got.body) == (sent.id, sent.subject, sent.properties, sent.body)


@given(messages(), texts, texts)
def test_added_properties_replace_those_of_the_same_name(sent: Any, reason: str, description: str) -> None:
    added = {"DeadLetterReason": reason, "DeadLetterErrorDescription": description}
    once = wire.with_application_properties(sent.encode(), {"DeadLetterReason": "before"})
    got = decoded(wire.with_application_properties(once, added))
    assert got.properties == {**(sent.properties or {}), **added}
    assert (got.id, got.subject, got.body) == (sent.id, sent.subject, sent.body)


@given(messages(), texts, st.none() | st.integers(0, 2**60))
def test_the_envelope_tells_what_the_sender_asks_of_the_bus(sent: Any, session_id: str, due_ms: int | None) -> None:
    sent.group_id = session_id or None
    if due_ms is not None:
        key = "x-opt-scheduled-enqueue-time"
        sent.annotations = {**(sent.annotations or {}), symbol(key): timestamp(due_ms)}
    envelope = wire.read_envelope(sent.encode())
    assert envelope.time_to_live_ms == (round(sent.ttl * 1000) or None)
    assert envelope.due_ms == due_ms
    assert envelope.session_id == session_id
    assert envelope.message_id == (sent.id or "")


@given(st.integers(0, 2**63), st.uuids(), st.binary(min_size=1, max_size=300))
def test_message_ids_of_other_kinds_are_told_apart(number: int, key: UUID, raw: bytes) -> None:
    ids = []
    for each in (ulong(number), key, raw):
        message = Message()
        message.id = each
        ids.append(wire.read_envelope(message.encode()).message_id)
    assert len(set(ids)) == 3
    assert all(ids)


values = texts | st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.floats(allow_nan=False) | st.uuids() | st.none()


@given(messages(), st.dictionaries(names, values | st.binary(max_size=300), max_size=5))
def test_added_properties_keep_their_type(sent: Any, added: dict[str, Any]) -> None:
    # Proton's bytes are views into the message, which must live as long as they.
    message = decoded(wire.with_application_properties(sent.encode(), added))
    properties = message.properties or {}
    got = {name: bytes(value) if isinstance(value, memoryview) else value for name, value in properties.items()}
    assert {name: got[name] for name in added} == added
    assert {name: type(got[name]) for name in added} == {name: type(value) for name, value in added.items()}


@pytest.mark.parametrize("value", [2**63, object(), [1], {"a": 1}])
def test_a_property_that_no_message_can_carry_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="the property odd has a value that no message can carry"):
        wire.with_application_properties(Message(body=b"x").encode(), {"odd": value})


@given(st.lists(st.binary(max_size=600), min_size=1, max_size=5))
def test_a_batch_is_unpacked_and_a_message_that_only_looks_like_one_is_not(bodies: list[bytes]) -> None:
    inner = [Message(body=body, inferred=True).encode() for body in bodies]
    batch = b"".join(b"\x00\x53\x75\xb0" + len(each).to_bytes(4) + each for each in inner)
    assert wire.unpack_batch(batch) == inner
    for each in inner:
        assert wire.unpack_batch(each) == [each]


@given(messages(), st.data())
def test_a_message_cut_short_is_refused_or_a_shorter_message(sent: Any, data: st.DataObject) -> None:
    encoded = sent.encode()
    cut = encoded[: data.draw(st.integers(0, len(encoded) - 1))]
    try:
        ends = [section.end for section in wire.sections(cut)]
    except wire.MalformedMessage:
        return
    assert (ends or [0])[-1] == len(cut)
    assert set(ends) <= {section.end for section in wire.sections(encoded)}


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_malformed(junk: bytes) -> None:
    try:
        unpacked = wire.unpack_batch(junk)
    except wire.MalformedMessage:
        return
    assert unpacked


@pytest.mark.parametrize("junk", [b"\x00", b"\x40", b"\x00\x53\x99\x40", b"\x00\x53\x75\xa0\x05ab", b"\x00" * 5000])
def test_junk_is_malformed(junk: bytes) -> None:
    with pytest.raises(wire.MalformedMessage):
        wire.unpack_batch(junk)
