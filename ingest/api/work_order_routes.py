"""TMF697 Work Order Management, v4: orders, the wish to cancel one, and who wants to hear."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response

from hub.db.tables import cancel_task, work_order
from hub.db.unit_of_work import UnitOfWork
from hub.domain.lifecycle import TMF697_STATES, WorkOrderStatus
from hub.domain.work_orders import WorkOrder
from hub.web.limits import bounded_route
from hub.web.requests import HubDependency
from ingest.api.access import KeyHeader, ReadsOrders, WritesOrders
from ingest.api.answers import (
    READ_ERRORS,
    WRITE_ERRORS,
    answer,
    answer_page,
    attributes,
    body_description,
    list_headers,
    not_offered,
    page_description,
)
from ingest.api.bodies import MOST_BYTES, json_object
from ingest.api.orders import cancel_order, change_order, create_order
from ingest.api.queries import (
    agreements_for,
    get_cancel_task,
    get_order,
    list_cancel_tasks,
    list_orders,
    stories_of,
)
from ingest.api.resources import CANCEL_ALWAYS, ORDER_ALWAYS, ORDERS_PATH, cancel_view, order_view
from ingest.api.schemas import (
    CancelCreate,
    CancelTaskView,
    OrderCreate,
    OrderPatch,
    SubscriptionCreate,
    SubscriptionView,
    WorkOrderView,
)
from ingest.api.selection import Filter, instants, one_of, one_of_codes, one_of_ids, read_fields, read_selection
from ingest.api.subscriptions import Api, register, unregister

router = APIRouter(prefix=ORDERS_PATH, route_class=bounded_route(MOST_BYTES))
JsonBody = Annotated[dict[str, Any], Depends(json_object)]
Fields = Annotated[
    str | None, Query(max_length=1000, description="The attributes wanted, separated by commas.", examples=["state"])
]
_STATUSES_OF: dict[str, list[WorkOrderStatus]] = {}
for _status, _state in TMF697_STATES.items():
    _STATUSES_OF.setdefault(_state, []).append(_status)
_ORDER_FILTERS: dict[str, Filter] = {
    "id": one_of_ids(work_order.c.id),
    "externalId": one_of(work_order.c.external_id),
    "state": one_of_codes(work_order.c.status, _STATUSES_OF),
    "status": one_of_codes(work_order.c.status, {status.value: [status] for status in WorkOrderStatus}),
    "workOrderItem.work.workSpecification.id": one_of(work_order.c.work_type),
    **instants("orderDate", work_order.c.imported_at),
    **instants("requestedStartDate", work_order.c.not_before),
    **instants("requestedCompletionDate", work_order.c.due_at),
}
_CANCEL_FILTERS: dict[str, Filter] = {
    "state": one_of(cancel_task.c.state),
    "workOrder.id": one_of_ids(cancel_task.c.work_order_id),
    **instants("requestedCancellationDate", cancel_task.c.requested_at),
}
_ORDER_ATTRIBUTES, _CANCEL_ATTRIBUTES = attributes(WorkOrderView), attributes(CancelTaskView)


@router.get(
    "/workOrder",
    response_model=list[WorkOrderView],
    tags=["Work orders"],
    responses={**list_headers(), **READ_ERRORS},
    openapi_extra=page_description(_ORDER_FILTERS),
)
def list_work_orders(hub: HubDependency, client: ReadsOrders, request: Request) -> JSONResponse:
    """The utility's orders, by externalId."""
    asked = read_selection(request.query_params.multi_items(), _ORDER_ATTRIBUTES, _ORDER_FILTERS)
    with hub.snapshot() as work:
        orders, total = list_orders(work, client, asked)
        views = _views(work, orders)
    return answer_page(views, total, asked.fields, ORDER_ALWAYS)


@router.post(
    "/workOrder",
    status_code=201,
    response_model=WorkOrderView,
    tags=["Work orders"],
    responses=WRITE_ERRORS,
    openapi_extra=body_description(OrderCreate),
)
def create_work_order(hub: HubDependency, client: WritesOrders, body: JsonBody, key: KeyHeader = None) -> JSONResponse:
    """Send a new order. One that cannot be done is answered too, with the state `rejected` and the reasons."""
    return answer(_view(hub, create_order(hub, client, body, key)), status=201)


@router.get("/workOrder/{id}", response_model=WorkOrderView, tags=["Work orders"], responses=READ_ERRORS)
def read_work_order(hub: HubDependency, client: ReadsOrders, id: str, fields: Fields = None) -> JSONResponse:  # noqa: A002 - TM Forum's name
    """One order by our id."""
    asked = read_fields(fields, _ORDER_ATTRIBUTES)
    with hub.snapshot() as work:
        [view] = _views(work, [get_order(work, client, id)])
    return answer(view, fields=asked, always=ORDER_ALWAYS)


@router.patch(
    "/workOrder/{id}",
    response_model=WorkOrderView,
    tags=["Work orders"],
    responses=WRITE_ERRORS,
    openapi_extra=body_description(OrderPatch, patch=True),
)
def patch_work_order(
    hub: HubDependency,
    client: WritesOrders,
    id: str,  # noqa: A002 - TM Forum's name
    body: JsonBody,
    key: KeyHeader = None,
) -> JSONResponse:
    """Change what the body names. What may change depends on how far the order is; a refusal says why (409)."""
    return answer(_view(hub, change_order(hub, client, id, body, key)))


@router.delete("/workOrder/{id}", include_in_schema=False)
def delete_work_order(client: WritesOrders, id: str) -> JSONResponse:  # noqa: A002 - TM Forum's name
    """Not offered: an order has a history."""
    return not_offered(
        405, "A work order is not deleted, it has a history. To cancel it, POST to cancelWorkOrder.", "GET, PATCH"
    )


@router.get(
    "/cancelWorkOrder",
    response_model=list[CancelTaskView],
    tags=["Cancelling"],
    responses={**list_headers(), **READ_ERRORS},
    openapi_extra=page_description(_CANCEL_FILTERS),
)
def list_cancels(hub: HubDependency, client: ReadsOrders, request: Request) -> JSONResponse:
    """The utility's wishes to cancel, the oldest first."""
    asked = read_selection(request.query_params.multi_items(), _CANCEL_ATTRIBUTES, _CANCEL_FILTERS)
    with hub.snapshot() as work:
        tasks, total = list_cancel_tasks(work, client, asked)
    views = [cancel_view(hub.settings.public_url, task) for task in tasks]
    return answer_page(views, total, asked.fields, CANCEL_ALWAYS)


@router.post(
    "/cancelWorkOrder",
    status_code=201,
    response_model=CancelTaskView,
    tags=["Cancelling"],
    responses=WRITE_ERRORS,
    openapi_extra=body_description(CancelCreate),
)
def create_cancel(hub: HubDependency, client: WritesOrders, body: JsonBody, key: KeyHeader = None) -> JSONResponse:
    """Ask for an order to be cancelled. The task is `done`, or `terminatedWithError` and says why."""
    return answer(cancel_view(hub.settings.public_url, cancel_order(hub, client, body, key)), status=201)


@router.get("/cancelWorkOrder/{id}", response_model=CancelTaskView, tags=["Cancelling"], responses=READ_ERRORS)
def read_cancel(hub: HubDependency, client: ReadsOrders, id: str, fields: Fields = None) -> JSONResponse:  # noqa: A002 - TM Forum's name
    """One wish to cancel."""
    asked = read_fields(fields, _CANCEL_ATTRIBUTES)
    with hub.snapshot() as work:
        task = get_cancel_task(work, client, id)
    return answer(cancel_view(hub.settings.public_url, task), fields=asked, always=CANCEL_ALWAYS)


@router.post(
    "/hub",
    status_code=201,
    response_model=SubscriptionView,
    tags=["Events"],
    responses=WRITE_ERRORS,
    openapi_extra=body_description(SubscriptionCreate),
)
def register_listener(hub: HubDependency, client: ReadsOrders, body: JsonBody) -> JSONResponse:
    """Be called with each event of the utility's orders. The answer holds the secret that signs the calls, this once."""
    made = register(hub, client, Api.ORDERS, body)
    return answer(SubscriptionView(**vars(made)), status=201)


@router.delete("/hub/{id}", status_code=204, response_class=Response, tags=["Events"], responses=READ_ERRORS)
def unregister_listener(hub: HubDependency, client: ReadsOrders, id: str) -> Response:  # noqa: A002 - TM Forum's name
    """Be called no more."""
    unregister(hub, client, Api.ORDERS, id)
    return Response(status_code=204)


@router.post("/listener/{event}", include_in_schema=False)
def listen(client: ReadsOrders, event: str) -> JSONResponse:
    """Not offered: it is the utility's own side."""
    return not_offered(501, "Listeners are what the subscriber offers; we call the callback registered at hub.")


def _view(hub: HubDependency, order: WorkOrder) -> WorkOrderView:
    with hub.snapshot() as work:
        [view] = _views(work, [work.work_orders.get(order.id)])
    return view


def _views(work: UnitOfWork, orders: list[WorkOrder]) -> list[WorkOrderView]:
    stories, agreed = stories_of(work, orders), agreements_for(work, orders)
    base = work.settings.public_url
    return [order_view(base, one, work.catalogue, stories[one.id], agreed.get(one.id)) for one in orders]
