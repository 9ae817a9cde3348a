"""A profile after reading: what each field of the canonical event is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal
from zoneinfo import ZoneInfo

from ingest.change_schemas import CANCEL_TYPE, CLOSE_TYPE, UPDATE_TYPE
from ingest.profiles.documents import Format, Query
from ingest.schemas import CREATE_TYPE


class MessageKind(StrEnum):
    """What a message asks for."""

    CREATE = "create"
    UPDATE = "update"
    CANCEL = "cancel"
    CLOSE = "close"


EVENT_TYPES: Mapping[MessageKind, str] = {
    MessageKind.CREATE: CREATE_TYPE,
    MessageKind.UPDATE: UPDATE_TYPE,
    MessageKind.CANCEL: CANCEL_TYPE,
    MessageKind.CLOSE: CLOSE_TYPE,
}
"""The CloudEvents type of each kind."""


class Shape(StrEnum):
    """What a field's value must be."""

    CODE = "code"
    LINE = "line"
    HOUSE_NUMBER = "house number"
    PARAGRAPH = "paragraph"
    POSTCODE = "postcode"
    COUNTRY = "country"
    PRIORITY = "priority"
    KIND = "kind"
    INSTANT = "instant"
    LATITUDE = "latitude"
    LONGITUDE = "longitude"
    PHONE = "phone"
    EMAIL = "email"
    NOTE = "note"


MESSAGE_SHAPES: Mapping[str, Shape] = {
    "id": Shape.LINE,
    "kind": Shape.KIND,
    "time": Shape.INSTANT,
    "revision": Shape.LINE,
    "correlation": Shape.LINE,
}
"""What table `[message]` of a profile may set."""
FIELD_SHAPES: Mapping[str, Shape] = {
    "external_id": Shape.CODE,
    "work_type": Shape.CODE,
    "priority": Shape.PRIORITY,
    "not_before": Shape.INSTANT,
    "due_at": Shape.INSTANT,
    "street": Shape.LINE,
    "house_number": Shape.HOUSE_NUMBER,
    "postcode": Shape.POSTCODE,
    "city": Shape.LINE,
    "country": Shape.COUNTRY,
    "latitude": Shape.LATITUDE,
    "longitude": Shape.LONGITUDE,
    "citizen_name": Shape.LINE,
    "email": Shape.EMAIL,
    "phone": Shape.PHONE,
    "language": Shape.LINE,
    "description": Shape.PARAGRAPH,
    "reason": Shape.PARAGRAPH,
    "notes": Shape.NOTE,
}
"""What table `[fields]` of a profile may set."""
NEEDED: Mapping[MessageKind, tuple[str, ...]] = {
    MessageKind.CREATE: ("external_id", "work_type", "street", "postcode", "city"),
    MessageKind.UPDATE: ("external_id",),
    MessageKind.CANCEL: ("external_id",),
    MessageKind.CLOSE: ("external_id",),
}
"""What the canonical event cannot be without."""
READ_FOR_AN_END = frozenset({"external_id", "reason", "description", "notes"})
"""What is read of a cancel or a close: what else stands in it is of no more use, and its mistakes must not keep it from being heard."""
SEVERAL = frozenset({Shape.PHONE, Shape.EMAIL, Shape.NOTE})
"""Shapes of fields that take every value found, not the first."""


@dataclass(frozen=True)
class Rule:
    """How one field is made: the first of `queries` that finds something, or `value`, or `default`; then codes, units, zones.

    `required` are the kinds of message in which it must not be absent.
    """

    key: str
    field: str
    shape: Shape
    queries: tuple[Query, ...] = ()
    value: str | None = None
    default: str | None = None
    codes: Mapping[str, str] | None = None
    other: str | None = None
    required: frozenset[MessageKind] = frozenset()
    formats: tuple[str, ...] = ()
    zone: ZoneInfo | None = None
    at: str | None = None
    repeated_hour: Literal["earlier", "later", "refuse"] = "earlier"
    skipped_hour: Literal["later", "refuse"] = "refuse"
    after: str | None = None
    unit: str | None = None
    to: str | None = None
    decimal: Literal[".", ","] = "."
    label: str = ""
    country: str = ""


@dataclass(frozen=True)
class Profile:
    """How one utility's messages are read. `source` names the utility, whatever a message says.

    `content_types` and `sources` say which messages of the bus are this profile's; `own` tells an installation's profile from a shipped one.
    """

    name: str
    title: str
    format_name: Literal["json", "xml", "csv"]
    format: Format
    source: str
    country: str
    content_types: frozenset[str]
    sources: frozenset[str]
    file_suffixes: tuple[str, ...]
    message: tuple[Rule, ...]
    fields: tuple[Rule, ...]
    own: bool = False
