"""The ledger finds every kind of wrong in histories made by hand, and nothing in a right one."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from infra.play.history import AppointmentRow, History, OrderRow, StepRow, StopRow, VisitRow
from infra.play.ledger import Conduct, HeardEvent, Ledger, SentMessage, audit

DAY = date(2026, 5, 7)
TEN = datetime(2026, 5, 7, 10, tzinfo=UTC)
NOON = TEN + timedelta(hours=2)
END = datetime(2026, 5, 20, tzinfo=UTC)


def step(order: str, after: str, entity: str = "work_order", entity_id: str = "", actor: str = "system") -> StepRow:
    return StepRow(order, entity, entity_id or order, "any", after, actor, TEN)


SENT = (
    SentMessage("m-1", "A", "imported"),
    SentMessage("m-1", "A", "duplicate"),
    SentMessage("m-2", "B", "imported"),
    SentMessage("m-3", "C", "rejected"),
    SentMessage("m-4", "", "dead-lettered"),
)
STEPS = (
    *(step("1", after) for after in ("received", "contacting", "booked", "planned", "in progress", "completed")),
    *(step("2", after) for after in ("received", "contacting", "on hold")),
    step("3", "rejected"),
)
NAMES = {"1": "A", "2": "B", "3": "C"}
HEARD = tuple(HeardEvent(f"e-{at}", NAMES[one.order_id], one.after, f"{at:03d}") for at, one in enumerate(STEPS))
APPOINTMENT = AppointmentRow("a-1", "1", "completed", TEN, NOON, was_confirmed=True)
VISIT = VisitRow(
    id="v-1",
    order_id="1",
    appointment_id="a-1",
    technician_id="t-1",
    day=DAY,
    status="completed",
    starts_at=TEN + timedelta(minutes=20),
    ends_at=TEN + timedelta(minutes=65),
    arrived_at=TEN + timedelta(minutes=10),
    ended_at=TEN + timedelta(minutes=50),
)
HISTORY = History(
    ended_at=END,
    orders=(
        OrderRow("1", "A", "completed"),
        OrderRow("2", "B", "on hold", "no contact"),
        OrderRow("3", "C", "rejected"),
    ),
    steps=STEPS,
    appointments=(APPOINTMENT,),
    visits=(VISIT,),
    published_stops=(StopRow("1", "a-1", VISIT.starts_at, TEN - timedelta(hours=16)),),
    outbox_ids=tuple(event.id for event in HEARD),
)


def judge(
    history: History = HISTORY,
    sent: Sequence[SentMessage] = SENT,
    dead: frozenset[str] = frozenset({"m-4"}),
    heard: Sequence[HeardEvent] = HEARD,
    conduct: Conduct = Conduct(),
) -> Ledger:
    return audit(history, sent, dead, heard, conduct)


def with_order(status: str, **changes: object) -> History:
    """The history in which order A stands at `status`."""
    orders = (OrderRow("1", "A", status), *HISTORY.orders[1:])
    return replace(HISTORY, orders=orders, **changes)  # type: ignore[arg-type]


def test_a_right_history_has_no_violation_and_its_figures_add_up() -> None:
    ledger = judge()
    figures = ledger.figures
    assert ledger.violations == []
    assert (figures["messages_sent"], figures["received"], figures["duplicates"]) == (5, 4, 1)
    ends = ("rejected", "dead_lettered", "completed", "on_hold", "cancelled", "open", "unaccounted")
    assert [figures[name] for name in ends] == [1, 1, 1, 1, 0, 0, 0]
    assert (figures["on_hold_no_contact"], figures["on_hold_refused"]) == (1, 0)
    assert figures["confirmed_appointments"] == figures["promises_kept"] == 1
    assert figures["events_published"] == figures["utility_heard"] == figures["state_changes"] == 10


class TestOrders:
    def test_a_message_that_left_no_trace_is_unaccounted(self) -> None:
        ledger = judge(sent=(*SENT, SentMessage("m-5", "D", "imported")))
        assert ledger.figures["unaccounted"] == 1
        assert "D" in ledger.violations[0]

    def test_a_dead_letter_that_is_in_no_dead_letter_queue_is_unaccounted(self) -> None:
        assert judge(dead=frozenset()).figures["unaccounted"] == 1

    def test_an_order_being_contacted_without_a_ladder_is_lost(self) -> None:
        assert judge(with_order("contacting")).figures["unaccounted"] == 1
        on_its_way = judge(with_order("contacting", orders_with_open_case=frozenset({"1"})))
        assert (on_its_way.figures["unaccounted"], on_its_way.figures["open"]) == (0, 1)

    @pytest.mark.parametrize("status", ["booked", "planned"])
    def test_a_booked_order_without_a_visit_ahead_is_lost(self, status: str) -> None:
        assert judge(with_order(status)).figures["unaccounted"] == 1
        ahead = replace(VISIT, status="dispatched", arrived_at=None, ended_at=None)
        assert judge(with_order(status, visits=(ahead,))).figures["open"] == 1

    @pytest.mark.parametrize("status", ["received", "in progress"])
    def test_an_order_left_in_the_middle_is_lost(self, status: str) -> None:
        assert judge(with_order(status)).figures["unaccounted"] == 1

    def test_work_in_the_street_may_wait_for_the_next_plan_if_the_last_one_named_it(self) -> None:
        assert judge(with_order("ready")).figures["unaccounted"] == 1
        named = judge(with_order("ready", orders_left_out_by_a_plan=frozenset({"1"})))
        assert (named.figures["unaccounted"], named.figures["open"]) == (0, 1)

    def test_a_broken_message_that_became_an_order_is_misjudged(self) -> None:
        wrong = (SentMessage("m-1", "A", "dead-lettered"), *SENT[2:])
        assert judge(sent=wrong).figures["misjudged"] == 1

    def test_a_good_order_that_was_rejected_is_misjudged(self) -> None:
        assert judge(with_order("rejected")).figures["misjudged"] == 1

    def test_an_order_nobody_sent_is_found(self) -> None:
        assert judge(replace(HISTORY, orders=(*HISTORY.orders, OrderRow("9", "X", "on hold")))).figures["invented"] == 1

    def test_an_order_imported_twice_is_found(self) -> None:
        ledger = judge(replace(HISTORY, orders=(*HISTORY.orders, OrderRow("9", "A", "completed"))))
        assert any("imported twice" in sentence for sentence in ledger.violations)

    def test_a_step_of_the_ladder_taken_twice_is_found(self) -> None:
        assert judge(replace(HISTORY, attempts_repeated=1)).violations == [
            "1 steps of the contact ladder were taken twice."
        ]


class TestPromises:
    def broken(self, appointment: AppointmentRow, *visits: VisitRow, conduct: Conduct = Conduct()) -> int:
        history = replace(HISTORY, appointments=(appointment,), visits=visits, published_stops=())
        return judge(history, conduct=conduct).figures["promises_broken"]

    def test_the_window_is_half_open(self) -> None:
        assert self.broken(APPOINTMENT, replace(VISIT, arrived_at=TEN)) == 0
        assert self.broken(APPOINTMENT, replace(VISIT, arrived_at=NOON)) == 1
        assert self.broken(APPOINTMENT, replace(VISIT, arrived_at=TEN - timedelta(seconds=1))) == 1

    def test_lateness_on_a_day_that_overran_is_a_miss_unless_the_plan_was_wrong_too(self) -> None:
        late = replace(VISIT, arrived_at=NOON + timedelta(minutes=5))
        overrun = Conduct(frozenset({("t-1", DAY)}))
        assert self.broken(APPOINTMENT, late, conduct=overrun) == 0
        assert self.broken(APPOINTMENT, replace(late, starts_at=NOON), conduct=overrun) == 1

    def test_a_promise_without_a_visit_is_broken(self) -> None:
        assert self.broken(replace(APPOINTMENT, status="confirmed")) == 1
        cancelled = replace(VISIT, status="cancelled", arrived_at=None, ended_at=None)
        assert self.broken(replace(APPOINTMENT, status="confirmed"), cancelled) == 1

    def test_a_promise_ahead_needs_a_visit_inside_its_window(self) -> None:
        ahead = replace(
            APPOINTMENT, status="confirmed", starts_at=END + timedelta(hours=8), ends_at=END + timedelta(hours=10)
        )
        visit = replace(VISIT, status="planned", arrived_at=None, ended_at=None, starts_at=END + timedelta(hours=9))
        assert self.broken(ahead, visit) == 0
        assert self.broken(ahead, replace(visit, starts_at=END + timedelta(hours=10))) == 1

    def test_a_window_that_passed_without_anybody_is_broken(self) -> None:
        waiting = replace(VISIT, status="dispatched", arrived_at=None, ended_at=None)
        assert self.broken(replace(APPOINTMENT, status="confirmed"), waiting) == 1

    def test_only_the_citizen_may_give_an_appointment_back(self) -> None:
        gone = replace(APPOINTMENT, status="cancelled")
        for actor, expected in (("citizen", 0), ("system", 1), ("staff", 1)):
            steps = (*STEPS, step("1", "cancelled", "appointment", "a-1", actor))
            history = replace(HISTORY, appointments=(gone,), visits=(), steps=steps, published_stops=())
            assert judge(history).figures["promises_broken"] == expected

    def test_a_hold_that_was_never_confirmed_is_no_promise(self) -> None:
        assert self.broken(replace(APPOINTMENT, status="expired", was_confirmed=False)) == 0

    def test_a_published_arrival_outside_the_window_is_found(self) -> None:
        outside = StopRow("1", "a-1", NOON, TEN)
        assert judge(replace(HISTORY, published_stops=(outside,))).figures["published_outside_window"] == 1


class TestDoubleBookings:
    def count(self, *visits: VisitRow) -> int:
        return judge(replace(HISTORY, visits=visits)).figures["double_bookings"]

    def test_two_visits_of_a_technician_may_touch_but_not_overlap(self) -> None:
        after = replace(
            VISIT, id="v-2", order_id="2", appointment_id=None, status="dispatched", arrived_at=None, ended_at=None
        )
        assert self.count(VISIT, replace(after, starts_at=VISIT.ends_at, ends_at=NOON)) == 0
        assert self.count(VISIT, replace(after, starts_at=VISIT.ends_at - timedelta(minutes=1), ends_at=NOON)) == 1
        assert self.count(VISIT, replace(after, technician_id="t-2")) == 0
        assert self.count(VISIT, replace(after, status="cancelled")) == 0

    def test_a_short_visit_inside_a_long_one_does_not_hide_the_next(self) -> None:
        long = replace(VISIT, ends_at=NOON, arrived_at=None, ended_at=None, status="planned")
        short = replace(long, id="v-2", order_id="2", ends_at=VISIT.ends_at, starts_at=TEN + timedelta(minutes=30))
        third = replace(
            long, id="v-3", order_id="3", starts_at=NOON - timedelta(minutes=5), ends_at=NOON + timedelta(hours=1)
        )
        assert self.count(long, short, third) == 2

    def test_a_technician_cannot_be_at_two_doors(self) -> None:
        elsewhere = replace(VISIT, id="v-2", order_id="2", appointment_id=None, status="aborted")
        assert self.count(VISIT, elsewhere) == 1

    def test_an_order_has_one_live_visit_and_one_confirmed_appointment(self) -> None:
        live = replace(VISIT, status="planned", arrived_at=None, ended_at=None)
        other = replace(live, id="v-2", technician_id="t-2")
        assert self.count(live, other) == 1
        confirmed = replace(APPOINTMENT, status="confirmed")
        twice = replace(HISTORY, appointments=(confirmed, replace(confirmed, id="a-2")), visits=(live,))
        assert judge(twice).figures["double_bookings"] == 1


class TestEvents:
    def test_an_event_heard_twice_counts_once(self) -> None:
        ledger = judge(heard=(*HEARD, HEARD[0]))
        assert (ledger.violations, ledger.figures["utility_heard_again"]) == ([], 1)

    def test_an_event_that_was_never_heard_is_found(self) -> None:
        ledger = judge(heard=HEARD[:-1])
        assert ledger.figures["events_unheard"] == 2
        assert len(ledger.violations) == 2

    def test_a_change_without_an_event_in_the_outbox_is_found(self) -> None:
        history = replace(HISTORY, outbox_ids=HISTORY.outbox_ids[:-1])
        assert judge(history, heard=HEARD[:-1]).figures["events_unheard"] == 1

    def test_an_event_about_nothing_that_happened_is_found(self) -> None:
        ledger = judge(heard=(*HEARD, HeardEvent("e-x", "A", "cancelled", "999")))
        assert ledger.figures["events_invented"] == 1

    def test_events_in_the_wrong_order_are_found(self) -> None:
        first, second = HEARD[:2]
        swapped = (replace(first, sequence=second.sequence), replace(second, sequence=first.sequence), *HEARD[2:])
        assert judge(heard=swapped).figures["out_of_order_events"] == 1

    def test_an_event_the_bus_handed_over_late_is_put_right_by_its_sequence(self) -> None:
        ledger = judge(heard=(HEARD[1], HEARD[0], *HEARD[2:]))
        assert (ledger.violations, ledger.figures["utility_heard_late"]) == ([], 1)

    def test_orders_may_be_heard_in_any_order_among_themselves(self) -> None:
        mixed = tuple(sorted(HEARD, key=lambda event: event.external_id, reverse=True))
        assert judge(heard=mixed).violations == []
