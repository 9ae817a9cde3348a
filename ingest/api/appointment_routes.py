"""TMF646 Appointment, v4: free times, appointments, and who wants to hear."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from hub.db.tables import appointment, slot_search, work_order
from hub.domain.lifecycle import TMF646_STATES, AppointmentStatus
from hub.web.limits import bounded_route
from hub.web.requests import HubDependency
from ingest.api.access import KeyHeader, ReadsAppointments, WritesAppointments
from ingest.api.answers import (
    READ_ERRORS,
    TOO_FAST,
    WRITE_ERRORS,
    answer,
    answer_page,
    attributes,
    body_description,
    list_headers,
    not_offered,
    page_description,
    too_fast,
)
from ingest.api.appointments import (
    book_appointment,
    change_appointment,
    drop_appointment,
    drop_slot_search,
    search_slots,
)
from ingest.api.bodies import MOST_BYTES
from ingest.api.pace import seconds_to_wait
from ingest.api.queries import get_appointment, get_slot_search, list_appointments, list_slot_searches
from ingest.api.resources import APPOINTMENT_ALWAYS, APPOINTMENTS_PATH, SEARCH_ALWAYS, appointment_view, search_view
from ingest.api.schemas import (
    AppointmentCreate,
    AppointmentUpdate,
    AppointmentView,
    SlotSearchCreate,
    SlotSearchView,
    SubscriptionCreate,
    SubscriptionView,
)
from ingest.api.selection import Filter, instants, one_of, one_of_codes, one_of_ids, read_fields, read_selection
from ingest.api.subscriptions import Api, register, unregister
from ingest.api.work_order_routes import Fields, JsonBody

router = APIRouter(prefix=APPOINTMENTS_PATH, route_class=bounded_route(MOST_BYTES))
_STATUSES_OF: dict[str, list[AppointmentStatus]] = {}
for _status, _state in TMF646_STATES.items():
    _STATUSES_OF.setdefault(_state, []).append(_status)
_APPOINTMENT_FILTERS: dict[str, Filter] = {
    "status": one_of_codes(appointment.c.status, _STATUSES_OF),
    "relatedEntity.id": one_of_ids(work_order.c.id),
    "relatedEntity.name": one_of(work_order.c.external_id),
    **instants("validFor.startDateTime", appointment.c.starts_at),
    **instants("validFor.endDateTime", appointment.c.ends_at),
}
_SEARCH_FILTERS: dict[str, Filter] = {
    "status": one_of(slot_search.c.state),
    "relatedEntity.id": one_of_ids(slot_search.c.work_order_id),
    **instants("searchDate", slot_search.c.searched_at),
}
_APPOINTMENT_ATTRIBUTES, _SEARCH_ATTRIBUTES = attributes(AppointmentView), attributes(SlotSearchView)


@router.get(
    "/appointment",
    response_model=list[AppointmentView],
    tags=["Appointments"],
    responses={**list_headers(), **READ_ERRORS},
    openapi_extra=page_description(_APPOINTMENT_FILTERS),
)
def list_all(hub: HubDependency, client: ReadsAppointments, request: Request) -> JSONResponse:
    """What was agreed for the utility's orders, by time; what is only held is no appointment yet."""
    asked = read_selection(request.query_params.multi_items(), _APPOINTMENT_ATTRIBUTES, _APPOINTMENT_FILTERS)
    with hub.snapshot() as work:
        found, total = list_appointments(work, client, asked)
    views = [appointment_view(hub.settings.public_url, agreement, order) for agreement, order in found]
    return answer_page(views, total, asked.fields, APPOINTMENT_ALWAYS)


@router.post(
    "/appointment",
    status_code=201,
    response_model=AppointmentView,
    tags=["Appointments"],
    responses=WRITE_ERRORS,
    openapi_extra=body_description(AppointmentCreate),
)
def create(hub: HubDependency, client: WritesAppointments, body: JsonBody, key: KeyHeader = None) -> JSONResponse:
    """Book one of the offered arrival windows for a work order; the citizen is told."""
    agreement, order = book_appointment(hub, client, body, key)
    return answer(appointment_view(hub.settings.public_url, agreement, order), status=201)


@router.get("/appointment/{id}", response_model=AppointmentView, tags=["Appointments"], responses=READ_ERRORS)
def read(hub: HubDependency, client: ReadsAppointments, id: str, fields: Fields = None) -> JSONResponse:  # noqa: A002 - TM Forum's name
    """One appointment, as it is after all its moves."""
    asked = read_fields(fields, _APPOINTMENT_ATTRIBUTES)
    with hub.snapshot() as work:
        agreement, order = get_appointment(work, client, id)
    view = appointment_view(hub.settings.public_url, agreement, order)
    return answer(view, fields=asked, always=APPOINTMENT_ALWAYS)


@router.patch(
    "/appointment/{id}",
    response_model=AppointmentView,
    tags=["Appointments"],
    responses=WRITE_ERRORS,
    openapi_extra=body_description(AppointmentUpdate, patch=True),
)
def patch(hub: HubDependency, client: WritesAppointments, id: str, body: JsonBody) -> JSONResponse:  # noqa: A002 - TM Forum's name
    """Move the appointment (`validFor`), or cancel it (`status` to `cancelled`). It keeps its id."""
    agreement, order = change_appointment(hub, client, id, body)
    return answer(appointment_view(hub.settings.public_url, agreement, order))


@router.delete(
    "/appointment/{id}",
    status_code=204,
    response_class=Response,
    tags=["Appointments"],
    responses=WRITE_ERRORS,
)
def delete(hub: HubDependency, client: WritesAppointments, id: str) -> Response:  # noqa: A002 - TM Forum's name
    """Cancel the appointment; it can still be read. The citizen is told, and the order asks for another one."""
    drop_appointment(hub, client, id)
    return Response(status_code=204)


@router.get(
    "/searchTimeSlot",
    response_model=list[SlotSearchView],
    tags=["Free times"],
    responses={**list_headers(), **READ_ERRORS},
    openapi_extra=page_description(_SEARCH_FILTERS),
)
def list_searches(hub: HubDependency, client: ReadsAppointments, request: Request) -> JSONResponse:
    """The utility's searches of the last day."""
    asked = read_selection(request.query_params.multi_items(), _SEARCH_ATTRIBUTES, _SEARCH_FILTERS)
    with hub.snapshot() as work:
        found, total = list_slot_searches(work, client, asked)
    views = [search_view(hub.settings.public_url, one) for one in found]
    return answer_page(views, total, asked.fields, SEARCH_ALWAYS)


@router.post(
    "/searchTimeSlot",
    status_code=201,
    response_model=SlotSearchView,
    tags=["Free times"],
    responses={**WRITE_ERRORS, **TOO_FAST},
    openapi_extra=body_description(SlotSearchCreate),
)
def search(hub: HubDependency, client: WritesAppointments, body: JsonBody) -> JSONResponse:
    """Which arrival windows some technician can keep now, best first."""
    if seconds := seconds_to_wait(hub, client):
        return too_fast(seconds)
    return answer(search_view(hub.settings.public_url, search_slots(hub, client, body)), status=201)


@router.get("/searchTimeSlot/{id}", response_model=SlotSearchView, tags=["Free times"], responses=READ_ERRORS)
def read_search(hub: HubDependency, client: ReadsAppointments, id: str, fields: Fields = None) -> JSONResponse:  # noqa: A002 - TM Forum's name
    """What was free when it was asked."""
    asked = read_fields(fields, _SEARCH_ATTRIBUTES)
    with hub.snapshot() as work:
        found = get_slot_search(work, client, id)
    return answer(search_view(hub.settings.public_url, found), fields=asked, always=SEARCH_ALWAYS)


@router.patch("/searchTimeSlot/{id}", include_in_schema=False)
def patch_search(client: WritesAppointments, id: str) -> JSONResponse:  # noqa: A002 - TM Forum's name
    """Not offered: a search says what was free."""
    return not_offered(
        405, "A search says what was free when it was made and is not changed. POST a new one.", "GET, DELETE"
    )


@router.delete(
    "/searchTimeSlot/{id}", status_code=204, response_class=Response, tags=["Free times"], responses=READ_ERRORS
)
def delete_search(hub: HubDependency, client: WritesAppointments, id: str) -> Response:  # noqa: A002 - TM Forum's name
    """Forget a search; after a day it is forgotten by itself."""
    with hub.snapshot() as work:
        found = get_slot_search(work, client, id)
    drop_slot_search(hub, client, found)
    return Response(status_code=204)


@router.post(
    "/hub",
    status_code=201,
    response_model=SubscriptionView,
    tags=["Events"],
    responses=WRITE_ERRORS,
    openapi_extra=body_description(SubscriptionCreate),
)
def register_listener(hub: HubDependency, client: ReadsAppointments, body: JsonBody) -> JSONResponse:
    """Be called with each event of the utility's appointments. The answer holds the secret that signs the calls, this once."""
    return answer(SubscriptionView(**vars(register(hub, client, Api.APPOINTMENTS, body))), status=201)


@router.delete("/hub/{id}", status_code=204, response_class=Response, tags=["Events"], responses=READ_ERRORS)
def unregister_listener(hub: HubDependency, client: ReadsAppointments, id: str) -> Response:  # noqa: A002 - TM Forum's name
    """Be called no more."""
    unregister(hub, client, Api.APPOINTMENTS, id)
    return Response(status_code=204)


@router.post("/listener/{event}", include_in_schema=False)
def listen(client: ReadsAppointments, event: str) -> JSONResponse:
    """Not offered: it is the utility's own side."""
    return not_offered(501, "Listeners are what the subscriber offers; we call the callback registered at hub.")
