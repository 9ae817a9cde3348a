"""Staff reads words: what times suit and who waits for an earlier one, channels, languages and instants, never codes."""

import re
from datetime import UTC, date, datetime, timedelta
from html import unescape

import pytest

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.contact_record import append_entry
from hub.domain.events import CITIZEN
from hub.domain.staff import Role
from infra.console.words import fact_in_words
from portal.preferences import Wish, save_wish
from portal.waitlist.offering import offer_earlier_times
from portal.waitlist.service import ask_for_earlier, stop_waiting
from scheduling.service import cancel_appointment
from tests.portal.test_conversations import staff, text, write_to
from tests.portal.test_ladder import live_through, receive
from tests.portal.test_waitlist import book_on, token_for
from tests.web.staff_browser import signed_in_browser

_INSTANT = re.compile(r">[^<]*\d{4}-\d{2}-\d{2}T\d{2}:\d{2}")


def test_an_orders_page_says_what_times_suit_and_that_the_citizen_waits(hub: Hub) -> None:
    staff(hub)
    order = receive(hub)
    assert book_on(hub, order, date(2026, 5, 6))
    token = token_for(hub, order)
    desk = signed_in_browser(hub, Role.DISPATCHER)
    address = f"/console/orders/{order.id}"
    assert "What the citizen told us" not in desk.get(address).text

    away = (date(2026, 5, 11), date(2026, 5, 13))
    save_wish(hub, token, Wish(("tuesday", "friday"), ("morning",), (away, (date(2026, 5, 20), date(2026, 5, 20)))))
    page = desk.get(address).text
    assert "<dt>Times that suit</dt><dd>Tuesday, Friday, in the morning</dd>" in page
    assert "<dt>Away</dt><dd>2026-05-11 to 2026-05-13; 2026-05-20</dd>" in page
    assert "Waits for" not in page

    save_wish(hub, token, Wish(dayparts=("afternoon",)))
    ask_for_earlier(hub, token, date(2026, 5, 8))
    page = desk.get(address).text
    assert "<dd>any day, in the afternoon</dd>" in page
    assert "<dt>Away</dt>" not in page
    assert "<dt>Waits for an earlier time</dt><dd>since Mon 2026-05-04 09:00; it helps until 2026-05-08</dd>" in page

    stop_waiting(hub, token)
    assert "Waits for" not in desk.get(address).text


def test_an_orders_page_says_which_earlier_time_is_kept(hub: Hub, clock: FixedClock) -> None:
    staff(hub, days=2)
    first, waiting = receive(hub), receive(hub)
    assert book_on(hub, first, date(2026, 5, 5))
    assert book_on(hub, waiting, date(2026, 5, 6))
    ask_for_earlier(hub, token_for(hub, waiting))
    cancel_appointment(hub, first.id, by=CITIZEN)
    assert offer_earlier_times(hub, hub.clock.now()) == 1
    desk = signed_in_browser(hub, Role.DISPATCHER)
    page = desk.get(f"/console/orders/{waiting.id}").text
    assert "Kept for the citizen until Mon 2026-05-04 " in page
    assert ": Tue 2026-05-05 " in page.partition("Kept for the citizen")[2]
    clock.advance(timedelta(hours=30))
    assert "Kept for the citizen" not in desk.get(f"/console/orders/{waiting.id}").text


def test_the_contact_record_is_told_in_words_and_in_the_places_time(hub: Hub, clock: FixedClock) -> None:
    staff(hub)
    order = receive(hub, language="fr")
    write_to(hub, order, kind="day_before")
    live_through(hub, clock, timedelta(hours=1))
    text(hub, "When do you come?")
    with hub.unit_of_work() as work:
        work.work_orders.get(order.id, lock=True)
        append_entry(work, order.id, "waitlist_accepted", {"startsAt": datetime(2026, 5, 6, 8, tzinfo=UTC).isoformat()})
        work.commit()
    desk = signed_in_browser(hub, Role.DISPATCHER)
    page = unescape(desk.get(f"/console/orders/{order.id}/contact").text)
    assert "starts at: Wed 2026-05-06 10:00" in page
    assert "channel: SMS; kind: day before; language: French; to: +32…01" in page
    assert "conversation: " not in page
    assert "by SMS, else e-mail" in page
    assert "<dt>Language</dt><dd>French</dd>" in page
    assert not _INSTANT.search(page)
    assert not re.search(r">[^<]*\b[a-z]+_[a-z]+\b", page)
    page = desk.get(f"/console/orders/{order.id}").text
    assert "<td>SMS</td>" in page
    assert "<dt>Language</dt><dd>French</dd>" in page


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("startsAt", "2026-05-06T08:00:00+00:00", "Wed 2026-05-06 10:00"),
        ("at", "2026-12-06T08:00:00.123456Z", "Sun 2026-12-06 09:00"),
        ("reviewOn", "2026-05-06", "2026-05-06"),
        ("language", "de", "German"),
        ("language", "pt", "pt"),
        ("channel", "voice", "telephone"),
        ("kind", "last_call", "last call"),
        ("note", "de", "de"),
        ("note", "Ask for apartment_two, sms", "Ask for apartment_two, sms"),
    ],
)
def test_facts_are_words_and_what_people_wrote_stays(name: str, value: str, said: str) -> None:
    assert fact_in_words(name, value, "Europe/Brussels") == said
