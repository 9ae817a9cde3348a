"""A visit is taken from set off to its end, by its own technician, one allowed step at a time."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.db import tables
from hub.domain.appointments import Visit
from hub.domain.lifecycle import AbortReason, AppointmentStatus, HoldReason, VisitStatus, WorkOrderStatus
from hub.domain.technicians import Technician
from tests.technician_api.conftest import Phone, dispatch

Reach = Callable[[Visit, VisitStatus], Visit]


def statuses(hub: Hub, visit: Visit) -> tuple[VisitStatus, WorkOrderStatus, AppointmentStatus]:
    with hub.unit_of_work() as work:
        present = work.visits.get(visit.id)
        order = work.work_orders.get(visit.work_order_id)
        return present.status, order.status, work.appointments.get(present.appointment_id).status


def test_my_day_shows_what_the_job_needs(phone: Phone, visit: Visit, clock: FixedClock) -> None:
    day = phone.get("/my-day").json()
    assert (day["date"], day["technician"]["name"]) == ("2026-05-04", "Jan Janssens")
    (shown,) = day["visits"]
    assert shown["address"]["street"] == "Veldstraat 1"
    assert shown["citizen"] == {"first_name": "An", "phone": "+32470000001", "language": "nl"}
    assert shown["work_type"]["names"]["en"] == "Meter swap"
    assert (shown["planned_start"], shown["zone"]) == ("2026-05-04T10:00:00+02:00", "Europe/Brussels")
    assert shown["arrival_window"]["starts_at"] == "2026-05-04T09:30:00+02:00"
    assert shown["next_actions"] == ["set-off", "arrive", "abort"]
    assert "Peeters" not in str(day)


def test_another_day_has_other_visits_in_their_order(
    hub: Hub, phone: Phone, technician: Technician, visit: Visit, clock: FixedClock
) -> None:
    tomorrow = clock.now() + timedelta(days=1)
    later, earlier = (dispatch(hub, technician, tomorrow + timedelta(hours=hours)) for hours in (4, 1))
    shown = phone.get("/my-day", params={"date": "2026-05-05"}).json()["visits"]
    assert [one["id"] for one in shown] == [str(earlier.id), str(later.id)]


@pytest.mark.parametrize("status", [VisitStatus.PLANNED, VisitStatus.CANCELLED])
def test_what_is_not_dispatched_is_not_shown(phone: Phone, visit: Visit, reach: Reach, status: VisitStatus) -> None:
    reach(visit, status)
    assert phone.get("/my-day").json()["visits"] == []


def test_a_planned_visit_does_not_exist_for_the_phone(phone: Phone, visit: Visit, reach: Reach) -> None:
    reach(visit, VisitStatus.PLANNED)
    assert phone.post(f"/visits/{visit.id}/set-off").status_code == 404


def test_a_whole_visit(hub: Hub, phone: Phone, visit: Visit, clock: FixedClock) -> None:
    last: dict[str, Any] = {}
    expected = [
        ("set-off", "en route", ["arrive", "abort"]),
        ("arrive", "on site", ["start", "abort"]),
        ("start", "working", ["complete", "abort"]),
        ("complete", "completed", []),
    ]
    for step, status, onward in expected:
        answer = phone.post(f"/visits/{visit.id}/{step}", json={})
        assert answer.status_code == 200, answer.text
        assert (answer.json()["status"], answer.json()["next_actions"]) == (status, onward)
        last = answer.json()
        clock.advance(timedelta(minutes=10))
    assert statuses(hub, visit) == (VisitStatus.COMPLETED, WorkOrderStatus.COMPLETED, AppointmentStatus.COMPLETED)
    assert last["citizen"] is None, "the number is shown only as long as it is needed"
    with hub.unit_of_work() as work:
        after = work.visits.get(visit.id)
    assert after.promised_arrival == visit.starts_at - timedelta(minutes=30), "not before the arrival window"
    assert (after.ended_at - after.set_off_at) == timedelta(minutes=30)  # type: ignore[operator]


def test_the_arrival_is_forecast_anew_at_setting_off(hub: Hub, phone: Phone, visit: Visit, clock: FixedClock) -> None:
    clock.advance(timedelta(hours=1))
    shown = phone.post(f"/visits/{visit.id}/set-off").json()
    assert shown["expected_arrival"] == "2026-05-04T10:10:00+02:00"
    with hub.unit_of_work() as work:
        assert work.routes.get(visit.route_id).version == 2, "whoever plans the route sees that something changed"


def test_each_step_is_in_the_history_with_its_technician(hub: Hub, phone: Phone, visit: Visit) -> None:
    for step in ("arrive", "start"):
        phone.post(f"/visits/{visit.id}/{step}")
    with hub.reading() as connection:
        event = tables.status_event.c
        query = select(event.name, event.actor_kind, event.actor_name).where(event.work_order_id == visit.work_order_id)
        history = [tuple(row) for row in connection.execute(query.order_by(event.seq))]
    who = ("technician", str(phone.technician.id))
    names = ["visit.on_site", "visit.working", "work_order.in_progress"]
    assert [row for row in history if row[0] in names] == [(name, *who) for name in names]


@pytest.mark.parametrize("reason", list(AbortReason))
def test_an_abort_keeps_its_reason_and_fails_the_appointment(
    hub: Hub, phone: Phone, visit: Visit, reach: Reach, reason: AbortReason
) -> None:
    reach(visit, VisitStatus.ON_SITE)
    body = {"reason": reason.value.replace(" ", "_"), "note": "Nobody opened."}
    answer = phone.post(f"/visits/{visit.id}/abort", json=body)
    assert (answer.status_code, answer.json()["abort_reason"]) == (200, reason.value)
    assert answer.json()["reports"] == 1
    with hub.unit_of_work() as work:
        after = work.visits.get(visit.id)
        order = work.work_orders.get(visit.work_order_id)
        event = tables.status_event.c
        told = select(event.reason).where(event.name == "visit.aborted")
        assert work.connection.execute(told).scalar_one() == reason.value
    assert (after.status, after.abort_reason) == (VisitStatus.ABORTED, reason)
    assert statuses(hub, visit)[2] is AppointmentStatus.FAILED
    assert order.hold_reason in {None, HoldReason(reason.value)}


def test_a_step_that_is_not_next_is_refused_in_a_sentence(hub: Hub, phone: Phone, visit: Visit) -> None:
    answer = phone.post(f"/visits/{visit.id}/complete")
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:doorstep:problem:transition-refused"
    assert answer.json()["detail"] == "A visit that is dispatched cannot be completed."
    assert statuses(hub, visit)[0] is VisitStatus.DISPATCHED


@pytest.mark.parametrize("write", ["set-off", "arrive", "start", "complete", "abort", "report"])
def test_anothers_visit_does_not_exist(hub: Hub, other_phone: Phone, visit: Visit, write: str) -> None:
    bodies: dict[str, dict[str, Any]] = {"abort": {"reason": "other"}, "report": {"summary": "Mine?"}}
    answer = other_phone.post(f"/visits/{visit.id}/{write}", json=bodies.get(write, {}))
    assert (answer.status_code, answer.json()["detail"]) == (404, "There is no such visit.")
    assert statuses(hub, visit)[0] is VisitStatus.DISPATCHED


def test_a_visit_that_never_was_does_not_exist(phone: Phone) -> None:
    assert phone.post(f"/visits/{uuid4()}/arrive").status_code == 404
    assert phone.post("/visits/not-an-id/arrive").status_code == 422


def test_a_step_sent_later_keeps_the_time_it_happened(hub: Hub, phone: Phone, visit: Visit, clock: FixedClock) -> None:
    happened = clock.now() - timedelta(hours=2)
    phone.post(f"/visits/{visit.id}/arrive", json={"occurred_at": happened.isoformat()})
    with hub.unit_of_work() as work:
        assert work.visits.get(visit.id).arrived_at == happened


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(10, "in the future"), (-25 * 60, "more than 24 hours ago"), (-60, "before the step that it follows")],
)
def test_an_implausible_time_is_refused(
    phone: Phone, visit: Visit, clock: FixedClock, minutes: int, words: str
) -> None:
    phone.post(f"/visits/{visit.id}/set-off")
    when = clock.now() + timedelta(minutes=minutes)
    answer = phone.post(f"/visits/{visit.id}/arrive", json={"occurred_at": when.isoformat()})
    assert answer.status_code == 422
    assert words in answer.json()["detail"]


def test_a_clock_that_is_a_little_fast_is_forgiven(hub: Hub, phone: Phone, visit: Visit, clock: FixedClock) -> None:
    when = clock.now() + timedelta(minutes=3)
    assert phone.post(f"/visits/{visit.id}/arrive", json={"occurred_at": when.isoformat()}).status_code == 200
    with hub.unit_of_work() as work:
        assert work.visits.get(visit.id).arrived_at == clock.now()


@pytest.mark.parametrize(
    "body",
    [
        {"reason": "bored"},
        {},
        {"reason": "other", "occurred_at": "2026-05-04T10:00:00"},
        {"reason": "other", "occurred_at": "soon"},
        {"reason": "other", "surprise": 1},
        {"reason": "other", "note": "x" * 2001},
        {"reason": {"a": []}},
        [],
    ],
)
def test_a_wrong_body_is_refused_and_changes_nothing(hub: Hub, phone: Phone, visit: Visit, body: object) -> None:
    answer = phone.post(f"/visits/{visit.id}/abort", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].startswith("What was sent is not valid")
    assert statuses(hub, visit)[0] is VisitStatus.DISPATCHED


def test_a_note_with_a_nul_sign_is_kept_without_it(hub: Hub, phone: Phone, visit: Visit) -> None:
    answer = phone.post(f"/visits/{visit.id}/abort", json={"reason": "unsafe", "note": "Live\x00 wire"})
    assert answer.status_code == 200
    with hub.unit_of_work() as work:
        assert [report.summary for report in work.work_reports.list_where()] == ["Live wire"]


def test_a_report_with_confirmations_is_kept_from_arrival_on(
    hub: Hub, phone: Phone, visit: Visit, reach: Reach
) -> None:
    body = {
        "summary": "Meter replaced.",
        "confirmations": [{"kind": "extra_time", "description": "Cable pulled anew.", "quantity": 30}],
    }
    early = phone.post(f"/visits/{visit.id}/report", json=body)
    assert (early.status_code, early.json()["type"]) == (409, "urn:doorstep:problem:not-on-site-yet")
    reach(visit, VisitStatus.WORKING)
    answer = phone.post(f"/visits/{visit.id}/report", json=body)
    assert (answer.status_code, answer.json()["visit"]["reports"]) == (201, 1)
    with hub.unit_of_work() as work:
        (kept,) = work.confirmations.list_where()
        event = tables.status_event.c
        told = work.connection.execute(select(event.data).where(event.name == "visit.reported")).scalar_one()
    assert (kept.kind, kept.quantity, kept.work_order_id) == ("extra time", 30, visit.work_order_id)
    assert told == {"confirmations": 1}


@pytest.mark.parametrize(
    "body",
    [
        {"summary": "  "},
        {"summary": "\x00 \u200b"},
        {"summary": "Done.", "confirmations": [{"kind": "material", "description": "\u2800", "quantity": 1}]},
    ],
)
def test_a_report_of_blanks_is_refused(phone: Phone, visit: Visit, reach: Reach, body: object) -> None:
    reach(visit, VisitStatus.WORKING)
    assert phone.post(f"/visits/{visit.id}/report", json=body).status_code == 422


def test_lone_surrogates_are_refused_in_a_sentence(phone: Phone, visit: Visit, reach: Reach) -> None:
    reach(visit, VisitStatus.WORKING)
    raw = '{"summary": "\\ud800"}'
    answer = phone.post(f"/visits/{visit.id}/report", content=raw)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("What was sent is not valid")
