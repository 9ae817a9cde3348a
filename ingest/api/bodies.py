"""Reads JSON bodies at the edge: what passes can be stored, written out again and compared."""

import json
import math
from typing import Any, NoReturn

from fastapi import Request

from ingest.api.errors import BodyInvalidError

MOST_BYTES = 256 * 1024
"""As much as the bus takes in one message."""
_DEEPEST = 32
_LARGEST_WHOLE = 2**63


async def json_object(request: Request) -> dict[str, Any]:
    """The request's body as a JSON object; raises BodyInvalidError. The size is bounded by the route."""
    return read_object(await request.body())


def read_object(body: bytes) -> dict[str, Any]:
    """`body` as a JSON object without anything that some later part would choke on; raises BodyInvalidError."""
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BodyInvalidError("The body cannot be read: it must be a JSON object in UTF-8.") from error
    if not isinstance(value, dict):
        raise BodyInvalidError("The body must be a JSON object.")
    _check(value)
    return value


def _check(body: dict[str, Any]) -> None:
    waiting: list[tuple[Any, int]] = [(body, 1)]
    while waiting:
        value, depth = waiting.pop()
        if depth > _DEEPEST:
            raise BodyInvalidError(f"The body is nested more than {_DEEPEST} levels deep.")
        if isinstance(value, dict):
            waiting.extend((part, depth + 1) for pair in value.items() for part in pair)
        elif isinstance(value, list):
            waiting.extend((part, depth + 1) for part in value)
        elif isinstance(value, str):
            _check_text(value)
        elif (isinstance(value, float) and not math.isfinite(value)) or (
            isinstance(value, int) and abs(value) >= _LARGEST_WHOLE
        ):
            raise BodyInvalidError("The body holds a number that is too large.")


def _check_text(text: str) -> None:
    # NUL cannot be stored; half of a surrogate pair cannot be written as UTF-8.
    if "\x00" in text or any("\ud800" <= sign <= "\udfff" for sign in text):
        raise BodyInvalidError("The body holds a text with a NUL character or half of a surrogate pair.")


def _no_constant(name: str) -> NoReturn:
    message = f"{name} is no JSON"
    raise ValueError(message)
