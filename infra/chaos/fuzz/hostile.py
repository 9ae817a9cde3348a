"""Values and whole documents made to hurt whoever parses them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**63, -(2**63) - 1, 10**400, 1e308, 1e-320, float("inf"), float("-inf"), float("nan"), 0.1,
    "", " ", "\x00", "a\x00b", "\x1b[2J", "\u202e", "\ufeff", "\ud800", "\udfff\ud800", "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "é" * 201, "a" * 5_000, "a" * 60_000, "9" * 5_000, "'; DROP TABLE work_order; --", "<script>alert(1)</script>", "{{ 7*7 }}",
    "%s%n%x", "../../etc/passwd", "NaN", "Infinity", "-0", "1e999", "0x10", "null", "true", "[]", "2026-02-30T25:61:61+99:99",
    "2026-05-04T08:00:00", "9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00+23:59", "2026-05-04T08:00:00.123456789+02:00",
    "20260504T080000Z", "0", "-5", "٣", "BE", "be", "XX", "9000", "9000\n", "００００", "+32 470 00 00 00", "+" + "9" * 300,
    "a@b", "a" * 300 + "@citizen.example", "an@citizen.example\nBcc: all@citizen.example", "=cmd|' /C calc'!A0",
    [], {}, [[]], [{}], [None], {"": None}, {"a": {"b": {"c": []}}}, [1] * 150, [{}] * 150, [[[[[[[[[[]]]]]]]]]],
    {"type": "Point", "coordinates": [1e308, -1e308]}, {"type": "Point", "coordinates": [None, "3"]}, {"type": "Point", "coordinates": []},
)  # fmt: skip


@dataclass(frozen=True)
class Document:
    """One message body that is hostile as a whole, and what the bus says about it."""

    name: str
    body: bytes
    content_type: str = "application/cloudevents+json"
    properties: Mapping[str, str] | None = None


def documents(secret_file: str, listener: str) -> Iterator[Document]:
    """The hostile documents. Entities in them name `secret_file` and `listener` (an HTTP address); neither may be opened."""
    deep = 100_000
    yield Document("deep lists", b"[" * deep + b"]" * deep)
    yield Document("deep objects", b'{"a":' * 40_000 + b"1" + b"}" * 40_000)
    yield Document(
        "deep data", b'{"specversion":"1.0","id":"1","source":"s","type":"t","data":' + b"[" * deep + b"]" * deep + b"}"
    )
    yield Document("an endless number", b'{"specversion":"1.0","sequence":' + b"9" * 200_000 + b"}")
    yield Document("an endless exponent", b'{"specversion":"1.0","sequence":1e' + b"9" * 100_000 + b"}")
    yield Document("a hundred thousand names", b"{" + b",".join(b'"k%d":%d' % (n, n) for n in range(15_000)) + b"}")
    yield Document("the same name again and again", b"{" + b",".join([b'"id":"1"'] * 25_000) + b"}")
    yield Document("nothing", b"")
    yield Document("zeros", b"\x00" * 200_000)
    yield Document("escapes", b'{"specversion":"' + b"\\u0000" * 40_000 + b'"}')
    xml = {"content_type": "application/xml", "properties": {"profile": "iec61968-xml"}}
    yield Document("a billion laughs", _laughs(), **xml)  # type: ignore[arg-type]
    yield Document("quadratic blow-up", _quadratic(), **xml)  # type: ignore[arg-type]
    yield Document("an external file", _external(f"file://{secret_file}"), **xml)  # type: ignore[arg-type]
    yield Document("an external address", _external(f"{listener}/entity"), **xml)  # type: ignore[arg-type]
    yield Document("an external document type", _document_type(f"{listener}/dtd"), **xml)  # type: ignore[arg-type]
    yield Document("a parameter entity", _parameter(f"{listener}/parameter"), **xml)  # type: ignore[arg-type]
    yield Document("an inclusion", _inclusion(f"file://{secret_file}"), **xml)  # type: ignore[arg-type]
    yield Document("deep elements", b"<a>" * 60_000 + b"</a>" * 20_000, **xml)  # type: ignore[arg-type]
    yield Document("closed deep elements", b"<a>" * 30_000 + b"</a>" * 30_000, **xml)  # type: ignore[arg-type]
    yield Document("many attributes", b"<a " + b" ".join(b'x%d="1"' % n for n in range(20_000)) + b"/>", **xml)  # type: ignore[arg-type]
    yield Document("UTF-16 without a mark", "<a/>".encode("utf-16-le") * 10_000, **xml)  # type: ignore[arg-type]
    yield Document("UTF-7", b'<?xml version="1.0" encoding="UTF-7"?>+ADw-a/+AD4-', **xml)  # type: ignore[arg-type]
    csv = {"content_type": "text/csv", "properties": {"profile": "csv-folder"}}
    yield Document("an open quote", b'Actie;Dossier\r\nN;"' + b"a;\r\n" * 60_000, **csv)  # type: ignore[arg-type]
    yield Document("endless columns", b"Actie;" * 40_000 + b"\r\n" + b"N;" * 1_000, **csv)  # type: ignore[arg-type]
    yield Document("one endless cell", b"Actie;Dossier\r\nN;" + b"9" * 250_000, **csv)  # type: ignore[arg-type]
    json_profile = {"content_type": "application/json", "properties": {"profile": "tmf697-json"}}
    yield Document("deep lists for a profile", b"[" * deep + b"]" * deep, **json_profile)  # type: ignore[arg-type]
    yield Document("a deep order for a profile", b'{"externalId":' * 9_000 + b"1" + b"}" * 9_000, **json_profile)  # type: ignore[arg-type]


def _laughs() -> bytes:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    return f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY l0 "lol">{entities}]><a>&l11;</a>'.encode()


def _quadratic() -> bytes:
    return b'<!DOCTYPE a [<!ENTITY x "' + b"x" * 60_000 + b'">]><a>' + b"&x;" * 30_000 + b"</a>"


def _external(address: str) -> bytes:
    return f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "{address}">]><a>&x;</a>'.encode()


def _document_type(address: str) -> bytes:
    return f'<?xml version="1.0"?><!DOCTYPE a SYSTEM "{address}"><a/>'.encode()


def _parameter(address: str) -> bytes:
    return f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY % p SYSTEM "{address}"> %p;]><a/>'.encode()


def _inclusion(address: str) -> bytes:
    return f'<a xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="{address}" parse="text"/></a>'.encode()
