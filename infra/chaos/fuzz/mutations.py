"""Seeded ways to spoil a message: its bytes, the values in its JSON, and what the bus says about it."""

import json
import random
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

from hub.messaging.service_bus import ReceivedMessage
from infra.chaos.fuzz.hostile import VALUES

LARGEST = 256 * 1024
"""The most bytes a message has on the bus's standard tier."""
_EDITS = (1, 1, 1, 1, 1, 1, 2, 2, 3, 5)

type Spoil = Callable[[random.Random, ReceivedMessage], ReceivedMessage]


def spoil(luck: random.Random, message: ReceivedMessage) -> ReceivedMessage:
    """`message` with one or a few things wrong with it; its bus id stays, unless that is what is spoilt."""
    for _ in range(luck.choice(_EDITS)):
        message = luck.choices(_SPOILS, weights=_WEIGHTS)[0](luck, message)
    return replace(message, body=message.body[:LARGEST])


def spoil_value(luck: random.Random, value: Any) -> Any:
    """A copy of a JSON value in which one node is replaced, removed, renamed or doubled."""
    copy = deepcopy(value)
    places = list(_places(copy))
    if not places:
        return luck.choice(VALUES)
    holder, key = luck.choice(places)
    act = luck.randrange(5)
    if act == 0:
        del holder[key]
    elif act == 1 and isinstance(holder, dict):
        holder[f"{key}{luck.choice(['', ' ', chr(0), 'X', chr(0x202E)])}"] = holder.pop(key)
    elif act == 2:
        holder[key] = [deepcopy(holder[key]) for _ in range(luck.choice((2, 3, 150)))]
    else:
        holder[key] = luck.choice(VALUES)
    return copy


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) below `value`."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        one = waiting.pop()
        children = one.items() if isinstance(one, dict) else enumerate(one) if isinstance(one, list) else ()
        for key, child in children:
            found.append((one, key))
            waiting.append(child)
    return found


def _flip_bytes(luck: random.Random, message: ReceivedMessage) -> ReceivedMessage:
    body = bytearray(message.body)
    for _ in range(luck.choice((1, 1, 1, 2, 5, 40)) if body else 0):
        body[luck.randrange(len(body))] ^= 1 << luck.randrange(8)
    return replace(message, body=bytes(body))


def _cut(luck: random.Random, message: ReceivedMessage) -> ReceivedMessage:
    at = luck.randint(0, len(message.body))
    return replace(message, body=message.body[:at] if luck.random() < 0.7 else message.body[at:])


def _insert(luck: random.Random, message: ReceivedMessage) -> ReceivedMessage:
    at = luck.randint(0, len(message.body))
    what = luck.choice(
        (
            b"\x00",
            b"\xff\xfe",
            b"\xc3\x28",
            b"\xed\xa0\x80",
            b'"',
            b"{",
            b"]",
            b"<",
            b"&",
            b"\\u0000",
            b"\\ud800",
            b";",
            b"\r\n",
        )
    )
    return replace(message, body=message.body[:at] + what * luck.choice((1, 1, 3, 1000)) + message.body[at:])


def _repeat_part(luck: random.Random, message: ReceivedMessage) -> ReceivedMessage:
    start = luck.randint(0, len(message.body))
    part = message.body[start : start + luck.randint(1, 400)]
    return replace(message, body=message.body[:start] + part * luck.choice((2, 3, 200)) + message.body[start:])


def _spoil_json(luck: random.Random, message: ReceivedMessage) -> ReceivedMessage:
    try:
        value = json.loads(message.body)
    except (ValueError, RecursionError):
        return _flip_bytes(luck, message)
    try:
        body = json.dumps(spoil_value(luck, value), ensure_ascii=luck.random() < 0.5).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        return _flip_bytes(luck, message)
    return replace(message, body=body)


def _fill(luck: random.Random, message: ReceivedMessage) -> ReceivedMessage:
    """Up to the size the bus takes, with what a parser may read in full before it objects."""
    filling = luck.choice((b" ", b"[", b'{"a":', b"<a>", b"9", b'"', b"\x00", "é".encode(), b"&amp;", b";", b"\n"))
    at = luck.choice((0, len(message.body), luck.randint(0, len(message.body))))
    room = max(0, LARGEST - len(message.body)) // len(filling)
    return replace(message, body=message.body[:at] + filling * luck.randint(0, room) + message.body[at:])


def _spoil_outside(luck: random.Random, message: ReceivedMessage) -> ReceivedMessage:
    """What the bus says about the message, which its sender chose too."""
    odd = luck.choice(
        ("", "\x00", "a" * 5_000, "ÿ\u202e\U0001f600", "\ud800", "application/xml", "tmf697-json", " ", "1e309")
    )
    properties: Mapping[str, Any] = luck.choice(
        ({}, {"profile": odd}, {odd: odd}, {"row": 10**30}, {"profile": 7, "row": -1})
    )
    changes: dict[str, Any] = luck.choice(
        (
            {"message_id": odd},
            {"content_type": odd},
            {"correlation_id": odd},
            {"subject": odd},
            {"properties": properties},
            {"enqueued_at": None},
        )
    )
    return replace(message, **changes)


_SPOILS: tuple[Spoil, ...] = (_flip_bytes, _cut, _insert, _repeat_part, _spoil_json, _fill, _spoil_outside)
_WEIGHTS = (20, 5, 8, 5, 55, 3, 6)
