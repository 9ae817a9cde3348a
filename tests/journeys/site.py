"""Doorstep as one thread of the test: the web host on a port of its own, and the worker's part on demand."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import uvicorn
from sqlalchemy import func, select

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.db import tables
from hub.domain.appointments import Appointment, Visit
from hub.domain.contact import Channel
from hub.domain.events import CITIZEN, SYSTEM
from hub.domain.ids import WorkOrderId
from hub.domain.technicians import Technician
from hub.domain.work_orders import WorkOrder
from hub.jobs import RememberedQueue
from infra.hosts.rooms import JOBS, TIMERS
from infra.hosts.web import create_app
from scheduling.service import confirm_appointment, hold_slot, offer_slots
from tests.samples import a_work_order, add_route, add_technician, staff_territory

TUESDAY = date(2026, 5, 5)
_START_SECONDS = 60.0
_MOST_TICKS = 10


@dataclass(frozen=True)
class Site:
    """What a journey finds when it begins, and what it may look up when it ends."""

    hub: Hub
    clock: FixedClock
    jobs: RememberedQueue

    @property
    def address(self) -> str:
        """Where the pages are."""
        return self.hub.settings.public_url

    def add_technicians(self, *names: str, days: int = 3) -> list[Technician]:
        """Technicians of Ghent with every skill, at work from Tuesday on for `days` days."""
        with self.hub.unit_of_work() as work:
            crew = [add_technician(work, name=name) for name in names]
            for technician in crew:
                for day in range(days):
                    add_route(work, technician, TUESDAY + timedelta(days=day))
            work.commit()
        return crew

    def receive_order(self, **changes: Any) -> WorkOrder:
        """An order that has just come in; its citizen was written to."""
        with self.hub.unit_of_work() as work:
            order = work.create_work_order(a_work_order(imported_at=work.now, **changes), by=SYSTEM)
            staff_territory(work, order.territory)
            work.commit()
        self.work()
        return self.order(order.id)

    def work(self) -> None:
        """Do what the worker would do until nothing is due: timers and jobs."""
        for _ in range(_MOST_TICKS):
            done = sum(timer(self.hub, self.hub.clock.now()) for timer in TIMERS.values())
            waiting, self.jobs.jobs = self.jobs.jobs, []
            for name, arguments in waiting:
                JOBS[name](self.hub, **arguments)
            if not done and not waiting:
                return
        raise AssertionError("the worker's part does not come to an end")

    def book(self, order: WorkOrder) -> Appointment:
        """The citizen's appointment at the first free time, agreed without the pages."""
        offer = min(offer_slots(self.hub, order.id).offers, key=lambda one: one.starts_at)
        held = hold_slot(self.hub, order.id, offer.starts_at, offer.ends_at, by=CITIZEN)
        confirmed = confirm_appointment(self.hub, order.id, held.id, by=CITIZEN)
        self.work()
        return confirmed

    def begin_planning(self) -> UUID:
        """A planning of Tuesday that is under way as long as anybody looks."""
        heard = {"began_at": func.clock_timestamp(), "heard_at": func.clock_timestamp() + timedelta(hours=1)}
        best = {"seconds": 0.4, "missed_promises": 1, "missed_weight": 20, "cost_seconds": 5400}
        days = {"territory": "oost-vlaanderen", "first_day": TUESDAY, "last_day": TUESDAY, "seconds": 600.0}
        search = uuid4()
        with self.hub.unit_of_work() as work:
            work.connection.execute(tables.planning_search.insert().values(id=search, best=best, **days, **heard))
            work.commit()
        return search

    def link_to(self, order: WorkOrder, page: str = "a") -> str:
        """The personal link in the newest message to the order's citizen; `page` is `a` or `survey`."""
        for message in reversed(self.messages_to(order)):
            if found := re.search(rf"{re.escape(self.address)}/{page}/[\w-]+", message[2]):
                return found.group()
        raise AssertionError(f"no message to {order.external_id} holds a link to /{page}/")

    def link_in_newest_message(self, path: str) -> str:
        """The link below `path` in the newest message of all, whomever it went to."""
        message = tables.recorded_message
        with self.hub.reading() as connection:
            body = connection.execute(select(message.c.body).order_by(message.c.seq.desc()).limit(1)).scalar_one()
        found = re.search(rf"{re.escape(self.address + path)}[\w-]+", body)
        assert found is not None, f"the newest message holds no link below {path}"
        return found.group()

    def messages_to(self, order: WorkOrder) -> list[tuple[Channel, str, str]]:
        """Channel, subject and body of each message recorded for the order, oldest first."""
        message = tables.recorded_message
        query = select(message.c.channel, message.c.subject, message.c.body)
        with self.hub.reading() as connection:
            found = connection.execute(query.where(message.c.work_order_id == order.id).order_by(message.c.seq)).all()
        return [(row.channel, row.subject, row.body) for row in found]

    def order(self, work_order_id: WorkOrderId) -> WorkOrder:
        """The order as it stands."""
        with self.hub.unit_of_work() as work:
            return work.work_orders.get(work_order_id)

    def appointments_of(self, order: WorkOrder) -> list[Appointment]:
        """Every appointment the order ever had, in the order in which they were made."""
        with self.hub.unit_of_work() as work:
            table = work.appointments.table.c
            return work.appointments.list_where(table.work_order_id == order.id, order_by=(table.sequence,))

    def visits_of(self, order: WorkOrder) -> list[Visit]:
        """Every visit to the order, cancelled ones too."""
        with self.hub.unit_of_work() as work:
            table = work.visits.table.c
            return work.visits.list_where(table.work_order_id == order.id, order_by=(table.starts_at,))


@contextmanager
def open_site(hub: Hub, clock: FixedClock, jobs: RememberedQueue) -> Iterator[Site]:
    """Serve `hub`'s pages on a free port of this machine; the links in its messages lead there."""
    listener = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    served = replace(hub, settings=hub.settings.model_copy(update={"public_url": address}))
    settings = uvicorn.Config(create_app(served), log_level="warning", lifespan="off", timeout_graceful_shutdown=2)
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="journey-site")
    thread.start()
    try:
        until = time.monotonic() + _START_SECONDS
        while not server.started:
            assert thread.is_alive(), "the web host ended before it served a page"
            assert time.monotonic() < until, "the web host did not start"
            time.sleep(0.01)
        yield Site(served, clock, jobs)
    finally:
        server.should_exit = True
        thread.join(_START_SECONDS)
        listener.close()
