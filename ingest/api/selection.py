"""What a list request asks for: attributes, a page, and filters. TMF630's query language, the part that is offered.

`fields=state,externalId`, `offset=100&limit=50`, `state=held,pending` (one of them), `orderDate.gte=2026-05-04T00:00:00Z`.
A parameter nobody knows is refused by name: a misspelt filter must not answer with everything.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, false

from ingest.api.errors import ParameterInvalidError

USUAL_LIMIT = 50
MOST_LIMIT = 200
_FURTHEST_OFFSET = 10_000_000
_LONGEST_VALUE = 1000
_MOST_VALUES = 50

type Filter = Callable[[list[str]], ColumnElement[bool]]
"""Makes the condition from a filter's values, of which one must fit."""
type Condition = tuple[str, list[str]]


@dataclass(frozen=True)
class Selection:
    """`fields` is None for all attributes; `where` are conditions that must all hold."""

    fields: frozenset[str] | None
    offset: int
    limit: int
    where: tuple[ColumnElement[bool], ...]


def read_selection(
    parameters: Iterable[tuple[str, str]], attributes: Collection[str], filters: Mapping[str, Filter]
) -> Selection:
    """The selection in a query string; raises ParameterInvalidError naming the parameter."""
    fields: frozenset[str] | None = None
    offset, limit, where = 0, USUAL_LIMIT, []
    for name, value in parameters:
        if len(value) > _LONGEST_VALUE or not value.isprintable():
            raise ParameterInvalidError(
                f"The parameter '{_shown(name)}' is longer than {_LONGEST_VALUE} characters or holds control characters."
            )
        if name == "fields":
            fields = read_fields(value, attributes)
        elif name == "offset":
            offset = _whole(name, value, _FURTHEST_OFFSET)
        elif name == "limit":
            limit = min(_whole(name, value, _FURTHEST_OFFSET), MOST_LIMIT)
        elif name in filters:
            where.append(filters[name](_values(name, value)))
        else:
            known = ", ".join(("fields", "offset", "limit", *filters))
            raise ParameterInvalidError(f"The parameter '{_shown(name)}' is not known here; known are {known}.")
    return Selection(fields, offset, limit, tuple(where))


def read_fields(value: str | None, attributes: Collection[str]) -> frozenset[str] | None:
    """The attributes named in `fields`, None for all; raises ParameterInvalidError for one that no answer has."""
    if value is None or not value.strip():
        return None
    asked = frozenset(part.strip() for part in value.split(","))
    unknown = sorted(asked - set(attributes) - {"none"})
    if unknown:
        raise ParameterInvalidError(
            f"'{_shown(unknown[0])}' in the parameter 'fields' is no attribute; there are {', '.join(attributes)}."
        )
    return asked


def only(resource: Mapping[str, Any], fields: frozenset[str] | None, always: Collection[str]) -> dict[str, Any]:
    """`resource` with the attributes asked for; `always` are those that TM Forum wants in every answer."""
    if fields is None:
        return dict(resource)
    return {name: value for name, value in resource.items() if name in fields or name in always}


def one_of(column: ColumnElement[Any]) -> Filter:
    """Equal to one of the values."""
    return column.in_


def one_of_ids(column: ColumnElement[Any]) -> Filter:
    """Equal to one of the ids; what is no id names nothing."""

    def condition(values: list[str]) -> ColumnElement[bool]:
        ids = [found for value in values if (found := read_id(value)) is not None]
        return column.in_(ids) if ids else false()

    return condition


def read_id(text: str) -> UUID | None:
    """The id that `text` is, or None: what is no id names nothing."""
    try:
        return UUID(text) if len(text) == 36 else None
    except ValueError:
        return None


def one_of_codes(column: ColumnElement[Any], codes: Mapping[str, Collection[Any]]) -> Filter:
    """One of the stored values that stand for one of the codes; a code that is none fits nothing."""

    def condition(values: list[str]) -> ColumnElement[bool]:
        stored = [one for value in values for one in codes.get(value, ())]
        return column.in_(stored) if stored else false()

    return condition


def instants(name: str, column: ColumnElement[Any]) -> dict[str, Filter]:
    """The comparisons of an instant: `name.gt`, `.gte`, `.lt`, `.lte`."""

    def compared(ending: str, compare: Callable[[datetime], ColumnElement[bool]]) -> Filter:
        def condition(values: list[str]) -> ColumnElement[bool]:
            return compare(_instant(f"{name}.{ending}", ",".join(values)))

        return condition

    return {
        f"{name}.gt": compared("gt", lambda instant: column > instant),
        f"{name}.gte": compared("gte", lambda instant: column >= instant),
        f"{name}.lt": compared("lt", lambda instant: column < instant),
        f"{name}.lte": compared("lte", lambda instant: column <= instant),
    }


def _values(name: str, value: str) -> list[str]:
    values = value.split(",")
    if len(values) > _MOST_VALUES:
        raise ParameterInvalidError(f"The parameter '{name}' names more than {_MOST_VALUES} values.")
    return values


def _whole(name: str, value: str, most: int) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 12 and int(value) <= most):
        raise ParameterInvalidError(f"The parameter '{name}' must be a whole number from 0 to {most}.")
    return int(value)


def _instant(name: str, value: str) -> datetime:
    try:
        # In a query string a plus sign that was not escaped arrives as a space.
        instant = datetime.fromisoformat(value.replace(" ", "+") if "T" in value else value)
        if instant.tzinfo is not None:
            return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ParameterInvalidError(f"The parameter '{name}' must be an instant such as 2026-05-04T08:00:00Z.")


def _shown(name: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in name[:60])
