"""A citizen reads an e-mail, on a phone, by day and by night, and asks for no more of them."""

import pytest
from playwright.sync_api import Browser

from hub.domain.contact import Channel
from hub.notifications.addresses import reachable_channels
from hub.notifications.html import mail_html
from hub.notifications.service import request_notification
from hub.notifications.texts import LANGUAGES, Rendered, render_email
from hub.notifications.unsubscribe import unsubscribe_address
from portal.webhooks.routes import TEXTS
from portal.words import Words
from tests.journeys.axe import find_barriers
from tests.journeys.conftest import MakeVisitor
from tests.journeys.site import Site
from tests.samples import a_work_order

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("journeys-citizen")]
_LINK = "https://doorstep.example/a/" + "aB3_" * 10 + "xyz"


def an_email(language: str) -> Rendered:
    values = {
        "name": "Ann-Sophie van den Broecke-Vandenberghe",
        "work": "Installation of a digital meter",
        "reference": "WO-2026-000123",
        "address": "Veldstraat 1, 9000 Gent",
        "link": _LINK,
    }
    return render_email("invitation", language, values)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_an_email_has_no_barrier_and_needs_no_scrolling_sideways(browser: Browser, scheme: str, width: int) -> None:
    page = browser.new_page(
        viewport={"width": width, "height": 800}, color_scheme="dark" if scheme == "dark" else "light"
    )
    try:
        for language in LANGUAGES:
            page.set_content(mail_html("invitation", language, an_email(language), _LINK))
            assert find_barriers(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.get_by_role("link").get_attribute("href") == _LINK
    finally:
        page.close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_address_in_an_email_asks_before_it_stops_them(
    site: Site, make_visitor: MakeVisitor, language: str
) -> None:
    with site.hub.unit_of_work() as work:
        order = work.work_orders.add(a_work_order())
        one = request_notification(work, order, kind="invitation", channels=(Channel.EMAIL,))
        work.commit()
    assert one is not None
    address = unsubscribe_address(site.hub.settings, one).removeprefix(site.hub.settings.public_url)
    own = Words(language, TEXTS)
    citizen = make_visitor(language=language)
    citizen.open(f"{address}?lang={language}").sees(own("title"))
    citizen.press(own("button")).sees(own("done_title"))
    with site.hub.unit_of_work() as work:
        assert reachable_channels(work, order, (Channel.EMAIL, Channel.SMS)) == [Channel.SMS]
