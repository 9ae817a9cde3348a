"""How fast a provider is handed messages: by all workers together, and not at all while it asks for a pause."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.domain.contact import Channel, Notification, NotificationStatus
from hub.jobs import RememberedQueue
from hub.notifications.ports import Message
from hub.notifications.rates import close_provider, closed_until, take_turn
from hub.notifications.service import deliver_notification, request_notification, retry_notifications
from tests.samples import a_work_order


class Counting:
    """A provider with a rate, that notes when it was handed something."""

    name = "twilio"

    def __init__(self, clock: FixedClock) -> None:
        self.clock = clock
        self.handed: list[datetime] = []

    def send(self, message: Message) -> str:
        self.handed.append(self.clock.now())
        return str(message.notification_id)


def slow_hub(hub: Hub, sender: Counting, per_second: float) -> Hub:
    settings = hub.settings.model_copy(update={"sms_per_second": per_second})
    return replace(hub, settings=settings, senders={**hub.senders, Channel.SMS: sender})


def queue(hub: Hub, count: int) -> list[Notification]:
    with hub.unit_of_work() as work:
        order = work.work_orders.add(a_work_order())
        made = [request_notification(work, order, kind="survey", channels=(Channel.SMS,)) for _ in range(count)]
        work.commit()
    return [one for one in made if one is not None]


def test_messages_wait_for_their_turn_and_all_go(hub: Hub, clock: FixedClock, jobs: RememberedQueue) -> None:
    sender = Counting(clock)
    ready = slow_hub(hub, sender, per_second=0.5)
    mine = queue(ready, 6)
    for _ in range(30):
        waiting, jobs.jobs = jobs.jobs, []
        for _, arguments in waiting:
            deliver_notification(ready, **arguments)
        clock.advance(timedelta(seconds=1))
        retry_notifications(ready, clock.now())
    assert len(sender.handed) == len(mine)
    first = sender.handed[0]
    assert [(at - first).total_seconds() for at in sender.handed] == [0, 2, 4, 6, 8, 10]
    with hub.unit_of_work() as work:
        assert {work.notifications.get(one.id).status for one in mine} == {NotificationStatus.SENT}


def test_workers_share_one_rate(hub: Hub) -> None:
    """Eight at once: each gets a turn of its own, a tenth of a second apart once the first second's worth is gone."""

    def turn(_: int) -> datetime:
        with hub.unit_of_work() as work:
            mine = take_turn(work, "twilio", 10)
            work.commit()
        return mine

    with ThreadPoolExecutor(8) as pool:
        turns = sorted(pool.map(turn, range(40)))
    now = hub.clock.now()
    assert turns[:10] == [now] * 10
    assert [round((one - now).total_seconds(), 6) for one in turns[10:]] == [round(n / 10, 6) for n in range(1, 31)]


def test_a_provider_that_asks_for_a_pause_is_left_alone_and_only_it(hub: Hub, clock: FixedClock) -> None:
    later = clock.now() + timedelta(minutes=2)
    with hub.unit_of_work() as work:
        close_provider(work, "twilio", later)
        close_provider(work, "twilio", clock.now() + timedelta(minutes=1))
        assert closed_until(work, "twilio") == later
        assert closed_until(work, "smtp") is None
        assert take_turn(work, "twilio", 1) == later
        work.commit()
    clock.set(later)
    with hub.unit_of_work() as work:
        assert closed_until(work, "twilio") is None
