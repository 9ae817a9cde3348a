"""Choosing a time: what is recommended, what suits, what to do when nothing does, and how much there is to load."""

import gzip
import re
from datetime import UTC, date, datetime, timedelta
from html import unescape

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.db import conversation_tables
from hub.db.portal_tables import time_preference
from portal.preferences import DAYPARTS, WEEKDAYS, UnusableDatesError, Wish, read_wish
from portal.slot_list import list_slots, slot_value
from scheduling.engine.slots import OfferReason
from scheduling.service import SlotOffer
from tests.portal.chooser import SLOT, Citizen, everything, staff
from tests.portal.citizen import link_for
from tests.portal.test_ladder import receive

FIRST_LOAD_BYTES = 60_000
_REFERENCED = re.compile(r'(?:href|src)="(/static/[^"]+)"')


def first_load(client: TestClient, address: str) -> int:
    """Compressed bytes of a page and of everything it names, style sheets' own files included."""
    page = client.get(address)
    total = len(gzip.compress(page.content, 6))
    for named in {unescape(one) for one in _REFERENCED.findall(page.text)}:
        answer = client.get(named)
        assert answer.status_code == 200, named
        assert "url(" not in answer.text.replace("url(data:", "") or named.endswith(".svg"), f"{named} loads more"
        total += len(gzip.compress(answer.content, 6))
    return total


def test_the_first_load_of_the_slot_page_stays_below_sixty_kilobytes(hub: Hub, client: TestClient) -> None:
    # More than any phone shows: five technicians, all windows of all days.
    staff(hub, technicians=5)
    order = receive(hub, language="de")
    booked = receive(hub, language="de")
    other = Citizen(client, booked, link_for(hub, booked))
    other.book()
    for address in (f"/a/{link_for(hub, order)}", f"/a/{other.token}/move", "/request", "/new-link"):
        assert first_load(client, address) < FIRST_LOAD_BYTES, address


@pytest.mark.parametrize("lang", ["nl", "fr", "de", "en"])
def test_a_page_names_its_problem_and_the_way_on_in_every_language(citizen: Citizen, lang: str) -> None:
    for step in ("", "/preferences", "/earlier"):
        answer = citizen.get(f"{step}?lang={lang}")
        assert answer.status_code == 200
        assert f'<html lang="{lang}"' in answer.text


def test_the_list_respects_what_suits_says_what_it_leaves_out_and_shows_it_when_asked(citizen: Citizen) -> None:
    everything_free = citizen.slots()
    answer = citizen.post("/preferences", weekday="wednesday", daypart="morning")
    assert "What suits you is saved." in answer.text
    assert "We show times that suit you: Wednesday · morning." in answer.text
    suiting = citizen.slots()
    assert suiting == ["2026-05-06T06:00Z/2026-05-06T08:00Z", "2026-05-06T08:00Z/2026-05-06T10:00Z"]
    assert f"Not shown: {len(everything_free) - 2}." in answer.text
    widened = citizen.get("?lang=en&all=1")
    assert sorted({unescape(one) for one in SLOT.findall(widened.text)}) == everything_free
    assert "You now see all times." in widened.text
    cleared = citizen.post("/preferences", clear="1", weekday="monday")
    assert "that suit you" not in cleared.text
    assert citizen.slots() == everything_free


def test_when_nothing_suits_there_is_a_way_on_and_no_dead_end(citizen: Citizen) -> None:
    answer = citizen.post("/preferences", weekday="sunday")
    assert "None of the free times suits what you told us." in answer.text
    assert 'name="slot"' not in answer.text
    for step in ("/preferences", "/earlier", "/call-back"):
        assert f"/a/{citizen.token}{step}?lang=en" in answer.text
    assert "&amp;all=1" in answer.text
    assert "There is no free time just now" not in answer.text


def test_dates_away_are_kept_shown_and_left_out(citizen: Citizen) -> None:
    citizen.post("/preferences", away_from="2026-05-05", away_until="2026-05-06")
    assert all(not one.startswith(("2026-05-05", "2026-05-06")) for one in citizen.slots())
    form = citizen.get("/preferences").text
    assert 'name="away_from" value="2026-05-05"' in form
    assert 'name="away_until" value="2026-05-06"' in form


@pytest.mark.parametrize(
    "typed",
    [
        ("2026-05-09", "2026-05-05"),
        ("nonsense", ""),
        ("", "2026-13-01"),
        ("9999-12-31", ""),
        ("0001-01-01", "2026-05-05"),
    ],
)
def test_dates_that_cannot_be_meant_are_asked_again_and_nothing_is_kept(
    hub: Hub, citizen: Citizen, typed: tuple[str, str]
) -> None:
    answer = citizen.post("/preferences", away_from=typed[0], away_until=typed[1], weekday="tuesday")
    assert answer.status_code == 422
    assert "Those dates are not right." in answer.text
    assert f'name="away_from" value="{typed[0]}"' in answer.text, "what was typed is still there"
    assert 'value="tuesday" checked' in answer.text
    with hub.reading() as connection:
        assert connection.execute(time_preference.select()).all() == []


def test_looking_changes_nothing_and_a_form_of_before_changes_no_order_that_is_over(hub: Hub, citizen: Citizen) -> None:
    before = everything(hub)
    for step in ("/preferences", "/earlier", "/call-back", "/earlier/take", "/earlier/decline", "/earlier/stop"):
        citizen.get(step)
        citizen.client.head(f"/a/{citizen.token}{step}")
    assert everything(hub) == before
    with hub.reading() as connection:
        assert connection.execute(time_preference.select()).all() == []


def test_asking_to_be_called_is_one_request_a_day_and_shows_no_whole_number(hub: Hub, citizen: Citizen) -> None:
    page = citizen.get().text
    assert citizen.order.citizen_phone not in page
    for _ in range(3):
        assert "We will call you back." in citizen.post("/call-back").text
    with hub.reading() as connection:
        assert len(connection.execute(conversation_tables.conversation.select()).all()) == 1


def test_without_a_number_nobody_is_promised_a_call(hub: Hub, client: TestClient) -> None:
    order = receive(hub, language="en", citizen_phone="")
    citizen = Citizen(client, order, link_for(hub, order))
    assert "Call me back" not in citizen.get().text
    assert "Something changed" in citizen.post("/call-back").text


def test_another_site_cannot_post_for_a_citizen(citizen: Citizen) -> None:
    for step in ("hold", "confirm", "cancel", "preferences", "earlier", "earlier/take", "earlier/stop", "call-back"):
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
            answer = citizen.client.post(f"/a/{citizen.token}/{step}", headers=headers)
            assert answer.status_code == 403


@pytest.mark.parametrize("step", ["preferences", "earlier", "earlier/take", "call-back"])
def test_a_guessed_token_does_nothing_anywhere(client: TestClient, step: str) -> None:
    for token in ("A" * 43, "x", "%00"):
        assert client.post(f"/a/{token}/{step}").status_code == 404
        assert client.get(f"/a/{token}/{step}").status_code == 404


def test_a_waitlist_page_asks_says_and_stops(citizen: Citizen) -> None:
    citizen.book(3)
    assert "Would you like it earlier?" in citizen.get("/earlier").text
    waiting = citizen.post("/earlier", until="2026-05-20")
    assert "You are on the waiting list" in waiting.text
    assert "on or before 20 May 2026" in waiting.text
    assert "Noted." in citizen.post("/earlier", until="2026-05-20").text
    assert "That date is not right." in citizen.post("/earlier", until="<script>").text
    assert "You are no longer on the waiting list." in citizen.post("/earlier/stop").text
    for step in ("/earlier/take", "/earlier/decline"):
        for appointment in ("", "x", "00000000-0000-0000-0000-000000000000"):
            assert citizen.post(step, appointment=appointment).status_code == 200


def test_the_confirm_page_tells_how_long_the_time_is_kept(citizen: Citizen, clock: FixedClock) -> None:
    citizen.post("/hold", slot=citizen.slots()[0])
    clock.advance(timedelta(minutes=4))
    page = citizen.get("/confirm").text
    assert "We keep this time for you until 09:10." in page
    assert 'data-lease-seconds="360"' in page


def test_a_lease_that_ran_out_leads_to_the_times_nearest_to_it(citizen: Citizen, clock: FixedClock) -> None:
    wanted = citizen.slots()[6]
    citizen.post("/hold", slot=wanted)
    form = citizen.appointment_id()
    clock.advance(timedelta(minutes=11))
    answer = citizen.post("/confirm", appointment=form)
    assert answer.status_code == 200
    assert "it was not confirmed. Please choose again." in answer.text
    assert "Nearest free times" in answer.text
    assert wanted in [unescape(one) for one in SLOT.findall(answer.text)][:3]


def test_going_back_after_each_step_harms_nothing(hub: Hub, citizen: Citizen, clock: FixedClock) -> None:
    slots = citizen.slots()
    citizen.post("/hold", slot=slots[0])
    # Back to the list, another one: the last choice counts and the first form confirms nothing.
    stale = citizen.appointment_id()
    citizen.post("/hold", slot=slots[1])
    assert "it was not confirmed. Please choose again." in citizen.post("/confirm", appointment=stale).text
    citizen.post("/confirm", appointment=citizen.appointment_id())
    # Back to the confirm page, then an old form of it: the appointment stands.
    assert "Your appointment" in citizen.get("/confirm").text
    assert "Your present appointment stays as it is" in citizen.post("/confirm", appointment=stale).text
    clock.advance(timedelta(minutes=30))
    assert "Is this time right?" in citizen.post("/hold", slot=slots[2]).text
    assert "Your appointment" in citizen.get().text


def an_offer(hours: int, reason: str) -> SlotOffer:
    starts = datetime(2026, 5, 4, 6, tzinfo=UTC) + timedelta(hours=hours)
    return SlotOffer(starts, starts + timedelta(hours=2), OfferReason(reason), 60)


OFFERS = st.lists(
    st.builds(an_offer, st.integers(0, 400), st.sampled_from([one.value for one in OfferReason])),
    max_size=40,
    unique_by=lambda one: one.starts_at,
)
WISHES = st.builds(
    Wish,
    st.lists(st.sampled_from(WEEKDAYS), unique=True, max_size=6).map(tuple),
    st.lists(st.sampled_from(DAYPARTS), unique=True, max_size=1).map(tuple),
)


@given(OFFERS, WISHES)
def test_every_time_is_either_on_the_page_once_by_its_day_or_counted_as_left_out(
    offers: list[SlotOffer], wish: Wish
) -> None:
    found = list_slots(offers, wish, None, "Europe/Brussels", "en")
    shown = [one for day in (*found.days, *found.later_days) for one in (*day.morning, *day.afternoon)]
    assert len({one.value for one in shown}) == len(shown)
    assert len(shown) + found.left_out == len(offers)
    assert [one.value for one in shown] == sorted(one.value for one in shown)
    assert {one.value for one in found.recommended} <= {one.value for one in shown}
    assert all(one.why for one in found.recommended), "a recommendation has its reason"
    if wish.is_open:
        assert found.left_out == 0


def test_the_greenest_times_come_first_with_their_reason() -> None:
    plain = [an_offer(hours, "technician_available") for hours in range(0, 60, 5)]
    green = [an_offer(61, "technician_in_street"), an_offer(71, "technician_nearby")]
    found = list_slots([*green, *plain], Wish(), None, "Europe/Brussels", "en")
    assert [one.why for one in found.recommended] == ["in_street", "nearby"]
    # An earlier time with the weaker reason stays behind.
    swapped = [an_offer(71, "technician_in_street"), an_offer(61, "technician_nearby")]
    found = list_slots([*reversed(swapped), *plain], Wish(), None, "Europe/Brussels", "en")
    assert [one.why for one in found.recommended] == ["in_street", "nearby"]
    taken = list_slots([*green, *plain], Wish(), green[0].starts_at, "Europe/Brussels", "en")
    assert (taken.recommended, len(taken.nearest)) == ((), 3)


def test_times_recommended_for_the_same_reason_are_chosen_by_driving_and_read_by_date() -> None:
    plain = [an_offer(hours, "technician_available") for hours in range(0, 60, 5)]
    ranked = [an_offer(hours, "technician_in_street") for hours in (240, 72, 248, 1)]
    found = list_slots([*ranked, *plain], Wish(), None, "Europe/Brussels", "en")
    assert [one.value for one in found.recommended] == [
        slot_value(one.starts_at, one.ends_at) for one in (ranked[1], ranked[0], ranked[2])
    ]


def test_a_wish_drops_what_nobody_offers_and_reads_both_clock_change_days() -> None:
    today = date(2026, 3, 1)
    wish = read_wish(["monday", "blursday"], ["night"], [("", "2026-03-05"), ("", "")], today)
    assert wish == Wish(("monday",), (), ((date(2026, 3, 5), date(2026, 3, 5)),))
    assert read_wish(WEEKDAYS, DAYPARTS, [], today).is_open
    with pytest.raises(UnusableDatesError):
        read_wish([], [], [("2026-03-05", "2026-03-04")], today)
    # 29 March and 25 October 2026: noon is noon in local time on both.
    for day, utc_hour in ((date(2026, 3, 29), 10), (date(2026, 10, 25), 11)):
        noon = datetime(day.year, day.month, day.day, utc_hour, tzinfo=UTC)
        assert Wish(dayparts=("afternoon",)).fits(noon, "Europe/Brussels")
        assert Wish(dayparts=("morning",)).fits(noon - timedelta(minutes=1), "Europe/Brussels")
        assert not Wish(away=((day, day),)).fits(noon, "Europe/Brussels")


def test_one_citizens_offer_cannot_be_taken_or_declined_by_another(
    hub: Hub, client: TestClient, citizen: Citizen
) -> None:
    citizen.post("/hold", slot=citizen.slots()[0])
    mine = citizen.appointment_id()
    stranger_order = receive(hub, language="en")
    stranger = Citizen(client, stranger_order, link_for(hub, stranger_order))
    stranger.post("/earlier")
    stranger.post("/earlier/take", appointment=mine)
    stranger.post("/earlier/decline", appointment=mine)
    assert citizen.appointment_id() == mine
