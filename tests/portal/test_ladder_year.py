"""A year of the ladder under histories nobody thought of, checked by rules that share no code with it.

Ticks are missed, providers refuse, fall silent or take the worker down with them, receipts come in any order and twice, citizens book,
move, cancel and opt out, nobody opens the door, staff and utility decide. After each step, and when all has come to rest:
nothing went out in quiet hours or on a holiday, nor after an end, nothing twice, nothing to an address that was found to be somebody
else's, never more than the policy's attempts; and every round has exactly one outcome.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import holidays
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import func, select, update

from hub.bootstrap import Hub, build_hub
from hub.clock import FixedClock
from hub.contact_record import first_fault, read_entries
from hub.db import tables
from hub.db.ladder_tables import follow_up
from hub.domain.appointments import Appointment
from hub.domain.contact import AddressState, CaseStatus, Channel, NotificationStatus
from hub.domain.errors import DoorstepError
from hub.domain.events import CITIZEN, SYSTEM, Actor, ActorKind
from hub.domain.ids import AppointmentId, NotificationId, WorkOrderId
from hub.domain.lifecycle import AbortReason, Action, AppointmentStatus, HoldReason, VisitStatus, WorkOrderStatus
from hub.domain.work_orders import WorkOrder
from hub.jobs import RememberedQueue
from hub.notifications.addresses import close_address, opt_out
from hub.notifications.ports import Message, SendingFailedError
from hub.notifications.service import DELIVER_JOB, deliver_notification, retry_notifications, settle_unknown
from hub.notifications.settling import Receipt, settle_receipt
from hub.settings import Settings
from infra.hosts.rooms import SUBSCRIPTIONS
from portal.contact import record
from portal.contact.decisions import Decision, cancel_held, record_outcome, reinvite, set_review, strike_address
from portal.contact.follow_ups import review_held_orders
from portal.contact.outcomes import TOLD_TO_STAFF
from portal.contact.receipts import BRING_FORWARD_JOB, bring_ladder_forward
from portal.contact.reminders import KIND, remind_of_appointments
from portal.contact.service import run_due_contacts
from portal.contact.wrong_address import WrongAddress
from tests.samples import a_visit, a_work_order, add_route, add_technician, staff_territory

pytestmark = [pytest.mark.database, pytest.mark.slow]

STAFF = Actor(ActorKind.STAFF, "7d4e0c1a-0000-4000-8000-000000000001")
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)

_RULES = """
quiet_from = "{0}"
quiet_until = "{1}"
quiet_weekdays = [{2}]
public_holidays = "{3}"
most_attempts = {4}
[[steps]]
after_hours = 0
kind = "invitation"
channels = ["email", "sms"]
[[steps]]
after_hours = 30
kind = "reminder"
channels = ["sms"]
[[steps]]
after_hours = 75
kind = "last_call"
channels = ["sms", "email"]
[end]
after_hours = 120
[outcomes.no_contact]
then = "{5}"
review_days = 40
reinvite = true
[outcomes.refused]
then = "hold"
review_days = 9
[outcomes.deceased]
then = "reassign"
team = "customer care"
[[appointment_reminders]]
days_before = 4
at = "15:00"
channels = ["email", "sms"]
[[appointment_reminders]]
days_before = 1
at = "16:00"
channels = ["sms", "email"]
"""


@dataclass(frozen=True)
class Rules:
    """A policy once more, for the judge: whole hours of quiet, quiet weekdays, the region's holidays, and the bound."""

    quiet_from: int
    quiet_until: int
    weekdays: frozenset[int]
    region: tuple[str, str | None] | None
    most: int

    def forbids(self, local: datetime) -> bool:
        at_night = local.hour >= self.quiet_from or local.hour < self.quiet_until
        return at_night or local.weekday() in self.weekdays or self.is_holiday(local.date())

    def is_holiday(self, day: date) -> bool:
        if self.region is None:
            return False
        country, part = self.region
        return day in holidays.country_holidays(country, subdiv=part, years=[day.year])


@dataclass(frozen=True)
class Home:
    """Where an order of a history lives, and what the judge holds its messages to."""

    work_type: str
    territory: str
    zone: str
    rules: Rules


_SUNDAY = frozenset({6})
HOMES = (
    Home("meter_swap", "oost-vlaanderen", "Europe/Brussels", Rules(20, 8, _SUNDAY, ("BE", None), 5)),
    Home("meter_swap", "antwerpen", "Europe/Berlin", Rules(20, 8, _SUNDAY, ("DE", "BY"), 5)),
    Home("fibre_survey", "west-vlaanderen", "America/New_York", Rules(20, 8, _SUNDAY, ("US", None), 5)),
    Home("repair", "oost-vlaanderen", "Australia/Lord_Howe", Rules(22, 6, frozenset(), None, 4)),
)


class Killed(BaseException):
    """The worker was killed at this instant."""


@dataclass
class Post:
    """Every provider at once, and the judge of what it is handed. What is found wrong is gathered: the hub survives exceptions."""

    name: str = "post"
    hub: Hub | None = None
    homes: dict[WorkOrderId, Home] = field(default_factory=dict)
    addresses: dict[WorkOrderId, tuple[str, str]] = field(default_factory=dict)
    strangers: set[str] = field(default_factory=set)
    """Addresses that staff found to be somebody else's."""
    moods: list[str] = field(default_factory=list)
    accepted: list[NotificationId] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def send(self, message: Message) -> str:
        mood = self.moods.pop() if self.moods else "takes"
        if mood == "refuses":
            raise SendingFailedError("Not a number.", retry=False, bad_address=True)
        if mood == "is busy":
            raise SendingFailedError("Too many.", retry=True)
        if mood == "dies before":
            raise Killed
        self.judge(message)
        self.accepted.append(message.notification_id)
        if mood == "dies after":
            raise Killed
        if mood == "is silent":
            raise TimeoutError
        return f"post-{message.notification_id}"

    def judge(self, message: Message) -> None:
        assert self.hub is not None
        with self.hub.unit_of_work() as work:
            one = work.notifications.get(message.notification_id)
            order = work.work_orders.get(one.work_order_id)
            case = work.contact_cases.get(order.id)
            bound = one.parameters.get("appointment_id")
            status = work.appointments.get(AppointmentId(UUID(bound))).status if bound else None
        home = self.homes[order.id]
        local = self.hub.clock.now().astimezone(ZoneInfo(home.zone))
        told = f"{one.kind} round {one.round} step {one.step} at {local}"
        if one.recipient in self.strangers:
            self.faults.append(f"to a stranger: {told}")
        if one.id in self.accepted:
            self.faults.append(f"sent twice: {told}")
        if one.step is not None:
            if home.rules.forbids(local):
                self.faults.append(f"in quiet time: {told}")
            if order.status is not WorkOrderStatus.CONTACTING or case.status is not CaseStatus.OPEN:
                self.faults.append(f"after the end ({order.status}): {told}")
            if case.round != one.round or case.next_step != one.step + 1:
                self.faults.append(f"out of turn ({case.round}, {case.next_step}): {told}")
        if one.kind == KIND:
            if status is not AppointmentStatus.CONFIRMED:
                self.faults.append(f"an appointment that is {status}: {told}")
            if home.rules.forbids(local):
                self.faults.append(f"a reminder in quiet time: {told}")


class World:
    """The hub, its citizens, its worker that comes and goes, and everybody who acts on the orders of one history."""

    def __init__(self, hub: Hub, clock: FixedClock, post: Post, begins: datetime) -> None:
        self.hub, self.clock, self.post = hub, clock, post
        self.orders: list[WorkOrderId] = []
        self._numbers = count(1)
        clock.set(begins)

    def receive(self, home: Home) -> None:
        name = uuid4().hex
        with self.hub.unit_of_work() as work:
            order = a_work_order(
                work_type=home.work_type,
                territory=home.territory,
                zone=home.zone,
                citizen_email=f"{name}@citizen.example",
                citizen_phone=f"+3247{int(name[:7], 16) % 10**7:07}",
                imported_at=work.now,
            )
            self.post.homes[order.id] = home
            self.post.addresses[order.id] = (order.citizen_email, order.citizen_phone)
            self.orders.append(work.create_work_order(order, by=SYSTEM).id)
            staff_territory(work, home.territory)
            work.commit()

    def present(self, work_order_id: WorkOrderId) -> WorkOrder:
        with self.hub.unit_of_work() as work:
            return work.work_orders.get(work_order_id)

    # The worker.

    def tick(self, *_: object) -> None:
        for timer in (
            run_due_contacts,
            review_held_orders,
            remind_of_appointments,
            settle_unknown,
            retry_notifications,
        ):
            timer(self.hub, self.clock.now())

    def do_jobs(self, *_: object) -> None:
        queue = self.hub.jobs
        assert isinstance(queue, RememberedQueue)
        waiting, queue.jobs = queue.jobs, []
        verbs = {DELIVER_JOB: deliver_notification, BRING_FORWARD_JOB: bring_ladder_forward}
        for name, arguments in waiting:
            if name not in verbs:
                continue
            try:
                verbs[name](self.hub, **arguments)
            except Killed:
                # Whoever finds the dead worker's job gives it back to the queue.
                queue.jobs.append((name, arguments))

    # The citizen.

    def book(self, work_order_id: WorkOrderId, variant: int) -> None:
        order = self.present(work_order_id)
        if order.status not in {WorkOrderStatus.CONTACTING, WorkOrderStatus.ON_HOLD}:
            return
        with self.hub.unit_of_work() as work:
            self._agree(work, order, variant, None)
            work.advance_work_order(order, Action.BOOK, by=CITIZEN, hold_reason=None)
            work.commit()

    def move(self, work_order_id: WorkOrderId, variant: int) -> None:
        with self.hub.unit_of_work() as work:
            order, agreed = work.work_orders.get(work_order_id), self._agreed(work, work_order_id)
            if agreed is None or order.status not in {WorkOrderStatus.BOOKED, WorkOrderStatus.PLANNED}:
                return
            work.advance_appointment(agreed, Action.RESCHEDULE, by=CITIZEN)
            self._agree(work, order, variant, agreed)
            work.advance_work_order(order, Action.RESCHEDULE, by=CITIZEN)
            work.commit()

    def cancel(self, work_order_id: WorkOrderId, variant: int) -> None:
        with self.hub.unit_of_work() as work:
            order, agreed = work.work_orders.get(work_order_id), self._agreed(work, work_order_id)
            if agreed is None or order.status is not WorkOrderStatus.BOOKED:
                return
            work.advance_appointment(agreed, Action.CANCEL, by=CITIZEN)
            work.advance_work_order(order, Action.UNBOOK, by=CITIZEN)
            work.commit()

    def opt_out(self, work_order_id: WorkOrderId, variant: int) -> None:
        with self.hub.unit_of_work() as work:
            order = work.work_orders.get(work_order_id)
            if not (order.citizen_phone if variant % 2 else order.citizen_email):
                return
            if variant % 2:
                opt_out(work, Channel.SMS, order.citizen_phone, "STOP")
            else:
                close_address(work, Channel.EMAIL, order.citizen_email, AddressState.BAD, "bounced")
            work.commit()

    def _agree(self, work: Any, order: WorkOrder, variant: int, replaces: Appointment | None) -> None:
        starts_at = self.clock.now().replace(minute=0, second=0) + timedelta(days=variant % 12, hours=3 + variant % 7)
        made = Appointment(
            id=AppointmentId(uuid4()),
            work_order_id=order.id,
            sequence=next(self._numbers) + 1000 * self.orders.index(order.id),
            status=AppointmentStatus.HELD,
            starts_at=starts_at,
            ends_at=starts_at + timedelta(hours=2),
            lease_until=None,
            created_at=work.now,
            replaces=replaces.id if replaces else None,
        )
        held = work.create_appointment(made, by=CITIZEN)
        work.advance_appointment(held, Action.CONFIRM, by=CITIZEN, confirmed_at=work.now)

    @staticmethod
    def _agreed(work: Any, work_order_id: WorkOrderId) -> Appointment | None:
        table = tables.appointment.c
        found: Appointment | None = work.appointments.find_where(
            table.work_order_id == work_order_id, table.status == AppointmentStatus.CONFIRMED
        )
        return found

    # The technician.

    def visit(self, work_order_id: WorkOrderId, variant: int) -> None:
        with self.hub.unit_of_work() as work:
            order, agreed = work.work_orders.get(work_order_id), self._agreed(work, work_order_id)
            if agreed is None or order.status is not WorkOrderStatus.BOOKED:
                return
            route = add_route(work, add_technician(work), work.now.date())
            reason = list(AbortReason)[variant % len(AbortReason)]
            visit = work.visits.add(
                a_visit(work, route, work.now, work_order_id=order.id, status=VisitStatus.ON_SITE, arrived_at=work.now)
            )
            planned = work.advance_work_order(order, Action.PLAN, by=SYSTEM)
            if variant % 5 == 0:
                begun = work.advance_work_order(planned, Action.BEGIN, by=SYSTEM)
                work.advance_appointment(agreed, Action.COMPLETE, by=SYSTEM)
                work.advance_work_order(begun, Action.COMPLETE, by=SYSTEM)
            else:
                work.advance_appointment(agreed, Action.FAIL, by=SYSTEM)
                work.advance_visit(visit, Action.ABORT, by=SYSTEM, abort_reason=reason, ended_at=work.now)
            work.commit()

    # The provider.

    def receipt(self, work_order_id: WorkOrderId, variant: int) -> None:
        table = tables.notification.c
        with self.hub.unit_of_work() as work:
            sent = work.notifications.list_where(
                table.work_order_id == work_order_id, table.tries > 0, order_by=(table.created_at, table.id)
            )
        if not sent:
            return
        one = sent[variant % len(sent)]
        arrived = variant % 3 == 0
        said = Receipt(
            one.id,
            one.tries,
            "post",
            one.provider_id,
            NotificationStatus.DELIVERED if arrived else NotificationStatus.UNDELIVERED,
            "" if arrived else "The number does not exist.",
            permanent=not arrived and variant % 2 == 0,
            bad_address=variant % 5 == 1 and not arrived,
        )
        for _ in range(1 + variant % 2):
            settle_receipt(self.hub, said)

    # Staff and utility.

    def decide(self, work_order_id: WorkOrderId, variant: int) -> None:
        order = self.present(work_order_id)
        decision = Decision(order.id, order.version, STAFF, "said so on the phone")
        day = self.clock.now().date() + timedelta(days=2 + variant % 30)
        acts: tuple[Callable[[], object], ...] = (
            lambda: record_outcome(self.hub, decision, TOLD_TO_STAFF[variant % len(TOLD_TO_STAFF)]),
            lambda: reinvite(self.hub, decision),
            lambda: set_review(self.hub, decision, day, reinvites=variant % 2 == 0),
            lambda: cancel_held(self.hub, decision),
        )
        try:
            acts[variant % len(acts)]()
        except DoorstepError:
            return

    def learn(self, work_order_id: WorkOrderId, variant: int) -> None:
        """Somebody says that the number, or the address, is not the citizen's."""
        order = self.present(work_order_id)
        decision = Decision(order.id, order.version, STAFF, "never heard of that name")
        is_phone = variant % 3 != 0
        try:
            strike_address(self.hub, decision, WrongAddress.PHONE if is_phone else WrongAddress.EMAIL)
        except DoorstepError:
            return
        self.post.strangers.add(self.post.addresses[order.id][is_phone])

    def withdraw(self, work_order_id: WorkOrderId, variant: int) -> None:
        try:
            with self.hub.unit_of_work() as work:
                work.advance_work_order(work.work_orders.get(work_order_id), Action.CANCEL, by=SYSTEM)
                work.commit()
        except DoorstepError:
            return

    # The end.

    def come_to_rest(self) -> None:
        """Let the worker run, from one due instant to the next, until nothing is due any more."""
        for _ in range(400):
            self.tick()
            for _ in range(8):
                self.do_jobs()
            due = self._next_due()
            if due is None:
                return
            self.clock.set(max(due, self.clock.now() + timedelta(minutes=1)))
        message = "the ladder never comes to rest"
        raise AssertionError(message)

    def _next_due(self) -> datetime | None:
        case, note, follows = tables.contact_case.c, tables.notification.c, follow_up.c
        retried = func.coalesce(note.retry_at, note.created_at + timedelta(minutes=11))
        unclear = note.sending_at + timedelta(minutes=6)
        held = tables.work_order.c.status == WorkOrderStatus.ON_HOLD
        questions = (
            select(func.min(case.next_due_at)).where(case.work_order_id.in_(self.orders)),
            select(func.min(retried)).where(
                note.work_order_id.in_(self.orders), note.status == NotificationStatus.QUEUED
            ),
            select(func.min(unclear)).where(
                note.work_order_id.in_(self.orders), note.status == NotificationStatus.SENDING
            ),
            select(func.min(follows.review_at))
            .join(tables.work_order, tables.work_order.c.id == follows.work_order_id)
            .where(follows.work_order_id.in_(self.orders), follows.reinvites, held),
        )
        with self.hub.reading() as connection:
            found = [connection.execute(question).scalar_one() for question in questions]
        return min((one for one in found if one is not None), default=None)


ACTS = (
    *("tick", "do_jobs", "receipt") * 2,
    *("tick", "book", "book", "visit", "visit", "move", "cancel", "opt_out", "decide", "decide", "learn", "withdraw"),
)
_GAPS = (0, 1, 7, 60, 60, 300, 1440, 1440, 2880, 9000, 45 * 1440)
_STEP = st.tuples(st.sampled_from(_GAPS), st.sampled_from(ACTS), st.integers(0, 3), st.integers(0, 59))
_MOODS = st.sampled_from(("takes", "takes", "refuses", "is busy", "is silent", "dies before", "dies after"))


@pytest.fixture
def yearly(database_url: str, tmp_path: Path) -> Iterator[tuple[Hub, FixedClock, Post]]:
    folder = tmp_path / "policies"
    folder.mkdir()
    standard = _RULES.format("20:00", "08:00", '"sunday"', "place", 5, "hold")
    (folder / "standard.toml").write_text(standard, encoding="utf-8")
    urgent = _RULES.format("22:00", "06:00", "", "none", 4, "escalate").replace(
        "review_days = 40\nreinvite = true\n", ""
    )
    (folder / "urgent.toml").write_text(urgent, encoding="utf-8")
    text = (Path(__file__).parents[2] / "hub" / "catalogue.toml").read_text(encoding="utf-8")
    text = text.replace('name = "antwerpen"', 'name = "antwerpen"\nholidays = "DE-BY"')
    (tmp_path / "catalogue.toml").write_text(text, encoding="utf-8")
    clock, post = FixedClock(NEW_YEAR), Post()
    read = Settings(
        database_url=SecretStr(database_url),
        state_dir=tmp_path,
        demo=True,
        contact_policies=folder,
        catalogue=tmp_path / "catalogue.toml",
    )
    hub = build_hub(read, SUBSCRIPTIONS, clock=clock, jobs=RememberedQueue(), senders=dict.fromkeys(Channel, post))
    post.hub = hub
    yield hub, clock, post
    hub.close()


@given(
    begins=st.integers(0, 365 * 24).map(lambda hours: NEW_YEAR + timedelta(hours=hours)),
    homes=st.lists(st.sampled_from(HOMES), min_size=1, max_size=4),
    moods=st.lists(_MOODS, max_size=12),
    history=st.lists(_STEP, min_size=10, max_size=60),
)
@settings(
    max_examples=25,
    derandomize=True,
    # Each history takes a second: a shorter one that fails too would come long after the time limit.
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_whatever_happens_in_a_year_the_ladder_keeps_its_word(
    yearly: tuple[Hub, FixedClock, Post],
    begins: datetime,
    homes: list[Home],
    moods: list[str],
    history: list[tuple[int, str, int, int]],
) -> None:
    hub, clock, post = yearly
    forget_the_year_before(hub, post)
    post.moods = list(moods)
    world = World(hub, clock, post, begins)
    for home in homes:
        world.receive(home)
    for gap, act, whose, variant in history:
        clock.advance(timedelta(minutes=gap))
        getattr(world, act)(world.orders[whose % len(world.orders)], variant)
        assert post.faults == []
    world.come_to_rest()
    assert post.faults == []
    for work_order_id in world.orders:
        check_history(world, work_order_id)


def forget_the_year_before(hub: Hub, post: Post) -> None:
    """Lay to rest what an example that failed left behind; the next one begins with orders of its own."""
    assert isinstance(hub.jobs, RememberedQueue)
    hub.jobs.jobs = []
    post.faults, post.accepted, post.homes, post.addresses, post.strangers = [], [], {}, {}, set()
    with hub.engine.begin() as connection:
        connection.execute(update(tables.contact_case).values(status=CaseStatus.ENDED, next_due_at=None))
        connection.execute(update(tables.appointment).values(status=AppointmentStatus.CANCELLED))
        connection.execute(update(tables.notification).values(status=NotificationStatus.FAILED))
        connection.execute(update(follow_up).values(reinvites=False, review_at=None))


def check_history(world: World, work_order_id: WorkOrderId) -> None:
    """What must be true of one order when nothing is due any more."""
    with world.hub.unit_of_work() as work:
        order = work.work_orders.get(work_order_id)
        case = work.contact_cases.get(work_order_id)
        entries = read_entries(work, work_order_id)
        table, event = tables.notification.c, tables.status_event.c
        attempts = work.notifications.list_where(table.work_order_id == work_order_id, table.step.is_not(None))
        events = list(work.connection.execute(select(event.name).where(event.work_order_id == work_order_id)).scalars())
    told = [(one.kind, json.loads(one.content)) for one in entries]
    assert first_fault(entries) is None
    # Somebody is asked until there is an end; no order is left asking.
    assert order.status is not WorkOrderStatus.CONTACTING
    assert case.status is CaseStatus.ENDED
    rounds = [(kind, content["round"]) for kind, content in told if kind in {record.OPENED, record.ENDED}]
    assert rounds == [(kind, n) for n in range(1, case.round + 1) for kind in (record.OPENED, record.ENDED)]
    assert all(content["outcome"] for kind, content in told if kind == record.ENDED)
    outcomes = [content for kind, content in told if kind == record.OUTCOME]
    assert len(outcomes) == events.count("work_order.on_hold")
    assert sum(one["then"] == "escalate" for one in outcomes) == events.count("work_order.escalated")
    if order.status is WorkOrderStatus.ON_HOLD:
        assert order.hold_reason is HoldReason(outcomes[-1]["outcome"])
    assert len({(one.round, one.step) for one in attempts}) <= world.post.homes[work_order_id].rules.most
    sent = [one for one in attempts if one.id in world.post.accepted]
    assert len({(one.round, one.step, one.hop) for one in sent}) == len(sent)
    assert not any(one.status is NotificationStatus.QUEUED for one in attempts)
    for personal in (*world.post.addresses[work_order_id], "peeters"):
        assert personal not in str(told).lower()
