"""What the utility hears: one event for each step, with the state in TMF697's words."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Appointment
from hub.domain.events import CITIZEN, SYSTEM, Event
from hub.domain.ids import AppointmentId
from hub.domain.lifecycle import TMF697_STATES, Action, AppointmentStatus, HoldReason, WorkOrderStatus
from hub.domain.work_orders import WorkOrder
from infra.hosts.rooms import TIMERS
from ingest.events import CREATED_TYPE, ESCALATED, ESCALATED_TYPE, STATE_CHANGED_TYPE
from ingest.service import receive_message
from tests.ingest.messages import UTILITY, a_message, an_event, an_order
from tests.ingest.reading import orders, outbox
from tests.ingest.tmf697 import problems
from tests.samples import a_work_order, staff_territory


def _told(event: dict[str, Any]) -> dict[str, Any]:
    order: dict[str, Any] = event["data"]["event"]["workOrder"]
    return order


def _contacted(hub: Hub) -> WorkOrder:
    with hub.unit_of_work() as work:
        order = work.create_work_order(a_work_order(utility=UTILITY), by=SYSTEM)
        order = work.advance_work_order(order, Action.INVITE, by=SYSTEM)
        work.commit()
    return order


def _agree(work: UnitOfWork, order: WorkOrder, sequence: int, starts_at: datetime) -> Appointment:
    return work.create_appointment(
        Appointment(
            id=AppointmentId(uuid4()),
            work_order_id=order.id,
            sequence=sequence,
            status=AppointmentStatus.CONFIRMED,
            starts_at=starts_at,
            ends_at=starts_at + timedelta(hours=2),
            lease_until=None,
            created_at=work.now,
            confirmed_at=work.now,
        ),
        by=CITIZEN,
    )


def test_each_step_is_told_in_its_order_and_fits_the_specification(ingest_hub: Hub) -> None:
    order = _contacted(ingest_hub)
    with ingest_hub.unit_of_work() as work:
        _agree(work, order, 1, datetime(2026, 5, 7, 6, 0, tzinfo=UTC))
        for action in (Action.BOOK, Action.PLAN, Action.BEGIN, Action.COMPLETE):
            order = work.advance_work_order(order, action, by=SYSTEM)
        work.commit()
    events = outbox(ingest_hub)
    assert [_told(event)["state"] for event in events] == [
        "acknowledged", "pending", "pending", "pending", "inProgress", "completed",
    ]  # fmt: skip
    assert [_told(event)["status"] for event in events][1:4] == ["contacting", "booked", "planned"]
    assert {event["type"] for event in events} == {STATE_CHANGED_TYPE}
    assert {event["subject"] for event in events} == {order.external_id}
    for event in events:
        assert problems("WorkOrderStateChangeEvent", event["data"]) == []
        assert problems("WorkOrder", _told(event)) == []
        assert event["data"]["eventId"] == str(event["id"])


def test_the_window_the_citizen_agreed_to_is_told_with_a_booking_and_the_new_one_with_a_move(ingest_hub: Hub) -> None:
    order = _contacted(ingest_hub)
    first, second = datetime(2026, 5, 7, 6, 0, tzinfo=UTC), datetime(2026, 5, 8, 11, 0, tzinfo=UTC)
    with ingest_hub.unit_of_work() as work:
        agreed = _agree(work, order, 1, first)
        order = work.advance_work_order(order, Action.BOOK, by=CITIZEN)
        work.advance_appointment(agreed, Action.RESCHEDULE, by=CITIZEN)
        moved = _agree(work, order, 2, second)
        order = work.advance_work_order(order, Action.RESCHEDULE, by=CITIZEN)
        work.advance_appointment(moved, Action.CANCEL, by=CITIZEN)
        work.advance_work_order(order, Action.UNBOOK, by=CITIZEN, reason="cancelled by the citizen")
        work.commit()
    booked, rescheduled, unbooked = (_told(event) for event in outbox(ingest_hub)[2:])
    assert booked["workOrderItem"][0]["work"]["deliveryTimeSlot"] == {
        "startDateTime": "2026-05-07T06:00:00Z",
        "endDateTime": "2026-05-07T08:00:00Z",
    }
    assert rescheduled["workOrderItem"][0]["work"]["deliveryTimeSlot"]["startDateTime"] == "2026-05-08T11:00:00Z"
    assert rescheduled["appointment"]["id"] == str(moved.id)
    assert "appointment" not in unbooked
    assert unbooked["note"]["text"] == "cancelled by the citizen"


def test_an_order_on_hold_goes_back_with_the_dossier(ingest_hub: Hub) -> None:
    order = _contacted(ingest_hub)
    dossier = {"attempts": [{"at": "2026-05-04T07:00:00Z", "channel": "sms", "outcome": "sent"}]}
    with ingest_hub.unit_of_work() as work:
        order = work.advance_work_order(
            order, Action.HOLD, by=SYSTEM, reason="nobody answered", hold_reason=HoldReason.NO_CONTACT
        )
        work.tell(Event(ESCALATED, "work_order", order.id, order.id, work.now, SYSTEM, "escalate", data=dossier))
        work.commit()
    held, handed_back = outbox(ingest_hub)[2:]
    assert (_told(held)["state"], _told(held)["holdReason"]) == ("held", "no contact")
    assert handed_back["type"] == ESCALATED_TYPE
    assert handed_back["data"]["event"]["dossier"] == dossier
    assert (_told(handed_back)["state"], _told(handed_back)["holdReason"]) == ("held", "no contact")
    assert problems("WorkOrder", _told(handed_back)) == []


def test_an_order_a_citizen_asked_for_is_told_as_made_and_then_step_by_step(ingest_hub: Hub) -> None:
    utility = ingest_hub.settings.own_requests_source
    with ingest_hub.unit_of_work() as work:
        order = work.create_work_order(a_work_order(utility=utility), by=SYSTEM)
        work.advance_work_order(order, Action.INVITE, by=SYSTEM)
        work.commit()
    first, second = outbox(ingest_hub)
    assert [one["type"] for one in (first, second)] == [CREATED_TYPE, STATE_CHANGED_TYPE]
    assert _told(first)["relatedParty"] == [{"id": utility, "role": "utility", "@referredType": "Organization"}]
    assert (_told(first)["externalId"], _told(first)["state"]) == (order.external_id, "acknowledged")
    assert "Peeters" not in str(first["data"])
    assert order.street not in str(first["data"])
    assert problems("WorkOrderCreateEvent", first["data"]) == []
    assert problems("WorkOrder", _told(first)) == []


def test_nothing_is_told_of_a_step_that_is_rolled_back(ingest_hub: Hub) -> None:
    with ingest_hub.unit_of_work() as work:
        work.create_work_order(a_work_order(), by=SYSTEM)
    assert outbox(ingest_hub) == []


def test_what_another_room_does_at_once_is_told_after_what_it_answers_to(hub: Hub) -> None:
    receive_message(hub, a_message(an_event()))
    [order] = orders(hub)
    told = [_told(event)["status"] for event in outbox(hub)]
    assert (told[0], told[-1]) == ("received", order.status.value)
    assert [state for state in told if state == "received"] == ["received"]


@pytest.mark.parametrize("status", WorkOrderStatus)
def test_every_state_is_one_of_tmf697(status: WorkOrderStatus) -> None:
    assert problems("WorkOrderStateType", TMF697_STATES[status]) == []


def test_a_correlation_id_comes_back(ingest_hub: Hub) -> None:
    named, unnamed = an_event(an_order(), correlationid="batch-7"), an_event()
    for event in (named, unnamed):
        receive_message(ingest_hub, a_message(event))
    assert [event["correlation_id"] for event in outbox(ingest_hub)] == ["batch-7", unnamed["id"]]


def test_a_correlation_id_that_could_not_be_sent_back_is_replaced_by_the_events_own(ingest_hub: Hub) -> None:
    event = an_event(correlationid="x" * 5000)
    receive_message(ingest_hub, a_message(event))
    assert outbox(ingest_hub)[0]["correlation_id"] == event["id"]


@pytest.mark.parametrize(
    ("definition", "value", "problem"),
    [
        ("WorkOrder_Create", {}, "WorkOrder_Create.workOrderItem is missing"),
        ("WorkOrder_Create", {"workOrderItem": []}, "WorkOrder_Create.workOrderItem has 0 items"),
        ("WorkOrder_Create", {"workOrderItem": [{"id": 1, "action": "add"}]}, "is not of type string"),
        ("WorkOrderStateType", "contacting", "is not one of"),
        ("TimePeriod", {"startDateTime": "2026-05-04T08:00:00"}, "is no date-time with a time zone"),
    ],
)
def test_the_judge_finds_what_is_wrong(definition: str, value: object, problem: str) -> None:
    assert any(problem in found for found in problems(definition, value))


def test_an_order_nobody_answers_for_goes_back_with_the_contact_rooms_own_dossier(hub: Hub, clock: FixedClock) -> None:
    receive_message(hub, a_message(an_event()))
    with hub.unit_of_work() as work:
        staff_territory(work)
        work.commit()
    for _ in range(15 * 4):
        clock.advance(timedelta(hours=6))
        for timer in TIMERS.values():
            timer(hub, clock.now())
    [escalation] = [event for event in outbox(hub) if event["type"] == ESCALATED_TYPE]
    assert (_told(escalation)["state"], _told(escalation)["holdReason"]) == ("held", "no contact")
    assert escalation["data"]["event"]["dossier"]
    assert problems("WorkOrder", _told(escalation)) == []
