"""The broker's own reading and writing of AMQP bytes, checked against proton's."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from proton import Message, symbol

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


@given(messages())
def test_the_time_to_live_is_read_in_milliseconds(sent: Any) -> None:
    assert wire.time_to_live_ms(sent.encode()) == (round(sent.ttl * 1000) or None)


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
