"""The sample week: on Thursday orders arrive and citizens book, on Friday technicians work, on Sunday citizens write, on Monday the newcomer comes in."""

import random
import re
import shlex
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from datetime import time as wall_time
from pathlib import Path
from zoneinfo import ZoneInfo

import typer
from sqlalchemy import ColumnElement, func, select

from hub.bootstrap import Hub
from hub.clock import ShiftedClock, SystemClock
from hub.db import tables
from hub.domain.contact import NotificationStatus
from hub.domain.errors import ConfigurationError, SlotTakenError
from hub.domain.events import CITIZEN, Actor, ActorKind
from hub.domain.ids import TechnicianId, WorkOrderId
from hub.domain.lifecycle import VisitStatus, WorkOrderStatus
from hub.domain.staff import Role
from hub.messaging.service_bus import send_batch
from hub.web.staff_accounts import create_staff
from infra.demo.desk import fill_the_desk, orders_without_place
from infra.demo.workday import let_citizens_answer, work_the_day
from infra.hosts.planning import territories_with_routes
from infra.hosts.utility import showing_progress
from ingest.sample_feed import generate
from scheduling.roster import load_roster
from scheduling.service import SlotOffer, confirm_appointment, hold_slot, offer_slots, plan_days, publish_plan
from technician_api.service import issue_enrolment_code

_ZONE = ZoneInfo("Europe/Brussels")
_SEED = 7
_ORDERS = 130
_TECHNICIANS = 8
_ROSTER_DAYS = 15
_BOOKED_SHARE = 0.6
_BOOKING_DAYS = 7
_FRIDAY_SHARE = 0.3
_MONDAY_SHARE = 0.45
_WAIT_SECONDS = 90.0
PASSWORD = "doorstep-demo"  # noqa: S105 - the demo's own accounts, on this machine, in the demo's own database
STAFF = (
    ("dispatcher@doorstep.example", "Dina Dispatcher", [Role.DISPATCHER]),
    ("operations@doorstep.example", "Otto Operations", [Role.OPERATIONS, Role.ANALYST]),
    ("administrator@doorstep.example", "Ada Administrator", [Role.ADMINISTRATOR]),
)
_SEEDING = Actor(ActorKind.SYSTEM, "sample week")


@dataclass(frozen=True)
class SampleWeek:
    """Which week the demo lives in: the newcomer comes on `monday`; orders arrived on the Thursday before."""

    monday: date

    @property
    def friday(self) -> date:
        """The first day on the road."""
        return self.monday - timedelta(days=3)

    @property
    def orders_arrive(self) -> datetime:
        """Thursday morning."""
        return datetime.combine(self.friday - timedelta(days=1), wall_time(9), _ZONE)

    @property
    def first_reminders(self) -> datetime:
        """Thursday afternoon, when the ladder of repairs has taken its second step."""
        return datetime.combine(self.friday - timedelta(days=1), wall_time(13, 30), _ZONE)

    @property
    def friday_evening(self) -> datetime:
        """When the next working day is planned and published."""
        return datetime.combine(self.friday, wall_time(18, 30), _ZONE)

    @property
    def sunday_noon(self) -> datetime:
        """When the ladder of repairs has ended, and citizens have time to write."""
        return datetime.combine(self.monday - timedelta(days=1), wall_time(12), _ZONE)

    @property
    def newcomer_comes(self) -> datetime:
        """Monday, shortly before the vans leave."""
        return datetime.combine(self.monday, wall_time(7, 45), _ZONE)


def next_monday() -> date:
    """The first Monday after today; the demo's clock is moved there."""
    today = SystemClock().now().astimezone(_ZONE).date()
    return today + timedelta(days=7 - today.weekday())


def load_sample_week(hub: Hub, week: SampleWeek, ended: threading.Event) -> None:
    """Fill the database through the same doors as in production: the bus, the worker, the services. Can be repeated."""
    clock = _clock(hub)
    clock.shift_to(week.orders_arrive)
    _add_staff(hub)
    feed = generate(_ORDERS, _SEED, week.orders_arrive.date(), technicians=_TECHNICIANS)
    load_roster(hub, feed.technicians, week.friday, _ROSTER_DAYS)
    bus = hub.settings.service_bus.get_secret_value() if hub.settings.service_bus else ""
    messages = [*feed.messages, *orders_without_place(_SEED, week.orders_arrive.date(), _TECHNICIANS)]
    send_batch(bus, hub.settings.orders_queue, messages)
    _watch("Importing work orders", len({one.message_id for one in messages}), lambda: _taken_in(hub), ended)
    _deliver_all(hub, "Inviting citizens", ended)
    _let_citizens_book(hub, ended)
    clock.shift_to(week.first_reminders)
    _deliver_all(hub, "Reminding citizens", ended)
    _plan(hub, week.friday)
    work_the_day(hub, clock, week.friday, ended)
    clock.shift_to(week.friday_evening)
    _deliver_all(hub, "Sending confirmations and surveys", ended)
    let_citizens_answer(hub, _SEED)
    _plan(hub, week.monday)
    clock.shift_to(week.sunday_noon)
    _deliver_all(hub, "Reminding citizens of Monday", ended)
    if not ended.is_set():
        fill_the_desk(hub, week.monday, STAFF[0][0], ended)
    clock.shift_to(week.newcomer_comes)


def _plan(hub: Hub, day: date) -> None:
    for territory in territories_with_routes(hub, day, day):
        plan_id = plan_days(hub, territory, day, day, seconds=2.0, seed=_SEED)
        publish_plan(hub, plan_id, by=_SEEDING)


def say_addresses(hub: Hub, environment: Path) -> None:
    """Print where to look, how to sign in, and the file that makes `doorstep`'s commands speak to this demo.

    A new enrolment code for a phone is made at every start.
    """
    base = hub.settings.public_url
    technician, name = _busiest_technician(hub)
    lines = [
        ('Messages "sent"', f"{base}/demo/outbox", "every e-mail and SMS, with the citizens' links in them"),
        ("Citizen portal", _a_citizens_link(hub), "one citizen who may choose a time now"),
        ("Dispatcher console", f"{base}/console", f"{STAFF[0][0]} / {PASSWORD}"),
        ("Figures", f"{base}/console/figures", f"{STAFF[1][0]} / {PASSWORD}"),
        ("Personal data", f"{base}/console/privacy", f"{STAFF[2][0]} / {PASSWORD}"),
        (
            "Technician phone",
            f"{base}/technician",
            f"enrolment code of {name}: {issue_enrolment_code(hub, technician, _SEEDING)}",
        ),
        (
            "Command line",
            f". {shlex.quote(str(environment))}",
            "in another shell; then .venv/bin/doorstep utility receive, plan …",
        ),
    ]
    now = hub.clock.now().astimezone(_ZONE)
    typer.echo(f"\n  It is {now:%A %d %B %Y, %H:%M %Z} in the demo.\n")
    for what, address, note in lines:
        typer.echo(f"  {what:<19} {address}\n  {'':<19} {note}")
    typer.echo("\n  Ctrl-C stops everything and keeps the data.\n")


def _clock(hub: Hub) -> ShiftedClock:
    if not isinstance(hub.clock, ShiftedClock):
        message = "The sample week needs the demo's own clock; start it with `doorstep demo`."
        raise ConfigurationError(message)
    return hub.clock


def _add_staff(hub: Hub) -> None:
    with hub.reading() as connection:
        known = set(connection.execute(select(tables.staff_account.c.email)).scalars())
    for email, name, roles in STAFF:
        if email not in known:
            create_staff(hub, email, name, PASSWORD, roles)


def _watch(what: str, total: int, done: Callable[[], int], ended: threading.Event) -> None:
    """Show how far the worker is; gives up with a sentence after a while."""
    until = time.monotonic() + _WAIT_SECONDS
    with showing_progress(f"  {what}", total) as progress:
        while (count := done()) < total and not ended.wait(0.1):
            progress(count)
            if time.monotonic() > until:
                message = f"{what} takes longer than {_WAIT_SECONDS:.0f} s; the worker's log is in the state folder."
                raise ConfigurationError(message)
        progress(total)


def _taken_in(hub: Hub) -> int:
    with hub.reading() as connection:
        return connection.scalar(select(func.count()).select_from(tables.inbox_message)) or 0


def _deliver_all(hub: Hub, what: str, ended: threading.Event) -> None:
    """Wait until the worker has done what is due and no message waits to be sent."""
    notification = tables.notification
    open_statuses = (NotificationStatus.QUEUED, NotificationStatus.SENDING)
    since = hub.clock.now()

    def count(*where: ColumnElement[bool]) -> int:
        with hub.reading() as connection:
            return connection.scalar(select(func.count()).select_from(notification).where(*where)) or 0

    def caught_up() -> bool:
        with hub.reading() as connection:
            latest = connection.scalar(select(func.max(tables.worker_beat.c.caught_up_to)))
        return latest is not None and latest > since

    until = time.monotonic() + _WAIT_SECONDS
    while not caught_up() and time.monotonic() < until and not ended.wait(0.1):
        pass
    total = count()
    _watch(what, total, lambda: total - count(notification.c.status.in_(open_statuses)), ended)


def _let_citizens_book(hub: Hub, ended: threading.Event) -> None:
    """Most citizens choose one of the first offers, as they would on their page."""
    luck = random.Random(_SEED)
    with hub.reading() as connection:
        order = tables.work_order
        query = select(order.c.id).where(order.c.status == WorkOrderStatus.CONTACTING).order_by(order.c.external_id)
        waiting = [WorkOrderId(one) for one in connection.execute(query).scalars()]
    booking = [one for one in waiting if luck.random() < _BOOKED_SHARE]
    with showing_progress("  Citizens book", len(booking)) as progress:
        for done, order_id in enumerate(booking, start=1):
            if ended.is_set():
                return
            offers = offer_slots(hub, order_id, limit_days=_BOOKING_DAYS).offers
            if offers:
                choice = luck.choice(_wished(offers, luck))
                with suppress(SlotTakenError):
                    held = hold_slot(hub, order_id, choice.starts_at, choice.ends_at, by=CITIZEN)
                    confirm_appointment(hub, order_id, held.id, by=CITIZEN)
            progress(done)


def _wished(offers: Sequence[SlotOffer], luck: random.Random) -> Sequence[SlotOffer]:
    """The times one citizen would take: many want Friday, which is worked, or Monday, which a newcomer looks at first."""
    days = sorted({offer.starts_at.astimezone(_ZONE).date() for offer in offers})
    drawn = luck.random()
    if drawn < _FRIDAY_SHARE:
        wished = days[0]
    elif drawn < _FRIDAY_SHARE + _MONDAY_SHARE and len(days) > 1:
        wished = days[1]
    else:
        return offers[:8]
    return [offer for offer in offers if offer.starts_at.astimezone(_ZONE).date() == wished]


def _busiest_technician(hub: Hub) -> tuple[TechnicianId, str]:
    visit, technician = tables.visit, tables.technician
    query = (
        select(technician.c.id, technician.c.name)
        .outerjoin(visit, (visit.c.technician_id == technician.c.id) & (visit.c.status == VisitStatus.DISPATCHED))
        .where(technician.c.active)
        .group_by(technician.c.id)
        .order_by(func.count(visit.c.id).desc(), technician.c.name)
        .limit(1)
    )
    with hub.reading() as connection:
        row = connection.execute(query).one()
    return TechnicianId(row.id), row.name


def _a_citizens_link(hub: Hub) -> str:
    """The link in the newest message to a citizen who has not booked; the outbox page when there is none."""
    message, order = tables.recorded_message, tables.work_order
    query = (
        select(message.c.body)
        .join(order, order.c.id == message.c.work_order_id)
        .where(order.c.status == WorkOrderStatus.CONTACTING)
        .order_by(message.c.seq.desc())
        .limit(1)
    )
    with hub.reading() as connection:
        body = connection.scalar(query) or ""
    # The message may come from a start on another port: only the link's own part is taken from it.
    found = re.search(r"https?://[^/\s]+(/a/[\w-]+)", body)
    return f"{hub.settings.public_url}{found[1]}" if found else f"{hub.settings.public_url}/demo/outbox"
