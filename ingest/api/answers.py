"""How routes of the API answer and describe themselves."""

from collections.abc import Collection, Iterable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel

from hub.web.errors import PROBLEM_TYPE, tmf_error
from ingest.api.schemas import TmfError
from ingest.api.selection import MOST_LIMIT, USUAL_LIMIT, Filter, only

_MEANINGS = {
    400: "What was sent is not right; `reason` names the place.",
    401: "The token is missing, unknown or over.",
    403: "The token lacks the scope.",
    404: "There is none, or it is another utility's.",
    405: "This is not offered; `reason` says what to do instead.",
    409: "Not as things stand; `reason` says why.",
    413: "The body is larger than 256 KB.",
    501: "This is the other side's to offer.",
}
_READ, _WRITE = (400, 401, 403, 404), (400, 401, 403, 404, 409, 413)
_COUNTS = {
    "X-Total-Count": {"description": "How many fit in all.", "schema": {"type": "integer"}},
    "X-Result-Count": {"description": "How many are in this answer.", "schema": {"type": "integer"}},
}
_NO_STORE = {"Cache-Control": "no-store"}
_TOO_FAST = "too-fast"


def attributes(view: type[BaseModel]) -> tuple[str, ...]:
    """The names of a resource's attributes, as they are on the wire."""
    return tuple(info.alias or name for name, info in view.model_fields.items())


def answer(
    view: BaseModel, *, status: int = 200, fields: frozenset[str] | None = None, always: Collection[str] = ()
) -> JSONResponse:
    """One resource; a new one says where it is."""
    content = view.model_dump(mode="json", by_alias=True, exclude_none=True)
    headers = {**_NO_STORE, "Location": content["href"]} if status == 201 and "href" in content else _NO_STORE
    return JSONResponse(only(content, fields, always), status_code=status, headers=headers)


def answer_page(
    views: Iterable[BaseModel], total: int, fields: frozenset[str] | None, always: Collection[str]
) -> JSONResponse:
    """A page of resources, with how many there are."""
    content = [only(one.model_dump(mode="json", by_alias=True, exclude_none=True), fields, always) for one in views]
    counts = {"X-Total-Count": str(total), "X-Result-Count": str(len(content))}
    return JSONResponse(content, headers={**_NO_STORE, **counts})


def not_offered(status: int, sentence: str, allow: str = "") -> JSONResponse:
    """An operation of TM Forum's document that is not offered here, and why."""
    refusal = tmf_error(status, "not-offered", sentence)
    if allow:
        refusal.headers["Allow"] = allow
    return refusal


def too_fast(seconds: int) -> JSONResponse:
    """Problem details (RFC 9457) with the members of TM Forum's Error, and after how many seconds to come again."""
    sentence = f"You search faster than this installation allows. Wait {seconds} s before the next search."
    content = {
        "type": f"{PROBLEM_TYPE}{_TOO_FAST}",
        "title": HTTPStatus.TOO_MANY_REQUESTS.phrase,
        "status": HTTPStatus.TOO_MANY_REQUESTS.value,
        "detail": sentence,
        "code": _TOO_FAST,
        "reason": sentence,
        "@type": "Error",
    }
    headers = {**_NO_STORE, "Retry-After": str(seconds)}
    return JSONResponse(content, status_code=429, media_type="application/problem+json", headers=headers)


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """How the answers that are no success are described."""
    return {status: {"description": _MEANINGS[status], "model": TmfError} for status in statuses}


READ_ERRORS = errors(*_READ)
WRITE_ERRORS = errors(*_WRITE)


def page_description(filters: Mapping[str, Filter]) -> dict[str, Any]:
    """The query parameters of a list, for the OpenAPI document."""
    text = {"type": "string", "maxLength": 1000}
    told = [
        (
            "fields",
            "The attributes wanted, separated by commas; `id`, `href` and what TM Forum requires always come.",
            text,
        ),
        ("offset", "How many to leave out.", {"type": "integer", "minimum": 0, "maximum": 10_000_000, "default": 0}),
        (
            "limit",
            f"How many to answer with; no answer has more than {MOST_LIMIT}.",
            {"type": "integer", "minimum": 0, "maximum": 10_000_000, "default": USUAL_LIMIT},
        ),
    ]
    for name in filters:
        is_instant = name.endswith((".gt", ".gte", ".lt", ".lte"))
        schema: dict[str, Any] = {"type": "string", "format": "date-time"} if is_instant else text
        told.append(
            (name, "An instant with its offset." if is_instant else "One of these, separated by commas.", schema)
        )
    return {
        "parameters": [
            {"name": name, "in": "query", "required": False, "description": description, "schema": schema}
            for name, description, schema in told
        ]
    }


def list_headers() -> dict[int | str, dict[str, Any]]:
    """The counts in a list's headers, for the OpenAPI document."""
    return {200: {"description": "A page.", "headers": _COUNTS}}


def body_description(model: type[BaseModel], *, patch: bool = False) -> dict[str, Any]:
    """The JSON body a route reads by itself, for the OpenAPI document."""
    schema = model.model_json_schema(by_alias=True)
    parts = schema.pop("$defs", {})
    kinds = ["application/json", "application/merge-patch+json"] if patch else ["application/json"]
    whole = _inlined(schema, parts)
    return {"requestBody": {"required": True, "content": {kind: {"schema": whole} for kind in kinds}}}


def _inlined(schema: Any, parts: Mapping[str, Any]) -> Any:
    """The schema with every reference replaced by what it names; ours have no circles."""
    if isinstance(schema, list):
        return [_inlined(one, parts) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(parts[schema["$ref"].rsplit("/", 1)[1]], parts)
    return {name: _inlined(one, parts) for name, one in schema.items()}


TOO_FAST: dict[int | str, dict[str, Any]] = {
    429: {
        "description": "Too many searches; `Retry-After` says when to come again.",
        "headers": {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}},
        "content": {
            "application/problem+json": {"schema": {"type": "object", "required": ["type", "title", "status"]}}
        },
    }
}
