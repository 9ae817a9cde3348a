"""HTTP of the board: parse, call, render."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from hub.bootstrap import Hub
from hub.domain.errors import NotFoundError
from hub.domain.ids import PlanId, WorkOrderId
from hub.domain.staff import Role
from hub.web import times
from hub.web.limits import MOST_FORM_BYTES, bounded_route
from hub.web.pages import Pages
from hub.web.requests import HubDependency, PagesDependency
from hub.web.staff import Staff, StaffMember, StaffWrite, require
from scheduling import service
from scheduling.board.drawing import COLOURS, drawing_of
from scheduling.board.published import what_was_skipped
from scheduling.board.queries import BoardChoice, choose_day, load_board
from scheduling.board.searches import Search, find_search, start_search
from scheduling.board.typed import PlanSpanError, is_near, read_clock, read_span
from scheduling.days import wall_instant
from scheduling.driving import drive_times
from scheduling.engine.solver import Progress

_AT_ONCE_SECONDS = 0.7
"""A planning that is done by then needs no page of its own."""

router = APIRouter(include_in_schema=False, route_class=bounded_route(MOST_FORM_BYTES))

_SEES_PLANS = Depends(require(Role.DISPATCHER, Role.OPERATIONS, Role.ADMINISTRATOR))
_PLANS = Depends(require(Role.DISPATCHER))
_Territory = Annotated[str, Query(max_length=100)]


@router.get("/console/board", dependencies=[_SEES_PLANS])
def show_board(
    hub: HubDependency,
    pages: PagesDependency,
    staff: Staff,
    territory: _Territory = "",
    day: Annotated[str, Query(max_length=10)] = "",
    view: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    """A day's routes; `view=draft` shows what the newest draft would make of them."""
    return _board_page(hub, pages, staff, _choice(hub, territory, day), draft=view == "draft")


@router.get("/console/board/data", dependencies=[_SEES_PLANS])
def give_board(
    hub: HubDependency,
    territory: _Territory = "",
    day: Annotated[str, Query(max_length=10)] = "",
    view: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    """The same day as the timeline and the map draw it."""
    choice = _choice(hub, territory, day)
    board = load_board(hub, choice.territory, choice.day, draft=view == "draft")
    content = drawing_of(board, hub.catalogue.work_types, hub.settings.map_tiles_url)
    return JSONResponse(content, headers={"Cache-Control": "no-store"})


@router.post("/console/board/plan", dependencies=[_PLANS])
def plan(
    hub: HubDependency,
    pages: PagesDependency,
    staff: StaffWrite,
    territory: Annotated[str, Form(max_length=100)],
    first_day: Annotated[str, Form(max_length=10)],
    last_day: Annotated[str, Form(max_length=10)],
    seconds: Annotated[float, Form(ge=0.1, le=60, allow_inf_nan=False)] = 2.0,
    seed: Annotated[int, Form(ge=0, le=2**31 - 1)] = 1,
    shown_day: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Make a draft for the days, both included: show it when it is there at once, else how far the search is.

    `shown_day` is the one on the board, to show again when the days cannot be planned.
    """
    try:
        first, last = read_span(hub.clock, first_day, last_day)
    except PlanSpanError as error:
        typed = {"first_day": first_day, "last_day": last_day, "seconds": seconds}
        choice = _choice(hub, territory, shown_day or first_day)
        return _board_page(hub, pages, staff, choice, act="plan", problem=str(error), typed=typed)
    if territory not in choose_day(hub, territory, first).territories:
        raise NotFoundError("territory")

    def work(hear: Callable[[Progress], None]) -> PlanId:
        return service.plan_days(hub, territory, first, last, seconds=seconds, seed=seed, progress=hear)

    started = start_search(hub, territory, (first, last), seconds, work)
    started.wait(_AT_ONCE_SECONDS)
    return RedirectResponse(_leads_to(find_search(hub, started.id)), status_code=303)


@router.post("/console/board/repair", dependencies=[_PLANS])
def repair(
    hub: HubDependency,
    pages: PagesDependency,
    staff: StaffWrite,
    territory: Annotated[str, Form(max_length=100)],
    day: Annotated[str, Form(max_length=10)],
) -> Response:
    """Draft at once what becomes of a day after whatever happened, moving as little as can be, and show it."""
    try:
        first, last = read_span(hub.clock, day, day)
    except PlanSpanError as error:
        return _board_page(hub, pages, staff, _choice(hub, territory, ""), act="repair", problem=str(error))
    if territory not in choose_day(hub, territory, first).territories:
        raise NotFoundError("territory")
    service.repair_days(hub, territory, first, last)
    return RedirectResponse(board_address(territory, first, view="draft"), status_code=303)


@router.post("/console/board/absence", dependencies=[_PLANS])
def record_absence(
    hub: HubDependency,
    pages: PagesDependency,
    staff: StaffWrite,
    route_id: Annotated[UUID, Form()],
    begins: Annotated[str, Form(max_length=8)],
    ends: Annotated[str, Form(max_length=8)],
    reason: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Record that a technician is away for a part of a day, and show the repair where the day is published."""
    with hub.unit_of_work() as work:
        route = work.routes.get(route_id)
    try:
        starts_at, ends_at = (wall_instant(route.day, read_clock(text), route.zone) for text in (begins, ends))
        drafts = service.record_absence(hub, route.technician_id, starts_at, ends_at, reason)
    except service.AbsenceError as error:
        typed = {"route_id": str(route_id), "begins": begins, "ends": ends, "reason": reason}
        choice = choose_day(hub, route.territory, route.day)
        return _board_page(hub, pages, staff, choice, act="absence", problem=str(error), typed=typed)
    view = {"view": "draft"} if drafts else {}
    return RedirectResponse(board_address(route.territory, route.day, **view), status_code=303)


@router.get("/console/board/why/{order_id}", dependencies=[_SEES_PLANS])
def show_why(
    hub: HubDependency,
    pages: PagesDependency,
    staff: Staff,
    order_id: UUID,
    territory: _Territory = "",
    day: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    """Why an order was left out: what keeps each technician from it, on the days of the draft or on the day shown."""
    choice = _choice(hub, territory, day)
    board = load_board(hub, choice.territory, choice.day, draft=True)
    with hub.unit_of_work() as work:
        order = work.work_orders.get(order_id)
    days = (board.draft.first_day, board.draft.last_day) if board.draft else (choice.day, choice.day)
    # Near the calendar's ends there is no room for the seconds a plan counts, and nobody waits there.
    near = all(is_near(hub.clock, one) for one in days)
    found = service.explain_order(hub, choice.territory, days, WorkOrderId(order_id), board.draft) if near else None
    if found is None:
        raise NotFoundError("order that waits for a plan here")
    return pages.render(
        "board/why.html",
        staff=staff,
        here="/console/board",
        order=order,
        board=board,
        days=days,
        found=found,
        times=times,
        address=board_address,
    )


@router.get("/console/board/planning/{search_id}", dependencies=[_PLANS])
def show_planning(
    request: Request,
    hub: HubDependency,
    pages: PagesDependency,
    staff: Staff,
    search_id: UUID,
    seen: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """How far a planning is; leads to the draft when it is done, and to the board when nothing is known of it.

    `seen` names the best plan that the asking page shows already.
    """
    search = find_search(hub, search_id)
    if search is not None and search.failure and "hx-request" in request.headers:
        # A script drops an answer that is an error and would ask for ever: the whole page says what happened.
        return Response(headers={"HX-Redirect": request.url.path, "Cache-Control": "no-store"})
    address = _leads_to(search)
    if search is None or search.done:
        if "hx-request" in request.headers:
            return Response(headers={"HX-Redirect": address, "Cache-Control": "no-store"})
        return RedirectResponse(address, status_code=303)
    return pages.render(
        "board/planning.html",
        staff=staff,
        here="/console/board",
        search=search,
        gone=min(search.gone, search.seconds),
        seen=seen,
        best_seen="none" if search.best is None else f"{search.best.seconds:.3f}",
        address=address,
        board=board_address(search.territory, search.first_day),
        times=times,
    )


def _leads_to(search: Search | None) -> str:
    """Where to look: at the draft, at the planning, or at the board when there is none. Raises what planning raised."""
    if search is None:
        return "/console/board"
    if not search.done:
        return f"/console/board/planning/{search.id}"
    if search.failure is not None:
        raise search.failure
    return board_address(search.territory, search.first_day, view="draft")


@router.post("/console/board/publish", dependencies=[_PLANS])
def publish(
    hub: HubDependency,
    pages: PagesDependency,
    staff: StaffWrite,
    plan_id: Annotated[UUID, Form()],
) -> Response:
    """Publish a draft, and show what was applied and what was skipped and why."""
    report = service.publish_plan(hub, PlanId(plan_id), by=staff.actor)
    with hub.unit_of_work() as work:
        published = work.plans.get(plan_id)
    return pages.render(
        "board/published.html",
        staff=staff,
        here="/console/board",
        plan=published,
        report=report,
        skipped=what_was_skipped(hub, report),
        address=board_address,
    )


def board_address(territory: str, day: date, **more: str) -> str:
    """The board of a territory on a day."""
    return f"/console/board?{urlencode({'territory': territory, 'day': day.isoformat(), **more})}"


def _choice(hub: Hub, territory: str, day: str) -> BoardChoice:
    try:
        wanted = date.fromisoformat(day) if day else None
    except ValueError:
        wanted = None
    return choose_day(hub, territory, wanted)


def _board_page(
    hub: Hub,
    pages: Pages,
    staff: StaffMember,
    choice: BoardChoice,
    *,
    draft: bool = False,
    act: str = "",
    problem: str = "",
    typed: Mapping[str, object] | None = None,
) -> Response:
    """The board; after a form that could not be done (`act`) with the `problem`, and with what was `typed` still in it."""
    board = load_board(hub, choice.territory, choice.day, draft=draft)
    work_types = hub.catalogue.work_types
    return pages.render(
        "board/board.html",
        status=422 if problem else 200,
        staff=staff,
        here="/console/board",
        choice=choice,
        board=board,
        colours=COLOURS,
        drawing=drawing_of(board, work_types, hub.settings.map_tiles_url),
        work_names={code: kind.names["en"] for code, kind in work_types.items()},
        may_plan=Role.DISPATCHER in staff.roles,
        times=times,
        address=board_address,
        drive_times=drive_times(hub.settings),
        act=act,
        problem=problem,
        typed=typed or {},
    )
