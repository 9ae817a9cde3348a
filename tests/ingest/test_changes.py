"""Updates, cancels and closes: in any order, as often as they come, whatever the order is doing just then."""

import itertools
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import func, select

from hub.bootstrap import Hub, build_hub
from hub.clock import FixedClock
from hub.db import message_tables, tables
from hub.domain.contact import CaseStatus
from hub.domain.events import SYSTEM
from hub.domain.lifecycle import Action, AppointmentStatus, HoldReason, VisitStatus, WorkOrderStatus
from hub.domain.work_orders import WorkOrder
from hub.jobs import RememberedQueue
from hub.messaging.service_bus import Complete, DeadLetter
from hub.settings import Settings
from infra.hosts.rooms import SUBSCRIPTIONS
from ingest.change_schemas import CANCEL_TYPE, CLOSE_TYPE, UPDATE_TYPE
from ingest.events import CHANGE_REFUSED_TYPE
from ingest.schemas import CREATE_TYPE
from ingest.service import receive_message, receive_messages
from tests.conftest import MONDAY_MORNING, MakeDatabase
from tests.ingest.messages import a_message, an_event, an_order
from tests.ingest.reading import orders, outbox, outcomes
from tests.scheduling.citizens import TUESDAY, book, employ, hold

NEW_PHONE = {
    "role": "customer",
    "name": "An Peeters",
    "contactMedium": [{"characteristic": {"phoneNumber": "+33639980042"}}],
}


def sent(order: dict[str, Any], revision: int, kind: str = UPDATE_TYPE, **data: Any) -> dict[str, Any]:
    """An event about `order`; an update, cancel or close names it and carries `data`."""
    body = order if kind == CREATE_TYPE else {"externalId": order["externalId"], **data}
    return an_event(body, type=kind, sequence=str(revision))


def receive(hub: Hub, *events: dict[str, Any]) -> None:
    for one in events:
        assert receive_message(hub, a_message(one)) == Complete()


def only(hub: Hub) -> WorkOrder:
    [order] = orders(hub)
    return order


def a_place(**changes: Any) -> list[dict[str, Any]]:
    place = {**an_order()["workOrderItem"][0]["work"]["place"][0], **changes}
    return [place]


def point(longitude: float, latitude: float) -> dict[str, Any]:
    return {"geographicLocation": {"geoJson": {"type": "Point", "coordinates": [longitude, latitude]}}}


def refusals(hub: Hub) -> list[str]:
    found = [row for row in outbox(hub) if row["type"] == CHANGE_REFUSED_TYPE]
    return [row["data"]["event"]["change"]["reason"] for row in found]


class TestOneUpdate:
    def test_it_changes_what_it_names_and_nothing_else(self, ingest_hub: Hub) -> None:
        order = an_order()
        receive(ingest_hub, sent(order, 1, CREATE_TYPE))
        before = only(ingest_hub)
        receive(
            ingest_hub,
            sent(order, 2, relatedParty=[NEW_PHONE], description="The bell is broken.", priority="0"),
        )
        after = only(ingest_hub)
        assert (after.citizen_phone, after.citizen_email) == ("+33639980042", "")
        assert (after.notes, after.weight) == ("The bell is broken.", before.weight * 4)
        assert (after.place, after.due_at, after.work_type) == (before.place, before.due_at, before.work_type)
        assert outcomes(ingest_hub) == {"imported": 1, "updated": 1}
        with ingest_hub.reading() as connection:
            told = connection.execute(
                select(tables.status_event.c.reason).where(tables.status_event.c.name == "work_order.updated")
            ).scalar_one()
        assert told == "The utility changed: citizen, notes, priority."

    def test_a_date_that_is_null_is_taken_away(self, ingest_hub: Hub) -> None:
        order = an_order()
        receive(ingest_hub, sent(order, 1, CREATE_TYPE), sent(order, 2, requestedStartDate=None))
        assert only(ingest_hub).not_before is None
        assert only(ingest_hub).due_at is not None

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            ({"place": a_place(postcode="5000")}, "Postal code 5000 lies outside every territory we serve."),
            ({"requestedCompletionDate": "2026-05-06T07:00:00+02:00"}, "The requested completion lies before the"),
            ({"relatedParty": [{"role": "customer", "name": "An"}]}, "Nobody can be contacted"),
        ],
    )
    def test_what_cannot_be_is_refused_and_the_rest_is_done(
        self, ingest_hub: Hub, data: dict[str, Any], reason: str
    ) -> None:
        order = an_order()
        receive(ingest_hub, sent(order, 1, CREATE_TYPE))
        before = only(ingest_hub)
        receive(ingest_hub, sent(order, 2, **data), sent(order, 3, description="New words.", **data))
        after = only(ingest_hub)
        assert (after.postcode, after.due_at, after.citizen_phone) == (
            before.postcode,
            before.due_at,
            before.citizen_phone,
        )
        assert after.notes == "New words."
        assert outcomes(ingest_hub) == {"imported": 1, "refused": 1, "updated": 1}
        assert [one.startswith(reason) for one in refusals(ingest_hub)] == [True, True]

    def test_a_change_that_cannot_be_read_is_dead_lettered(self, ingest_hub: Hub) -> None:
        for kind in (UPDATE_TYPE, CANCEL_TYPE, CLOSE_TYPE):
            answer = receive_message(ingest_hub, a_message(an_event({"description": "which?"}, type=kind)))
            assert isinstance(answer, DeadLetter)
            assert answer.description == "The order cannot be read: data.externalId is missing."


class TestRevisions:
    def test_an_older_update_that_comes_late_is_noted_and_ignored(self, ingest_hub: Hub) -> None:
        order = an_order()
        receive(
            ingest_hub,
            sent(order, 1, CREATE_TYPE),
            sent(order, 9, description="new"),
            sent(order, 5, description="old"),
        )
        assert only(ingest_hub).notes == "new"
        assert outcomes(ingest_hub) == {"imported": 1, "updated": 1, "stale": 1}

    def test_numbers_count_as_numbers(self, ingest_hub: Hub) -> None:
        order = an_order()
        receive(
            ingest_hub,
            sent(order, 1, CREATE_TYPE),
            sent(order, 10, description="ten"),
            sent(order, 9, description="nine"),
        )
        assert only(ingest_hub).notes == "ten"

    def test_without_a_sequence_the_events_time_counts(self, ingest_hub: Hub) -> None:
        order = an_order()
        create = an_event(order, time="2026-05-04T06:00:00Z")
        update = {"externalId": order["externalId"], "description": "late"}
        late = an_event(update, type=UPDATE_TYPE, time="2026-05-04T09:00:00+02:00")
        early = an_event({**update, "description": "early"}, type=UPDATE_TYPE, time="2026-05-04T06:30:00Z")
        receive(ingest_hub, create, late, early)
        assert only(ingest_hub).notes == "late"

    def test_each_part_has_its_own(self, ingest_hub: Hub) -> None:
        order = an_order()
        receive(
            ingest_hub,
            sent(order, 1, CREATE_TYPE),
            sent(order, 3, description="new words"),
            sent(order, 2, relatedParty=[NEW_PHONE], description="old words"),
        )
        assert (only(ingest_hub).notes, only(ingest_hub).citizen_phone) == ("new words", "+33639980042")


class TestBeforeItsOrder:
    def test_a_cancel_before_its_create_ends_the_order_when_it_comes(self, ingest_hub: Hub) -> None:
        order = an_order()
        receive(ingest_hub, sent(order, 2, CANCEL_TYPE, cancellationReason="Built already."))
        assert (orders(ingest_hub), outcomes(ingest_hub)) == ([], {"early": 1})
        receive(ingest_hub, sent(order, 1, CREATE_TYPE))
        assert only(ingest_hub).status is WorkOrderStatus.CANCELLED
        assert outcomes(ingest_hub) == {"imported": 1, "cancelled": 1}
        last = outbox(ingest_hub)[-1]["data"]["event"]["workOrder"]
        assert (last["state"], last["note"]["text"]) == ("cancelled", "Built already.")
        with ingest_hub.reading() as connection:
            assert connection.scalar(select(func.count()).select_from(message_tables.early_message)) == 0

    def test_updates_before_their_create_are_applied_in_their_order(self, ingest_hub: Hub) -> None:
        order = an_order()
        receive(
            ingest_hub,
            sent(order, 3, description="third"),
            sent(order, 2, description="second", priority="0"),
            sent(order, 1, CREATE_TYPE),
        )
        assert (only(ingest_hub).notes, only(ingest_hub).weight) == ("third", 40)
        assert outcomes(ingest_hub) == {"imported": 1, "updated": 2}

    def test_an_update_makes_a_refused_order_good_whichever_comes_first(self, ingest_hub: Hub) -> None:
        for update_first in (True, False):
            order = an_order(place=a_place(postcode="5000"))
            del order["workOrderItem"][0]["work"]["place"]
            events = [sent(order, 1, CREATE_TYPE), sent(order, 2, place=a_place(postcode="9000"))]
            receive(ingest_hub, *(reversed(events) if update_first else events))
        assert [one.status for one in orders(ingest_hub)] == [WorkOrderStatus.RECEIVED] * 2
        assert {(one.postcode, one.reject_reason) for one in orders(ingest_hub)} == {("9000", "")}
        with ingest_hub.reading() as connection:
            waiting = select(func.count()).where(message_tables.quarantined_message.c.status == "waiting")
            assert connection.scalar(waiting) == 0

    def test_a_refused_order_that_is_sent_again_in_better_shape_is_taken(self, ingest_hub: Hub) -> None:
        bad = an_order(place=a_place(postcode="5000"))
        good = {**bad, "place": a_place(postcode="9000")}
        for one in (bad, good):
            one["workOrderItem"] = [{"id": "1", "action": "add", "work": {**an_order()["workOrderItem"][0]["work"]}}]
            del one["workOrderItem"][0]["work"]["place"]
        receive(ingest_hub, sent(bad, 1, CREATE_TYPE), sent(bad, 1, CREATE_TYPE), sent(good, 2, CREATE_TYPE))
        assert only(ingest_hub).status is WorkOrderStatus.RECEIVED
        assert outcomes(ingest_hub) == {"rejected": 1, "duplicate": 1, "imported": 1}
        assert [row["data"]["event"]["workOrder"]["state"] for row in outbox(ingest_hub)] == [
            "rejected",
            "acknowledged",
        ]


@pytest.fixture(scope="module")
def any_order_hub(
    make_database: MakeDatabase, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Hub]:
    """Every room listens; examples look only at the order they added."""
    url = make_database(template=migrated_template)
    chosen = Settings(database_url=SecretStr(url), state_dir=tmp_path_factory.mktemp("state"))
    built = build_hub(chosen, SUBSCRIPTIONS, clock=FixedClock(MONDAY_MORNING), jobs=RememberedQueue())
    yield built
    built.close()


@dataclass(frozen=True)
class End:
    """What must be the same whatever way messages came: the order, the last word the utility heard, and nothing left waiting."""

    fields: tuple[Any, ...]
    last_state: str
    waiting: int


def lived(hub: Hub, messages: Sequence[dict[str, Any]], *, batch: bool) -> End:
    """Play the messages for an order of their own and say where it ended."""
    name = an_order()["externalId"]
    renamed = [{**one, "id": f"{one['id']} {name}", "data": {**one["data"], "externalId": name}} for one in messages]
    if batch:
        assert receive_messages(hub, [a_message(one) for one in renamed]) == [Complete()] * len(renamed)
    else:
        receive(hub, *renamed)
    with hub.unit_of_work() as work:
        [order] = work.work_orders.list_where(tables.work_order.c.external_id == name)
        early = message_tables.early_message.c
        waiting = work.connection.scalar(select(func.count()).where(early.external_id == name))
    heard = [row["data"]["event"]["workOrder"]["status"] for row in outbox(hub, order)]
    assert heard[-1] == order.status.value, "what the utility heard last is where the order is"
    # An order that is over needs no newer words: it only has to be over.
    over = order.status is WorkOrderStatus.CANCELLED
    fields = (
        () if over else (order.notes, order.weight, order.citizen_phone, order.place, order.due_at, order.work_type)
    )
    return End((order.status, *fields), heard[-1], waiting or 0)


_ORDER = an_order()
_BAD_ORDER = {**_ORDER, "priority": "3", "requestedCompletionDate": "2026-05-01T17:00:00+02:00"}
_UPDATES = [
    sent(_ORDER, 2, description="second", requestedCompletionDate="2026-06-12T17:00:00+02:00"),
    sent(_ORDER, 3, relatedParty=[NEW_PHONE], priority="1"),
    sent(_ORDER, 4, description="fourth", place=a_place(**point(3.73, 51.06))),
]
_CANCEL = sent(_ORDER, 5, CANCEL_TYPE)
_CLOSE = sent(_ORDER, 6, CLOSE_TYPE)


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_any_order_and_any_repetition_of_messages_gives_the_same_end(any_order_hub: Hub, data: st.DataObject) -> None:
    create = sent(data.draw(st.sampled_from([_ORDER, _BAD_ORDER])), 1, CREATE_TYPE)
    rest = data.draw(st.sets(st.sampled_from(range(5)), min_size=1, max_size=4))
    chosen = [create, *(([*_UPDATES, _CANCEL, _CLOSE])[number] for number in sorted(rest))]
    repeated = data.draw(st.lists(st.sampled_from(chosen), max_size=3))
    shuffled = data.draw(st.permutations([*chosen, *repeated]))
    batch = data.draw(st.booleans())
    assert lived(any_order_hub, shuffled, batch=batch) == lived(any_order_hub, chosen, batch=False)


def test_every_order_of_four_messages_gives_the_same_end(any_order_hub: Hub) -> None:
    create = sent(_ORDER, 1, CREATE_TYPE)
    for ending in (_UPDATES[2], _CANCEL):
        chosen = [create, *_UPDATES[:2], ending]
        ends = {lived(any_order_hub, way, batch=False) for way in itertools.permutations(chosen)}
        assert len(ends) == 1


def test_two_workers_with_messages_of_one_order_at_once_end_as_one_would(ingest_hub: Hub) -> None:
    create = sent(_ORDER, 1, CREATE_TYPE)
    events = [create, *_UPDATES, *_UPDATES]
    together = threading.Barrier(len(events))

    def run(one: dict[str, Any]) -> object:
        together.wait(10)
        return receive_message(ingest_hub, a_message(one))

    with ThreadPoolExecutor(len(events)) as threads:
        assert list(threads.map(run, events)) == [Complete()] * len(events)
    order = only(ingest_hub)
    assert (order.notes, order.weight, order.citizen_phone) == ("fourth", 20, "+33639980042")
    assert outcomes(ingest_hub).get("early") is None


class TestWithABookedAppointment:
    @pytest.fixture
    def booked(self, hub: Hub) -> tuple[Hub, dict[str, Any], WorkOrder]:
        """An order whose citizen chose Tuesday from ten to twelve."""
        employ(hub, [TUESDAY], "An", "Bo")
        order = an_order(requestedStartDate="2026-05-04T08:00:00+02:00")
        receive(hub, sent(order, 1, CREATE_TYPE))
        book(hub, only(hub).id, TUESDAY, 10)
        assert only(hub).status is WorkOrderStatus.BOOKED
        return hub, order, only(hub)

    def appointments(self, hub: Hub) -> list[AppointmentStatus]:
        with hub.unit_of_work() as work:
            found = work.appointments.list_where(order_by=(tables.appointment.c.sequence.asc(),))
        return [one.status for one in found]

    def case(self, hub: Hub, order: WorkOrder) -> CaseStatus:
        with hub.unit_of_work() as work:
            return work.contact_cases.get(order.id).status

    @pytest.mark.parametrize(
        "data",
        [
            {"place": a_place(**point(3.75, 51.07))},
            {"requestedStartDate": "2026-05-08T08:00:00+02:00"},
            {"requestedCompletionDate": "2026-05-05T09:00:00+02:00"},
            {
                "workOrderItem": [
                    {"id": "1", "action": "modify", "work": {"workSpecification": {"id": "fibre_connection"}}}
                ]
            },
        ],
        ids=["another place", "not so early", "earlier", "other work"],
    )
    def test_what_no_longer_holds_is_given_up_and_the_citizen_is_asked_again(
        self, booked: tuple[Hub, dict[str, Any], WorkOrder], data: dict[str, Any]
    ) -> None:
        hub, order, before = booked
        receive(hub, sent(order, 2, **data))
        assert only(hub).status is WorkOrderStatus.CONTACTING
        assert self.appointments(hub) == [AppointmentStatus.CANCELLED]
        assert self.case(hub, before) is CaseStatus.OPEN
        with hub.unit_of_work() as work:
            assert [one.status for one in work.visits.list_where()] == [VisitStatus.CANCELLED]
            kinds = [one.kind for one in work.notifications.list_where()]
        assert "withdrawn" in kinds

    @pytest.mark.parametrize(
        "data",
        [
            {"relatedParty": [NEW_PHONE]},
            {"requestedCompletionDate": "2026-05-20T17:00:00+02:00", "description": "later is fine"},
            {"place": a_place(streetNr="12 bus 3")},
            {"priority": "0"},
        ],
        ids=["phone", "a later due date", "a mistyped door", "priority"],
    )
    def test_what_still_holds_stays(self, booked: tuple[Hub, dict[str, Any], WorkOrder], data: dict[str, Any]) -> None:
        hub, order, before = booked
        receive(hub, sent(order, 2, **data))
        assert only(hub).status is WorkOrderStatus.BOOKED
        assert only(hub) != before
        assert self.appointments(hub) == [AppointmentStatus.CONFIRMED]

    def test_a_place_without_a_point_waits_for_one(self, booked: tuple[Hub, dict[str, Any], WorkOrder]) -> None:
        hub, order, before = booked
        place = a_place(streetName="Kerkstraat")
        del place[0]["geographicLocation"]
        receive(hub, sent(order, 2, place=place))
        assert (only(hub).status, only(hub).street) == (WorkOrderStatus.NEEDS_LOCATION, "Kerkstraat 12")
        assert self.appointments(hub) == [AppointmentStatus.CANCELLED]
        assert self.case(hub, before) is CaseStatus.ENDED
        receive(hub, sent(order, 3, place=a_place(streetName="Kerkstraat", **point(3.74, 51.05))))
        assert only(hub).status is WorkOrderStatus.CONTACTING
        assert self.case(hub, before) is CaseStatus.OPEN

    def test_work_that_needs_nobody_is_left_to_planning(self, booked: tuple[Hub, dict[str, Any], WorkOrder]) -> None:
        hub, order, before = booked
        work = {"workSpecification": {"id": "cabinet_repair"}}
        receive(hub, sent(order, 2, workOrderItem=[{"work": work}]))
        assert only(hub).status is WorkOrderStatus.READY
        assert self.case(hub, before) is CaseStatus.ENDED
        work = {"workSpecification": {"id": "meter_swap"}}
        receive(hub, sent(order, 3, workOrderItem=[{"work": work}]))
        assert only(hub).status is WorkOrderStatus.CONTACTING
        assert self.case(hub, before) is CaseStatus.OPEN

    def test_a_slot_that_is_only_held_is_given_back_too(self, hub: Hub) -> None:
        employ(hub, [TUESDAY], "An")
        order = an_order(requestedStartDate="2026-05-04T08:00:00+02:00")
        receive(hub, sent(order, 1, CREATE_TYPE))
        hold(hub, only(hub).id, TUESDAY, 10)
        receive(hub, sent(order, 2, place=a_place(**point(3.75, 51.07))))
        assert (only(hub).status, self.appointments(hub)) == (
            WorkOrderStatus.CONTACTING,
            [AppointmentStatus.CANCELLED],
        )

    @pytest.mark.parametrize("kind", [CANCEL_TYPE, CLOSE_TYPE])
    def test_an_end_before_anybody_set_off_ends_everything(
        self, booked: tuple[Hub, dict[str, Any], WorkOrder], kind: str
    ) -> None:
        hub, order, before = booked
        receive(hub, sent(order, 2, kind), sent(order, 3, kind))
        assert only(hub).status is WorkOrderStatus.CANCELLED
        assert self.appointments(hub) == [AppointmentStatus.CANCELLED]
        assert self.case(hub, before) is CaseStatus.ENDED
        ended = "cancelled" if kind == CANCEL_TYPE else "closed"
        assert outcomes(hub) == {"imported": 1, ended: 1, "unchanged": 1}

    def set_off(self, hub: Hub) -> None:
        with hub.unit_of_work() as work:
            [visit] = work.visits.list_where(lock=True)
            visit = work.advance_visit(visit, Action.DISPATCH, by=SYSTEM)
            work.advance_visit(visit, Action.SET_OFF, by=SYSTEM)
            work.commit()

    def test_once_a_technician_is_under_way_an_end_is_refused_and_the_utility_hears_why(
        self, booked: tuple[Hub, dict[str, Any], WorkOrder]
    ) -> None:
        hub, order, _ = booked
        self.set_off(hub)
        cancel = sent(order, 2, CANCEL_TYPE)
        receive(hub, cancel, cancel)
        assert only(hub).status is WorkOrderStatus.BOOKED
        assert refusals(hub) == ["A technician is under way, so the order cannot be cancelled any more."]
        assert outbox(hub)[-1]["data"]["event"]["change"]["id"] == cancel["id"]
        assert outcomes(hub) == {"imported": 1, "refused": 1}
        with hub.reading() as connection:
            causes = connection.scalars(select(message_tables.quarantined_message.c.cause)).all()
        assert causes == ["refused change"]

    def test_then_only_words_and_phones_still_change(self, booked: tuple[Hub, dict[str, Any], WorkOrder]) -> None:
        hub, order, before = booked
        self.set_off(hub)
        data: dict[str, Any] = {"relatedParty": [NEW_PHONE], "place": a_place(**point(3.75, 51.07)), "priority": "0"}
        receive(hub, sent(order, 2, **data))
        after = only(hub)
        assert (after.citizen_phone, after.place, after.status) == ("+33639980042", before.place, before.status)
        assert refusals(hub) == ["A technician is under way, so these stay as they are: place."]

    def test_completed_work_is_not_cancelled_and_a_close_agrees(
        self, booked: tuple[Hub, dict[str, Any], WorkOrder]
    ) -> None:
        hub, order, before = booked
        with hub.unit_of_work() as work:
            found = work.work_orders.get(before.id, lock=True)
            for action in (Action.PLAN, Action.BEGIN, Action.COMPLETE):
                found = work.advance_work_order(found, action, by=SYSTEM)
            work.commit()
        receive(hub, sent(order, 2, CANCEL_TYPE), sent(order, 3, CLOSE_TYPE), sent(order, 4, description="late"))
        assert only(hub).status is WorkOrderStatus.COMPLETED
        assert refusals(hub) == ["The work is completed, so it cannot be cancelled."]
        assert outcomes(hub) == {"imported": 1, "refused": 1, "unchanged": 2}


def test_an_order_that_was_handed_back_is_taken_up_again_when_the_utility_mends_it(hub: Hub, clock: FixedClock) -> None:
    order = an_order()
    receive(hub, sent(order, 1, CREATE_TYPE))
    with hub.unit_of_work() as work:
        found = work.work_orders.get(only(hub).id, lock=True)
        work.advance_work_order(found, Action.HOLD, by=SYSTEM, hold_reason=HoldReason.NO_CONTACT)
        work.commit()
    receive(hub, sent(order, 2, description="Please try."))
    assert only(hub).status is WorkOrderStatus.ON_HOLD
    receive(hub, sent(order, 3, relatedParty=[NEW_PHONE]))
    assert (only(hub).status, only(hub).hold_reason) == (WorkOrderStatus.CONTACTING, None)
    with hub.unit_of_work() as work:
        case = work.contact_cases.get(only(hub).id)
    assert (case.status, case.round) == (CaseStatus.OPEN, 2)
    assert date(2026, 5, 4) + timedelta(days=1) == TUESDAY
