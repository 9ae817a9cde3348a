"""The site that is looked at: a roster, and citizens before, after and on the day of their visit, each with a link."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr

from hub.bootstrap import Hub, build_hub
from hub.clock import SharedClock
from hub.db.databases import create_database
from hub.db.embedded import EmbeddedServer
from hub.db.schema import upgrade
from hub.domain.appointments import Visit
from hub.domain.contact import LinkPurpose
from hub.domain.events import CITIZEN, SYSTEM
from hub.domain.ids import WorkOrderId
from hub.domain.lifecycle import Action, WorkOrderStatus
from hub.domain.work_orders import WorkOrder
from hub.notifications.links import link_address, make_link
from hub.settings import Settings
from infra.benchmarks.campaign.options import CampaignOptions
from infra.benchmarks.campaign.people import draw_company
from infra.benchmarks.campaign.stage import CATALOGUE, own_folder
from infra.demo.run import environment_of
from infra.hosts.processes import HostProcess, Hosts
from infra.hosts.rooms import SUBSCRIPTIONS
from scheduling.dispatching import dispatch
from scheduling.roster import load_roster
from scheduling.service import confirm_appointment, hold_slot, offer_slots
from technician_api.service import Enrol, TakeStep, enrol_device, identify, issue_enrolment_code, keep_place, take_step

_START_SECONDS = 90.0
_PEOPLE = CampaignOptions(citizens=4, technicians=5, days=10)
_SETS_OFF_BEFORE = timedelta(minutes=25)


@dataclass(frozen=True)
class CitizenPage:
    """A page to look at: a short name, and its address."""

    name: str
    address: str


@contextmanager
def opened_site() -> Iterator[list[CitizenPage]]:
    """The pages of a running site on loopback, with a database of its own; everything goes at the end."""
    with ExitStack() as stack:
        folder = stack.enter_context(own_folder("lighthouse"))
        server = stack.enter_context(EmbeddedServer(folder / "postgres", throwaway=True))
        settings = _settings(create_database(server.url, "lighthouse"), folder)
        clock = SharedClock(folder / "clock")
        clock.set(_PEOPLE.hours[0])
        hub = build_hub(settings, SUBSCRIPTIONS)
        stack.callback(hub.close)
        upgrade(hub.engine)
        pages = _lay_out(hub, clock)
        web = HostProcess("web", ("web", "--port", str(settings.port)), environment_of(settings), folder / "web.log")
        hosts = stack.enter_context(Hosts([web]))
        hosts.wait_for_address(web, f"{settings.public_url}/health/ready", _START_SECONDS)
        yield pages


def _settings(database: str, folder: Path) -> Settings:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    return Settings(
        database_url=SecretStr(database),
        state_dir=folder,
        demo=True,
        catalogue=CATALOGUE,
        simulated_clock=folder / "clock",
        port=port,
        public_url=f"http://127.0.0.1:{port}",
    )


def _lay_out(hub: Hub, clock: SharedClock) -> list[CitizenPage]:
    """Four citizens of one district: one chooses, one has booked, one waits for the van that is on its way, one was served."""
    company, days = draw_company(_PEOPLE), _PEOPLE.working_days
    load_roster(hub, company.technicians, days[0], (days[-1] - days[0]).days + 1)
    with hub.unit_of_work() as work:
        # One by the e-mail address alone, as the campaign draws them; a phone brings the offer of a call to the page.
        orders = [replace(one.order(work.now), citizen_phone="+32470000001") for one in company.citizens]
        choosing, booked, awaiting, served = orders
        served = replace(served, status=WorkOrderStatus.COMPLETED)
        work.work_orders.add_all([choosing, booked, awaiting, served])
        work.commit()
    _book(hub, booked, first=False)
    _book(hub, awaiting, first=True)
    _set_off(hub, clock, awaiting.id)
    links = {"slots": choosing, "booked": booked, "on-the-day": awaiting, "survey": served}
    with hub.unit_of_work() as work:
        pages = []
        for name, order in links.items():
            purpose = LinkPurpose.SURVEY if name == "survey" else LinkPurpose.BOOKING
            token = make_link(work, order.id, purpose)
            pages.append(CitizenPage(name, link_address(hub.settings.public_url, purpose, token)))
        work.commit()
    return pages


def _book(hub: Hub, order: WorkOrder, *, first: bool) -> None:
    """Agree the first free time, or the last."""
    free = sorted(offer_slots(hub, order.id).offers, key=lambda one: one.starts_at)
    chosen = free[0 if first else -1]
    held = hold_slot(hub, order.id, chosen.starts_at, chosen.ends_at, by=CITIZEN)
    confirm_appointment(hub, order.id, held.id, by=CITIZEN)


def _set_off(hub: Hub, clock: SharedClock, order_id: WorkOrderId) -> None:
    """Let it be the day, and the technician be on the way and seen."""
    with hub.unit_of_work() as work:
        order = work.work_orders.get(order_id)
        visit = _visit_of(work.visits.list_where(work.visits.table.c.work_order_id == order_id))
        dispatch(work, visit, order, by=SYSTEM)
        technician = work.technicians.get(visit.technician_id)
        work.commit()
    clock.set(visit.starts_at - _SETS_OFF_BEFORE)
    code = issue_enrolment_code(hub, technician.id, SYSTEM)
    phone = identify(hub, enrol_device(hub, Enrol(code, "a phone", "enrolled", "127.0.0.1")).token)
    take_step(hub, phone, TakeStep(visit.id, Action.SET_OFF), "set off")
    keep_place(hub, phone, visit.id, order.latitude or 0.0, (order.longitude or 0.0) + 0.02)


def _visit_of(visits: list[Visit]) -> Visit:
    (visit,) = visits
    return visit
