"""HTTP of the board: parse, call, render."""

from collections.abc import Callable
from datetime import date, time, timedelta
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from hub.bootstrap import Hub
from hub.domain.errors import DoorstepError, NotFoundError
from hub.domain.ids import PlanId, WorkOrderId
from hub.domain.staff import Role
from hub.web import times
from hub.web.limits import MOST_FORM_BYTES, bounded_route
from hub.web.requests import HubDependency, PagesDependency
from hub.web.staff import Staff, StaffWrite, require
from scheduling import service
from scheduling.board.drawing import COLOURS, drawing_of
from scheduling.board.published import what_was_skipped
from scheduling.board.queries import BoardChoice, choose_day, load_board
from scheduling.board.searches import Search, find_search, start_search
from scheduling.days import wall_instant
from scheduling.driving import drive_times
from scheduling.engine.solver import Progress

LONGEST_SPAN = timedelta(days=14)

_AT_ONCE_SECONDS = 0.7
"""A planning that is done by then needs no page of its own."""

router = APIRouter(include_in_schema=False, route_class=bounded_route(MOST_FORM_BYTES))

_SEES_PLANS = Depends(require(Role.DISPATCHER, Role.OPERATIONS, Role.ADMINISTRATOR))
_PLANS = Depends(require(Role.DISPATCHER))
_Territory = Annotated[str, Query(max_length=100)]


class PlanSpanError(DoorstepError):
    """The days to plan are in the wrong order, too many, or cannot be read."""

    code = "plan-span"


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
    choice = _choice(hub, territory, day)
    board = load_board(hub, choice.territory, choice.day, draft=view == "draft")
    work_types = hub.catalogue.work_types
    return pages.render(
        "board/board.html",
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
    )


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
    staff: StaffWrite,
    territory: Annotated[str, Form(max_length=100)],
    first_day: Annotated[str, Form(max_length=10)],
    last_day: Annotated[str, Form(max_length=10)],
    seconds: Annotated[float, Form(ge=0.1, le=60, allow_inf_nan=False)] = 2.0,
    seed: Annotated[int, Form(ge=0, le=2**31 - 1)] = 1,
) -> Response:
    """Make a draft for the days, both included: show it when it is there at once, else how far the search is."""
    first, last = _span(first_day, last_day)
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
    staff: StaffWrite,
    territory: Annotated[str, Form(max_length=100)],
    day: Annotated[str, Form(max_length=10)],
) -> Response:
    """Draft at once what becomes of a day after whatever happened, moving as little as can be, and show it."""
    first, last = _span(day, day)
    if territory not in choose_day(hub, territory, first).territories:
        raise NotFoundError("territory")
    service.repair_days(hub, territory, first, last)
    return RedirectResponse(board_address(territory, first, view="draft"), status_code=303)


@router.post("/console/board/absence", dependencies=[_PLANS])
def record_absence(
    hub: HubDependency,
    staff: StaffWrite,
    route_id: Annotated[UUID, Form()],
    begins: Annotated[str, Form(max_length=8)],
    ends: Annotated[str, Form(max_length=8)],
    reason: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Record that a technician is away for a part of a day, and show the repair where the day is published."""
    with hub.unit_of_work() as work:
        route = work.routes.get(route_id)
    starts_at, ends_at = (wall_instant(route.day, _clock(text), route.zone) for text in (begins, ends))
    drafts = service.record_absence(hub, route.technician_id, starts_at, ends_at, reason.strip())
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
    found = service.explain_order(hub, choice.territory, days, WorkOrderId(order_id), board.draft)
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


def _clock(text: str) -> time:
    try:
        return time.fromisoformat(text)
    except ValueError as error:
        raise service.AbsenceError("A time was not readable. Write it as 13:30.") from error


def _span(first_day: str, last_day: str) -> tuple[date, date]:
    try:
        first, last = date.fromisoformat(first_day), date.fromisoformat(last_day)
    except ValueError as error:
        raise PlanSpanError("A day to plan was not readable. Write it as 2026-05-04.") from error
    if last < first:
        raise PlanSpanError("The last day to plan lies before the first. Choose them again.")
    if last - first >= LONGEST_SPAN:
        raise PlanSpanError(f"At most {LONGEST_SPAN.days} days can be planned at once. Choose a shorter span.")
    return first, last
