"""The envelope of every message on the bus: CloudEvents 1.0, JSON format, structured mode.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, Self

from pydantic import AwareDatetime, Base64Bytes, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import from_json

from hub.domain.errors import DoorstepError, ErrorKind

CONTENT_TYPE = "application/cloudevents+json"
_ATTRIBUTE_NAME = re.compile(r"[a-z0-9]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class MalformedEnvelope(DoorstepError):
    """A message is no CloudEvent; `reason` is a sentence for whoever sent it."""

    kind = ErrorKind.INVALID
    code = "malformed-envelope"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Envelope(BaseModel):
    """One CloudEvent. `source` and `id` together name it once and for all; `time` is when it happened.

    `data` is any JSON value; binary data travels as `data_base64` instead. Attributes beyond those below are
    extensions, kept as they came: see `extensions`.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    specversion: Literal["1.0"] = "1.0"
    id: str = Field(min_length=1)
    source: str = Field(min_length=1)
    type: str = Field(min_length=1)
    subject: str | None = Field(default=None, min_length=1)
    time: AwareDatetime | None = None
    datacontenttype: str | None = Field(default="application/json", min_length=1)
    dataschema: str | None = Field(default=None, min_length=1)
    data: Any = None
    data_base64: Base64Bytes | None = None

    @model_validator(mode="after")
    def _check_what_the_specification_asks(self) -> Self:
        if self.data is not None and self.data_base64 is not None:
            raise ValueError("An event carries data or data_base64, not both.")
        for name, value in self.extensions.items():
            if not _ATTRIBUTE_NAME.fullmatch(name):
                raise ValueError(f"The attribute {name!r} may have only lower-case letters and digits in its name.")
            if not isinstance(value, str | int | bool):
                raise ValueError(  # noqa: TRY004 - pydantic turns only this one into its own error
                    f"The attribute {name!r} must be a text, a whole number or true or false."
                )
        for name in ("id", "source", "type", "subject", *self.extensions):
            value = getattr(self, name)
            if isinstance(value, str) and _CONTROL.search(value):
                raise ValueError(f"The attribute {name!r} holds control characters.")
        return self

    @property
    def extensions(self) -> Mapping[str, Any]:
        """The attributes that CloudEvents does not define, by name."""
        return self.model_extra or {}

    def to_json(self) -> bytes:
        """The event in structured mode, UTF-8; the message's content type is then `CONTENT_TYPE`."""
        drafted = self if self.time is None else self.model_copy(update={"time": self.time.astimezone(UTC)})
        return drafted.model_dump_json(exclude_none=True).encode()


def new_envelope(
    *, event_id: str, source: str, event_type: str, time: datetime, data: Any, subject: str | None = None, **extra: Any
) -> Envelope:
    """An event of ours; raises MalformedEnvelope when an attribute is not what CloudEvents allows."""
    attributes = {"id": event_id, "source": source, "type": event_type, "time": time, "data": data, "subject": subject}
    try:
        return Envelope.model_validate({**extra, **attributes})
    except ValidationError as error:
        raise MalformedEnvelope(" ".join(_sentences(error))) from error


def parse_envelope(body: bytes) -> Envelope:
    """The event in a message's body; raises MalformedEnvelope with all that is wrong with it."""
    try:
        found = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise MalformedEnvelope(f"The message is not JSON in UTF-8: {error}.") from error
    if not isinstance(found, dict):
        raise MalformedEnvelope("The message is JSON, but not an object. A CloudEvent is a JSON object.")
    # JSON says null for an attribute that is not there.
    attributes = {name: value for name, value in found.items() if value is not None}
    if "specversion" not in attributes:
        raise MalformedEnvelope(
            "The message is no CloudEvent: it has no specversion. Send a CloudEvents 1.0 event in structured mode."
        )
    if b"\\u0000" in body and _holds_nul(attributes):
        raise MalformedEnvelope("The message holds a NUL character, which no text may hold. Send it without.")
    try:
        return Envelope.model_validate(attributes)
    except ValidationError as error:
        raise MalformedEnvelope(" ".join(_sentences(error))) from error


def _holds_nul(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_holds_nul(name) or _holds_nul(each) for name, each in value.items())
    if isinstance(value, list):
        return any(_holds_nul(each) for each in value)
    return isinstance(value, str) and "\x00" in value


def _sentences(error: ValidationError) -> Iterator[str]:
    for problem in error.errors(include_url=False):
        name = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "missing":
            yield f"The attribute {name!r} is missing."
        elif problem["type"] == "value_error":
            yield problem["msg"].removeprefix("Value error, ")
        else:
            yield f"The attribute {name!r} is wrong: {problem['msg'][0].lower()}{problem['msg'][1:]}."
