"""HTTP of the list "Needs location" and of the page on which a dispatcher pins an order."""

from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query
from starlette.responses import RedirectResponse, Response

from hub.bootstrap import Hub
from hub.domain.errors import DoorstepError, ErrorKind
from hub.domain.ids import WorkOrderId
from hub.domain.lifecycle import WorkOrderStatus
from hub.domain.staff import Role
from hub.domain.work_orders import WorkOrder
from hub.typed import one_line
from hub.web import times
from hub.web.errors import STATUS_CODES
from hub.web.limits import MOST_FORM_BYTES, bounded_route
from hub.web.pages import Pages
from hub.web.requests import HubDependency, PagesDependency
from hub.web.staff import Staff, StaffMember, StaffWrite, require
from infra.console.locations import NotANumberError, draw_map, how_long, read_degrees
from ingest.places.queries import list_waiting
from ingest.places.service import LocateOrder, WrongPlaceError, locate_order

router = APIRouter(include_in_schema=False, route_class=bounded_route(MOST_FORM_BYTES))

_ADDRESS = "/console/locations"
_SEES = Depends(require(Role.DISPATCHER, Role.OPERATIONS, Role.ADMINISTRATOR))
_PINS = Depends(require(Role.DISPATCHER, Role.ADMINISTRATOR))
_MAY_PIN = {Role.DISPATCHER, Role.ADMINISTRATOR}


@router.get(_ADDRESS, dependencies=[_SEES])
def show_locations(
    hub: HubDependency,
    pages: PagesDependency,
    staff: Staff,
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    pinned: UUID | None = None,
) -> Response:
    """The orders that wait for a place, the longest first; `pinned` is the one that was just put on the map."""
    with hub.reading() as connection:
        found = list_waiting(connection, page)
    with hub.unit_of_work() as work:
        done = work.work_orders.find(pinned) if pinned else None
    return pages.render(
        "console/locations.html",
        staff=staff,
        here=_ADDRESS,
        found=found,
        pinned=done if done and done.status is not WorkOrderStatus.NEEDS_LOCATION else None,
        now=hub.clock.now(),
        how_long=how_long,
        times=times,
        work_types=hub.catalogue.work_types,
        page_address=lambda number: f"{_ADDRESS}?{urlencode({'page': number})}",
    )


@router.get(_ADDRESS + "/{work_order_id}", dependencies=[_SEES])
def show_location(hub: HubDependency, pages: PagesDependency, staff: Staff, work_order_id: UUID) -> Response:
    """One order, its address and a map to pin it on."""
    with hub.unit_of_work() as work:
        order = work.work_orders.get(WorkOrderId(work_order_id))
    return _page(hub, pages, staff, order)


@router.post(_ADDRESS + "/{work_order_id}", dependencies=[_PINS])
def pin_order(
    hub: HubDependency,
    pages: PagesDependency,
    staff: StaffWrite,
    work_order_id: UUID,
    version: Annotated[int, Form(ge=0, le=2**31 - 1)],
    latitude: Annotated[str, Form(max_length=100)] = "",
    longitude: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Put the order where the pin is, and go back to the list.

    Where the place is wrong, or somebody else was quicker, the page shows the order as it is now beside what was typed.
    """
    try:
        command = LocateOrder(
            WorkOrderId(work_order_id),
            read_degrees("Latitude", latitude, "51.0512"),
            read_degrees("Longitude", longitude, "3.7211"),
            version,
            staff.actor,
        )
        locate_order(hub, command)
    except DoorstepError as error:
        if not isinstance(error, NotANumberError | WrongPlaceError) and error.kind is not ErrorKind.CONFLICT:
            raise
        with hub.unit_of_work() as work:
            order = work.work_orders.get(WorkOrderId(work_order_id))
        return _page(hub, pages, staff, order, problem=error, typed=(one_line(latitude), one_line(longitude)))
    return RedirectResponse(f"{_ADDRESS}?{urlencode({'pinned': str(work_order_id)})}", status_code=303)


def _page(
    hub: Hub,
    pages: Pages,
    staff: StaffMember,
    order: WorkOrder,
    *,
    problem: DoorstepError | None = None,
    typed: tuple[str, str] = ("", ""),
) -> Response:
    # What is only approximate is never filled in: it takes a person's act to send a technician somewhere.
    work_type = hub.catalogue.work_types.get(order.work_type)
    return pages.render(
        "console/location.html",
        status=STATUS_CODES[problem.kind] if problem else 200,
        staff=staff,
        here=_ADDRESS,
        order=order,
        work_type=work_type.names["en"] if work_type else order.work_type,
        waits=order.status is WorkOrderStatus.NEEDS_LOCATION,
        may_pin=bool(staff.roles & _MAY_PIN),
        latitude=typed[0],
        longitude=typed[1],
        problem=str(problem or ""),
        is_wrong=problem is not None and problem.kind is ErrorKind.INVALID,
        is_saved=_stands_at(order, typed),
        drawing=draw_map(order, hub.settings),
        times=times,
    )


def _stands_at(order: WorkOrder, typed: tuple[str, str]) -> bool:
    """Whether the order is where the pin was put: the same form sent twice is refused, and still nothing of it is lost."""
    try:
        wanted = read_degrees("Latitude", typed[0], ""), read_degrees("Longitude", typed[1], "")
    except NotANumberError:
        return False
    return wanted == (order.latitude, order.longitude)
