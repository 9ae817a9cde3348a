"""AMQP 1.0 messages as bytes: where a section ends, what a batch holds, what the broker adds on delivery.

The broker keeps every message exactly as it was sent and touches only what Service Bus touches (header, message
annotations, application properties of a dead letter), so nothing a sender wrote is re-encoded on the way.
Numbers in this file are the constructors of the AMQP 1.0 type system (part 1, section 1.6).
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

HEADER = 0x70
DELIVERY_ANNOTATIONS = 0x71
MESSAGE_ANNOTATIONS = 0x72
PROPERTIES = 0x73
APPLICATION_PROPERTIES = 0x74
DATA = 0x75
FOOTER = 0x78

_DESCRIBED = 0x00
_NULL = b"\x40"
_TRUE = b"\x41"
_NAMED_SECTIONS = {
    b"amqp:header:list": HEADER,
    b"amqp:delivery-annotations:map": DELIVERY_ANNOTATIONS,
    b"amqp:message-annotations:map": MESSAGE_ANNOTATIONS,
    b"amqp:properties:list": PROPERTIES,
    b"amqp:application-properties:map": APPLICATION_PROPERTIES,
    b"amqp:data:binary": DATA,
    b"amqp:amqp-sequence:list": 0x76,
    b"amqp:amqp-value:*": 0x77,
    b"amqp:footer:map": FOOTER,
}
_UBYTE, _UINT, _LONG = {0x50}, {0x43, 0x52, 0x70}, {0x55, 0x81, 0x83}
# By the high half of a constructor: bytes of a fixed value, or of the size that leads a variable one.
_FIXED = {0x4: 0, 0x5: 1, 0x6: 2, 0x7: 4, 0x8: 8, 0x9: 16}
_SIZED = {0xA: 1, 0xB: 4, 0xC: 1, 0xD: 4, 0xE: 1, 0xF: 4}


class MalformedMessage(ValueError):
    """Bytes that are no AMQP 1.0 message."""


@dataclass(frozen=True, slots=True)
class Section:
    """One section of a message: its code and where its value starts and ends in the message's bytes."""

    code: int
    start: int
    value: int
    end: int


def end_of_value(encoded: bytes, at: int) -> int:
    """The offset just after the value that starts at `at`; raises MalformedMessage when it runs past the end."""
    try:
        while encoded[at] == _DESCRIBED:
            # A descriptor is plain itself; what it describes may be described again.
            if encoded[at + 1] == _DESCRIBED:
                raise MalformedMessage("A descriptor is itself described.")
            at = end_of_value(encoded, at + 1)
        kind = encoded[at] >> 4
        if kind in _FIXED:
            end = at + 1 + _FIXED[kind]
        elif kind in _SIZED:
            width = _SIZED[kind]
            end = at + 1 + width + int.from_bytes(encoded[at + 1 : at + 1 + width])
        else:
            raise MalformedMessage(f"Byte {at} starts no AMQP value.")
    except IndexError:
        raise MalformedMessage("The message ends in the middle of a value.") from None
    if end > len(encoded):
        raise MalformedMessage("The message ends in the middle of a value.")
    return end


def sections(encoded: bytes) -> Iterator[Section]:
    """The sections of a message in order; raises MalformedMessage at the first byte that fits none."""
    at = 0
    while at < len(encoded):
        if encoded[at] != _DESCRIBED:
            raise MalformedMessage("A message is a row of described sections.")
        value = end_of_value(encoded, at + 1)
        end = end_of_value(encoded, value)
        yield Section(_section_code(encoded, at + 1, value), at, value, end)
        at = end


def _section_code(encoded: bytes, at: int, end: int) -> int:
    constructor = encoded[at]
    if constructor in {0x53, 0x80}:
        code = int.from_bytes(encoded[at + 1 : end])
    elif constructor in {0xA3, 0xB3}:
        code = _NAMED_SECTIONS.get(encoded[at + (2 if constructor == 0xA3 else 5) : end], 0)
    else:
        code = 0
    if not HEADER <= code <= FOOTER:
        raise MalformedMessage("A message holds a section that AMQP does not name.")
    return code


def unpack_batch(encoded: bytes) -> list[bytes]:
    """The messages of one transfer: those packed in it when it is a batch, else itself.

    The SDK marks a batch by the transfer's message format, which proton keeps to itself; so a batch is told by its
    shape: a body of data sections each of which is itself a complete AMQP message.
    """
    packed: list[bytes] = []
    for section in sections(encoded):
        if section.code in {HEADER, DELIVERY_ANNOTATIONS, MESSAGE_ANNOTATIONS, PROPERTIES, APPLICATION_PROPERTIES}:
            continue
        if section.code != DATA:
            return [encoded]
        if encoded[section.value] not in {0xA0, 0xB0}:
            raise MalformedMessage("A data section holds something other than bytes.")
        width = 1 if encoded[section.value] == 0xA0 else 4
        inner = encoded[section.value + 1 + width : section.end]
        if not _is_message(inner):
            return [encoded]
        packed.append(inner)
    return packed or [encoded]


def _is_message(encoded: bytes) -> bool:
    if not encoded.startswith((b"\x00\x53", b"\x00\x80", b"\x00\xa3")):
        return False
    try:
        return any(section.code >= DATA for section in sections(encoded))
    except MalformedMessage:
        return False


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the broker reads of a message: what the sender asked of the bus, nothing of the content.

    Durations and instants are milliseconds; ids are empty when the sender set none. Ids that are not text (a number, a
    UUID, bytes) are told apart by their encoding.
    """

    message_id: str = ""
    session_id: str = ""
    time_to_live_ms: int | None = None
    due_ms: int | None = None


def read_envelope(encoded: bytes) -> Envelope:
    """What a message asks of the bus. Raises MalformedMessage, also for one that could not be delivered later."""
    time_to_live_ms = due_ms = None
    message_id = session_id = ""
    for section in sections(encoded):
        if section.code == HEADER:
            time_to_live_ms = _time_to_live(_items(encoded, section.value))
        elif section.code == MESSAGE_ANNOTATIONS:
            pairs = _pairs(encoded, section.value)
            due_ms = next(
                (_instant(value) for key, value in pairs if _text(key) == "x-opt-scheduled-enqueue-time"), None
            )
        elif section.code == PROPERTIES:
            items = _items(encoded, section.value)
            message_id = _identity(items[0]) if items else ""
            session_id = _text(items[10]) if len(items) > 10 else ""
        elif section.code == APPLICATION_PROPERTIES:
            _pairs(encoded, section.value)
    return Envelope(message_id, session_id, time_to_live_ms, due_ms)


def _time_to_live(header: list[bytes]) -> int | None:
    """The header's time to live; what stands before it must be what AMQP says too, because it is written out again."""
    for item, constructors, name in zip(header[1:3], (_UBYTE, _UINT), ("priority", "time to live"), strict=False):
        if item != _NULL and item[0] not in constructors:
            raise MalformedMessage(f"The {name} in the header is not of the type that AMQP gives it.")
    return None if len(header) < 3 or header[2] == _NULL else int.from_bytes(header[2][1:])


def _instant(value: bytes) -> int | None:
    """A timestamp or a long, in milliseconds; None for anything else."""
    return int.from_bytes(value[1:], signed=True) if value[0] in _LONG else None


def _identity(value: bytes) -> str:
    if value == _NULL:
        return ""
    return _text(value) if value[0] in {0xA1, 0xB1} else value.hex()


def for_delivery(encoded: bytes, delivery_count: int, annotations: Mapping[str, int | str]) -> bytes:
    """The message as a receiver gets it: header with `delivery_count`, and the broker's annotations merged in.

    Annotations whose key ends in `-time` or `-until` go out as AMQP timestamps (milliseconds), those that end in
    `-state` as ints, other numbers as longs.
    """
    priority = ttl = _NULL
    kept: list[tuple[bytes, bytes]] = []
    bare_from = len(encoded)
    for section in sections(encoded):
        if section.code == HEADER:
            items = _items(encoded, section.value)
            priority, ttl = (*items, _NULL, _NULL, _NULL)[1:3]
        elif section.code == MESSAGE_ANNOTATIONS:
            kept = [pair for pair in _pairs(encoded, section.value) if _text(pair[0]) not in annotations]
        elif section.code >= PROPERTIES:
            bare_from = section.start
            break
    fields = b"".join((_TRUE, priority, ttl, _NULL, b"\x70" + struct.pack(">I", delivery_count)))
    header = b"\x00\x53\x70\xc0" + bytes((len(fields) + 1, 5)) + fields
    ours = [(_symbol(key), _annotation(key, value)) for key, value in annotations.items()]
    return header + b"\x00\x53\x72" + _map([*kept, *ours]) + encoded[bare_from:]


def with_application_properties(encoded: bytes, added: Mapping[str, object]) -> bytes:
    """The message with these application properties set, in place of any of the same names.

    Raises ValueError for a value that is no plain one (text, number, truth value, bytes, UUID or None).
    """
    kept: list[tuple[bytes, bytes]] = []
    before = after = len(encoded)
    for section in sections(encoded):
        if section.code == APPLICATION_PROPERTIES:
            kept = [pair for pair in _pairs(encoded, section.value) if _text(pair[0]) not in added]
            before, after = section.start, section.end
            break
        if section.code > APPLICATION_PROPERTIES:
            before = after = section.start
            break
    ours = [(_string(key), _plain_value(key, value)) for key, value in added.items()]
    return encoded[:before] + b"\x00\x53\x74" + _map([*kept, *ours]) + encoded[after:]


def _items(encoded: bytes, at: int) -> list[bytes]:
    """The items of the list or map at `at`, each still encoded."""
    constructor = encoded[at]
    if constructor == 0x45:
        return []
    if constructor not in {0xC0, 0xC1, 0xD0, 0xD1}:
        raise MalformedMessage("A header or a set of properties is neither a list nor a map.")
    end = end_of_value(encoded, at)
    at += 3 if constructor in {0xC0, 0xC1} else 9
    found = []
    while at < end:
        after = end_of_value(encoded, at)
        found.append(encoded[at:after])
        at = after
    return found


def _pairs(encoded: bytes, at: int) -> list[tuple[bytes, bytes]]:
    items = _items(encoded, at)
    if len(items) % 2:
        raise MalformedMessage("A map has a key without a value.")
    return list(zip(items[::2], items[1::2], strict=True))


def _text(value: bytes) -> str:
    """A symbol or string as text; any other value as something no key equals."""
    if value[0] in {0xA1, 0xA3}:
        return value[2:].decode("utf-8", "replace")
    if value[0] in {0xB1, 0xB3}:
        return value[5:].decode("utf-8", "replace")
    return ""


def _symbol(text: str) -> bytes:
    return b"\xa3" + bytes((len(text),)) + text.encode("ascii")


def _string(text: str) -> bytes:
    raw = text.encode()
    return b"\xb1" + struct.pack(">I", len(raw)) + raw


def _plain_value(key: str, value: object) -> bytes:
    if value is None:
        return _NULL
    if isinstance(value, bool):
        return _TRUE if value else b"\x42"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return b"\x81" + struct.pack(">q", value)
    if isinstance(value, float):
        return b"\x82" + struct.pack(">d", value)
    if isinstance(value, UUID):
        return b"\x98" + value.bytes
    if isinstance(value, bytes | memoryview):
        return b"\xb0" + struct.pack(">I", len(value)) + bytes(value)
    raise ValueError(f"the property {key} has a value that no message can carry")


def _annotation(key: str, value: int | str) -> bytes:
    if isinstance(value, str):
        return _string(value)
    if key.endswith("-state"):
        return b"\x71" + struct.pack(">i", value)
    return (b"\x83" if key.endswith(("-time", "-until")) else b"\x81") + struct.pack(">q", value)


def _map(pairs: list[tuple[bytes, bytes]]) -> bytes:
    body = b"".join(key + value for key, value in pairs)
    return b"\xd1" + struct.pack(">II", len(body) + 4, 2 * len(pairs)) + body
