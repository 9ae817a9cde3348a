"""Runs a play: sets the world up, lets its people act as the clock goes on, and audits the end."""

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial

from sqlalchemy import Connection, text

from hub.messaging.service_bus import receive_dead_letters
from infra.interrupts import sigterm_as_interrupt
from infra.play.browser import Browser, NoAnswer, Traffic
from infra.play.calendar import Agenda, Entry
from infra.play.citizens import Town
from infra.play.dispatcher import Dispatcher
from infra.play.ear import read_notes
from infra.play.history import read_history
from infra.play.ledger import Conduct, audit
from infra.play.options import PlayOptions
from infra.play.outcome import Outcome
from infra.play.progress import Show
from infra.play.stops import NextStop, next_stop
from infra.play.technicians import Delays, Phone
from infra.play.utility import FIRST_DAY_HOURS, Utility, batches
from infra.play.world import World, built_world
from ingest.quarantine.records import Cause
from ingest.quarantine.service import QuarantineFilter, list_quarantined
from ingest.sample_feed import SampleFeed, generate
from scheduling.roster import load_roster

_LONGEST = timedelta(days=30)
"""After the last day on the road every ladder has ended long before."""
_PLANNING_HOUR = 18
"""In the evening before; what citizens book later goes to the phones by itself."""
_SETTLED = text("SELECT count(*) FROM work_order WHERE status IN ('completed', 'on hold', 'cancelled', 'rejected')")
_LAST_MESSAGE = text("SELECT coalesce(max(seq), 0) FROM recorded_message")
_NUMBERS = text("SELECT id::text, external_id FROM work_order")
_OPEN_LADDERS = text("SELECT count(*) FROM contact_case WHERE status = 'open'")


@dataclass
class Play:
    """One play under way."""

    options: PlayOptions
    world: World
    show: Show
    traffic: Traffic
    agenda: Agenda = field(default_factory=Agenda)
    delays: Delays = field(default_factory=Delays)
    numbers: dict[str, str] = field(default_factory=dict)
    stops: int = 0

    def __post_init__(self) -> None:
        self.feed: SampleFeed = generate(
            self.options.orders, self.options.seed, self.options.start, self.options.technicians
        )
        self.browser = Browser(self.world.web_url, self.traffic)
        self.town = Town(self.options.seed, self.browser, self.agenda)
        self.utility = Utility(self.world)
        self.dispatcher = Dispatcher(self.world, self.traffic)

    def prepare(self) -> None:
        """The roster, the dispatcher's account, and everything that is known beforehand in the agenda."""
        first, last = self.options.field_days[0], self.options.field_days[-1]
        load_roster(self.world.hub, self.feed.technicians, first, (last - first).days + 1)
        self.dispatcher.employ()
        for at, batch in batches(self.options, self.feed):
            self.agenda.add(at, "utility", lambda _, batch=batch: self.utility.send(batch))  # type: ignore[misc]
        self.agenda.add(self.options.local(self.options.start, 9), "dispatcher", self._enrol_phones)
        for day in self.options.field_days:
            evening = self.options.local(day - timedelta(days=1), _PLANNING_HOUR)
            for territory in {technician.territory for technician in self.feed.technicians}:
                plan = partial(self._plan, day=day, territory=territory)
                self.agenda.add(evening, f"dispatcher of {territory}", plan)
        luck = random.Random(f"{self.options.seed}/kills")
        for number in range(self.options.kills):
            self.agenda.add(self._moment_to_kill(number, luck), "fate", lambda _: self._kill_worker(luck))

    def run(self) -> datetime:
        """Let the clock go on until everything has come to its end; returns the last simulated instant."""
        stop = NextStop(self.options.local(self.options.start, 7), falls_due=True)
        end = self.options.local(self.options.field_days[-1], 23)
        with ThreadPoolExecutor(self.options.threads, "person") as people:
            while stop.at < end + _LONGEST:
                self._stop_at(stop, people)
                with self.world.hub.reading() as connection:
                    self.show(stop.at, int(connection.execute(_SETTLED).scalar_one()))
                    if stop.at > end and self.agenda.next_at is None and self._nobody_waits(connection):
                        break
                    stop = next_stop(connection, stop.at, self.agenda.next_at)
        return stop.at

    def _stop_at(self, stop: NextStop, people: ThreadPoolExecutor) -> None:
        """What falls due is done before people act, and what they caused is done before the clock goes on.

        Between the hours at which something falls due the worker runs beside the people without being waited for.
        """
        self.stops += 1
        self.world.clock.set(stop.at)
        wait = stop.falls_due or self.utility.has_just_sent
        if wait:
            self.world.settle(stop.at, self.utility.distinct)
        self._read_messages(stop.at)
        while due := self.agenda.take_due(stop.at):
            list(people.map(partial(_act, now=stop.at), due))
        if wait or self.utility.has_just_sent:
            self.world.settle(stop.at, self.utility.distinct)
            self.utility.has_just_sent = False
            self._read_messages(stop.at)

    def _nobody_waits(self, connection: Connection) -> bool:
        return not connection.execute(_OPEN_LADDERS).scalar_one()

    def _read_messages(self, now: datetime) -> None:
        with self.world.hub.reading() as connection:
            last_seq = connection.execute(_LAST_MESSAGE).scalar_one()
        self.town.read_messages(now, last_seq, self._number_of)

    def _number_of(self, order_id: str) -> str:
        if order_id not in self.numbers:
            with self.world.hub.reading() as connection:
                self.numbers = {row.id: row.external_id for row in connection.execute(_NUMBERS)}
        return self.numbers[order_id]

    def _plan(self, now: datetime, *, day: date, territory: str) -> None:
        self.dispatcher.plan_and_publish(territory, day, day)

    def _enrol_phones(self, now: datetime) -> None:
        for technician in self.feed.technicians:
            luck = random.Random(f"{self.options.seed}/{technician.id}")
            phone = Phone(technician, self.browser, self.agenda, self.town.door, luck, self.delays)
            phone.enrol(self.dispatcher.issue_enrolment_code(technician.id))
            for day in self.options.field_days:
                self.agenda.add(self.options.local(day, 7), phone.who, phone.begin_day)

    def _moment_to_kill(self, number: int, luck: random.Random) -> datetime:
        """By turns while orders come in and citizens are invited, and while technicians are on the road."""
        if number % 2 == 0:
            return self.options.local(self.options.start, luck.choice(FIRST_DAY_HOURS))
        return self.options.local(luck.choice(self.options.field_days), luck.choice((9, 10, 11, 13, 14, 15)))

    def _kill_worker(self, luck: random.Random) -> None:
        self.world.wait_for_work()
        time.sleep(luck.uniform(0, 0.05))
        self.world.kill_worker()


def _act(entries: list[Entry], now: datetime) -> None:
    """What one person does at this instant, one act after the other."""
    for entry in entries:
        try:
            entry.act(now)
        except NoAnswer:
            # It is counted; the person gives up this act.
            continue


def run_play(options: PlayOptions, show: Show, *, watch: Callable[[World], None] = lambda _: None) -> Outcome:
    """Play, audit, and take everything down again, also when it fails; raises what keeps a play from going on.

    `watch` is given the world once it stands, for tests that disturb it.
    """
    began = time.monotonic()
    traffic = Traffic()
    with sigterm_as_interrupt(), built_world(options.local(options.start, 7), keep=options.keep) as world:
        watch(world)
        play = Play(options, world, show, traffic)
        play.prepare()
        ended_at = play.run()
        return _audited(play, ended_at, began)


def _dead_letters(world: World) -> frozenset[str]:
    """The ids of the messages that could not be read: in quarantine, or still with the bus."""
    unreadable = QuarantineFilter(status=None, cause=Cause.UNREADABLE)
    gathered = list_quarantined(world.hub, unreadable, limit=1_000_000).messages
    left = receive_dead_letters(world.bus, world.hub.settings.orders_queue)
    return frozenset((*(one.message_id for one in gathered), *(one.message_id for one in left)))


def _audited(play: Play, ended_at: datetime, began: float) -> Outcome:
    world = play.world
    with world.hub.reading() as connection:
        history = read_history(connection, ended_at)
    world.wait_until_heard(len(history.outbox_ids))
    dead = _dead_letters(world)
    conduct = Conduct(frozenset(play.delays.days))
    ledger = audit(history, play.utility.sent, dead, read_notes(world.notes), conduct)
    if play.traffic.errors:
        ledger.blame("The web host failed", play.traffic.errors)
    simulated = ended_at - play.options.local(play.options.start, 7)
    wall = time.monotonic() - began
    figures: dict[str, int | float | str | None] = {
        **ledger.figures,
        "contact_attempts": history.contact_attempts,
        "notifications_sent": history.notifications.get("sent", 0),
        "notifications_failed": history.notifications.get("failed", 0),
        "notifications_unknown": history.notifications.get("unknown", 0),
        "surveys": history.surveys,
        "mean_rating": None if history.mean_rating is None else round(history.mean_rating, 2),
        "booking_pages_without_a_time": play.town.pages_without_a_time,
        "http_requests": play.traffic.requests,
        "http_refusals": play.traffic.refusals.total(),
        "http_errors": len(play.traffic.errors),
        "restarts": world.restarts,
        "clock_stops": play.stops,
        "simulated_days": round(simulated.total_seconds() / 86400, 1),
        "times_faster": round(simulated.total_seconds() / wall),
        "waited_for_worker_seconds": round(world.patience, 1),
        "wall_seconds": round(wall, 1),
    }
    notes = (f"The database {world.database} was kept.",) if play.options.keep else ()
    return Outcome(figures, tuple(ledger.violations), notes)
