"""Column types that speak the domain's shapes: enumerations, tuples of codes, JSON mappings."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator


class EnumText[E: StrEnum](TypeDecorator[E]):
    """A StrEnum kept as its text value, so a query in psql reads like the glossary."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: type[E]) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: E | None, dialect: Dialect) -> str | None:
        """The text that is stored."""
        return None if value is None else self.kind(value).value

    def process_result_value(self, value: Any, dialect: Dialect) -> E | None:
        """The member that is read back."""
        return None if value is None else self.kind(value)


class CodeTuple(TypeDecorator[tuple[str, ...]]):
    """A tuple of short codes kept as a text array."""

    impl = ARRAY(Text)
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> list[str] | None:
        """The array that is stored."""
        return None if value is None else list(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[str, ...] | None:
        """The tuple that is read back."""
        return None if value is None else tuple(value)


class AmountPairs(TypeDecorator[tuple[tuple[str, int], ...]]):
    """Whole amounts by name, kept as a JSONB object and read as pairs in the order of their names."""

    impl = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
    cache_ok = True

    def process_bind_param(self, value: tuple[tuple[str, int], ...] | None, dialect: Dialect) -> dict[str, int] | None:
        """The object that is stored."""
        return None if value is None else dict(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[tuple[str, int], ...] | None:
        """The pairs that are read back."""
        return None if value is None else tuple(sorted(value.items()))


class JsonMapping(TypeDecorator[Mapping[str, Any]]):
    """A mapping kept as JSONB."""

    impl = JSON().with_variant(JSONB(), "postgresql")
    cache_ok = True

    def process_bind_param(self, value: Mapping[str, Any] | None, dialect: Dialect) -> dict[str, Any] | None:
        """The object that is stored."""
        return None if value is None else dict(value)
