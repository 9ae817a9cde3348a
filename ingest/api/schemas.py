"""The wire of the API: what bodies must hold, and how answers look. Names and shapes are TM Forum's.

A body may hold more than is read here; the rest is left alone, except in a PATCH, where what cannot be changed is refused.
"""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from ingest.api.errors import BodyInvalidError
from ingest.schemas import (
    Characteristic,
    Code,
    ContactMedium,
    GeographicAddress,
    Instant,
    Line,
    Paragraph,
    WorkSpecification,
)

_MOST_PROBLEMS = 3


class _Asked(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, alias_generator=to_camel, populate_by_name=True)


class _View(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)

    def to_json(self) -> dict[str, Any]:
        """The JSON value, without what is absent."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class Reference(_Asked):
    """What another resource is named by."""

    id: Line


class OrderParty(_Asked):
    """TMF697 RelatedParty: the citizen, with the role customer, citizen, resident or end user."""

    id: Line = Field(examples=["C-1"])
    role: Line = Field(examples=["customer"])
    referred_type: Line = Field(alias="@referredType", examples=["Individual"])
    name: Line = Field(examples=["Els De Clercq"])
    contact_medium: Annotated[list[ContactMedium], Field(max_length=20)] = []


class OrderWork(_Asked):
    """TMF697 Work: what is to be done, where and for whom."""

    work_specification: WorkSpecification
    place: Annotated[list[GeographicAddress], Field(min_length=1, max_length=1)]
    related_party: Annotated[list[OrderParty], Field(max_length=20)] = []
    work_characteristic: Annotated[list[Characteristic], Field(max_length=100)] = []


class OrderItem(_Asked):
    """TMF697 WorkOrderItem: the one job of the order."""

    id: Code
    action: Literal["add"]
    work: OrderWork


class OrderCreate(_Asked):
    """TMF697 WorkOrder_Create, as far as it is read; `ingest.schemas` reads it, this describes it."""

    external_id: Code = Field(examples=["SU-260504-00000"])
    description: Paragraph = ""
    priority: Literal["0", "1", "2", "3", "4"] = "2"
    requested_start_date: Instant | None = None
    requested_completion_date: Instant | None = None
    work_order_item: Annotated[list[OrderItem], Field(min_length=1, max_length=1)]


class WorkPatch(_Asked):
    """What of the work may change."""

    work_specification: WorkSpecification | None = None
    place: Annotated[list[GeographicAddress], Field(max_length=1)] = []
    related_party: Annotated[list[OrderParty], Field(max_length=20)] = []
    work_characteristic: Annotated[list[Characteristic], Field(max_length=100)] = []


class ItemPatch(_Asked):
    """The one job of the order."""

    work: WorkPatch


class OrderPatch(_Asked):
    """TMF697 WorkOrder_Update: only what changes; a date that is null is taken away."""

    description: Paragraph = ""
    priority: Literal["0", "1", "2", "3", "4"] = "2"
    requested_start_date: Instant | None = None
    requested_completion_date: Instant | None = None
    work_order_item: Annotated[list[ItemPatch], Field(max_length=1)] = []


class AskedPeriod(_Asked):
    """A span of time from start to, not including, end."""

    start_date_time: Instant
    end_date_time: Instant


class AskedPart(_Asked):
    """A span in which one end may be left open."""

    start_date_time: Instant | None = None
    end_date_time: Instant | None = None


class AskedSlot(_Asked):
    """TMF646 TimeSlot."""

    valid_for: AskedPart


class AskedEntity(_Asked):
    """TMF646 RelatedEntity: the work order, by our id or the utility's externalId."""

    id: Line
    referred_type: Annotated[str, StringConstraints(max_length=100)] = Field(
        alias="@referredType", examples=["WorkOrder"]
    )
    role: Line


class AppointmentCreate(_Asked):
    """TMF646 Appointment_Create: which work order, and which of the offered arrival windows."""

    valid_for: AskedPeriod
    related_entity: Annotated[list[AskedEntity], Field(min_length=1, max_length=20)]


class AppointmentUpdate(_Asked):
    """TMF646 Appointment_Update: another window, or `cancelled`."""

    valid_for: AskedPeriod | None = None
    status: Literal["initialized", "confirmed", "cancelled", "completed", "failed"] | None = None


class SlotSearchCreate(_Asked):
    """TMF646 SearchTimeSlot_Create: which work order, and when it would suit."""

    related_entity: Annotated[list[AskedEntity], Field(min_length=1, max_length=20)]
    requested_time_slot: Annotated[list[AskedSlot], Field(max_length=50)] = []


class CancelCreate(_Asked):
    """TMF697 CancelWorkOrder_Create."""

    work_order: Reference
    cancellation_reason: Paragraph = ""


class SubscriptionCreate(_Asked):
    """EventSubscriptionInput: where to call, and `query` such as `eventType=WorkOrderStateChangeEvent`."""

    callback: Annotated[str, StringConstraints(min_length=1, max_length=2000)] = Field(
        examples=["https://hooks.utility.example/doorstep"]
    )
    query: Annotated[str, StringConstraints(max_length=1000)] = ""


class Period(_View):
    """TimePeriod, the end not included."""

    start_date_time: datetime
    end_date_time: datetime


class AppointmentRefView(_View):
    """TMF697 AppointmentRef."""

    id: str
    href: str
    description: str
    referred_type: Literal["Appointment"] = Field(default="Appointment", alias="@referredType")


class PartyView(_View):
    """RelatedParty: the utility, or the citizen as the utility named them."""

    id: str
    role: str
    name: str | None = None
    referred_type: str = Field(alias="@referredType")
    contact_medium: list[dict[str, Any]] | None = None


class PlaceView(_View):
    """The address of the work, as it was sent."""

    role: Literal["installation address"] = "installation address"
    type: Literal["GeographicAddress"] = Field(default="GeographicAddress", alias="@type")
    street_name: str
    postcode: str
    city: str
    country: str | None = None
    geographic_location: dict[str, Any] | None = None


class SpecificationView(_View):
    """TMF697 WorkSpecificationRef: the work type."""

    id: str


class WorkView(_View):
    """TMF697 Work; `deliveryTimeSlot` is the arrival window the citizen agreed to."""

    work_specification: SpecificationView
    place: list[PlaceView]
    related_party: list[PartyView]
    work_characteristic: list[dict[str, Any]]
    delivery_time_slot: Period | None = None


class ItemView(_View):
    """TMF697 WorkOrderItem: our orders have one."""

    id: Literal["1"] = "1"
    action: Literal["add"] = "add"
    state: str
    work: WorkView


class WorkOrderView(_View):
    """TMF697 WorkOrder. `status`, `holdReason` and `statusReason` say in our words what `state` leaves open."""

    id: str
    href: str
    external_id: str | None = None
    state: str | None = None
    status: str | None = None
    hold_reason: str | None = None
    status_reason: str | None = None
    description: str | None = None
    priority: str | None = None
    order_date: datetime | None = None
    requested_start_date: datetime | None = None
    requested_completion_date: datetime | None = None
    start_date: datetime | None = None
    completion_date: datetime | None = None
    cancellation_date: datetime | None = None
    cancellation_reason: str | None = None
    state_change_date: datetime | None = None
    version: str | None = None
    appointment: AppointmentRefView | None = None
    related_party: list[PartyView] | None = None
    work_order_item: Annotated[list[ItemView], Field(min_length=1)]
    type: Literal["WorkOrder"] | None = Field(default="WorkOrder", alias="@type")


class WorkOrderRefView(_View):
    """TMF697 WorkOrderRef."""

    id: str
    href: str
    name: str
    referred_type: Literal["WorkOrder"] = Field(default="WorkOrder", alias="@referredType")


class CancelTaskView(_View):
    """TMF697 CancelWorkOrder. `outcome` says why it is `terminatedWithError`."""

    id: str
    href: str
    state: Literal["done", "terminatedWithError"] | None = None
    cancellation_reason: str | None = None
    outcome: str | None = None
    requested_cancellation_date: datetime | None = None
    effective_cancellation_date: datetime | None = None
    work_order: WorkOrderRefView
    type: Literal["CancelWorkOrder"] | None = Field(default="CancelWorkOrder", alias="@type")


class EntityView(_View):
    """TMF646 RelatedEntity: the work order; `name` is the utility's externalId."""

    id: str
    href: str
    name: str
    role: Literal["work order"] = "work order"
    referred_type: Literal["WorkOrder"] = Field(default="WorkOrder", alias="@referredType")


class AppointmentView(_View):
    """TMF646 Appointment. `validFor` bounds the technician's arrival; `id` stays the same when the appointment is moved."""

    id: str
    href: str
    status: str | None = None
    creation_date: datetime | None = None
    last_update: datetime | None = None
    related_entity: list[EntityView] | None = None
    valid_for: Period
    type: Literal["Appointment"] | None = Field(default="Appointment", alias="@type")


class SlotView(_View):
    """TMF646 TimeSlot: an arrival window that a technician can keep."""

    id: str
    valid_for: Period


class SlotSearchView(_View):
    """TMF646 SearchTimeSlot. `searchResult` is `success`, or `fail` with the reason in `outcome`."""

    id: str
    href: str
    search_date: datetime | None = None
    search_result: Literal["success", "fail"] | None = None
    outcome: str | None = None
    status: Literal["done", "rejected"] | None = None
    related_entity: list[EntityView] | None = None
    requested_time_slot: list[dict[str, Any]] | None = None
    available_time_slot: list[SlotView] | None = None
    type: Literal["SearchTimeSlot"] | None = Field(default="SearchTimeSlot", alias="@type")


class SubscriptionView(_View):
    """EventSubscription. `secret` signs the callbacks; it is shown this once."""

    id: UUID
    callback: str
    query: str
    secret: str


class TokenView(BaseModel):
    """RFC 6749, section 5.1."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the kind of token, no secret
    expires_in: int = Field(description="Seconds.")
    scope: str


class TokenProblem(BaseModel):
    """RFC 6749, section 5.2."""

    error: str
    error_description: str


class TmfError(BaseModel):
    """TM Forum's Error: `code` is for programs, `reason` is a sentence for people."""

    code: str
    reason: str
    message: str | None = None
    status: str
    type: Literal["Error"] = Field(default="Error", alias="@type")


def validated[M: BaseModel](model: type[M], body: dict[str, Any]) -> M:
    """`body` as `model`; raises BodyInvalidError naming what is missing or wrong, never the value."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        told = [f"{'.'.join(map(str, one['loc'])) or 'body'}: {one['msg'].lower()}" for one in found[:_MOST_PROBLEMS]]
        rest = len(found) - len(told)
        more = f"; and {rest} more" if rest else ""
        raise BodyInvalidError(f"The body is not right at {'; '.join(told)}{more}.") from error
