"""Two workers on one database: each timer, job and stalled job is done by one of them, once."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select

from hub.bootstrap import Hub, build_hub
from hub.clock import FixedClock, SystemClock
from hub.db import tables
from hub.domain.contact import Channel, NotificationStatus
from hub.domain.events import CITIZEN, SYSTEM
from hub.domain.ids import WorkOrderId
from hub.domain.lifecycle import Action, AppointmentStatus, VisitStatus, WorkOrderStatus
from hub.notifications.ports import Message
from hub.notifications.service import request_notification
from hub.settings import Settings
from infra.hosts.rooms import SUBSCRIPTIONS, TIMERS
from infra.hosts.worker import Worker
from portal.contact.service import run_due_contacts
from scheduling.service import expire_holds
from tests.concurrency.test_database_restarts import running, until
from tests.samples import a_work_order, staff_territory
from tests.scheduling.citizens import TUESDAY, employ, hold, invite

pytestmark = pytest.mark.timeout(180)


class CountingSender:
    """Counts what it is handed, slowly enough for two workers to meet."""

    name = "counting"

    def __init__(self) -> None:
        self.handed: Counter[str] = Counter()
        self._lock = threading.Lock()

    def send(self, message: Message) -> str:
        time.sleep(0.02)
        with self._lock:
            self.handed[str(message.notification_id)] += 1
        return str(message.notification_id)


@pytest.fixture
def counting(database_url: str, tmp_path: Path) -> Iterator[tuple[Hub, CountingSender]]:
    settings = Settings(database_url=SecretStr(database_url), state_dir=tmp_path, demo=True)
    sender = CountingSender()
    senders = {Channel.EMAIL: sender, Channel.SMS: sender}
    built = build_hub(settings, SUBSCRIPTIONS, clock=SystemClock(), senders=senders)
    yield built, sender
    built.close()


def receive(hub: Hub, count: int) -> list[WorkOrderId]:
    with hub.unit_of_work() as work:
        made = [work.create_work_order(a_work_order(imported_at=work.now), by=SYSTEM).id for _ in range(count)]
        staff_territory(work)
        work.commit()
    return made


def at_once(*steps: Callable[[], object]) -> None:
    """Run all steps at the same instant, each in a thread of its own."""
    barrier = threading.Barrier(len(steps))

    def run(step: Callable[[], object]) -> None:
        barrier.wait(10)
        step()

    with ThreadPoolExecutor(len(steps)) as pool:
        for done in [pool.submit(run, step) for step in steps]:
            done.result(timeout=60)


def test_the_same_timers_in_two_workers_ask_once_and_hand_back_once(hub: Hub, clock: FixedClock) -> None:
    orders = receive(hub, 12)

    def tick() -> None:
        for timer in TIMERS.values():
            timer(hub, clock.now())

    for _ in range(20):
        at_once(tick, tick, tick)
        clock.advance(timedelta(hours=18))
    notification, event = tables.notification.c, tables.status_event.c
    with hub.reading() as connection:
        attempts = connection.execute(
            select(notification.work_order_id, func.count())
            .where(notification.step.is_not(None))
            .group_by("work_order_id")
        ).all()
        handed_back = connection.execute(
            select(event.work_order_id, func.count())
            .where(event.name == "work_order.escalated")
            .group_by("work_order_id")
        ).all()
        told = connection.execute(
            select(tables.outbox_event.c.work_order_id, func.count())
            .where(tables.outbox_event.c.type.contains("escalated"))
            .group_by("work_order_id")
        ).all()
    once = dict.fromkeys(orders, 1)
    assert {row[0]: row[1] for row in attempts} == dict.fromkeys(orders, 4)
    assert {row[0]: row[1] for row in handed_back} == once
    assert {row[0]: row[1] for row in told} == once


def test_two_workers_with_all_their_loops_send_each_message_once(counting: tuple[Hub, CountingSender]) -> None:
    hub, sender = counting
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(running(Worker(hub)))
        with hub.unit_of_work() as work:
            for _ in range(30):
                order = work.work_orders.add(a_work_order())
                request_notification(work, order, kind="survey")
            work.commit()
        unsent = select(func.count()).where(tables.notification.c.status != NotificationStatus.SENT)

        def all_sent() -> bool:
            with hub.reading() as connection:
                return connection.execute(unsent).scalar_one() == 0

        assert until(all_sent, 60)
    assert len(sender.handed) == 30
    assert set(sender.handed.values()) == {1}


@pytest.mark.parametrize("repeat", range(6))
def test_a_booking_and_the_end_of_the_ladder_at_the_same_instant_agree(
    hub: Hub, clock: FixedClock, repeat: int
) -> None:
    [order_id] = receive(hub, 1)
    for _ in range(4):
        run_due_contacts(hub, clock.now())
        clock.advance(timedelta(days=4))

    def book() -> None:
        time.sleep(0.002 * repeat)
        with hub.unit_of_work() as work:
            order = work.work_orders.get(order_id, lock=True)
            work.advance_work_order(order, Action.BOOK, by=CITIZEN, hold_reason=None)
            work.commit()

    at_once(book, lambda: run_due_contacts(hub, clock.now()), lambda: run_due_contacts(hub, clock.now()))
    with hub.unit_of_work() as work:
        order = work.work_orders.get(order_id)
        case = work.contact_cases.get(order_id)
    assert (order.status, order.hold_reason) == (WorkOrderStatus.BOOKED, None)
    assert case.next_due_at is None
    event = tables.status_event.c
    with hub.reading() as connection:
        names = list(connection.execute(select(event.name).order_by(event.seq)).scalars())
    assert names[-1] == "work_order.booked"
    assert names.count("work_order.escalated") == names.count("work_order.on_hold") <= 1


def test_a_hold_that_cannot_be_given_back_holds_up_no_other(hub: Hub, clock: FixedClock) -> None:
    employ(hub, [TUESDAY], "An")
    broken, healthy = invite(hub, 2)
    stuck = hold(hub, broken, TUESDAY, 8)
    clock.advance(timedelta(seconds=1))
    other = hold(hub, healthy, TUESDAY, 13)
    with hub.engine.begin() as connection:
        visit = tables.visit
        mine = visit.c.appointment_id == stuck.id
        connection.execute(visit.update().where(mine).values(status=VisitStatus.WORKING))
    clock.advance(timedelta(hours=1))
    assert expire_holds(hub, clock.now()) == 1
    with hub.unit_of_work() as work:
        assert work.appointments.get(other.id).status is AppointmentStatus.EXPIRED
    with pytest.raises(ExceptionGroup, match="no held slot could be given back"):
        expire_holds(hub, clock.now())
