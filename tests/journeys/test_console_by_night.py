"""Every page of the console in the dark and on a phone: nothing stays light, every text can be read, and the menu takes one row."""

import io
from dataclasses import replace
from datetime import timedelta

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from feedback.schemas import SurveyForm
from feedback.service import answer_survey
from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.db.tables import route as route_table
from hub.domain.contact import LinkPurpose
from hub.domain.events import SYSTEM
from hub.domain.lifecycle import Action, HoldReason, VisitStatus, WorkOrderStatus
from hub.domain.staff import Role
from hub.domain.work_orders import WorkOrder
from hub.jobs import RememberedQueue
from hub.notifications.links import make_link
from hub.web.staff_accounts import create_staff
from infra.hosts.rooms import CONSOLE_MENU
from ingest.quarantine.records import Arrival, Cause, keep
from portal.conversations.schemas import InboundSms
from portal.conversations.service import receive_sms
from portal.requests.form import RequestForm
from portal.requests.service import SubmitRequest, confirm_request, submit_request
from tests.ingest.messages import a_message
from tests.journeys.axe import find_colour_barriers
from tests.journeys.conftest import MakeVisitor
from tests.journeys.darkness import (
    colour_of,
    find_dark_barriers,
    find_faint_marks,
    find_light_islands,
    take_pictures,
)
from tests.journeys.fitting import find_misfits
from tests.journeys.sights import Sight
from tests.journeys.site import TUESDAY, Site, open_site
from tests.journeys.tabbing import find_lost_ways
from tests.journeys.test_dispatcher import sign_in
from tests.journeys.test_inbox import NUMBER, order_with_sms
from tests.journeys.test_keyboard import tab_to
from tests.journeys.test_locations import NO_PLACE
from tests.journeys.visitor import DESK, NARROWEST, PHONE, Visitor
from tests.portal.test_conversations import threads
from tests.samples import a_visit, a_work_order

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("console-by-night")]

EMAIL, PASSWORD = "ada@company.example", "a long enough password"
_BOARD = f"/console/board?territory=oost-vlaanderen&day={TUESDAY}"
_BAR_HEIGHT = "() => document.querySelector('.bar').getBoundingClientRect().height"


def _sights(site: Site) -> list[Sight]:
    """The menu's pages and those they lead to, with something on each."""
    site.add_technicians("Jan Janssens", "Els Claes", "Bo Baert", days=2)
    order = _well_known(site)
    _visits_of_every_kind(site)
    ready = site.receive_order(work_type="cabinet_repair", latitude=48.85, longitude=2.35)
    lost = site.receive_order(**NO_PLACE)
    held = _held(site)
    one = f"/console/orders/{order.id}"
    return [
        *(Sight(name, address) for address, name, _ in CONSOLE_MENU),
        Sight("board, a day", _BOARD),
        Sight("board, a draft", _BOARD, act=_plan),
        Sight("why an order has no place", f"/console/board/why/{ready.id}{_BOARD[_BOARD.index('?') :]}"),
        Sight("board, published", f"{_BOARD}&view=draft", act=_publish),
        Sight("board, a planning", f"/console/board/planning/{site.begin_planning()}"),
        Sight("order", one),
        Sight("order on hold", f"/console/orders/{held.id}"),
        Sight("contact", f"{one}/contact"),
        Sight("contact, a mistake", f"{one}/contact", act=_send_nothing),
        Sight("dossier", f"{one}/dossier"),
        Sight("conversation", f"/console/inbox/{threads(site.hub)[0].id}"),
        Sight("location", f"/console/locations/{lost.id}"),
        Sight("request", f"/console/requests/{_request(site)}"),
        Sight("quarantined message", f"/console/quarantine/{_quarantined(site)}"),
        Sight("technicians, a code", "/console/technicians", act=_issue_code),
        Sight("personal data, found", "/console/privacy", act=_find_person),
        Sight("outbox", "/demo/outbox"),
        Sight("no such order (404)", f"/console/orders/{threads(site.hub)[0].id}", status=404),
    ]


def _well_known(site: Site) -> WorkOrder:
    """An order whose citizen wrote and booked; another citizen, of an order that is over, was happy."""
    order = order_with_sms(site)
    receive_sms(site.hub, InboundSms("SM1", NUMBER, "+3225550000", "Is there parking?"))
    site.book(order)
    with site.hub.unit_of_work() as work:
        done = work.work_orders.add(a_work_order(status=WorkOrderStatus.COMPLETED))
        answered = make_link(work, done.id, LinkPurpose.SURVEY)
        work.commit()
    answer_survey(site.hub, answered, SurveyForm(rating=4, nps=9, comment="Friendly and quick."))
    return order


def _visits_of_every_kind(site: Site) -> None:
    statuses = [one for one in VisitStatus if one is not VisitStatus.CANCELLED]
    with site.hub.unit_of_work() as work:
        last = work.routes.list_where(route_table.c.day == TUESDAY)[-1]
        begin = site.clock.now() + timedelta(days=1)
        for at, status in enumerate(statuses):
            work.visits.add(a_visit(work, last, begin + timedelta(hours=at), status=status))
        work.commit()


def _held(site: Site) -> WorkOrder:
    order = site.receive_order()
    with site.hub.unit_of_work() as work:
        present = work.work_orders.get(order.id)
        work.advance_work_order(present, Action.HOLD, by=SYSTEM, reason="", hold_reason=HoldReason.REFUSED)
        work.commit()
    return order


def _request(site: Site) -> object:
    form = RequestForm("repair", "Els Wouters", "els@citizen.example", "", "Lindestraat 12", "9000", "Gent")
    submit_request(site.hub, SubmitRequest(form, "en", "127.0.0.1"))
    site.work()
    link = site.link_in_newest_message("/request/confirm/")
    return confirm_request(site.hub, link.rpartition("/")[2]).id


def _quarantined(site: Site) -> object:
    arrival = Arrival("k1", Cause.UNREADABLE, "It is no JSON.", a_message(b"{"))
    with site.hub.unit_of_work() as work:
        keep(work, [arrival], by=SYSTEM)
        work.commit()
    return arrival.id


def _plan(page: Page) -> None:
    page.get_by_role("button", name="Plan these days").click()
    expect(page.get_by_text("You see the draft")).to_be_visible(timeout=60_000)


def _publish(page: Page) -> None:
    page.get_by_role("button", name="Publish the draft").click()
    expect(page.get_by_role("heading", level=1, name="Published")).to_be_visible(timeout=60_000)


def _send_nothing(page: Page) -> None:
    with page.expect_navigation():
        page.locator("main form.decision").first.evaluate("form => form.submit()")


def _issue_code(page: Page) -> None:
    page.get_by_role("button", name="Issue a code").first.click()
    expect(page.locator("#enrolment-code")).to_be_visible()


def _find_person(page: Page) -> None:
    page.get_by_label("E-mail address or telephone number").fill("an.peeters@citizen.example")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("heading", name="What is kept")).to_be_visible()


def _pick_up_phone(site: Site, make_visitor: MakeVisitor, *, scripts: bool = True) -> Visitor:
    """A dispatcher with a phone who looks at the technicians, and so has no long list to tab through."""
    dispatcher = make_visitor(language="en-GB", narrow=False, scripts=scripts)
    sign_in(site, dispatcher, "/console/technicians", "Technicians")
    return dispatcher


def _sign_in(page: Page) -> None:
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def _menu(person: Visitor) -> Locator:
    return person.page.get_by_role("navigation", name="Console")


def _faults(page: Page) -> list[str]:
    """What bars somebody by its colours, in the light and in the dark, at a desk; and whether the menu is one row on a phone."""
    page.wait_for_load_state("load")
    page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
    found = [*find_colour_barriers(page), *find_dark_barriers(page)]
    page.emulate_media(color_scheme="dark")
    found += [*find_light_islands(page), *find_faint_marks(page)]
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    if page.evaluate(_BAR_HEIGHT) > 80:
        found.append("the bar takes more than one row of a phone")
    page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
    return found


def test_every_page_of_the_console_can_be_read_in_the_dark(site: Site, browser: Browser) -> None:
    sights = _sights(site)
    create_staff(site.hub, EMAIL, "Ada Administrator", PASSWORD, [Role.DISPATCHER, Role.ADMINISTRATOR])
    context = browser.new_context(base_url=site.address, reduced_motion="reduce", timezone_id="Europe/Brussels")
    context.set_default_timeout(60_000)
    page = context.new_page()
    found: list[str] = []
    try:
        page.goto("/console")
        found += [f"sign-in: {one}" for one in _faults(page)]
        take_pictures(page, "sign-in")
        _sign_in(page)
        expect(page.get_by_role("heading", level=1, name="Today")).to_be_visible()
        for sight in sights:
            answer = page.goto(sight.path)
            assert answer is not None
            assert answer.status == sight.status, f"{sight.name} answered {answer.status}"
            if sight.act is not None:
                sight.act(page)
            found += [f"{sight.name}: {one}" for one in _faults(page)]
            take_pictures(page, sight.name)
    finally:
        context.close()
    assert not found, "\n".join(found)


def test_tiles_that_are_light_are_shown_dark_with_their_hues(
    hub: Hub, clock: FixedClock, jobs: RememberedQueue, browser: Browser
) -> None:
    tile = io.BytesIO()
    Image.new("RGB", (256, 256), "#d8f2d0").save(tile, "PNG")
    settings = hub.settings.model_copy(update={"map_tiles_url": "http://127.0.0.1:9/{z}/{x}/{y}.png"})
    with open_site(replace(hub, settings=settings), clock, jobs) as site, browser.new_page() as page:
        lost = site.receive_order(**NO_PLACE)
        create_staff(site.hub, EMAIL, "Ada Administrator", PASSWORD, [Role.DISPATCHER])
        page.route("http://127.0.0.1:9/**", lambda asked: asked.fulfill(body=tile.getvalue(), content_type="image/png"))
        page.goto(f"{site.address}/console/locations/{lost.id}")
        _sign_in(page)
        box = page.locator("#pin-map")
        page.locator(".leaflet-tile-loaded").first.wait_for()
        page.wait_for_function(
            "() => document.querySelectorAll('.leaflet-tile:not(.leaflet-tile-loaded)').length === 0"
        )
        by_day = colour_of(box)
        page.emulate_media(color_scheme="dark")
        by_night = colour_of(box)
    assert min(by_day) > 200
    assert max(by_night) < 80
    assert by_night[1] == max(by_night), "green stays green"


@pytest.mark.parametrize("scripts", [True, False])
def test_on_a_phone_the_menu_opens_by_keyboard(site: Site, make_visitor: MakeVisitor, scripts: bool) -> None:
    dispatcher = _pick_up_phone(site, make_visitor, scripts=scripts)
    page, menu = dispatcher.page, _menu(dispatcher)
    expect(menu).to_be_hidden()
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
    folded = page.evaluate(_BAR_HEIGHT)
    for words in ("Skip to main content", "Doorstep Console", "Menu: Technicians"):
        page.keyboard.press("Tab")
        expect(dispatcher.focused()).to_have_text(words)
    page.keyboard.press("Enter")
    expect(menu).to_be_visible()
    expect(menu.locator("[aria-current=page]")).to_have_text("Technicians")
    assert page.evaluate(_BAR_HEIGHT) > folded
    dispatcher.inspect()
    tab_to(dispatcher, "link", "Orders")
    page.keyboard.press("Enter")
    dispatcher.sees("Orders")
    expect(page.locator("summary", has_text="Menu")).to_have_text("Menu: Orders")
    expect(menu).to_be_hidden()
    page.locator("summary", has_text="Menu").click()
    tab_to(dispatcher, "button", "Sign out")
    page.keyboard.press("Enter")
    dispatcher.sees("Sign in")


def test_an_open_menu_bars_nobody_and_fits_the_narrowest_screen(site: Site, make_visitor: MakeVisitor) -> None:
    dispatcher = _pick_up_phone(site, make_visitor)
    page = dispatcher.page
    page.locator("details.bar__fold").evaluate("fold => { fold.open = true; }")
    expect(_menu(dispatcher)).to_be_visible()
    take_pictures(page, "menu")
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    found = [*find_dark_barriers(page), *find_light_islands(page), *find_lost_ways(page)]
    page.set_viewport_size({"width": NARROWEST, "height": 700})
    assert found + find_misfits(page, clipped=True) == []


def test_at_a_desk_the_menu_stands_there(site: Site, dispatcher: Visitor) -> None:
    sign_in(site, dispatcher, "/console/technicians", "Technicians")
    expect(dispatcher.page.locator("summary", has_text="Menu")).to_be_hidden()
    expect(_menu(dispatcher).get_by_role("link", name="Figures")).to_be_visible()
    expect(dispatcher.page.get_by_role("button", name="Sign out")).to_be_visible()


_IN_THE_DARK = "<style>body {{ background: #111; color: #eee; }} {} </style><main><h1>Heading</h1>{}</main>"


@pytest.mark.parametrize(
    ("style", "part", "complaint"),
    [
        (
            "div { background: #fff; color: #111; padding: 40px; }",
            "<div>A card</div>",
            "stays light in the dark: <div>",
        ),
        ("div { background: oklch(90% 0 0); color: #111; padding: 40px; }", "<div>A card</div>", "stays light"),
        ("rect { fill: #333; }", "<svg><rect width='99' height='99'></rect></svg>", "can hardly be made out: <rect"),
        (
            "div { background: #222; padding: 40px; } rect { fill: #999; }",
            "<div><svg><rect width='99' height='99'></rect></svg></div>",
            "",
        ),
    ],
)
def test_what_stays_as_it_was_by_day_is_found(browser: Browser, style: str, part: str, complaint: str) -> None:
    with browser.new_page(color_scheme="dark") as page:
        page.set_content(_IN_THE_DARK.format(style, part))
        found = [*find_light_islands(page), *find_faint_marks(page)]
        assert [one.startswith(complaint) for one in found] == ([True] if complaint else [])


def test_a_page_that_stays_light_is_found(browser: Browser) -> None:
    with browser.new_page() as page:
        page.set_content("<style>body { background: #fff; }</style>")
        assert find_dark_barriers(page) == ["stays light in the dark"]
        page.set_content("<style>@media (prefers-color-scheme: dark) { body { background: #111; } }</style>")
        assert find_dark_barriers(page) == []
