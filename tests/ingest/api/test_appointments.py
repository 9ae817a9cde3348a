"""Appointments over HTTP: what is free is asked, booked, moved and given up, with the scheduling room's real slots."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.db.tables import visit
from hub.domain.events import CITIZEN
from hub.domain.ids import WorkOrderId
from hub.domain.lifecycle import VisitStatus
from ingest.api.appointments import forget_old_searches
from scheduling.service import confirm_appointment, hold_slot, offer_slots
from tests.ingest.api.conftest import APPOINTMENTS, ORDERS, Program, a_program, entity

PATH = f"{APPOINTMENTS}/appointment"
SEARCHES = f"{APPOINTMENTS}/searchTimeSlot"
pytestmark = pytest.mark.usefixtures("roster")


def as_window(one: Any) -> dict[str, str]:
    return {
        "startDateTime": one.starts_at.isoformat().replace("+00:00", "Z"),
        "endDateTime": one.ends_at.isoformat().replace("+00:00", "Z"),
    }


def test_a_search_answers_with_the_real_slots(program: Program, hub: Hub) -> None:
    order = program.order()
    answer = program.post(SEARCHES, {"relatedEntity": [entity(order)]})
    assert answer.status_code == 201, answer.text
    found = answer.json()
    assert (found["status"], found["searchResult"]) == ("done", "success")
    real = [as_window(one) for one in offer_slots(hub, WorkOrderId(UUID(order["id"]))).offers]
    assert real
    assert [slot["validFor"] for slot in found["availableTimeSlot"]] == real
    assert program.get(f"{SEARCHES}/{found['id']}").json() == found
    assert program.get(SEARCHES, params={"relatedEntity.id": order["id"], "status": "done"}).json() == [found]
    by_name = {**entity(order), "id": order["externalId"]}
    assert len(program.post(SEARCHES, {"relatedEntity": [by_name]}).json()["availableTimeSlot"]) == len(real)


def test_a_search_keeps_to_the_times_asked_for(program: Program) -> None:
    order = program.order()
    wednesday = {"startDateTime": "2026-05-06T00:00:00+02:00", "endDateTime": "2026-05-07T00:00:00+02:00"}
    slots = program.free(order, requestedTimeSlot=[{"validFor": wednesday}])
    assert slots
    assert all("2026-05-05T22" <= slot["startDateTime"] < "2026-05-06T22" for slot in slots)
    long_past = {"endDateTime": "2026-05-01T00:00:00Z"}
    nothing = program.post(
        SEARCHES, {"relatedEntity": [entity(order)], "requestedTimeSlot": [{"validFor": long_past}]}
    ).json()
    assert (nothing["searchResult"], nothing["availableTimeSlot"]) == ("fail", [])
    assert nothing["outcome"] == "No technician is free in the time slots asked for."


def test_a_search_for_an_order_that_is_over_is_rejected(program: Program, clock: FixedClock) -> None:
    order = program.order()
    program.post(f"{ORDERS}/cancelWorkOrder", {"workOrder": {"id": order["id"]}})
    found = program.post(SEARCHES, {"relatedEntity": [entity(order)]}).json()
    assert (found["status"], found["searchResult"]) == ("rejected", "fail")
    assert "is cancelled" in found["outcome"]


def test_a_search_where_nobody_works_says_so(program: Program, clock: FixedClock, hub: Hub) -> None:
    order = program.order()
    clock.advance(timedelta(days=20))
    found = a_program(hub, program.client).post(SEARCHES, {"relatedEntity": [entity(order)]}).json()
    assert (found["status"], found["searchResult"]) == ("done", "fail")
    assert found["outcome"].startswith("Nobody works there")


def test_a_search_can_be_forgotten_but_not_changed(program: Program, hub: Hub, clock: FixedClock) -> None:
    order = program.order()
    body = {"relatedEntity": [entity(order)]}
    path = f"{SEARCHES}/{program.post(SEARCHES, body).json()['id']}"
    refused = program.patch(path, body)
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, DELETE")
    assert program.delete(path).status_code == 204
    assert [program.get(path).status_code, program.delete(path).status_code] == [404, 404]
    program.post(SEARCHES, body)
    clock.advance(timedelta(hours=23))
    assert forget_old_searches(hub, clock.now()) == 0
    clock.advance(timedelta(hours=2))
    assert forget_old_searches(hub, clock.now()) == 1


def test_booking_holds_and_confirms_a_window(program: Program, hub: Hub) -> None:
    order = program.order()
    window = program.free(order)[0]
    answer = program.book(order, window)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["status"], made["validFor"]) == ("confirmed", window)
    assert (made["relatedEntity"][0]["id"], made["relatedEntity"][0]["name"]) == (order["id"], order["externalId"])
    assert program.get(f"{PATH}/{made['id']}").json() == made
    now = program.get(f"{ORDERS}/workOrder/{order['id']}").json()
    assert (now["status"], now["appointment"]["id"], now["appointment"]["href"]) == ("booked", made["id"], made["href"])
    assert now["workOrderItem"][0]["work"]["deliveryTimeSlot"] == window
    with hub.reading() as connection:
        assert connection.scalar(select(visit.c.status)) is VisitStatus.PLANNED


def test_booking_again_gives_the_same_and_another_time_is_refused(program: Program) -> None:
    order = program.order()
    first, second, *_ = program.free(order)
    key = {"Idempotency-Key": str(uuid4())}
    made = [
        program.book(order, first, headers=key),
        program.book(order, first, headers=key),
        program.book(order, first),
    ]
    assert {one.json()["id"] for one in made} == {made[0].json()["id"]}
    other = program.book(order, second)
    assert (other.status_code, other.json()["code"]) == (409, "appointment-exists")


def test_a_window_that_is_none_or_gone_is_refused(program: Program, hub: Hub, clock: FixedClock) -> None:
    order = program.order()
    window = program.free(order)[0]
    odd = {"startDateTime": "2026-05-06T08:07:00Z", "endDateTime": "2026-05-06T08:11:00Z"}
    assert (program.book(order, odd).status_code, program.book(order, odd).json()["code"]) == (400, "not-a-slot")
    backwards = {"startDateTime": window["endDateTime"], "endDateTime": window["startDateTime"]}
    assert program.book(order, backwards).status_code == 400
    clock.advance(timedelta(days=20))
    late = a_program(hub, program.client).book(order, window)
    assert (late.status_code, late.json()["code"]) == (409, "slot-past")


def test_a_full_day_is_refused_to_the_utility_as_to_citizens(program: Program) -> None:
    wednesday = {"startDateTime": "2026-05-06T00:00:00+02:00", "endDateTime": "2026-05-07T00:00:00+02:00"}
    window = program.free(program.order(), requestedTimeSlot=[{"validFor": wednesday}])[0]
    answers = [program.book(program.order(), window) for _ in range(14)]
    statuses = [one.status_code for one in answers]
    assert statuses[0] == 201
    assert statuses[-1] == 409
    assert answers[-1].json()["code"] == "slot-taken"


def test_a_move_keeps_the_id_and_every_older_id_leads_to_it(program: Program) -> None:
    order = program.order()
    first, second, third, *_ = program.free(order)
    made = program.book(order, first).json()
    path = f"{PATH}/{made['id']}"
    for window in (second, third):
        moved = program.patch(path, {"validFor": window})
        assert moved.status_code == 200, moved.text
        assert (moved.json()["id"], moved.json()["validFor"], moved.json()["status"]) == (
            made["id"],
            window,
            "confirmed",
        )
    assert program.get(path).json()["validFor"] == third
    listed = program.get(PATH)
    assert ([one["id"] for one in listed.json()], listed.headers["x-total-count"]) == ([made["id"]], "1")
    assert program.get(f"{ORDERS}/workOrder/{order['id']}").json()["appointment"]["id"] == made["id"]


def test_what_the_citizen_moved_is_seen(program: Program, hub: Hub) -> None:
    order = program.order()
    identity = WorkOrderId(UUID(order["id"]))
    first, _, other, *_rest = offer_slots(hub, identity).offers
    held = hold_slot(hub, identity, first.starts_at, first.ends_at, by=CITIZEN)
    # What is only held is no appointment yet.
    assert program.get(PATH).headers["x-total-count"] == "0"
    assert program.get(f"{PATH}/{held.id}").status_code == 404
    confirm_appointment(hub, identity, held.id, by=CITIZEN)
    moved = hold_slot(hub, identity, other.starts_at, other.ends_at, by=CITIZEN)
    confirm_appointment(hub, identity, moved.id, by=CITIZEN)
    [seen] = program.get(PATH).json()
    assert (seen["id"], seen["validFor"]) == (str(held.id), as_window(other))
    assert program.get(f"{PATH}/{moved.id}").json() == seen


def test_an_appointment_is_given_up_once(program: Program, hub: Hub) -> None:
    order = program.order()
    first, second, *_ = program.free(order)
    path = f"{PATH}/{program.book(order, first).json()['id']}"
    assert [program.delete(path).status_code for _ in range(2)] == [204, 204]
    assert program.get(path).json()["status"] == "cancelled"
    assert program.get(f"{ORDERS}/workOrder/{order['id']}").json()["status"] == "contacting"
    refused = program.patch(path, {"validFor": second})
    assert (refused.status_code, refused.json()["code"]) == (409, "change-refused")
    again = program.book(order, second).json()
    assert f"{PATH}/{again['id']}" != path
    ended = program.patch(f"{PATH}/{again['id']}", {"status": "cancelled"})
    assert (ended.status_code, ended.json()["status"]) == (200, "cancelled")
    assert program.get(PATH, params={"status": "cancelled"}).headers["x-total-count"] == "2"
    assert program.get(PATH, params={"status": "confirmed,failed"}).json() == []


def test_what_cannot_be_changed_in_an_appointment_is_refused(program: Program) -> None:
    order = program.order()
    first, second, *_ = program.free(order)
    made = program.book(order, first).json()
    for body, says in (
        ({"status": "completed"}, "can only become cancelled"),
        ({"status": "cancelled", "validFor": second}, "not both"),
        ({"description": "x"}, "'description' cannot be changed"),
        ({"validFor": {"startDateTime": first["startDateTime"]}}, "validFor.endDateTime"),
        ({"id": str(uuid4())}, "names the appointment"),
    ):
        answer = program.patch(f"{PATH}/{made['id']}", body)
        assert (answer.status_code, says in answer.json()["reason"]) == (400, True), answer.text
    same = {"id": made["id"], "status": "confirmed", "validFor": first}
    assert program.patch(f"{PATH}/{made['id']}", same).json() == made


@pytest.mark.parametrize(
    ("entities", "status"),
    [
        ([], 400),
        ([{"id": "x", "role": "r", "@referredType": "Party"}], 400),
        ([{"id": "x", "role": "r", "@referredType": "WorkOrder"}] * 2, 400),
        ([{"id": "x", "role": "r", "@referredType": "WorkOrder"}], 400),
        ([{"id": str(uuid4()), "role": "r", "@referredType": "WorkOrder"}], 400),
    ],
)
def test_an_appointment_needs_one_work_order_of_ones_own(program: Program, entities: Any, status: int) -> None:
    window = {"startDateTime": "2026-05-06T08:00:00Z", "endDateTime": "2026-05-06T10:00:00Z"}
    assert program.post(PATH, {"validFor": window, "relatedEntity": entities}).status_code == status
    assert program.post(SEARCHES, {"relatedEntity": entities}).status_code == status
