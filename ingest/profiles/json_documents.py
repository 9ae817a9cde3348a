"""JSON, asked by JMESPath (https://jmespath.org/specification.html)."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic_core import from_json

from ingest.profiles.documents import Found, Query, Record, Scalar, UnreadableDocumentError
from ingest.profiles.problems import FieldError

_MOST_BITS = 128
"""No field of ours is a larger whole number; Python would take long to print a huge one."""


@dataclass(frozen=True)
class JsonFormat:
    """`where` are the names that lead to the list of orders; empty: the document is one order, or a list of them."""

    where: tuple[str, ...] = ()

    def compile(self, expression: str) -> Query:
        """A JMESPath expression; raises ValueError."""
        try:
            return Query(expression, jmespath.compile(expression))
        except JMESPathError as error:
            first = str(error).splitlines()[0]
            raise ValueError(f"is no JMESPath expression: {first}") from error

    def records(self, body: bytes, first_row: int | None = None) -> Iterator[Record]:
        """The orders at `where`, in order."""
        try:
            found: Any = from_json(body, allow_inf_nan=False)
        except ValueError as error:
            raise UnreadableDocumentError("The document", f"is not JSON in UTF-8: {error}") from error
        for depth, name in enumerate(self.where):
            if not isinstance(found, dict) or name not in found:
                raise UnreadableDocumentError(".".join(self.where[: depth + 1]), "is missing")
            found = found[name]
        before = ".".join(self.where)
        if not isinstance(found, list):
            yield JsonRecord(found, before, self.where)
            return
        for number, one in enumerate(found):
            yield JsonRecord(one, f"{before}[{number}]", self.where)


@dataclass(frozen=True)
class JsonRecord:
    """One order; `before` is where it stands in its document."""

    value: Any
    before: str
    where: tuple[str, ...]

    def find(self, query: Query) -> list[Found]:
        """See `Record.find`."""
        place = self.place_of(query)
        try:
            answer = query.compiled.search(self.value)
        except JMESPathError as error:
            raise FieldError(f"cannot be worked out: {str(error).splitlines()[0][:200]}") from error
        except RecursionError as error:
            raise FieldError("is nested too deeply") from error
        many = answer if isinstance(answer, list) else [answer]
        return [Found(scalar, place) for one in many if (scalar := _scalar(one)) not in (None, "")]

    def place_of(self, query: Query) -> str:
        """See `Record.place_of`."""
        return f"{self.before}.{query.expression}" if self.before else query.expression

    def alone(self) -> bytes:
        """See `Record.alone`."""
        whole: Any = self.value if not self.where else [self.value]
        for name in reversed(self.where):
            whole = {name: whole}
        return json.dumps(whole, ensure_ascii=False).encode()


def _scalar(value: Any) -> Scalar | None:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        raise FieldError("is too large a number")
    if isinstance(value, float) and not math.isfinite(value):
        raise FieldError("must be a finite number")
    if isinstance(value, int | float):
        return value
    raise FieldError("must be one value, not an object or a list")
