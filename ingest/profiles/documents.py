"""What the three formats have in common: a document is cut into records, and a record answers queries."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from ingest.profiles.problems import Problem

Scalar = str | int | float | bool


@dataclass(frozen=True)
class Found:
    """One value and where it stands."""

    value: Scalar
    place: str


class UnreadableDocumentError(Exception):
    """The document as a whole is not what its format says."""

    def __init__(self, place: str, sentence: str) -> None:
        super().__init__(f"{place} {sentence}".strip())
        self.problem = Problem(place, sentence)


@dataclass(frozen=True)
class Query:
    """An expression of a profile, compiled once. `ask` belongs to the format."""

    expression: str
    compiled: Any


class Record(Protocol):
    """One order in a document."""

    def find(self, query: Query) -> list[Found]:
        """The values the query finds, empty ones left out; raises FieldError when it finds something that is no single value."""
        ...

    def place_of(self, query: Query) -> str:
        """How to name the place where the query found nothing."""
        ...

    def alone(self) -> bytes:
        """The record as a document of its own, which the same profile reads."""
        ...


class Format(Protocol):
    """How documents of one profile are read."""

    def compile(self, expression: str) -> Query:
        """The query; raises ValueError with a sentence when the expression is wrong."""
        ...

    def records(self, body: bytes, first_row: int | None = None) -> Iterator[Record]:
        """The document's records in order; raises UnreadableDocumentError. `first_row` numbers the rows of a part of a file."""
        ...
