"""The board: what a dispatcher sees of a day, plans, and publishes."""

import json
import re
import time
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import select

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.db import tables
from hub.domain.appointments import Appointment
from hub.domain.events import CITIZEN
from hub.domain.ids import AbsenceId, AppointmentId, PlanId, WorkOrderId
from hub.domain.lifecycle import AppointmentStatus, VisitStatus, WorkOrderStatus
from hub.domain.plans import PlanAssignment, PlanRecord, PlanStatus, PlanUnplanned
from hub.domain.staff import Role
from hub.domain.technicians import Absence, Technician
from hub.domain.work_orders import WorkOrder
from hub.settings import Settings
from scheduling.board.drawing import drawing_of
from scheduling.board.queries import choose_day, load_board
from scheduling.driving import drive_times
from scheduling.service import confirm_appointment, hold_slot, offer_slots
from tests.samples import a_visit, a_work_order, add_route, add_technician
from tests.web.staff_browser import a_browser, signed_in_browser, who_is_signed_in

TERRITORY = "oost-vlaanderen"
TUESDAY = date(2026, 5, 5)
HOSTILE = '</script><script>alert(1)</script>"><img src=x onerror=alert(1)>'


def _at(hour: int, minute: int = 0) -> datetime:
    """An instant on that Tuesday, by the clocks of Brussels."""
    return datetime(2026, 5, 5, hour, minute, tzinfo=UTC) - timedelta(hours=2)


@pytest.fixture
def jan(hub: Hub) -> Technician:
    """One technician, who works on Tuesday and Wednesday."""
    with hub.unit_of_work() as work:
        technician = add_technician(work)
        for day in (TUESDAY, TUESDAY + timedelta(days=1)):
            add_route(work, technician, day)
        work.commit()
    return technician


def _cabinet(hub: Hub, **changes: Any) -> WorkOrder:
    """An order that needs no citizen and waits for a plan."""
    order = a_work_order(work_type="cabinet_repair", status=WorkOrderStatus.READY, citizen_name="", **changes)
    with hub.unit_of_work() as work:
        work.work_orders.add(order)
        work.commit()
    return order


def _booked(hub: Hub) -> WorkOrderId:
    """An order whose citizen has booked a time on Tuesday."""
    order = a_work_order(status=WorkOrderStatus.CONTACTING)
    with hub.unit_of_work() as work:
        work.work_orders.add(order)
        work.commit()
    offer = next(one for one in offer_slots(hub, order.id).offers if one.starts_at.date() == TUESDAY)
    held = hold_slot(hub, order.id, offer.starts_at, offer.ends_at, by=CITIZEN)
    confirm_appointment(hub, order.id, held.id, by=CITIZEN)
    return order.id


def _send(hub: Hub, browser: TestClient, path: str, **form: str) -> Any:
    return browser.post(path, data={"csrf_token": who_is_signed_in(hub, browser).csrf_token, **form})


def _plan_tuesday(hub: Hub, browser: TestClient, **form: str) -> Any:
    days = {"territory": TERRITORY, "first_day": "2026-05-05", "last_day": "2026-05-05", "seconds": "0.3"}
    answer = _send(hub, browser, "/console/board/plan", **{**days, **form})
    until = time.monotonic() + 60
    while "/board/planning/" in answer.headers.get("location", "") and time.monotonic() < until:
        time.sleep(0.05)
        address = answer.headers["location"]
        page = browser.get(address)
        if page.status_code == HTTPStatus.SEE_OTHER:
            answer = page
    return answer


def _plan_id(page: str) -> str:
    found = re.search(r'name="plan_id" value="([0-9a-f-]{36})"', page)
    assert found, "the page has no draft to publish"
    return found[1]


@pytest.mark.usefixtures("jan")
def test_without_a_wish_the_board_opens_on_the_next_working_day(hub: Hub, clock: FixedClock) -> None:
    choice = choose_day(hub, "", None)
    assert (choice.territory, choice.day) == (TERRITORY, TUESDAY)
    assert choose_day(hub, "no such territory", TUESDAY).territory == TERRITORY
    clock.advance(timedelta(days=30))
    assert choose_day(hub, TERRITORY, None).day == date(2026, 6, 3), "no working day is left: today"


def test_a_board_without_technicians_says_so(hub: Hub) -> None:
    page = signed_in_browser(hub).get("/console/board").text
    assert "No technician works in this territory on this day." in page
    assert "Plan these days" not in page


def test_a_day_shows_each_stop_with_its_time_work_town_window_and_drive(hub: Hub, jan: Technician) -> None:
    order_id = _booked(hub)
    page = signed_in_browser(hub).get("/console/board?day=2026-05-05").text
    with hub.reading() as connection:
        visit = connection.execute(select(tables.visit).where(tables.visit.c.work_order_id == order_id)).one()
        window = connection.execute(select(tables.appointment)).one()
    listed = page.split('id="list"')[1]
    for instant in (visit.starts_at, visit.ends_at, window.starts_at, window.ends_at):
        assert f"{instant + timedelta(hours=2):%H:%M}" in listed
    for words in ("Jan Janssens", "Meter swap", "9000 Gent", "planned", f"{round(visit.travel_seconds / 60)} min"):
        assert words in listed, words


def test_what_is_drawn_is_wall_time_in_driving_order(hub: Hub, jan: Technician) -> None:
    with hub.unit_of_work() as work:
        route = work.routes.list_where(tables.route.c.day == TUESDAY)[0]
        work.visits.add(a_visit(work, route, _at(10), travel_seconds=1800))
        work.visits.add(a_visit(work, route, _at(8, 30), travel_seconds=900))
        work.visits.add(a_visit(work, route, _at(14), status=VisitStatus.CANCELLED))
        work.visits.add(a_visit(work, route, _at(15), status=VisitStatus.ABORTED))
        work.absences.add(Absence(AbsenceId(uuid4()), jan.id, _at(16), _at(18), "dentist"))
        work.commit()
    drawing = drawing_of(load_board(hub, TERRITORY, TUESDAY, draft=False), hub.catalogue.work_types, "")
    (drawn,) = drawing["routes"]
    assert [(stop["number"], stop["start"], stop["kind"]) for stop in drawn["stops"]] == [
        (1, "2026-05-05T08:30:00", "planned"),
        (2, "2026-05-05T10:00:00", "planned"),
        (3, "2026-05-05T15:00:00", "aborted"),
    ]
    # 45 minutes of work end at 09:15, and the drive of half an hour is drawn just before ten.
    assert [stop["setsOff"][11:] for stop in drawn["stops"]] == ["08:15:00", "09:30:00", "14:50:00"]
    assert drawn["shift"] == ["2026-05-05T08:00:00", "2026-05-05T17:00:00"]
    assert drawn["absences"] == [
        {"start": "2026-05-05T16:00:00", "end": "2026-05-05T18:00:00", "reason": "dentist"},
    ]
    assert drawing["hours"] == ["08:00", "18:00"]
    assert [town["name"] for town in drawing["towns"]] == ["Gent"]


def test_a_drive_is_never_drawn_over_the_stop_before(hub: Hub, jan: Technician) -> None:
    with hub.unit_of_work() as work:
        route = work.routes.list_where(tables.route.c.day == TUESDAY)[0]
        work.visits.add(a_visit(work, route, _at(9)))
        # A break interrupts this drive of an hour, so the stops are closer than the drive is long.
        work.visits.add(a_visit(work, route, _at(10), travel_seconds=3600))
        work.commit()
    drawing = drawing_of(load_board(hub, TERRITORY, TUESDAY, draft=False), {}, "")
    assert drawing["routes"][0]["stops"][1]["setsOff"] == "2026-05-05T09:45:00"


def test_a_slot_that_a_citizen_is_choosing_is_told_apart(hub: Hub, jan: Technician) -> None:
    with hub.unit_of_work() as work:
        route = work.routes.list_where(tables.route.c.day == TUESDAY)[0]
        visit = a_visit(work, route, _at(9))
        held = Appointment(
            id=AppointmentId(uuid4()),
            work_order_id=visit.work_order_id,
            sequence=1,
            status=AppointmentStatus.HELD,
            starts_at=_at(8),
            ends_at=_at(10),
            lease_until=_at(7, 10),
            created_at=work.now,
        )
        work.appointments.add(held)
        work.visits.add(a_visit(work, route, _at(9), work_order_id=visit.work_order_id, appointment_id=held.id))
        work.commit()
    page = signed_in_browser(hub).get("/console/board?day=2026-05-05").text
    assert "held until 07:10" in page
    assert '"kind": "held"' in page


def test_the_data_address_gives_what_the_page_draws(hub: Hub, jan: Technician) -> None:
    _booked(hub)
    browser = signed_in_browser(hub)
    page = browser.get("/console/board?day=2026-05-05").text
    inline = re.search(r'<script type="application/json" id="drawing">(.*?)</script>', page, re.DOTALL)
    assert inline
    data = browser.get("/console/board/data?day=2026-05-05")
    assert data.json() == json.loads(inline[1])
    assert data.json()["routes"][0]["technician"] == "Jan Janssens"
    assert a_browser(hub).get("/console/board/data").status_code == HTTPStatus.SEE_OTHER


def test_names_and_addresses_are_only_text_even_inside_the_json(hub: Hub) -> None:
    with hub.unit_of_work() as work:
        technician = add_technician(work, name=f"Jan {HOSTILE}")
        route = add_route(work, technician, TUESDAY)
        order = work.work_orders.add(a_work_order(town=HOSTILE, street=HOSTILE, external_id=HOSTILE))
        work.visits.add(a_visit(work, route, _at(9), work_order_id=order.id))
        work.work_orders.add(a_work_order(status=WorkOrderStatus.READY, town=HOSTILE, work_type=HOSTILE))
        work.commit()
    browser = signed_in_browser(hub)
    page = browser.get("/console/board?day=2026-05-05").text
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    inline = re.search(r'<script type="application/json" id="drawing">(.*?)</script>', page, re.DOTALL)
    assert inline
    assert json.loads(inline[1])["routes"][0]["stops"][0]["town"] == HOSTILE


def test_a_dispatcher_plans_looks_at_the_draft_and_publishes_it(hub: Hub, jan: Technician) -> None:
    booked, cabinet = _booked(hub), _cabinet(hub)
    browser = signed_in_browser(hub)
    assert "No plan has looked at it yet." in browser.get("/console/board?day=2026-05-05").text
    answer = _plan_tuesday(hub, browser)
    assert answer.headers["location"] == f"/console/board?territory={TERRITORY}&day=2026-05-05&view=draft"
    draft = browser.get(answer.headers["location"]).text
    assert "You see the draft" in draft
    assert "add 1, move 0 to another technician or day" in draft
    assert "proposed, <strong>new</strong>" in draft
    assert "Nothing is left out." in draft
    assert "proposed" not in browser.get("/console/board?day=2026-05-05").text.split('id="list"')[1]
    published = _send(hub, browser, "/console/board/publish", plan_id=_plan_id(draft))
    assert published.status_code == HTTPStatus.OK
    assert 'data-applied="2" data-skipped="0"' in published.text
    with hub.unit_of_work() as work:
        assert work.work_orders.get(booked).status is WorkOrderStatus.PLANNED
        assert work.work_orders.get(cabinet.id).status is WorkOrderStatus.PLANNED
        step = work.connection.execute(
            select(tables.status_event.c.actor_name).where(
                tables.status_event.c.name == "work_order.planned", tables.status_event.c.work_order_id == cabinet.id
            )
        ).scalar_one()
    assert step == str(who_is_signed_in(hub, browser).id), "the history says who published"
    after = browser.get("/console/board?day=2026-05-05").text
    assert "1 of 1 routes are on the technicians’ phones" in after
    assert "dispatched" in after.split('id="list"')[1]
    assert "Publish the draft" not in after


def test_publishing_twice_changes_nothing_and_says_so(hub: Hub, jan: Technician) -> None:
    _cabinet(hub)
    browser = signed_in_browser(hub)
    draft = browser.get(_plan_tuesday(hub, browser).headers["location"]).text
    _send(hub, browser, "/console/board/publish", plan_id=_plan_id(draft))
    again = _send(hub, browser, "/console/board/publish", plan_id=_plan_id(draft))
    assert again.status_code == HTTPStatus.CONFLICT
    assert "This plan is published and cannot be published." in again.text
    unknown = _send(hub, browser, "/console/board/publish", plan_id=str(uuid4()))
    assert unknown.status_code == HTTPStatus.NOT_FOUND


def test_what_cannot_be_applied_any_more_is_listed_with_its_reason(hub: Hub, jan: Technician) -> None:
    cabinet = _cabinet(hub, external_id="CAB-1")
    browser = signed_in_browser(hub)
    draft = browser.get(_plan_tuesday(hub, browser).headers["location"]).text
    with hub.unit_of_work() as work:
        stop = work.plan_assignments.find_where(tables.plan_assignment.c.work_order_id == cabinet.id)
        assert stop is not None
        route = work.routes.get(stop.route_id)
        # Somebody else's visit has taken the time since, and it began already, so nothing can move it.
        work.visits.add(a_visit(work, route, stop.starts_at, status=VisitStatus.ON_SITE))
        work.work_orders.swap(cabinet, a_cancelled(cabinet))
        work.commit()
    published = _send(hub, browser, "/console/board/publish", plan_id=_plan_id(draft))
    assert published.status_code == HTTPStatus.OK
    assert 'data-applied="0" data-skipped="1"' in published.text
    skipped = published.text.split('id="skipped"')[1]
    assert "CAB-1" in skipped
    assert re.search(r"CAB-1</a></th><td>Gent</td><td>\w[^<]+\.</td>", skipped), "a sentence says why"


def a_cancelled(order: WorkOrder) -> WorkOrder:
    """The same order, called off by the utility."""
    return a_work_order(**{**order.__dict__, "status": WorkOrderStatus.CANCELLED})


def test_what_is_left_out_says_why_until_it_has_a_place(hub: Hub, jan: Technician) -> None:
    missing, waiting = _cabinet(hub, external_id="CAB-1"), _cabinet(hub, external_id="CAB-2")
    with hub.unit_of_work() as work:
        plan = PlanRecord(
            id=PlanId(uuid4()),
            territory=TERRITORY,
            first_day=TUESDAY,
            last_day=TUESDAY,
            status=PlanStatus.PUBLISHED,
            seed=1,
            engine="test",
            created_at=work.now,
            solve_seconds=0.1,
            travel_seconds=0,
            planned_count=0,
            unplanned_count=1,
        )
        work.plans.add(plan)
        work.plan_unplanned.add(PlanUnplanned(plan.id, missing.id, "skill_missing", "Nobody on shift can splice."))
        work.commit()
    left_out = {one.external_id: one.reason for one in load_board(hub, TERRITORY, TUESDAY, draft=False).left_out}
    assert left_out == {
        "CAB-1": "Nobody on shift can splice.",
        "CAB-2": "No plan has looked at it yet. Plan the coming days.",
    }
    with hub.unit_of_work() as work:
        route = work.routes.list_where(tables.route.c.day == TUESDAY)[0]
        work.visits.add(a_visit(work, route, _at(9), work_order_id=missing.id))
        draft = a_draft(plan)
        work.plans.add(draft)
        work.plan_assignments.add(PlanAssignment(draft.id, waiting.id, None, route.id, _at(11), _at(12), 300, "test"))
        work.commit()
    board = load_board(hub, TERRITORY, TUESDAY, draft=True)
    assert board.left_out == (), "one has a visit, the other a place in the draft"
    assert [(stop.external_id, stop.change) for stop in board.routes[0].stops][-1] == ("CAB-2", "new")


def a_draft(plan: PlanRecord) -> PlanRecord:
    """A draft of the same days, made at the same instant as `plan`."""
    return PlanRecord(**{**plan.__dict__, "id": PlanId(uuid4()), "status": PlanStatus.DRAFT})


def test_the_draft_shows_what_moves_and_what_was_booked_since(hub: Hub, jan: Technician) -> None:
    with hub.unit_of_work() as work:
        route = work.routes.list_where(tables.route.c.day == TUESDAY)[0]
        stays, moves = (work.visits.add(a_visit(work, route, _at(hour))) for hour in (8, 10))
        since = work.visits.add(a_visit(work, route, _at(15)))
        plan = PlanRecord(
            PlanId(uuid4()), TERRITORY, TUESDAY, TUESDAY, PlanStatus.DRAFT, 1, "test", work.now, 0.1, 0, 2, 0
        )
        work.plans.add(plan)
        for visit, starts_at in ((stays, _at(8)), (moves, _at(13))):
            work.plan_assignments.add(
                PlanAssignment(
                    plan.id,
                    visit.work_order_id,
                    visit.id,
                    route.id,
                    starts_at,
                    starts_at + timedelta(minutes=45),
                    60,
                    "x",
                )
            )
        work.commit()
    board = load_board(hub, TERRITORY, TUESDAY, draft=True)
    assert [(stop.visit_id, stop.starts_at, stop.change) for stop in board.routes[0].stops] == [
        (stays.id, _at(8), ""),
        (moves.id, _at(13), "retimed"),
        (since.id, _at(15), ""),
    ]
    assert board.change_counts == {"retimed": 1}


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"first_day": "2026-05-06"}, "The last day to plan lies before the first."),
        ({"last_day": "2026-06-30"}, "At most 14 days can be planned at once."),
        ({"first_day": "tomorrow"}, "A day to plan was not readable."),
        ({"seconds": "1e9"}, "What was sent is not valid at &#39;seconds&#39;"),
        ({"seconds": "nan"}, "What was sent is not valid at &#39;seconds&#39;"),
    ],
)
@pytest.mark.usefixtures("jan")
def test_days_that_cannot_be_planned_are_refused_with_a_sentence(hub: Hub, form: dict[str, str], sentence: str) -> None:
    answer = _plan_tuesday(hub, signed_in_browser(hub), **form)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert sentence in answer.text


@pytest.mark.usefixtures("jan")
def test_a_territory_that_does_not_exist_is_not_planned_as_another(hub: Hub) -> None:
    answer = _plan_tuesday(hub, signed_in_browser(hub), territory="oost-vlanderen")
    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert "There is no such territory." in answer.text
    with hub.reading() as connection:
        assert connection.execute(select(tables.plan.c.id)).all() == []


@pytest.mark.usefixtures("jan")
def test_only_dispatchers_plan_and_publish_and_only_with_our_own_form(hub: Hub) -> None:
    operations = signed_in_browser(hub, Role.OPERATIONS, name="Otto")
    assert "Plan these days" not in operations.get("/console/board").text
    assert _plan_tuesday(hub, operations).status_code == HTTPStatus.FORBIDDEN
    assert _send(hub, operations, "/console/board/publish", plan_id=str(uuid4())).status_code == HTTPStatus.FORBIDDEN
    assert signed_in_browser(hub, Role.ANALYST, name="Ana").get("/console/board").status_code == HTTPStatus.FORBIDDEN
    dispatcher = signed_in_browser(hub)
    assert _plan_tuesday(hub, dispatcher, csrf_token="forged").status_code == HTTPStatus.FORBIDDEN
    assert (
        a_browser(hub).post("/console/board/plan").headers["location"] == "/console/sign-in?onward=%2Fconsole%2Fboard"
    )
    with hub.reading() as connection:
        assert connection.execute(select(tables.plan.c.id)).all() == []


def test_a_day_that_makes_no_sense_shows_the_next_working_day(hub: Hub, jan: Technician) -> None:
    browser = signed_in_browser(hub)
    for query in ("day=nonsense", "day=", "territory=%00&day=2026-99-99"):
        assert "Tue 2026-05-05" in browser.get(f"/console/board?{query}").text


def test_an_absence_on_a_published_day_drafts_its_repair_at_once(hub: Hub) -> None:
    with hub.unit_of_work() as work:
        for name in ("Jan Janssens", "Els Maes"):
            add_route(work, add_technician(work, name=name), TUESDAY)
        work.commit()
    order = _booked(hub)
    browser = signed_in_browser(hub)
    assert "Repair this day" not in browser.get("/console/board?day=2026-05-05").text
    draft = browser.get(_plan_tuesday(hub, browser).headers["location"]).text
    _send(hub, browser, "/console/board/publish", plan_id=_plan_id(draft))
    with hub.unit_of_work() as work:
        (visit,) = work.visits.list_where(tables.visit.c.work_order_id == order)
        route = work.routes.get(visit.route_id)
    away = {"route_id": str(route.id), "begins": "08:00", "ends": "17:00", "reason": "ill"}
    answer = _send(hub, browser, "/console/board/absence", **away)
    assert answer.headers["location"].endswith("day=2026-05-05&view=draft")
    page = browser.get(answer.headers["location"]).text
    assert "absent 08:00–17:00 (ill)" in page
    assert "add 0, move 1 to another technician or day" in page
    _send(hub, browser, "/console/board/publish", plan_id=_plan_id(page))
    with hub.unit_of_work() as work:
        after = work.visits.get(visit.id)
        assert work.routes.get(route.id).version > route.version
    assert (after.technician_id != visit.technician_id, after.status) == (True, VisitStatus.DISPATCHED)
    again = _send(hub, browser, "/console/board/repair", territory=TERRITORY, day="2026-05-05")
    assert "it would change nothing" in browser.get(again.headers["location"]).text


def test_a_promise_that_an_absence_broke_is_left_out_before_and_after_it_is_published(
    hub: Hub, clock: FixedClock
) -> None:
    with hub.unit_of_work() as work:
        add_route(work, add_technician(work, name="Jan Janssens"), TUESDAY)
        work.commit()
    order = _booked(hub)
    browser = signed_in_browser(hub)
    draft = browser.get(_plan_tuesday(hub, browser).headers["location"]).text
    _send(hub, browser, "/console/board/publish", plan_id=_plan_id(draft))
    assert load_board(hub, TERRITORY, TUESDAY, draft=False).left_out == ()
    with hub.unit_of_work() as work:
        (visit,) = work.visits.list_where(tables.visit.c.work_order_id == order)
    clock.advance(timedelta(minutes=1))  # the board tells plans apart by when they were made
    away = {"route_id": str(visit.route_id), "begins": "08:00", "ends": "17:00", "reason": "ill"}
    page = browser.get(_send(hub, browser, "/console/board/absence", **away).headers["location"]).text
    assert [one.work_order_id for one in load_board(hub, TERRITORY, TUESDAY, draft=True).left_out] == [order]
    _send(hub, browser, "/console/board/publish", plan_id=_plan_id(page))
    assert [one.work_order_id for one in load_board(hub, TERRITORY, TUESDAY, draft=False).left_out] == [order]


def test_an_absence_on_a_day_that_is_not_published_drafts_nothing(hub: Hub, jan: Technician) -> None:
    browser = signed_in_browser(hub)
    with hub.unit_of_work() as work:
        (route,) = work.routes.list_where(tables.route.c.day == TUESDAY)
    away = {"route_id": str(route.id), "begins": "12:00", "ends": "13:30"}
    answer = _send(hub, browser, "/console/board/absence", **away)
    assert answer.headers["location"] == f"/console/board?territory={TERRITORY}&day=2026-05-05"
    for begins, ends, sentence in (("13", "x", "not readable"), ("14:00", "13:00", "ends after it begins")):
        refused = _send(hub, browser, "/console/board/absence", **{**away, "begins": begins, "ends": ends})
        assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert sentence in refused.text
    operations = signed_in_browser(hub, Role.OPERATIONS, name="Otto")
    assert _send(hub, operations, "/console/board/absence", **away).status_code == HTTPStatus.FORBIDDEN
    assert _send(hub, operations, "/console/board/repair", territory=TERRITORY, day="2026-05-05").status_code == 403


def test_what_is_left_out_is_explained_technician_by_technician(hub: Hub, jan: Technician) -> None:
    far = _cabinet(hub, external_id="FAR-1", latitude=48.85, longitude=2.35)
    _cabinet(hub, external_id="NEAR-1")
    browser = signed_in_browser(hub)
    draft = browser.get(_plan_tuesday(hub, browser).headers["location"]).text
    (link,) = re.findall(r'href="(/console/board/why/[^"]+)"', draft)
    assert str(far.id) in link
    page = browser.get(link.replace("&amp;", "&")).text
    assert "Why FAR-1 has no place" in page
    assert "Jan Janssens, 2026-05-05: could not drive there, do it and be back in time" in page
    unknown = browser.get(f"/console/board/why/{uuid4()}?territory={TERRITORY}&day=2026-05-05")
    assert unknown.status_code == HTTPStatus.NOT_FOUND


def test_the_board_says_whose_roads_the_drive_times_are_made_from() -> None:
    assert not drive_times(Settings()).attribution
    server = Settings(travel="osrm", travel_osrm_url=SecretStr("http://127.0.0.1:9"))
    assert "OpenStreetMap" in drive_times(server).attribution
