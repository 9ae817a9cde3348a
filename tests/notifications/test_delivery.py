"""Delivery: once, whatever crashes; a refusal is retried or final; what nobody knows is never sent again."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from sqlalchemy import select, text

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.db import tables
from hub.domain.contact import Channel, LinkPurpose, Notification, NotificationStatus
from hub.domain.events import CITIZEN
from hub.domain.lifecycle import Action, WorkOrderStatus
from hub.domain.quiet_hours import QuietHours
from hub.domain.work_orders import WorkOrder
from hub.jobs import RememberedQueue
from hub.notifications.links import token_hash
from hub.notifications.ports import Message, Sender, SendingFailedError
from hub.notifications.service import (
    RETRY_AFTER,
    deliver_notification,
    request_notification,
    retry_notifications,
    settle_unknown,
)
from tests.samples import a_work_order


class StubbornSender:
    """Does what the test says, and remembers every message it was handed."""

    name = "stubborn"

    def __init__(self, answer: Callable[[Message], str]) -> None:
        self.handed: list[Message] = []
        self._answer = answer

    def send(self, message: Message) -> str:
        self.handed.append(message)
        return self._answer(message)


def with_sender(hub: Hub, sender: Sender) -> Hub:
    senders: Mapping[Channel, Sender] = {Channel.EMAIL: sender, Channel.SMS: sender}
    return replace(hub, senders=senders)


def refuse(*, retry: bool) -> Callable[[Message], str]:
    def answer(message: Message) -> str:
        raise SendingFailedError("The provider said no.", retry=retry)

    return answer


def request(hub: Hub, *, kind: str = "invitation", channel: Channel = Channel.EMAIL, **changes: str) -> Notification:
    with hub.unit_of_work() as work:
        order: WorkOrder = work.work_orders.add(a_work_order(**changes))
        queued = request_notification(work, order, kind=kind, channel=channel)
        work.commit()
    assert queued is not None
    return queued


def present(hub: Hub, one: Notification) -> Notification:
    with hub.unit_of_work() as work:
        return work.notifications.get(one.id)


def deliver(hub: Hub, one: Notification) -> Notification:
    deliver_notification(hub, notification_id=str(one.id))
    return present(hub, one)


def test_a_message_is_sent_once_however_often_the_job_runs(hub: Hub, jobs: RememberedQueue) -> None:
    one = request(hub)
    assert jobs.jobs == [("deliver_notification", {"notification_id": str(one.id)})]
    sender = StubbornSender(lambda message: "provider-1")
    ready = with_sender(hub, sender)
    deliver(ready, one)
    deliver(ready, one)
    after = deliver(ready, one)
    assert len(sender.handed) == 1
    assert (after.status, after.provider, after.provider_id) == (NotificationStatus.SENT, "stubborn", "provider-1")


def test_two_workers_with_the_same_job_send_once(hub: Hub) -> None:
    one = request(hub)
    sender = StubbornSender(lambda message: "provider-1")
    ready = with_sender(hub, sender)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: deliver_notification(ready, notification_id=str(one.id)), range(8)))
    assert len(sender.handed) == 1


def test_the_link_works_but_only_its_hash_is_stored(hub: Hub) -> None:
    one = request(hub, channel=Channel.SMS)
    sender = StubbornSender(lambda message: "1")
    deliver(with_sender(hub, sender), one)
    token = sender.handed[0].body.rsplit("/a/", 1)[1].strip()
    with hub.reading() as connection:
        link = connection.execute(select(tables.citizen_link)).one()
        everything = connection.execute(select(tables.notification)).one()
    assert link.token_hash == token_hash(token)
    assert link.purpose is LinkPurpose.BOOKING
    assert token not in str(everything)


def test_a_refusal_that_may_pass_is_tried_again_with_growing_waits_and_then_fails(hub: Hub, clock: FixedClock) -> None:
    one = request(hub)
    sender = StubbornSender(refuse(retry=True))
    ready = with_sender(hub, sender)
    for wait in RETRY_AFTER:
        after = deliver(ready, one)
        assert (after.status, after.retry_at) == (NotificationStatus.QUEUED, clock.now() + wait)
        assert retry_notifications(hub, clock.now()) == 0
        clock.advance(wait)
        assert [retry_notifications(hub, clock.now()) for _ in range(2)] == [1, 0]
    after = deliver(ready, one)
    assert (after.status, after.error, after.tries) == (NotificationStatus.FAILED, "The provider said no.", 5)


def test_a_final_refusal_fails_at_once(hub: Hub) -> None:
    after = deliver(with_sender(hub, StubbornSender(refuse(retry=False))), request(hub))
    assert (after.status, after.retry_at, after.tries) == (NotificationStatus.FAILED, None, 1)


def test_a_strange_error_leaves_the_outcome_unknown_and_is_never_sent_again(hub: Hub, clock: FixedClock) -> None:
    def break_off(message: Message) -> str:
        raise TimeoutError

    one = request(hub)
    sender = StubbornSender(break_off)
    ready = with_sender(hub, sender)
    after = deliver(ready, one)
    assert after.status is NotificationStatus.UNKNOWN
    assert "TimeoutError" in after.error
    clock.advance(timedelta(days=1))
    assert retry_notifications(ready, clock.now()) == 0
    deliver(ready, one)
    assert len(sender.handed) == 1


class Killed(BaseException):
    """The process dies here."""


def kill(message: Message) -> str:
    raise Killed


def test_a_crash_between_the_call_and_its_answer_ends_as_unknown_and_is_never_sent_again(
    hub: Hub, clock: FixedClock
) -> None:
    one = request(hub)
    dying = with_sender(hub, StubbornSender(kill))
    with pytest.raises(Killed):
        deliver(dying, one)
    assert present(hub, one).status is NotificationStatus.SENDING
    second = StubbornSender(lambda message: "twice")
    deliver(with_sender(hub, second), one)
    assert second.handed == []
    assert settle_unknown(hub, clock.now()) == 0
    clock.advance(timedelta(minutes=6))
    assert [settle_unknown(hub, clock.now()) for _ in range(2)] == [1, 0]
    assert present(hub, one).status is NotificationStatus.UNKNOWN
    deliver(with_sender(hub, second), one)
    assert second.handed == []


@pytest.mark.parametrize(
    ("beats", "minutes", "settled"),
    [(True, 1, 0), (False, 1, 1), (True, 6, 1)],
    ids=["it runs", "its worker died", "its end was never written down"],
)
def test_a_job_that_still_runs_is_left_alone(
    hub: Hub, clock: FixedClock, beats: bool, minutes: int, settled: int
) -> None:
    one = request(hub)
    with pytest.raises(Killed):
        deliver(with_sender(hub, StubbornSender(kill)), one)
    with hub.engine.begin() as connection:
        heart = "now()" if beats else "now() - interval '1 hour'"
        worker = connection.execute(
            text(f"INSERT INTO procrastinate_workers (last_heartbeat) VALUES ({heart}) RETURNING id")  # noqa: S608 - ours
        ).scalar_one()
        connection.execute(
            text(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, worker_id) VALUES "
                "('default', 'deliver_notification', jsonb_build_object('notification_id', CAST(:id AS text)), 'todo', :worker)"
            ),
            {"id": str(one.id), "worker": worker},
        )
        connection.execute(text("UPDATE procrastinate_jobs SET status = 'doing'"))
        began = text(
            "UPDATE procrastinate_events SET at = now() - make_interval(mins => :minutes) WHERE type = 'started'"
        )
        assert connection.execute(began, {"minutes": minutes}).rowcount == 1
    clock.advance(timedelta(hours=1))
    assert settle_unknown(hub, clock.now()) == settled


def test_an_answer_that_comes_after_the_timer_gave_up_is_still_the_truth(hub: Hub, clock: FixedClock) -> None:
    one = request(hub)

    def answer_late(message: Message) -> str:
        clock.advance(timedelta(minutes=10))
        assert settle_unknown(hub, clock.now()) == 1
        return "late"

    after = deliver(with_sender(hub, StubbornSender(answer_late)), one)
    assert (after.status, after.provider_id, after.error) == (NotificationStatus.SENT, "late", "")


def test_a_crash_before_the_claim_commits_leaves_it_queued_and_a_lost_job_is_found(
    hub: Hub, clock: FixedClock, jobs: RememberedQueue
) -> None:
    one = request(hub)
    jobs.jobs.clear()
    clock.advance(timedelta(minutes=11))
    assert retry_notifications(hub, clock.now()) == 1
    assert jobs.jobs == [("deliver_notification", {"notification_id": str(one.id)})]


@pytest.mark.parametrize(
    ("email", "phone", "preferred", "used"),
    [
        ("a@x.example", "+32470000001", Channel.SMS, Channel.SMS),
        ("a@x.example", "", Channel.SMS, Channel.EMAIL),
        ("", "+32470000001", Channel.EMAIL, Channel.SMS),
        ("", "", Channel.EMAIL, None),
    ],
)
def test_the_channel_falls_back_to_what_the_order_has(
    hub: Hub, email: str, phone: str, preferred: Channel, used: Channel | None
) -> None:
    with hub.unit_of_work() as work:
        order = work.work_orders.add(a_work_order(citizen_email=email, citizen_phone=phone))
        queued = request_notification(work, order, kind="reminder", channel=preferred)
    assert (queued.channel if queued else None) == used


def test_the_recording_keeps_one_message_and_names_no_second(hub: Hub) -> None:
    one = request(hub)
    after = deliver(hub, one)
    assert after.status is NotificationStatus.SENT
    with hub.reading() as connection:
        recorded = connection.execute(select(tables.recorded_message)).one()
    assert recorded.recipient == "an.peeters@citizen.example"
    assert recorded.subject == "Kies wanneer wij mogen komen: Plaatsing digitale meter"


def attempt(hub: Hub, *, quiet: QuietHours | None = None) -> tuple[WorkOrder, Notification]:
    """The first rung of a ladder, queued."""
    with hub.unit_of_work() as work:
        order = work.work_orders.add(a_work_order(status=WorkOrderStatus.CONTACTING))
        queued = request_notification(work, order, kind="invitation", round=1, step=0, quiet=quiet)
        work.commit()
    assert queued is not None
    return order, queued


def test_a_citizen_who_booked_is_not_asked_again_by_a_message_that_waited(hub: Hub) -> None:
    order, one = attempt(hub)
    with hub.unit_of_work() as work:
        work.advance_work_order(order, Action.BOOK, by=CITIZEN)
        work.commit()
    sender = StubbornSender(lambda message: "1")
    after = deliver(with_sender(hub, sender), one)
    assert sender.handed == []
    assert (after.status, after.error[:9]) == (NotificationStatus.FAILED, "Not sent:")


def test_a_message_of_an_earlier_round_is_not_sent_in_the_next(hub: Hub) -> None:
    order, one = attempt(hub)
    for action in (Action.BOOK, Action.UNBOOK, Action.BOOK, Action.UNBOOK):
        with hub.unit_of_work() as work:
            work.advance_work_order(work.work_orders.get(order.id), action, by=CITIZEN)
            work.commit()
    sender = StubbornSender(lambda message: "1")
    assert deliver(with_sender(hub, sender), one).status is NotificationStatus.FAILED
    assert sender.handed == []


def test_a_message_that_waited_into_the_night_goes_out_when_the_citizen_may_be_disturbed(
    hub: Hub, clock: FixedClock
) -> None:
    _, one = attempt(hub, quiet=QuietHours(time(20), time(8), frozenset({6})))
    sender = StubbornSender(lambda message: "1")
    ready = with_sender(hub, sender)
    clock.set(datetime(2026, 5, 9, 20, 30, tzinfo=UTC))
    after = deliver(ready, one)
    monday_at_eight = datetime(2026, 5, 11, 6, 0, tzinfo=UTC)
    assert (after.status, after.retry_at, after.tries) == (NotificationStatus.QUEUED, monday_at_eight, 0)
    clock.set(monday_at_eight)
    assert retry_notifications(hub, clock.now()) == 1
    assert deliver(ready, one).status is NotificationStatus.SENT
    assert len(sender.handed) == 1
