"""HTTP of the console pages that look into several rooms: parse, call, render."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Form, Query
from sqlalchemy import Connection, func, select
from starlette.responses import Response

from hub.db import tables
from hub.domain.errors import NotFoundError
from hub.domain.ids import TechnicianId, WorkOrderId
from hub.domain.lifecycle import WorkOrderStatus
from hub.domain.staff import Role
from hub.files import read_file
from hub.typed import one_line
from hub.web import times
from hub.web.limits import MOST_FORM_BYTES, bounded_route
from hub.web.requests import HubDependency, PagesDependency
from hub.web.staff import Staff, StaffWrite, require
from infra.console.attention import orders_address, what_needs_attention
from infra.console.citizen_left import citizen_left
from infra.console.crew import list_crew
from infra.console.order_list import OrderFilter, known_territories, list_orders
from infra.console.order_story import tell_story
from infra.console.stuck import WORDS, Stuck
from infra.console.words import channel_name, language_name
from technician_api.service import issue_enrolment_code

router = APIRouter(include_in_schema=False, route_class=bounded_route(MOST_FORM_BYTES))

_SEES_ORDERS = Depends(require(Role.DISPATCHER, Role.OPERATIONS, Role.ADMINISTRATOR))
_SENDS_TECHNICIANS = Depends(require(Role.DISPATCHER, Role.ADMINISTRATOR))
_Text = Annotated[str, Query(max_length=200)]


@router.get("/console")
def show_home(hub: HubDependency, pages: PagesDependency, staff: Staff) -> Response:
    """What needs attention now."""
    now = hub.clock.now()
    with hub.reading() as connection:
        zone = _zone(connection)
        midnight = now.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)
        attention = what_needs_attention(connection, hub.catalogue, now, (midnight, midnight + timedelta(days=1)))
    return pages.render(
        "console/home.html",
        staff=staff,
        here="/console",
        now=now,
        zone=zone,
        attention=attention,
        times=times,
        orders_address=orders_address,
    )


@router.get("/console/orders", dependencies=[_SEES_ORDERS])
def show_orders(
    hub: HubDependency,
    pages: PagesDependency,
    staff: Staff,
    status: _Text = "",
    territory: _Text = "",
    text: _Text = "",
    overdue: _Text = "",
    stuck: _Text = "",
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
) -> Response:
    """The orders that fit the filter, page by page."""
    wanted = OrderFilter(
        status=WorkOrderStatus(status) if status in set(WorkOrderStatus) else None,
        territory=one_line(territory),
        text=one_line(text),
        overdue=overdue == "yes",
        stuck=Stuck(stuck) if stuck in set(Stuck) else None,
    )
    with hub.reading() as connection:
        found = list_orders(connection, wanted, hub.clock.now(), page, hub.catalogue)
        territories = known_territories(connection)
    kept = {"status": wanted.status or "", "territory": wanted.territory, "text": wanted.text}
    if wanted.overdue:
        kept["overdue"] = "yes"
    if wanted.stuck:
        kept["stuck"] = wanted.stuck.value
    return pages.render(
        "console/orders.html",
        staff=staff,
        here="/console/orders",
        wanted=wanted,
        found=found,
        territories=territories,
        statuses=list(WorkOrderStatus),
        stuck_words=WORDS,
        work_types=hub.catalogue.work_types,
        times=times,
        page_address=lambda number: orders_address(**kept, page=str(number)),
    )


@router.get("/console/orders/{work_order_id}", dependencies=[_SEES_ORDERS])
def show_order(hub: HubDependency, pages: PagesDependency, staff: Staff, work_order_id: UUID) -> Response:
    """One order with its history."""
    story = tell_story(hub, WorkOrderId(work_order_id))
    work_type = hub.catalogue.work_types.get(story.order.work_type)
    return pages.render(
        "console/order.html",
        staff=staff,
        here="/console/orders",
        story=story,
        gave=citizen_left(hub, story.order.id),
        order=story.order,
        work_type=work_type.names["en"] if work_type else story.order.work_type,
        times=times,
        language_name=language_name,
        channel_name=channel_name,
    )


@router.get("/console/orders/{work_order_id}/photos/{photo_id}", dependencies=[_SEES_ORDERS])
def show_photo(hub: HubDependency, work_order_id: UUID, photo_id: UUID) -> Response:
    """A picture a technician took for this order."""
    with hub.unit_of_work() as work:
        photo = work.photos.get(photo_id)
    if photo.work_order_id != work_order_id:
        raise NotFoundError("photo")
    return Response(
        read_file(hub.settings, photo.path), media_type="image/jpeg", headers={"Cache-Control": "private, no-store"}
    )


@router.get("/console/technicians", dependencies=[_SEES_ORDERS])
def show_technicians(hub: HubDependency, pages: PagesDependency, staff: Staff) -> Response:
    """The technicians and their phones."""
    return _technicians(hub, pages, staff, code="", code_for=None)


@router.post("/console/technicians/code", dependencies=[_SENDS_TECHNICIANS])
def issue_code(
    hub: HubDependency, pages: PagesDependency, staff: StaffWrite, technician_id: Annotated[UUID, Form()]
) -> Response:
    """Make a code for a technician's phone and show it, this once."""
    code = issue_enrolment_code(hub, TechnicianId(technician_id), staff.actor)
    return _technicians(hub, pages, staff, code=code, code_for=technician_id)


def _technicians(
    hub: HubDependency, pages: PagesDependency, staff: Staff, *, code: str, code_for: UUID | None
) -> Response:
    now = hub.clock.now()
    with hub.reading() as connection:
        crew = list_crew(connection, now.astimezone(ZoneInfo(_zone(connection))).date())
    return pages.render(
        "console/technicians.html",
        staff=staff,
        here="/console/technicians",
        crew=crew,
        code=code,
        code_for=next((one for one in crew if one.id == code_for), None),
        may_issue=bool(staff.roles & {Role.DISPATCHER, Role.ADMINISTRATOR}),
        times=times,
    )


def _zone(connection: Connection) -> str:
    """The zone most technicians work in."""
    zone = tables.technician.c.zone
    found = connection.execute(select(zone).group_by(zone).order_by(func.count().desc(), zone).limit(1)).scalar()
    return found or "UTC"
