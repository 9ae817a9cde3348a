"""The visit's day through HTTP: where it stands, the calendar, the history, the code at the door, and how much is loaded."""

import gzip
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
import segno
from fastapi.testclient import TestClient
from icalendar import Calendar

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.db.citizen_tables import technician_place
from hub.domain.contact import Channel
from hub.domain.events import CITIZEN, SYSTEM
from hub.domain.ids import AppointmentId
from hub.domain.lifecycle import Action, AppointmentStatus, VisitStatus, WorkOrderStatus
from hub.door_codes import door_code
from hub.notifications.addresses import opt_out
from hub.notifications.links import token_hash
from hub.texts import load_texts
from portal.day.showing import webcal_address
from portal.day.words import FOLDER
from scheduling.service import cancel_appointment
from tests.portal.citizen import Booked, book, put

MOST_BYTES = 60_000


@pytest.fixture
def citizen(hub: Hub, client: TestClient, clock: FixedClock) -> Booked:
    return book(hub, client, clock.now() + timedelta(hours=2))


def event_of(content: bytes) -> Any:
    (event,) = Calendar.from_ical(content).walk("VEVENT")
    return event


def test_the_page_says_where_the_visit_stands_on_its_way(hub: Hub, citizen: Booked, clock: FixedClock) -> None:
    assert "Jan comes to you today. Expected around 11:00." in citizen.text()
    put(hub, citizen.visit, VisitStatus.EN_ROUTE, set_off_at=clock.now(), travel_seconds=1200)
    said = citizen.text()
    assert "Jan is on the way to you. Expected around 09:20." in said
    assert "The appointment can no longer be changed here." in said
    put(hub, citizen.visit, VisitStatus.WORKING)
    assert "Jan is at work." in citizen.text()
    assert "Janssens" not in citizen.get().text


def test_the_day_before_nobody_is_named_and_nothing_is_live(hub: Hub, client: TestClient, clock: FixedClock) -> None:
    early = book(hub, client, clock.now() + timedelta(hours=26))
    page = early.get().text
    assert "Your appointment is agreed." in page
    assert "Jan" not in page
    assert "day.js" not in page
    assert "data-events" not in page


REMINDS = "We remind you the day before."


@pytest.mark.parametrize(
    ("zone", "visit", "remind_at"),
    [
        ("Europe/Brussels", datetime(2026, 5, 6, 8, tzinfo=UTC), datetime(2026, 5, 5, 14, tzinfo=UTC)),
        # Already Wednesday there: four in the afternoon of its Tuesday is our early morning.
        ("Pacific/Auckland", datetime(2026, 5, 5, 22, tzinfo=UTC), datetime(2026, 5, 5, 4, tzinfo=UTC)),
    ],
)
def test_a_reminder_is_promised_only_while_it_is_to_come(
    hub: Hub, client: TestClient, clock: FixedClock, zone: str, visit: datetime, remind_at: datetime
) -> None:
    citizen = book(hub, client, visit, zone=zone)
    assert REMINDS in citizen.text()
    clock.set(remind_at - timedelta(minutes=1))
    assert REMINDS in citizen.text()
    for now in (remind_at, visit - timedelta(hours=1)):
        clock.set(now)
        said = citizen.text()
        assert "is at home during the whole period." in said
        assert REMINDS not in said


def test_no_reminder_is_promised_that_goes_earlier_or_to_nobody(
    hub: Hub, client: TestClient, clock: FixedClock, citizen: Booked
) -> None:
    assert REMINDS not in citizen.text(), "the visit is today"
    # Monday's goes on Saturday, for Sundays are quiet.
    assert REMINDS not in book(hub, client, clock.now() + timedelta(days=7)).text()
    later = book(hub, client, clock.now() + timedelta(days=3))
    assert REMINDS in later.text()
    with hub.unit_of_work() as work:
        opt_out(work, Channel.EMAIL, later.order.citizen_email, "unsubscribed")
        opt_out(work, Channel.SMS, later.order.citizen_phone, "STOP")
        work.commit()
    assert REMINDS not in later.text()


def test_a_finished_order_shows_that_the_work_is_done(hub: Hub, citizen: Booked) -> None:
    put(hub, citizen.visit, VisitStatus.COMPLETED)
    with hub.unit_of_work() as work:
        confirmed = work.appointments.get(citizen.appointment.id)
        work.appointments.swap(confirmed, replace(confirmed, status=AppointmentStatus.COMPLETED))
        order = work.work_orders.get(citizen.order.id)
        work.work_orders.swap(order, replace(order, status=WorkOrderStatus.COMPLETED))
        work.commit()
    said = citizen.text()
    assert "The work is done." in said
    assert "Door code" not in said


def test_the_technicians_place_is_a_sketch_while_it_is_known(hub: Hub, citizen: Booked, clock: FixedClock) -> None:
    put(hub, citizen.visit, VisitStatus.EN_ROUTE, set_off_at=clock.now())
    assert "<svg" not in citizen.get().text
    with hub.unit_of_work() as work:
        row = {"visit_id": citizen.visit.id, "latitude": 51.07, "longitude": 3.723, "reported_at": work.now}
        work.connection.execute(technician_place.insert().values(row))
        work.commit()
    page = citizen.get().text
    assert 'role="img" aria-label="At 09:00 still about 2 km away, as the crow flies."' in page
    assert "51.07" not in page, "the place itself is on the page only where there is a map"
    clock.advance(timedelta(minutes=11))
    assert "<svg" not in citizen.get().text


def test_the_calendar_is_the_same_event_whatever_becomes_of_it(hub: Hub, citizen: Booked) -> None:
    first = citizen.get("/day/calendar.ics")
    assert first.headers["content-type"] == "text/calendar; charset=utf-8"
    assert citizen.get("/day/calendar.ics").content == first.content
    again = citizen.get("/day/calendar.ics", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    cancel_appointment(hub, citizen.order.id, by=CITIZEN, reason="cancelled by the citizen")
    second = citizen.get("/day/calendar.ics")
    events = [event_of(one.content) for one in (first, second)]
    assert events[0]["UID"] == events[1]["UID"] == f"{citizen.order.id}@doorstep"
    assert [str(one["STATUS"]) for one in events] == ["CONFIRMED", "CANCELLED"]
    assert events[1]["SEQUENCE"] > events[0]["SEQUENCE"]
    assert second.headers["etag"] != first.headers["etag"]
    with hub.unit_of_work() as work:
        moved = replace(citizen.appointment, id=AppointmentId(uuid4()), sequence=2)
        work.appointments.add(
            replace(moved, starts_at=moved.starts_at + timedelta(days=1), ends_at=moved.ends_at + timedelta(days=1))
        )
        work.commit()
    third = event_of(citizen.get("/day/calendar.ics").content)
    assert (third["UID"], str(third["STATUS"])) == (events[0]["UID"], "CONFIRMED")
    assert third["SEQUENCE"] > events[1]["SEQUENCE"]
    assert b"REFRESH-INTERVAL;VALUE=DURATION:PT1H" in first.content


def test_the_calendar_without_an_appointment_is_empty_and_says_nothing(hub: Hub, citizen: Booked) -> None:
    with hub.unit_of_work() as work:
        before = work.appointments.get(citizen.appointment.id)
        work.appointments.swap(before, replace(before, status=AppointmentStatus.EXPIRED, confirmed_at=None))
        work.commit()
    answer = citizen.get("/day/calendar.ics")
    assert answer.status_code == 200
    assert Calendar.from_ical(answer.content).walk("VEVENT") == []


def test_the_calendar_is_offered_by_our_own_address_whatever_host_was_asked(hub: Hub, citizen: Booked) -> None:
    page = citizen.get(headers={"host": "evil.example"}).text
    assert f'href="webcal://127.0.0.1:8080{citizen.path}/day/calendar.ics?lang=en"' in unescape(page)
    assert "evil.example" not in page
    assert webcal_address("https://x.example", "/a/t", "nl") == "webcal://x.example/a/t/day/calendar.ics?lang=nl"


def test_the_door_code_is_this_links_own_and_names_our_own_address(hub: Hub, citizen: Booked) -> None:
    page = citizen.get("/day/door-code", headers={"host": "evil.example"})
    code = door_code(token_hash(citizen.token), citizen.appointment)
    assert code in page.text
    scanned = segno.make(f"http://127.0.0.1:8080/technician#door={code}", error="m", micro=False)
    assert scanned.svg_inline(scale=6, border=2, omitsize=True) in page.text
    assert "style=" not in page.text, "the policy allows no style in the page"
    cancel_appointment(hub, citizen.order.id, by=CITIZEN, reason="cancelled by the citizen")
    assert citizen.get("/day/door-code", follow_redirects=False).status_code == 303


def test_earlier_visits_are_those_of_the_same_citizen_at_the_same_address(
    hub: Hub, client: TestClient, citizen: Booked, clock: FixedClock
) -> None:
    month_ago = clock.now() - timedelta(days=30)
    others = {
        "same citizen": {},
        "same phone": {"citizen_email": "other@citizen.example"},
        "the tenant before": {"citizen_email": "before@citizen.example", "citizen_phone": "+32470999999"},
        "nobody known": {"citizen_email": "", "citizen_phone": ""},
        "another address": {"street": "Veldstraat 2"},
        "another utility": {"utility": "other-utility"},
    }
    for number, changes in enumerate(others.values()):
        past = book(hub, client, month_ago - timedelta(days=number), **changes)
        put(hub, past.visit, VisitStatus.COMPLETED if number else VisitStatus.ABORTED)
    said = citizen.text()
    assert "Earlier visits at this address (2)" in said
    assert "4 April 2026: Meter swap, not done" in said
    assert "3 April 2026: Meter swap, done" in said
    assert "April 2026" in said
    for day in (2, 1):
        assert f"{day} April 2026" not in said


def test_where_citizens_asked_themselves_only_the_address_they_proved_shows_earlier_visits(
    hub: Hub, client: TestClient, clock: FixedClock
) -> None:
    ours = {"utility": hub.settings.own_requests_source}
    past = book(hub, client, clock.now() - timedelta(days=9), **ours)
    put(hub, past.visit, VisitStatus.COMPLETED)
    later = clock.now() + timedelta(hours=3)
    assert "Earlier visits" in book(hub, client, later, **ours).text()
    for unproven in ({"citizen_email": "stranger@citizen.example"}, {"citizen_email": ""}):
        assert "Earlier visits" not in book(hub, client, later, **ours, **unproven).text(), unproven
    by_phone = {**ours, "citizen_email": "", "citizen_phone": "+32470888888"}
    put(hub, book(hub, client, clock.now() - timedelta(days=9), **by_phone).visit, VisitStatus.COMPLETED)
    assert "Earlier visits" in book(hub, client, later, **by_phone).text()


def test_an_order_without_a_contact_shows_no_other_orders_history(
    hub: Hub, client: TestClient, clock: FixedClock
) -> None:
    nobody = {"citizen_email": "", "citizen_phone": ""}
    past = book(hub, client, clock.now() - timedelta(days=9), **nobody)
    put(hub, past.visit, VisitStatus.COMPLETED)
    assert "Earlier visits" not in book(hub, client, clock.now() + timedelta(hours=3), **nobody).text()


def test_every_address_of_the_day_asks_for_the_link_and_changes_nothing(
    hub: Hub, citizen: Booked, client: TestClient
) -> None:
    for step in ("calendar.ics", "door-code", "events"):
        for token in ("x", "A" * 43):
            assert client.get(f"/a/{token}/day/{step}").status_code == 404
        assert client.post(f"{citizen.path}/day/{step}").status_code == 405
    assert client.head(f"{citizen.path}/day/events").status_code == 200


def test_expired_links_open_nothing_of_the_day(citizen: Booked, clock: FixedClock) -> None:
    clock.advance(timedelta(days=91))
    for step in ("calendar.ics", "door-code", "events"):
        assert citizen.get(f"/day/{step}").status_code == 410


def loaded_bytes(citizen: Booked, step: str) -> dict[str, int]:
    """Compressed bytes of a page and of everything it names to be loaded, by address."""
    page = citizen.get(step)
    sizes = {step or "page": len(gzip.compress(page.content, 6))}
    for address in re.findall(r'<(?:link|script|img)[^>]+(?:href|src)="([^"]+)"', page.text):
        if address.startswith("/static/"):
            found = citizen.client.get(unescape(address))
            assert found.status_code == 200
            sizes[address] = len(gzip.compress(found.content, 6))
            assert b"@font-face" not in found.content, "fonts would have to be counted"
    return sizes


@pytest.mark.parametrize("step", ["", "/details", "/day/door-code"])
def test_the_first_load_is_small(hub: Hub, citizen: Booked, clock: FixedClock, step: str) -> None:
    put(hub, citizen.visit, VisitStatus.EN_ROUTE, set_off_at=clock.now())
    sizes = loaded_bytes(citizen, step)
    assert any("day.js" in address for address in sizes) or step == "/details"
    assert sum(sizes.values()) < MOST_BYTES, sizes


def test_every_word_is_used_and_every_used_word_exists() -> None:
    english = load_texts(FOLDER, "en")
    room = FOLDER.parent
    files = [*room.glob("*.py"), *room.glob("templates/day/*.html")]
    shared = " ".join(file.read_text() for file in room.parent.glob("templates/portal/*.html"))
    code = " ".join(file.read_text() for file in files)
    asked = set(re.findall(r"(?:own|words)\(\s*[\"'](\w+)[\"']", code)) | set(
        re.findall(r"day_words\(\"(\w+)\"", shared)
    )
    made = {key for key in english if key.startswith(("stage_", "says_", "earlier_"))} | {
        "about",
        "any_moment",
        "later",
    }
    assert set(english) - asked - made == set()
    assert asked <= set(english)


def test_a_cancelled_order_stands_nowhere(hub: Hub, citizen: Booked) -> None:
    with hub.unit_of_work() as work:
        work.advance_work_order(work.work_orders.get(citizen.order.id), Action.CANCEL, by=SYSTEM)
        work.commit()
    answer = citizen.get()
    assert answer.status_code == 200
    assert "This job has been called off" in answer.text
