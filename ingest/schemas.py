"""The wire: what a utility's message must hold for us to read a work order out of it.

The data of an `org.tmforum.workOrder.create.v1` event is the body of TMF697 v4's `POST /workOrder` (WorkOrder_Create).
A utility sends more than we read, so fields we do not know are left alone; the ones we need are checked strictly, and
what is wrong is said with the field's path.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)
from pydantic.alias_generators import to_camel

from hub.domain.errors import DoorstepError

CREATE_TYPE = "org.tmforum.workOrder.create.v1"
CITIZEN_ROLES = frozenset({"citizen", "customer", "resident", "enduser", "end user"})
LANGUAGE_CHARACTERISTIC = "language"
_MOST_PROBLEMS = 3
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CONTROL_BUT_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


class MalformedOrderError(DoorstepError):
    """The message is a CloudEvent, but no work order can be read from it; the sentence names the field."""

    code = "malformed-order"


def _one_line(value: str) -> str:
    if not value.isprintable() and _CONTROL.search(value):
        raise ValueError("holds control characters")
    return value


def _lines(value: str) -> str:
    if not value.isprintable() and _CONTROL_BUT_LINES.search(value):
        raise ValueError("holds control characters")
    return value


def _text_only(value: Any) -> Any:
    # Pydantic would also take a number for a date, as seconds since 1970.
    if not isinstance(value, str):
        raise ValueError("must be a text such as 2026-05-04T08:00:00+02:00")  # noqa: TRY004 - pydantic turns only this one into its own error
    return value


def _within_reason(value: datetime) -> datetime:
    if not 2000 <= value.year < 2100:
        raise ValueError("must lie between the years 2000 and 2100")
    return value


def many(value: Any) -> Any:
    """One object as a list of one."""
    # TMF697 declares note and place as one object where implementations send a list; both are fine.
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


Code = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), AfterValidator(_one_line)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_one_line)]
Paragraph = Annotated[str, StringConstraints(strip_whitespace=True, max_length=4000), AfterValidator(_lines)]
Postcode = Annotated[
    str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9 -]{0,10}[A-Za-z0-9])?$")
]
Instant = Annotated[AwareDatetime, AfterValidator(_within_reason), BeforeValidator(_text_only)]
Degrees = Annotated[float, Field(strict=True, allow_inf_nan=False)]
type Objects = Annotated[list[dict[str, Any]], BeforeValidator(many), Field(max_length=100)]


class Wire(BaseModel):
    """What a utility sends: fields we do not know are left alone."""

    model_config = ConfigDict(extra="ignore", frozen=True, alias_generator=to_camel, populate_by_name=True)


class Note(Wire):
    """TMF697 Note: we read its text."""

    text: Paragraph


class GeoJsonPoint(Wire):
    """A GeoJSON point: longitude first, then latitude, in degrees of WGS 84."""

    type: Literal["Point"]
    coordinates: Annotated[list[Degrees], Field(min_length=2, max_length=3)]


class GeographicLocation(Wire):
    """TMF675 GeoJsonPoint: where the place is."""

    geo_json: GeoJsonPoint


class GeographicAddress(Wire):
    """TMF673 GeographicAddress, with its location when the utility knows it: the place of the work. Without `country` it is in Belgium."""

    street_name: Line
    street_nr: Annotated[str, StringConstraints(strip_whitespace=True, max_length=20), AfterValidator(_one_line)] = ""
    postcode: Postcode
    city: Line
    country: Line = "BE"
    geographic_location: GeographicLocation | None = None

    @property
    def point(self) -> tuple[float, float] | None:
        """Latitude and longitude as they were given, plausible or not; None without coordinates."""
        if self.geographic_location is None:
            return None
        longitude, latitude = self.geographic_location.geo_json.coordinates[:2]
        return latitude, longitude


class MediumCharacteristic(Wire):
    """TMF697 MediumCharacteristic: we read one e-mail address or phone number; whether it can be used is decided later."""

    email_address: Line | None = None
    phone_number: Line | None = None


class ContactMedium(Wire):
    """TMF697 ContactMedium."""

    characteristic: MediumCharacteristic = Field(default_factory=MediumCharacteristic)
    preferred: bool | None = None


class Citizen(Wire):
    """The related party who must be at home: name and how to reach them."""

    name: Line
    contact_medium: Annotated[list[ContactMedium], BeforeValidator(many), Field(max_length=20)] = Field(
        default_factory=list
    )


class Characteristic(Wire):
    """TMF697 Characteristic; only the one named `language` is read."""

    name: Line
    value: Any = None


class WorkSpecification(Wire):
    """TMF697 WorkSpecificationRef: its id is our work type."""

    id: Code


class Work(Wire):
    """TMF697 Work by value: what is to be done, where and for whom."""

    work_specification: WorkSpecification | None = None
    work_type: Code | None = None
    place: Objects = Field(default_factory=list)
    related_party: Objects = Field(default_factory=list)
    work_characteristic: Annotated[list[Characteristic], BeforeValidator(many), Field(max_length=100)] = Field(
        default_factory=list
    )
    note: Annotated[list[Note], BeforeValidator(many), Field(max_length=20)] = Field(default_factory=list)


class WorkOrderItem(Wire):
    """TMF697 WorkOrderItem: one job."""

    id: Code
    action: Literal["add", "modify", "delete", "noChange"]
    work: Work


class WorkOrderCreate(Wire):
    """TMF697 WorkOrder_Create, as far as we read it. `id` serves when `externalId` is absent."""

    external_id: Code | None = None
    id: Code | None = None
    category: Code | None = None
    description: Paragraph | None = None
    priority: Literal["0", "1", "2", "3", "4"] | None = None
    requested_start_date: Instant | None = None
    requested_completion_date: Instant | None = None
    note: Annotated[list[Note], BeforeValidator(many), Field(max_length=20)] = Field(default_factory=list)
    place: Objects = Field(default_factory=list)
    related_party: Objects = Field(default_factory=list)
    work_order_item: Annotated[list[WorkOrderItem], Field(min_length=1, max_length=100)]


@dataclass(frozen=True)
class WorkOrderRequest:
    """One job as the utility asked for it: readable, but not yet judged.

    `items` counts the jobs in the message and `action` is what the first asks for. `priority` runs from 0 (first) to 4.
    """

    external_id: str
    work_type: str
    action: str
    items: int
    place: GeographicAddress
    citizen: Citizen | None
    language: str
    priority: int | None
    not_before: datetime | None
    due_at: datetime | None
    notes: str


def read_request(data: Any) -> WorkOrderRequest:
    """The job in a create event's data; raises MalformedOrderError naming what is missing or wrong."""
    if not isinstance(data, dict):
        raise MalformedOrderError("The order cannot be read: 'data' must be a TMF697 work order, a JSON object.")
    wire = validated(WorkOrderCreate, data, "data")
    external_id = wire.external_id or wire.id
    if external_id is None:
        raise MalformedOrderError("The order cannot be read: data.externalId is missing.")
    item = wire.work_order_item[0]
    specification = item.work.work_specification
    work_type = (specification.id if specification else None) or item.work.work_type or wire.category
    if work_type is None:
        raise MalformedOrderError(
            "The order cannot be read: data.workOrderItem[0].work.workSpecification.id is missing."
        )
    return WorkOrderRequest(
        external_id=external_id,
        work_type=work_type,
        action=item.action,
        items=len(wire.work_order_item),
        place=_place(wire, item.work),
        citizen=_citizen(wire, item.work),
        language=_language(item.work),
        priority=None if wire.priority is None else int(wire.priority),
        not_before=wire.requested_start_date,
        due_at=wire.requested_completion_date,
        notes=_notes(wire, item.work),
    )


def _place(wire: WorkOrderCreate, work: Work) -> GeographicAddress:
    """The first place of the item, else of the order."""
    if work.place:
        return validated(GeographicAddress, work.place[0], "data.workOrderItem[0].work.place[0]")
    if wire.place:
        return validated(GeographicAddress, wire.place[0], "data.place")
    raise MalformedOrderError("The order cannot be read: data.workOrderItem[0].work.place is missing.")


def _citizen(wire: WorkOrderCreate, work: Work) -> Citizen | None:
    """The first party of the item, else of the order, whose role is that of a citizen."""
    for parties, path in (
        (work.related_party, "data.workOrderItem[0].work.relatedParty"),
        (wire.related_party, "data.relatedParty"),
    ):
        for at, party in enumerate(parties):
            role = party.get("role")
            if isinstance(role, str) and role.strip().lower() in CITIZEN_ROLES:
                return validated(Citizen, party, f"{path}[{at}]")
    return None


def _language(work: Work) -> str:
    for one in work.work_characteristic:
        if one.name.lower() == LANGUAGE_CHARACTERISTIC and isinstance(one.value, str):
            return one.value[:35]
    return ""


def _notes(wire: WorkOrderCreate, work: Work) -> str:
    texts = [wire.description or "", *(note.text for note in wire.note), *(note.text for note in work.note)]
    return "\n".join(dict.fromkeys(text for text in texts if text))[:4000]


def validated[M: BaseModel](model: type[M], value: Any, path: str) -> M:
    """`value` as `model`; raises MalformedOrderError naming the fields below `path` that are missing or wrong."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        problems = [_problem(one, path) for one in error.errors(include_url=False, include_input=False)]
        rest = len(problems) - _MOST_PROBLEMS
        more = f"; and {rest} more" if rest > 0 else ""
        message = f"The order cannot be read: {'; '.join(problems[:_MOST_PROBLEMS])}{more}."
        raise MalformedOrderError(message) from error


def _problem(error: Mapping[str, Any], path: str) -> str:
    field = path + _path(error["loc"])
    kind, context = str(error["type"]), error.get("ctx", {})
    sentences = {
        "missing": "is missing",
        "string_type": "must be a text",
        "float_type": "must be a number",
        "finite_number": "must be a finite number",
        "list_type": "must be a list",
        "dict_type": "must be an object",
        "model_type": "must be an object",
        "timezone_aware": "must have a time zone, such as 2026-05-04T08:00:00+02:00",
        "string_too_long": f"is longer than {context.get('max_length')} characters",
        "string_too_short": "is empty",
        "string_pattern_mismatch": "is not a postal code",
        "too_short": f"must have at least {context.get('min_length')}",
        "too_long": f"must have at most {context.get('max_length')}",
        "literal_error": f"must be {context.get('expected')}",
        "value_error": str(error["msg"]).removeprefix("Value error, "),
    }
    return f"{field} {sentences.get(kind) or 'is wrong: ' + str(error['msg'])[:200].lower()}"


def _path(place: Sequence[int | str]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
