"""From our records to TM Forum's resources. What is shown of a citizen is what the utility itself sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hub.domain.appointments import Appointment
from hub.domain.catalogue import Catalogue
from hub.domain.ids import AppointmentId
from hub.domain.lifecycle import TMF646_STATES, TMF697_STATES, WorkOrderStatus
from hub.domain.work_orders import WorkOrder
from ingest.api.schemas import (
    AppointmentRefView,
    AppointmentView,
    CancelTaskView,
    EntityView,
    ItemView,
    PartyView,
    Period,
    PlaceView,
    SlotSearchView,
    SlotView,
    SpecificationView,
    WorkOrderRefView,
    WorkOrderView,
    WorkView,
)
from ingest.countries import country_of_zone
from ingest.mapping import priority_of

ORDERS_PATH = "/tmf-api/workOrderManagement/v4"
APPOINTMENTS_PATH = "/tmf-api/appointment/v4"

ORDER_ALWAYS = frozenset({"id", "href", "workOrderItem"})
CANCEL_ALWAYS = frozenset({"id", "href", "workOrder"})
APPOINTMENT_ALWAYS = frozenset({"id", "href", "validFor"})
SEARCH_ALWAYS = frozenset({"id", "href"})


@dataclass(frozen=True)
class Agreement:
    """What was agreed with the citizen, through all moves: `id` is that of its first version, `appointment` the newest."""

    id: AppointmentId
    appointment: Appointment


@dataclass(frozen=True)
class OrderStory:
    """When an order came into each status for the last time, and why it is in the present one."""

    reached: Mapping[WorkOrderStatus, datetime] = field(default_factory=dict)
    reason: str = ""

    @property
    def changed_at(self) -> datetime | None:
        """When the status changed last."""
        return max(self.reached.values(), default=None)


@dataclass(frozen=True)
class CancelTask:
    """A wish that an order be cancelled, and its outcome; `state` is TMF697's."""

    id: object
    order: WorkOrder
    state: Any
    reason: str
    outcome: str
    requested_at: datetime
    effective_at: datetime | None


@dataclass(frozen=True)
class SlotSearch:
    """What was free when somebody asked; `available` are pairs of instants as text."""

    id: object
    order: WorkOrder
    state: Any
    requested: list[dict[str, Any]]
    available: list[tuple[str, str]]
    outcome: str
    searched_at: datetime


def order_view(
    base: str, order: WorkOrder, catalogue: Catalogue, story: OrderStory, agreement: Agreement | None
) -> WorkOrderView:
    """TMF697 WorkOrder; `base` is the address this installation is reached at."""
    held = order.hold_reason if order.status is WorkOrderStatus.ON_HOLD else None
    cancelled = order.status is WorkOrderStatus.CANCELLED
    work_type = catalogue.work_types.get(order.work_type)
    return WorkOrderView(
        id=str(order.id),
        href=f"{base}{ORDERS_PATH}/workOrder/{order.id}",
        external_id=order.external_id,
        state=TMF697_STATES[order.status],
        status=order.status.value,
        hold_reason=held.value if held else None,
        status_reason=story.reason or None,
        description=order.notes or None,
        priority=str(priority_of(order.weight, work_type)),
        order_date=order.imported_at,
        requested_start_date=order.not_before,
        requested_completion_date=order.due_at,
        start_date=story.reached.get(WorkOrderStatus.IN_PROGRESS),
        completion_date=story.reached.get(WorkOrderStatus.COMPLETED),
        cancellation_date=story.reached.get(WorkOrderStatus.CANCELLED) if cancelled else None,
        cancellation_reason=(story.reason or None) if cancelled else None,
        state_change_date=story.changed_at,
        version=str(order.version),
        appointment=_appointment_ref(base, agreement) if agreement else None,
        related_party=[PartyView(id=order.utility, role="utility", referred_type="Organization")],
        work_order_item=[_item(order, agreement)],
    )


def order_ref(base: str, order: WorkOrder) -> WorkOrderRefView:
    """TMF697 WorkOrderRef."""
    return WorkOrderRefView(id=str(order.id), href=f"{base}{ORDERS_PATH}/workOrder/{order.id}", name=order.external_id)


def cancel_view(base: str, task: CancelTask) -> CancelTaskView:
    """TMF697 CancelWorkOrder."""
    return CancelTaskView(
        id=str(task.id),
        href=f"{base}{ORDERS_PATH}/cancelWorkOrder/{task.id}",
        state=task.state,
        cancellation_reason=task.reason or None,
        outcome=task.outcome or None,
        requested_cancellation_date=task.requested_at,
        effective_cancellation_date=task.effective_at,
        work_order=order_ref(base, task.order),
    )


def appointment_view(base: str, agreement: Agreement, order: WorkOrder) -> AppointmentView:
    """TMF646 Appointment."""
    newest = agreement.appointment
    return AppointmentView(
        id=str(agreement.id),
        href=f"{base}{APPOINTMENTS_PATH}/appointment/{agreement.id}",
        status=TMF646_STATES[newest.status],
        creation_date=newest.created_at,
        last_update=newest.confirmed_at,
        related_entity=[_entity(base, order)],
        valid_for=Period(start_date_time=newest.starts_at, end_date_time=newest.ends_at),
    )


def search_view(base: str, search: SlotSearch) -> SlotSearchView:
    """TMF646 SearchTimeSlot."""
    slots = [
        SlotView(
            id=str(number),
            valid_for=Period(start_date_time=datetime.fromisoformat(start), end_date_time=datetime.fromisoformat(end)),
        )
        for number, (start, end) in enumerate(search.available, 1)
    ]
    return SlotSearchView(
        id=str(search.id),
        href=f"{base}{APPOINTMENTS_PATH}/searchTimeSlot/{search.id}",
        search_date=search.searched_at,
        search_result="success" if slots else "fail",
        outcome=search.outcome or None,
        status=search.state,
        related_entity=[_entity(base, search.order)],
        requested_time_slot=search.requested or None,
        available_time_slot=slots,
    )


def _appointment_ref(base: str, agreement: Agreement) -> AppointmentRefView:
    return AppointmentRefView(
        id=str(agreement.id),
        href=f"{base}{APPOINTMENTS_PATH}/appointment/{agreement.id}",
        description=f"Arrival window, agreement {agreement.appointment.sequence}",
    )


def _entity(base: str, order: WorkOrder) -> EntityView:
    return EntityView(id=str(order.id), href=f"{base}{ORDERS_PATH}/workOrder/{order.id}", name=order.external_id)


def _item(order: WorkOrder, agreement: Agreement | None) -> ItemView:
    newest = agreement.appointment if agreement else None
    slot = Period(start_date_time=newest.starts_at, end_date_time=newest.ends_at) if newest else None
    return ItemView(
        state=TMF697_STATES[order.status],
        work=WorkView(
            work_specification=SpecificationView(id=order.work_type),
            place=[_place(order)],
            related_party=_citizen(order),
            work_characteristic=[{"name": "language", "value": order.language}],
            delivery_time_slot=slot,
        ),
    )


def _place(order: WorkOrder) -> PlaceView:
    country = country_of_zone(order.zone)
    point = None
    if order.latitude is not None and order.longitude is not None:
        coordinates = {"type": "Point", "coordinates": [order.longitude, order.latitude]}
        point = {"@type": "GeoJsonPoint", "geoJson": coordinates}
    return PlaceView(
        street_name=order.street,
        postcode=order.postcode,
        city=order.town,
        country=country.code if country else None,
        geographic_location=point,
    )


def _citizen(order: WorkOrder) -> list[PartyView]:
    if not order.citizen_name:
        return []
    media: list[dict[str, Any]] = []
    if order.citizen_email:
        media.append({"mediumType": "email", "characteristic": {"emailAddress": order.citizen_email}})
    if order.citizen_phone:
        media.append({"mediumType": "phone", "characteristic": {"phoneNumber": order.citizen_phone}})
    return [
        PartyView(
            id="citizen", role="customer", name=order.citizen_name, referred_type="Individual", contact_medium=media
        )
    ]
