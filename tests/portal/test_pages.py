"""The citizen's pages, through HTTP: the whole way, and everything that can go wrong on it."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from fastapi.testclient import TestClient
from icalendar import Calendar
from sqlalchemy import func, select

from hub.attempts import AttemptLimit
from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.db import tables
from hub.domain.contact import Channel, LinkPurpose
from hub.domain.errors import SlotTakenError
from hub.domain.events import CITIZEN, SYSTEM
from hub.domain.lifecycle import Action, HoldReason, WorkOrderStatus
from hub.notifications.addresses import opt_out
from hub.notifications.links import make_link
from portal import service
from scheduling import outlook
from scheduling.service import hold_slot, offer_slots
from tests.portal.chooser import SLOT, Citizen, everything, staff
from tests.portal.citizen import link_for
from tests.portal.test_ladder import messages_of, present, receive
from tests.scheduling.test_outlook import in_another_process


def test_a_citizen_chooses_confirms_moves_and_cancels(hub: Hub, citizen: Citizen) -> None:
    held = citizen.post("/hold", slot=citizen.slots()[0])
    assert held.url.path.endswith("/confirm")
    assert "We keep this time for you until 09:10." in held.text
    confirmed = citizen.post("/confirm", appointment=citizen.appointment_id())
    assert "Your appointment is confirmed" in confirmed.text
    assert "Tuesday 5 May" in confirmed.text
    assert present(hub, citizen.order.id).status is WorkOrderStatus.BOOKED

    moving = citizen.get("/move")
    assert "Your present appointment stays as it is" in moving.text
    moved = citizen.book(5, "/move")
    assert "Your appointment has been moved" in moved.text
    assert "Wednesday 6 May" in moved.text

    asked = citizen.get("/cancel")
    assert "Cancel this appointment?" in asked.text
    cancelled = citizen.post("/cancel")
    assert "Your appointment is cancelled." in cancelled.text
    assert citizen.slots()
    assert present(hub, citizen.order.id).status is WorkOrderStatus.CONTACTING
    assert [one.kind for one in messages_of(hub, citizen.order)] == ["confirmation", "moved", "cancelled"]


def test_a_confirmation_is_said_to_be_sent_only_where_one_goes(hub: Hub, citizen: Citizen) -> None:
    with hub.unit_of_work() as work:
        opt_out(work, Channel.EMAIL, citizen.order.citizen_email, "unsubscribed")
        work.commit()
    assert "We have sent a confirmation to +32" in citizen.book().text
    with hub.unit_of_work() as work:
        opt_out(work, Channel.SMS, citizen.order.citizen_phone, "STOP")
        work.commit()
    moved = citizen.book(1, "/move").text
    assert "moved" in moved
    assert "We have sent a confirmation" not in moved


def test_every_get_changes_nothing(hub: Hub, citizen: Citizen) -> None:
    citizen.book()
    citizen.post("/hold", slot=citizen.slots("/move")[3])
    before = everything(hub)
    for step in ("", "/move", "/confirm", "/cancel", "/calendar.ics", "/hold", "/nothing"):
        citizen.get(step)
        citizen.client.head(f"/a/{citizen.token}{step}")
    assert everything(hub) == before


def test_a_double_click_on_each_button_has_one_effect_and_shows_no_error(hub: Hub, citizen: Citizen) -> None:
    slot = citizen.slots()[0]
    first, second = citizen.post("/hold", slot=slot), citizen.post("/hold", slot=slot)
    assert first.text == second.text
    appointment = citizen.appointment_id()
    confirmed = [citizen.post("/confirm", appointment=appointment) for _ in range(2)]
    assert all("Your appointment is confirmed" in one.text for one in confirmed)
    late = citizen.post("/hold", slot=slot)
    assert "Your appointment" in late.text
    cancelled = [citizen.post("/cancel") for _ in range(2)]
    assert all("Your appointment is cancelled" in one.text for one in cancelled)
    assert [one.kind for one in messages_of(hub, citizen.order)] == ["confirmation", "cancelled"]


def test_nobody_fills_the_history_with_times_that_are_kept_and_given_up(
    hub: Hub, citizen: Citizen, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "UNCOUNTED_HOLDS", 2)
    monkeypatch.setattr(service, "HOLDS", AttemptLimit(3, timedelta(hours=12)))
    first, second = citizen.slots()[:2]
    for number in range(5):
        assert "Is this time right?" in citizen.post("/hold", slot=(first, second)[number % 2]).text
    before = everything(hub)
    for slot in (second, first, second):
        assert "You have chosen a time very often today" in citizen.post("/hold", slot=slot).text
    assert everything(hub) == before
    # What is kept can still be confirmed.
    assert citizen.post("/confirm", appointment=citizen.appointment_id()).status_code == 200
    with hub.unit_of_work() as work:
        assert work.work_orders.get(citizen.order.id).status is WorkOrderStatus.BOOKED
    clock.advance(timedelta(hours=12))
    assert "Is this time right?" in citizen.post("/hold", slot=citizen.slots("/move")[1]).text


def test_of_many_choices_at_the_same_instant_no_more_are_taken_than_one_after_the_other(
    hub: Hub, citizen: Citizen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "UNCOUNTED_HOLDS", 0)
    monkeypatch.setattr(service, "HOLDS", AttemptLimit(3, timedelta(hours=12)))
    slots = citizen.slots()[:6]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda slot: citizen.post("/hold", slot=slot), slots))
    with hub.reading() as connection:
        taken, kept = (
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (tables.failed_attempt, tables.appointment)
        )
    assert taken == 3
    # Who chooses twice at once may lose one of the two.
    assert 1 <= kept <= 3


def test_two_clicks_at_the_same_instant_hold_once(hub: Hub, citizen: Citizen) -> None:
    slot = citizen.slots()[0]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: citizen.post("/hold", slot=slot), range(4)))
    assert {one.status_code for one in answers} == {200}
    assert all("Is this time right?" in one.text for one in answers)
    with hub.reading() as connection:
        assert connection.execute(select(func.count()).select_from(tables.appointment)).scalar_one() == 1


def test_a_slot_that_was_taken_leads_to_the_nearest_free_ones(hub: Hub, citizen: Citizen) -> None:
    wanted = citizen.slots()[0]
    # Others fill the same two hours: three visits of 45 minutes do not fit into them.
    for _ in range(3):
        other = receive(hub)
        offer = offer_slots(hub, other.id).offers
        match = [one for one in offer if f"{one.starts_at:%Y-%m-%dT%H:%MZ}" == wanted.split("/")[0]]
        if match:
            hold_slot(hub, other.id, match[0].starts_at, match[0].ends_at, by=SYSTEM)
    answer = citizen.post("/hold", slot=wanted)
    assert answer.status_code == 200
    assert "That time has just been taken by somebody else." in answer.text
    assert "Nearest free times" in answer.text
    offered = [unescape(one) for one in SLOT.findall(answer.text)]
    assert wanted not in offered
    assert offered[0].startswith("2026-05-05T08:00Z")
    assert "Is this time right?" in citizen.post("/hold", slot=offered[0]).text


def test_a_slot_that_has_passed_meanwhile_is_said(citizen: Citizen, clock: FixedClock) -> None:
    slot = citizen.slots()[0]
    clock.advance(timedelta(days=2))
    assert "That time can no longer be booked. Please choose a later one." in citizen.post("/hold", slot=slot).text


def test_a_hold_that_has_expired_is_said_and_can_be_chosen_again(citizen: Citizen, clock: FixedClock) -> None:
    slot = citizen.slots()[0]
    citizen.post("/hold", slot=slot)
    appointment = citizen.appointment_id()
    clock.advance(timedelta(minutes=11))
    assert "it was not confirmed. Please choose again." in citizen.post("/confirm", appointment=appointment).text
    assert "it was not confirmed. Please choose again." in citizen.get("/confirm").text
    assert slot in citizen.slots()


@pytest.mark.parametrize(
    "slot",
    [
        "",
        "nonsense",
        "2026-05-05T06:00Z",
        "2026-05-05T08:00Z/2026-05-05T06:00Z",
        "2026-05-05T06:00/2026-05-05T08:00",
        "\x00/\x00",
        "9999-99-99/1",
    ],
)
def test_a_form_without_a_time_says_choose_one_first(citizen: Citizen, slot: str) -> None:
    answer = citizen.post("/hold", slot=slot)
    assert answer.status_code == 200
    assert "Choose a time first." in answer.text
    assert "<title>Error: Choose when we may come" in answer.text


def test_a_time_that_is_not_one_of_ours_is_refused_with_a_sentence(citizen: Citizen) -> None:
    answer = citizen.post("/hold", slot="2026-05-05T06:13Z/2026-05-05T08:13Z")
    assert "Something changed in the meantime." in answer.text


@pytest.mark.parametrize("appointment", ["", "nonsense", "00000000-0000-0000-0000-000000000000"])
def test_a_confirmation_of_nothing_is_answered_with_how_it_stands(citizen: Citizen, appointment: str) -> None:
    answer = citizen.post("/confirm", appointment=appointment)
    assert answer.status_code == 200
    assert "Something changed in the meantime." in answer.text


def test_one_citizen_cannot_confirm_the_hold_of_another(hub: Hub, client: TestClient, citizen: Citizen) -> None:
    citizen.post("/hold", slot=citizen.slots()[0])
    stranger_order = receive(hub, language="en")
    stranger = Citizen(client, stranger_order, link_for(hub, stranger_order))
    answer = stranger.post("/confirm", appointment=citizen.appointment_id())
    assert "Something changed in the meantime." in answer.text
    assert present(hub, citizen.order.id).status is WorkOrderStatus.CONTACTING


@pytest.mark.parametrize("token", ["x", "A" * 43, "A" * 42, "../../etc/passwd", "%00", "ä" * 43, "A" * 190])
def test_a_mistyped_link_says_how_to_get_help(client: TestClient, token: str) -> None:
    answer = client.get(f"/a/{token}", headers={"accept-language": "fr-BE,fr;q=0.9"})
    assert answer.status_code == 404
    if "/" not in token:
        assert "Ce lien n&#39;est pas complet" in answer.text
    for step in ("hold", "confirm", "cancel"):
        assert client.post(f"/a/{token}/{step}").status_code in {404, 405}


def test_a_link_with_the_full_stop_of_a_sentence_still_opens(citizen: Citizen) -> None:
    answer = citizen.client.get(f"/a/{citizen.token}.")
    assert "Choose when we may come" in answer.text
    assert f"/a/{citizen.token}/hold" in answer.text


def test_a_survey_link_opens_no_booking(hub: Hub, client: TestClient) -> None:
    order = receive(hub)
    with hub.unit_of_work() as work:
        token = make_link(work, order.id, LinkPurpose.SURVEY)
        work.commit()
    assert client.get(f"/a/{token}").status_code == 404


def test_an_expired_link_is_another_answer_than_a_wrong_one(citizen: Citizen, clock: FixedClock) -> None:
    clock.advance(timedelta(days=91))
    for answer in (citizen.get(), citizen.post("/hold", slot=""), citizen.get("/calendar.ics")):
        assert answer.status_code == 410
        assert "This link is no longer valid" in answer.text


def test_a_link_shows_for_a_week_that_its_order_is_over_and_then_expires(
    hub: Hub, citizen: Citizen, clock: FixedClock
) -> None:
    with hub.unit_of_work() as work:
        work.advance_work_order(work.work_orders.get(citizen.order.id), Action.CANCEL, by=SYSTEM)
        work.commit()
    answer = citizen.get()
    assert "This job has been called off" in answer.text
    assert 'name="slot"' not in answer.text
    assert "This job has been called off" in citizen.post("/hold", slot="2026-05-05T06:00Z/2026-05-05T08:00Z").text
    clock.advance(timedelta(days=7))
    assert citizen.get().status_code == 410


def test_a_late_answer_can_still_book_but_not_where_it_is_unsafe(hub: Hub, citizen: Citizen) -> None:
    slot = citizen.slots()[0]
    for reason, offered in ((HoldReason.NO_CONTACT, True), (HoldReason.UNSAFE, False)):
        with hub.unit_of_work() as work:
            order = work.work_orders.get(citizen.order.id)
            work.advance_work_order(order, Action.HOLD, by=SYSTEM, hold_reason=reason)
            work.commit()
        assert (slot in citizen.slots()) is offered
        if not offered:
            # The form of a page that was open before, or of a second tab.
            assert citizen.post("/hold", slot=slot).url.params["note"] == "changed"
        else:
            with hub.unit_of_work() as work:
                work.advance_work_order(work.work_orders.get(citizen.order.id), Action.REINVITE, by=SYSTEM)
                work.commit()
    assert "We are looking into it" in citizen.get().text
    with hub.unit_of_work() as work:
        work.advance_work_order(work.work_orders.get(citizen.order.id), Action.REINVITE, by=SYSTEM)
        work.commit()
    assert slot in citizen.slots()


def test_when_nothing_is_free_that_is_said(hub: Hub, client: TestClient) -> None:
    order = receive(hub, language="en")
    answer = Citizen(client, order, link_for(hub, order)).get()
    assert answer.status_code == 200
    assert "There is no free time just now" in answer.text


def test_the_calendar_file_keeps_its_identity_through_a_move(citizen: Citizen) -> None:
    citizen.book()
    files = [citizen.get("/calendar.ics")]
    citizen.book(6, "/move")
    files.append(citizen.get("/calendar.ics"))
    assert files[0].headers["content-type"] == "text/calendar; charset=utf-8"
    events: list[Any] = [Calendar.from_ical(one.content).walk("VEVENT")[0] for one in files]
    assert events[0]["UID"] == events[1]["UID"]
    assert events[1]["SEQUENCE"] > events[0]["SEQUENCE"]
    assert events[0].decoded("DTSTART").isoformat() == "2026-05-05T08:00:00+02:00"
    assert events[0]["DTSTART"].params["TZID"] == "Europe/Brussels"
    assert events[0].decoded("DTSTAMP").isoformat() == "2026-05-04T07:00:00+00:00"
    assert all(Calendar.from_ical(one.content).walk("VTIMEZONE") for one in files)


def test_no_calendar_file_without_an_appointment(citizen: Citizen) -> None:
    answer = citizen.get("/calendar.ics", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/a/{citizen.token}?lang=en")


@pytest.mark.parametrize(
    ("language", "heading"),
    [
        ("nl", "Kies wanneer wij mogen komen"),
        ("fr", "Choisissez le moment de notre passage"),
        ("de", "Wählen Sie, wann wir kommen dürfen"),
        ("en", "Choose when we may come"),
        ("xx", "Choose when we may come"),
    ],
)
def test_the_page_is_in_the_language_asked_for_and_stays_in_it(citizen: Citizen, language: str, heading: str) -> None:
    answer = citizen.get(f"?lang={language}")
    assert heading in answer.text
    spoken = language if language != "xx" else "en"
    assert f'<html lang="{spoken}"' in answer.text
    held = citizen.client.post(f"/a/{citizen.token}/hold?lang={spoken}", data={"slot": citizen.slots()[0]})
    assert f'<html lang="{spoken}"' in held.text


def test_pages_show_no_name_and_no_whole_address_to_reach_anybody(citizen: Citizen) -> None:
    shown = [citizen.get(), citizen.post("/hold", slot=citizen.slots()[0])]
    shown.append(citizen.post("/confirm", appointment=citizen.appointment_id()))
    shown += [citizen.get(step) for step in ("", "/move", "/cancel")]
    for answer in shown:
        for secret in ("Peeters", "an.peeters@", "+32470000001"):
            assert secret not in answer.text
    assert "a…@citizen.example" in shown[2].text


def test_nobody_may_store_index_or_frame_a_citizens_page(citizen: Citizen) -> None:
    citizen.book()
    for step in ("", "/move", "/cancel", "/calendar.ics", "/confirm"):
        headers = citizen.get(step, follow_redirects=False).headers
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "same-origin"
        assert "noindex" in headers["x-robots-tag"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]


def test_a_form_of_another_site_is_refused(hub: Hub, citizen: Citizen) -> None:
    slot = citizen.slots()[0]
    address = f"/a/{citizen.token}/hold"
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}):
        assert citizen.client.post(address, data={"slot": slot}, headers=headers).status_code == 403
    own = {"sec-fetch-site": "same-origin", "origin": "null"}
    assert citizen.client.post(address, data={"slot": slot}, headers=own).status_code == 200


def test_once_the_technician_is_on_the_way_nothing_can_be_changed_here(hub: Hub, citizen: Citizen) -> None:
    citizen.book()
    with hub.unit_of_work() as work:
        visit = work.visits.list_where()[0]
        visit = work.advance_visit(visit, Action.DISPATCH, by=SYSTEM)
        work.advance_visit(visit, Action.SET_OFF, by=SYSTEM)
        work.commit()
    assert "can no longer be changed here" in citizen.get().text
    assert "can no longer be changed here" in citizen.post("/cancel").text
    assert present(hub, citizen.order.id).status is WorkOrderStatus.BOOKED


def test_the_landing_page_says_what_this_is_in_the_browsers_language(client: TestClient) -> None:
    assert "Afspraken die doorgaan" in client.get("/", headers={"accept-language": "nl-BE"}).text
    assert "Appointments that are kept" in client.get("/?lang=en").text


def test_an_address_below_a_link_that_does_not_exist_has_the_same_face(citizen: Citizen) -> None:
    answer = citizen.get("/elsewhere")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text


def test_a_page_that_an_act_led_to_knows_what_another_process_booked(
    hub: Hub, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outlook, "BELIEVED_SECONDS", 600.0)
    staff(hub)
    order, *others = [receive(hub) for _ in range(8)]
    one = Citizen(client, order, link_for(hub, order))
    before, first = one.slots(), offer_slots(hub, order.id).offers[0]
    with in_another_process(), suppress(SlotTakenError):
        for other in others:
            hold_slot(hub, other.id, first.starts_at, first.ends_at, by=CITIZEN)
    assert one.slots() == before
    assert one.slots("?note=nonsense") == before
    assert set(before) - set(one.slots("?note=taken")) == {before[0]}
