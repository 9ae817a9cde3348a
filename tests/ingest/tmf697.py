"""TMF697 v4.0.0's own definitions as the judge of what comes in and what goes out.

The specification uses a small part of JSON Schema (draft 4), which is all that is understood here; anything else in it fails.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

_SPECIFICATION = Path(__file__).parents[3] / "shared" / "specs" / "TMF697-WorkOrder-v4.0.0.swagger.json"
_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "number": (int, float),
    "integer": int,
}
_KNOWN = {
    "type", "properties", "required", "items", "minItems", "maxItems", "enum", "format", "allOf", "$ref", "description",
    "title", "example", "default", "discriminator", "externalDocs",
}  # fmt: skip


@cache
def _definitions() -> dict[str, Any]:
    if not _SPECIFICATION.exists():
        pytest.skip("the TMF697 specification does not lie beside the repository (../shared/specs)")
    found: dict[str, Any] = json.loads(_SPECIFICATION.read_text(encoding="utf-8"))["definitions"]
    return found


def problems(definition: str, value: object) -> list[str]:
    """What TM Forum's definition finds wrong with `value`; skips the test where the specification is not at hand."""
    return list(_check(_definitions()[definition], value, definition))


def _check(schema: dict[str, Any], value: object, place: str) -> Iterator[str]:
    unknown = set(schema) - _KNOWN
    assert not unknown, f"the specification uses {unknown}, which is not understood here"
    if "$ref" in schema:
        yield from _check(_definitions()[schema["$ref"].rsplit("/", 1)[1]], value, place)
        return
    for part in schema.get("allOf", []):
        yield from _check(part, value, place)
    kind = schema.get("type")
    if kind is not None and (not isinstance(value, _TYPES[kind]) or (kind == "number" and isinstance(value, bool))):
        yield f"{place} is not of type {kind}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{place} is not one of {schema['enum']}"
    if schema.get("format") == "date-time" and isinstance(value, str) and not _is_instant(value):
        yield f"{place} is no date-time with a time zone"
    if isinstance(value, dict):
        yield from _check_object(schema, value, place)
    if isinstance(value, list):
        yield from _check_list(schema, value, place)


def _check_object(schema: dict[str, Any], value: dict[str, Any], place: str) -> Iterator[str]:
    yield from (f"{place}.{name} is missing" for name in schema.get("required", []) if name not in value)
    for name, inner in schema.get("properties", {}).items():
        if name in value:
            yield from _check(inner, value[name], f"{place}.{name}")


def _check_list(schema: dict[str, Any], value: list[Any], place: str) -> Iterator[str]:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        yield f"{place} has {len(value)} items"
    for at, one in enumerate(value):
        yield from _check(schema.get("items", {}), one, f"{place}[{at}]")


def _is_instant(text: str) -> bool:
    try:
        return "T" in text and datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
