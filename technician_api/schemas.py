"""What crosses the wire between the phone and the hub. Instants carry their offset; `zone` is the IANA zone of the address."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from hub.domain.lifecycle import AbortReason, VisitStatus
from hub.typed import one_line, some_lines

NextAction = Literal["set-off", "arrive", "start", "complete", "abort"]
ConfirmationKind = Literal["extra time", "material", "unforeseen work"]


def _with_spaces(value: object) -> object:
    """Programs like `no_access`; the product's own word is `no access`. Both are understood."""
    return value.replace("_", " ").lower() if isinstance(value, str) else value


def _lines(value: object) -> object:
    return some_lines(value) if isinstance(value, str) else value


def _line(value: object) -> object:
    return one_line(value) if isinstance(value, str) else value


# Lengths are those of what is left when it is tidied. The validator comes last for that: pydantic then calls it first.
Note = Annotated[str, StringConstraints(max_length=2000), BeforeValidator(_lines)]
Sentence = Annotated[str, StringConstraints(min_length=1, max_length=500), BeforeValidator(_line)]
Label = Annotated[str, StringConstraints(max_length=80), BeforeValidator(_line)]


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EnrolRequest(_Wire):
    """A phone presents the code its technician got from the dispatcher."""

    code: Annotated[str, StringConstraints(max_length=20)] = Field(
        description="Eight letters and digits; case, spaces and hyphens do not matter.", examples=["7KQ4-M2XW"]
    )
    device_label: Label = Field(
        default="", description="How the technician calls this phone.", examples=["Jan's phone"]
    )


class TechnicianView(_Wire):
    """Whose phone this is."""

    id: UUID
    name: str = Field(examples=["Jan Janssens"])


class Enrolled(_Wire):
    """The phone is known now. The token is shown this once; only its hash is kept."""

    device_id: UUID
    token: str = Field(description="Send it as `Authorization: Bearer …` with each request.")
    technician: TechnicianView


class EnrolledBrowser(_Wire):
    """The browser is known now; its token travels in a cookie that scripts cannot read."""

    device_id: UUID
    technician: TechnicianView


class SessionView(_Wire):
    """Whose phone this is; empty when it is not signed in."""

    technician: TechnicianView | None


class AddressView(_Wire):
    """Where the work is done; WGS 84 degrees."""

    street: str = Field(examples=["Veldstraat 1"])
    postcode: str = Field(examples=["9000"])
    town: str = Field(examples=["Gent"])
    latitude: float = Field(examples=[51.052])
    longitude: float = Field(examples=[3.723])


class WorkTypeView(_Wire):
    """The kind of job and its name by language."""

    code: str = Field(examples=["meter_swap"])
    names: dict[str, str] = Field(examples=[{"nl": "Plaatsing digitale meter", "en": "Meter swap"}])


class CitizenView(_Wire):
    """Whom to ring for; as little of a person as the job needs."""

    first_name: str = Field(examples=["An"])
    phone: str = Field(description="Empty when none is known.", examples=["+32470000001"])
    language: str = Field(examples=["nl"])


class AccessView(_Wire):
    """How to get in, in the citizen's own words; each may be empty. Shown on the day of the visit only."""

    gate_code: str = Field(examples=["4711#"])
    dog: str = Field(examples=["A big one, he stays in the kitchen."])
    parking: str = Field(examples=["In the yard."])
    note: str = Field(examples=["The bell is broken, please knock."])


class ArrivalWindow(_Wire):
    """What the citizen was promised: arrival at or after `starts_at` and before `ends_at`."""

    starts_at: datetime
    ends_at: datetime


class VisitView(_Wire):
    """One visit as its technician sees it. `citizen` and `access` are left out once the visit has ended, and for work in the street."""

    id: UUID
    order_number: str = Field(description="The utility's own number of the work order.", examples=["WO-1001"])
    status: VisitStatus
    address: AddressView
    zone: str = Field(examples=["Europe/Brussels"])
    work_type: WorkTypeView
    notes: str
    citizen: CitizenView | None
    access: AccessView | None = Field(description="How to get in; on the day of the visit, when the citizen said it.")
    arrival_window: ArrivalWindow | None = Field(description="Empty for work that nobody has to be at home for.")
    planned_start: datetime
    planned_end: datetime
    travel_seconds: int = Field(description="From the stop before, planned.")
    expected_arrival: datetime | None = Field(description="As planned at dispatch, forecast anew at setting off.")
    set_off_at: datetime | None
    arrived_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    door_checked_at: datetime | None = Field(description="When the citizen's door code was read: proof of presence.")
    abort_reason: AbortReason | None
    next_actions: list[NextAction] = Field(description="The steps that can be taken now.")
    can_report: bool = Field(description="Whether reports and photos are taken now.")
    reports: int = Field(description="How many reports there are.")
    photos: list[UUID]


class MyDay(_Wire):
    """The visits of one day in the planned order."""

    date: date
    now: datetime = Field(description="The hub's time; a phone corrects its own clock by it.")
    technician: TechnicianView
    visits: list[VisitView]


class StepRequest(_Wire):
    """A step of the visit."""

    occurred_at: AwareDatetime | None = Field(
        default=None,
        description="The phone's time of the step, when it was sent later; at most 24 hours ago and not in the future.",
        examples=["2026-05-04T10:05:00+02:00"],
    )


class AbortRequest(StepRequest):
    """The visit ends without completion."""

    reason: Annotated[AbortReason, BeforeValidator(_with_spaces)] = Field(examples=["no access"])
    note: Note = Field(default="", description="What happened, in the technician's words.", examples=["Nobody opened."])


class ConfirmationRequest(_Wire):
    """A change order: what the job took beyond the order."""

    kind: Annotated[ConfirmationKind, BeforeValidator(_with_spaces)] = Field(examples=["extra time"])
    description: Sentence = Field(examples=["Cable had to be pulled anew."])
    quantity: Annotated[int, Field(ge=1, le=10_000)] = Field(
        description="Minutes for extra time, pieces otherwise.", examples=[30]
    )


class ReportRequest(_Wire):
    """What was done, with any confirmations."""

    summary: Annotated[str, StringConstraints(min_length=1, max_length=4000), BeforeValidator(_lines)] = Field(
        examples=["Meter replaced, seal 4711 set."]
    )
    confirmations: list[ConfirmationRequest] = Field(default_factory=list, max_length=50)


class ReportView(_Wire):
    """A report that was taken."""

    id: UUID
    visit: VisitView
    confirmations: list[UUID]


class PhotoView(_Wire):
    """A photo that was kept: re-encoded as JPEG, without place, time and camera."""

    id: UUID
    visit_id: UUID
    size_bytes: int
    width: int
    height: int
    caption: str


class DoorCodeRequest(_Wire):
    """What the phone scanned, or what the citizen read aloud."""

    code: Annotated[str, StringConstraints(min_length=1, max_length=40), BeforeValidator(_line)] = Field(
        description="Sixteen letters and digits; case, spaces and hyphens do not matter.",
        examples=["H5A2-EW6Q-M5HX-VNPX"],
    )


class PlaceRequest(_Wire):
    """Where the phone is, on the way; WGS 84 degrees."""

    latitude: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)] = Field(examples=[51.052])
    longitude: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)] = Field(examples=[3.723])


class Problem(BaseModel):
    """Problem details, RFC 9457. `detail` is a sentence that can be shown to the technician."""

    type: str = Field(examples=["urn:doorstep:problem:transition-refused"])
    title: str = Field(examples=["Conflict"])
    status: int = Field(examples=[409])
    detail: str = Field(examples=["A visit that is dispatched cannot be completed."])
