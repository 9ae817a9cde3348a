"""Every page a citizen can come to, in every state it has: laid out once, to be looked at in all languages and schemes."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import time, timedelta
from typing import Any

from PIL import Image
from playwright.sync_api import Page
from sqlalchemy import text

from feedback.schemas import SurveyForm
from feedback.service import CHANGEABLE, answer_survey
from hub.db.citizen_tables import technician_place
from hub.db.tables import citizen_link
from hub.domain.contact import Channel, LinkPurpose
from hub.domain.events import CITIZEN, SYSTEM
from hub.domain.lifecycle import HoldReason, VisitStatus, WorkOrderStatus
from hub.domain.work_orders import WorkOrder
from hub.notifications.links import make_link, token_hash
from hub.notifications.service import request_notification
from hub.notifications.unsubscribe import unsubscribe_address
from portal.details.schemas import AccessForm
from portal.details.service import CHANGES, SentFile, change_access, receive_files
from portal.new_links import PER_SENDER, AskNewLink, ask_new_link
from portal.preferences import Wish, save_wish
from portal.requests.form import RequestForm
from portal.requests.service import SubmitRequest, accept_request, confirm_request, decline_request, submit_request
from portal.waitlist.offering import offer_earlier_times
from portal.waitlist.service import ask_for_earlier
from scheduling.service import cancel_appointment, hold_slot, offer_slots
from tests.journeys.site import TUESDAY, Site
from tests.portal.citizen import book, link_for, put
from tests.portal.test_waitlist import book_on
from tests.samples import a_work_order, add_route, add_technician

LONG: dict[str, Any] = {
    "citizen_name": "Ann-Sophie van den Broecke-Vandenberghe",
    "citizen_email": "ann-sophie.vandenbroecke@municipality-of-sint-katelijne-waver.example",
    "street": "Burgemeester Charles Rotsaert de Hertainglaan 128 bus 0301",
    "postcode": "2860",
    "town": "Sint-Katelijne-Waver",
}
"""Somebody whose names are as long as names get: what fits them fits all."""
NO_CLIENT: Any = None
"""These people come with a browser."""
_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class _Invited:
    """A citizen with an order and a link."""

    order: WorkOrder
    token: str

    @property
    def path(self) -> str:
        return f"/a/{self.token}"


@dataclass(frozen=True)
class Sight:
    """A page in a state: its address without `lang`, its status, and what is done there before it is looked at."""

    name: str
    path: str
    status: int = 200
    act: Callable[[Page], None] | None = None

    def address(self, language: str) -> str:
        """The address in `language`."""
        return f"{self.path}{'&' if '?' in self.path else '?'}lang={language}"


def all_sights(site: Site) -> list[Sight]:
    """Lay everything out; the order matters to nobody, and looking changes nothing that another sight shows."""
    return [
        *_choosing(site),
        *_agreed(site),
        *_waitlist(site),
        *on_the_day(site),
        *_details(site),
        *_over(site),
        *_surveys(site),
        *_requests(site),
        *_without_a_link(site),
    ]


def _choosing(site: Site) -> list[Sight]:
    site.add_technicians("Jan Janssens", "Els Claes", days=6)
    free, wishing, picky, keeping = (_invited(site, **LONG) for _ in range(4))
    nowhere = _invited(site, territory="limburg", **LONG)
    save_wish(site.hub, wishing.token, Wish(("wednesday",), ("morning",), ((TUESDAY, TUESDAY),)))
    save_wish(site.hub, picky.token, Wish(("sunday",)))
    _keep(site, keeping)
    lost = f"at={site.clock.now().date() + timedelta(days=1)}T08:00:00Z"
    return [
        Sight("free times", free.path, act=_open_details),
        Sight("nothing chosen", f"{free.path}?note=missing"),
        Sight("a time was taken, the nearest come first", f"{free.path}?note=taken&{lost}"),
        Sight("a time was taken, nothing is near", f"{nowhere.path}?note=taken"),
        Sight("the kept time ran out", f"{free.path}?note=expired&{lost}"),
        Sight("cancelled", f"{free.path}?note=cancelled"),
        Sight("a call was asked for", f"{free.path}?note=called"),
        Sight("what suits", f"{wishing.path}?note=wishes"),
        Sight("what does not suit too", f"{wishing.path}?all=1"),
        Sight("nothing suits", picky.path),
        Sight("no free time", nowhere.path),
        Sight("wishes", f"{wishing.path}/preferences"),
        Sight("wishes, wrong dates", f"{free.path}/preferences", act=_give_wrong_dates),
        Sight("kept", f"{keeping.path}/confirm"),
        Sight("free times while one is kept", keeping.path),
        Sight("below a link, nothing", f"{free.path}/nothing", status=404),
    ]


def _agreed(site: Site) -> list[Sight]:
    booked, moving = _invited(site, **LONG), _invited(site, **LONG)
    for one in (booked, moving):
        assert book_on(site.hub, one.order, TUESDAY)
    _keep(site, moving)
    return [
        Sight("booked", booked.path),
        Sight("just booked", f"{booked.path}?note=confirmed"),
        Sight("just moved", f"{booked.path}?note=moved"),
        Sight("it had changed", f"{booked.path}?note=changed"),
        Sight("move", f"{booked.path}/move"),
        Sight("cancel", f"{booked.path}/cancel"),
        Sight("booked, another time kept", moving.path),
        Sight("confirm the new time", f"{moving.path}/confirm"),
        Sight("ask for an earlier time", f"{booked.path}/earlier"),
    ]


def _waitlist(site: Site) -> list[Sight]:
    place = {"territory": "antwerpen", "postcode": "2000", "town": "Antwerpen"}
    with site.hub.unit_of_work() as work:
        technician = add_technician(work, territory="antwerpen")
        # One visit fills the first day.
        for day, ends in ((0, 10), (1, 17)):
            shift = {"ends": time(ends), "break_seconds": 0, "territory": "antwerpen"}
            add_route(work, technician, TUESDAY + timedelta(days=day), **shift)
        work.commit()
    first: list[_Invited] = []
    while book_on(site.hub, (one := _invited(site, **place)).order, TUESDAY):
        first.append(one)
        assert len(first) < 5
    waiting = _invited(site, **place)
    assert book_on(site.hub, waiting.order, TUESDAY + timedelta(days=1))
    ask_for_earlier(site.hub, waiting.token)
    cancel_appointment(site.hub, first[0].order.id, by=CITIZEN)
    assert offer_earlier_times(site.hub, site.clock.now()) == 1
    without = _invited(site, territory="limburg", **LONG)
    hoping = _invited(site, territory="limburg", **LONG)
    ask_for_earlier(site.hub, hoping.token, TUESDAY + timedelta(days=10))
    return [
        Sight("an earlier time is offered", f"{waiting.path}/earlier"),
        Sight("booked and waiting", waiting.path),
        Sight("move while waiting", f"{waiting.path}/move"),
        Sight("free times while waiting", hoping.path),
        Sight("wishes, asked on the waiting list", f"{hoping.path}/preferences?from=earlier"),
        Sight("wait for a first time", f"{without.path}/earlier"),
        Sight("waiting", f"{hoping.path}/earlier?note=waiting"),
        Sight("the offer is gone", f"{hoping.path}/earlier?note=gone"),
        Sight("wait, wrong date", f"{hoping.path}/earlier", act=_give_a_date_too_far_off),
    ]


def on_the_day(site: Site) -> list[Sight]:
    """The visit is today: before, on the way with and without a place, at work, and the code at the door."""
    now = site.clock.now()
    today, near, late, working = (book(site.hub, NO_CLIENT, now + timedelta(hours=2), **LONG) for _ in range(4))
    past = book(site.hub, NO_CLIENT, now - timedelta(days=20), **LONG)
    put(site.hub, past.visit, VisitStatus.COMPLETED)
    for one in (near, late):
        put(site.hub, one.visit, VisitStatus.EN_ROUTE, set_off_at=now, travel_seconds=1500)
    put(site.hub, working.visit, VisitStatus.WORKING)
    with site.hub.unit_of_work() as work:
        row = {"visit_id": near.visit.id, "latitude": 51.07, "longitude": 3.71, "reported_at": work.now}
        work.connection.execute(technician_place.insert().values(row))
        work.commit()
    return [
        Sight("the visit is today", today.path, act=_open_details),
        Sight("on the way, with the place", near.path),
        Sight("on the way", late.path),
        Sight("at work", working.path),
        Sight("door code", f"{today.path}/day/door-code"),
    ]


def _details(site: Site) -> list[Sight]:
    starts_at = site.clock.now() + timedelta(hours=30)
    empty, filled, over, restless = (book(site.hub, NO_CLIENT, starts_at, **LONG) for _ in range(4))
    form = AccessForm("4711#", "A dog, it is friendly", "In the yard, behind the house", "Please ring twice.")
    change_access(site.hub, filled.token, form)
    receive_files(site.hub, filled.token, [SentFile("the way to the meter cupboard in the cellar.jpg", _photo())])
    for number in range(CHANGES.count):
        change_access(site.hub, restless.token, AccessForm(gate_code=str(number)))
    _be(site, over.order, WorkOrderStatus.COMPLETED)
    return [
        Sight("details", f"{empty.path}/details"),
        Sight("details, filled in", f"{filled.path}/details?note=access"),
        Sight("some files refused", f"{filled.path}/details?note=files&at=kept:1,kind:1,size:2"),
        Sight("no file chosen", f"{filled.path}/details?note=files"),
        Sight("details, changed too often (429)", f"{restless.path}/details", act=_write_a_note),
        Sight("details, closed", f"{over.path}/details?note=closed"),
    ]


def _over(site: Site) -> list[Sight]:
    found = []
    for status in (
        WorkOrderStatus.COMPLETED,
        WorkOrderStatus.CANCELLED,
        WorkOrderStatus.IN_PROGRESS,
        WorkOrderStatus.ON_HOLD,
    ):
        one = _invited(site, **LONG)
        _be(site, one.order, status)
        found.append(Sight(f"the order is {status.value}", one.path))
    gone = _invited(site)
    _be(site, gone.order, WorkOrderStatus.ON_HOLD, hold_reason=HoldReason.MOVED)
    found.append(Sight("the citizen has moved", gone.path, status=410))
    expired = _invited(site)
    _let_expire(site, expired.token)
    return [*found, Sight("an expired link", expired.path, status=410), Sight("no link", f"/a/{'A' * 43}", status=404)]


def _surveys(site: Site) -> list[Sight]:
    now = site.clock.now()
    empty, answered, expired = (_survey(site) for _ in range(3))
    answer_survey(site.hub, answered, SurveyForm(rating=4, nps=9, comment="Friendly and quick."))
    site.clock.set(now - CHANGEABLE - timedelta(days=1))
    closed = _survey(site)
    answer_survey(site.hub, closed, SurveyForm(rating=1, nps=None, comment=""))
    site.clock.set(now)
    _let_expire(site, expired)
    return [
        Sight("survey", f"/survey/{empty}"),
        Sight("survey, sent empty", f"/survey/{empty}", act=_send),
        Sight("survey, answered", f"/survey/{answered}"),
        Sight("survey, to be changed", f"/survey/{answered}?change=yes"),
        Sight("survey, closed", f"/survey/{closed}"),
        Sight("survey, changed too late (410)", f"/survey/{closed}", act=_answer_from_an_old_page),
        Sight("survey, expired", f"/survey/{expired}", status=410),
        Sight("survey, no link", "/survey/nonsense", status=404),
    ]


def _requests(site: Site) -> list[Sight]:
    paths = []
    for number in range(4):
        form = RequestForm(
            "repair", "Els Wouters", f"els{number}@citizen.example", "", "Lindestraat 12", "9000", "Gent"
        )
        submit_request(site.hub, SubmitRequest(form, "en", _LOOPBACK + "1"))
        site.work()
        paths.append(site.link_in_newest_message("/request/confirm/").removeprefix(site.address))
    waiting, declined, accepted = (confirm_request(site.hub, path.rpartition("/")[2]) for path in paths[1:])
    assert waiting.confirmed_at
    decline_request(site.hub, declined.id, version=declined.version, reason="We do no gas.", by=SYSTEM)
    accept_request(site.hub, accepted.id, version=accepted.version, by=SYSTEM)
    states = ("to be confirmed", "waiting", "declined", "accepted")
    return [
        Sight("request", "/request"),
        Sight("request, sent empty", "/request", act=_send),
        Sight("request, sent", "/request/sent"),
        *(Sight(f"request, {state}", path) for state, path in zip(states, paths, strict=True)),
        Sight("request, no link", f"/request/confirm/{'A' * 43}", status=404),
    ]


def _without_a_link(site: Site) -> list[Sight]:
    with site.hub.unit_of_work() as work:
        order = work.work_orders.add(a_work_order())
        invitation = request_notification(work, order, kind="invitation", channels=(Channel.EMAIL,))
        work.commit()
    assert invitation is not None
    stop = unsubscribe_address(site.hub.settings, invitation).removeprefix(site.address)
    for number in range(PER_SENDER.count):
        ask_new_link(site.hub, AskNewLink(f"WO-{number}", "9000", _LOOPBACK))
    return [
        Sight("landing", "/"),
        Sight("privacy", "/privacy"),
        Sight("accessibility", "/accessibility"),
        Sight("new link", "/new-link"),
        Sight("new link, sent empty", "/new-link", act=_send),
        Sight("new link, sent", "/new-link/sent"),
        Sight("new link, too many (429)", "/new-link", act=_ask_for_a_link),
        Sight("unsubscribe", stop),
        Sight("unsubscribed", stop, act=_send),
        Sight("nothing here (404)", "/nowhere", status=404),
        Sight("too large (413)", "/new-link", act=_send_too_much),
        Sight("not valid (422)", "/webhooks/unsubscribe/nonsense/x", status=422),
    ]


@contextmanager
def broken(site: Site) -> Iterator[Sight]:
    """Something nobody expected: a table is gone, and the page answers 500."""
    one = _invited(site)
    _rename(site, "citizen_link", "citizen_link_away")
    try:
        yield Sight("something went wrong (500)", one.path, status=500)
    finally:
        _rename(site, "citizen_link_away", "citizen_link")


def _invited(site: Site, **order: Any) -> _Invited:
    with site.hub.unit_of_work() as work:
        values = {"status": WorkOrderStatus.CONTACTING, **order}
        made = work.work_orders.add(a_work_order(imported_at=work.now, **values))
        work.commit()
    return _Invited(made, link_for(site.hub, made))


def _keep(site: Site, citizen: _Invited) -> None:
    """Keep the last free time."""
    last = max(offer_slots(site.hub, citizen.order.id).offers, key=lambda one: one.starts_at)
    hold_slot(site.hub, citizen.order.id, last.starts_at, last.ends_at, by=CITIZEN)


def _be(site: Site, order: WorkOrder, status: WorkOrderStatus, **changes: Any) -> None:
    with site.hub.unit_of_work() as work:
        present = work.work_orders.get(order.id)
        work.work_orders.swap(present, replace(present, status=status, **changes))
        work.commit()


def _survey(site: Site) -> str:
    with site.hub.unit_of_work() as work:
        order = work.work_orders.add(a_work_order(status=WorkOrderStatus.COMPLETED, **LONG))
        token = make_link(work, order.id, LinkPurpose.SURVEY)
        work.commit()
    return token


def _let_expire(site: Site, token: str) -> None:
    with site.hub.unit_of_work() as work:
        mine = citizen_link.c.token_hash == token_hash(token)
        ended = citizen_link.update().where(mine).values(expires_at=work.now - timedelta(days=1))
        assert work.connection.execute(ended).rowcount == 1
        work.commit()


def _rename(site: Site, table: str, new: str) -> None:
    with site.hub.unit_of_work() as work:
        work.connection.execute(text(f"ALTER TABLE {table} RENAME TO {new}"))
        work.commit()


def _photo() -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (640, 480), "teal").save(content, "JPEG")
    return content.getvalue()


def _open_details(page: Page) -> None:
    """Show what is folded away."""
    page.locator("details").evaluate_all("all => all.forEach(one => { one.open = true; })")


def _send(page: Page) -> None:
    """Send the page's form as it is, whatever the browser itself would say to that."""
    with page.expect_navigation():
        page.locator("main form").first.evaluate("form => form.submit()")


def _give_wrong_dates(page: Page) -> None:
    page.locator("#away-from-1").fill("2026-05-20")
    page.locator("#away-until-1").fill("2026-05-10")
    _send(page)


def _give_a_date_too_far_off(page: Page) -> None:
    page.locator("#until").fill("2030-01-01")
    _send(page)


def _write_a_note(page: Page) -> None:
    page.locator("#note").fill("Ring twice, and then wait at the gate.")
    _send(page)


def _answer_from_an_old_page(page: Page) -> None:
    """Send what somebody sends who opened the form when there still was one."""
    with page.expect_navigation():
        page.evaluate(
            """answer => {
                const form = Object.assign(document.createElement('form'), { method: 'post' });
                for (const [name, value] of Object.entries(answer)) {
                    form.append(Object.assign(document.createElement('input'), { name, value }));
                }
                document.body.append(form);
                form.submit();
            }""",
            {"rating": "5", "comment": "After all it works very well, and nobody had to come back. " * 3},
        )


def _send_too_much(page: Page) -> None:
    page.locator("#reference").evaluate("field => { field.value = 'x'.repeat(100_000); }")
    _send(page)


def _ask_for_a_link(page: Page) -> None:
    page.locator("#reference").fill("WO-1")
    page.locator("#postcode").fill("9000")
    _send(page)
