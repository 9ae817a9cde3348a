"""A citizen's ways through the pages: book, move, cancel, and what happens when something comes between."""

import re

import pytest
from icalendar import Calendar
from playwright.sync_api import expect

from hub.domain.appointments import Appointment
from hub.domain.errors import SlotTakenError
from hub.domain.events import CITIZEN
from hub.domain.lifecycle import AppointmentStatus, VisitStatus, WorkOrderStatus
from hub.domain.work_orders import WorkOrder
from portal.slot_list import read_slot_value
from scheduling.service import confirm_appointment, hold_slot
from tests.journeys.conftest import MakeVisitor
from tests.journeys.site import Site
from tests.journeys.visitor import DESK, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("journeys-citizen")]

CHOOSE, CONFIRM = "Choose when we may come", "Is this time right?"
BOOKED = "Your appointment is confirmed"


def choose_time(citizen: Visitor, place: int) -> str:
    """Choose the free time at that place of the list; returns what the form would send for it."""
    radio = citizen.page.locator("input[name=slot]").nth(place)
    radio.check()
    return str(radio.input_value())


def confirmed(site: Site, order: WorkOrder) -> list[Appointment]:
    return [one for one in site.appointments_of(order) if one.status is AppointmentStatus.CONFIRMED]


def test_a_citizen_books_from_the_link_in_the_message(site: Site, citizen: Visitor) -> None:
    site.add_technicians("Jan Janssens", "Els Claes")
    order = site.receive_order(language="en")
    citizen.open(site.link_to(order)).sees(CHOOSE)
    assert site.appointments_of(order) == []
    chosen = choose_time(citizen, 1)
    citizen.press("Keep this time").sees(CONFIRM)
    expect(citizen.page.get_by_role("status")).to_have_text("We keep this time for you until 09:10.")
    citizen.press("Confirm appointment").sees(BOOKED)
    site.work()

    (appointment,) = site.appointments_of(order)
    assert (appointment.starts_at, appointment.ends_at) == read_slot_value(chosen)
    assert appointment.status is AppointmentStatus.CONFIRMED
    assert site.order(order.id).status is WorkOrderStatus.BOOKED
    assert [subject for _, subject, _ in site.messages_to(order)][1:], "the confirmation was not sent"

    (event,) = Calendar.from_ical(citizen.download("Add to your calendar")).walk("VEVENT")
    assert (event.decoded("dtstart"), event.decoded("dtend")) == (appointment.starts_at, appointment.ends_at)


def test_a_citizen_changes_the_language_and_keeps_the_page(site: Site, citizen: Visitor) -> None:
    site.add_technicians("Jan Janssens")
    order = site.receive_order(language="nl")
    citizen.open(site.link_to(order)).sees("Kies wanneer wij mogen komen")
    for code, heading in (
        ("FR", "Choisissez le moment de notre passage"),
        ("DE", "Wählen Sie, wann wir kommen dürfen"),
        ("EN", CHOOSE),
    ):
        citizen.page.get_by_role("navigation").get_by_text(code, exact=True).click()
        citizen.sees(heading)


def test_a_citizen_moves_an_appointment(site: Site, citizen: Visitor) -> None:
    site.add_technicians("Jan Janssens")
    order = site.receive_order(language="en")
    first = site.book(order)
    citizen.open(site.link_to(order)).sees("Your appointment")
    citizen.press("Move the appointment", role="link").sees("Choose another time")
    choose_time(citizen, 2)
    citizen.press("Keep this time").sees(CONFIRM)
    assert [one.id for one in confirmed(site, order)] == [first.id], "the first appointment stands until the end"
    citizen.press("Confirm the new time").sees("Your appointment has been moved")
    site.work()

    (second,) = confirmed(site, order)
    assert second.replaces == first.id
    live = [visit for visit in site.visits_of(order) if visit.status is VisitStatus.PLANNED]
    assert [visit.appointment_id for visit in live] == [second.id]


def test_a_citizen_cancels_and_books_again(site: Site, citizen: Visitor) -> None:
    site.add_technicians("Jan Janssens")
    order = site.receive_order(language="en")
    site.book(order)
    citizen.open(site.link_to(order)).sees("Your appointment")
    citizen.press("Cancel the appointment", role="link").sees("Cancel this appointment?")
    citizen.press("No, keep it", role="link").sees("Your appointment")
    assert len(confirmed(site, order)) == 1
    citizen.press("Cancel the appointment", role="link").sees("Cancel this appointment?")
    citizen.press("Yes, cancel it").sees(CHOOSE)
    expect(citizen.page.get_by_text("Your appointment is cancelled.")).to_be_visible()
    assert confirmed(site, order) == []
    assert site.order(order.id).status is WorkOrderStatus.CONTACTING

    choose_time(citizen, 0)
    citizen.press("Keep this time").sees(CONFIRM)
    citizen.press("Confirm appointment").sees(BOOKED)
    assert len(confirmed(site, order)) == 1


def test_a_time_taken_between_page_and_click_leads_to_the_nearest_ones(site: Site, citizen: Visitor) -> None:
    site.add_technicians("Jan Janssens")
    order = site.receive_order(language="en")
    others = [site.receive_order() for _ in range(4)]
    citizen.open(site.link_to(order)).sees(CHOOSE)
    chosen = choose_time(citizen, 0)
    window = read_slot_value(chosen)
    assert window is not None
    taken = 0
    for other in others:
        try:
            held = hold_slot(site.hub, other.id, *window, by=CITIZEN)
            confirm_appointment(site.hub, other.id, held.id, by=CITIZEN)
        except SlotTakenError:
            taken += 1
    assert taken, "the time is still free"

    citizen.press("Keep this time").sees(CHOOSE)
    expect(citizen.page.get_by_role("alert")).to_contain_text("That time has just been taken by somebody else.")
    nearest = citizen.page.get_by_role("group", name="Nearest free times").get_by_role("radio")
    expect(nearest).to_have_count(3)
    assert chosen not in [one.input_value() for one in citizen.page.locator("input[name=slot]").all()]
    nearest.first.check()
    citizen.press("Keep this time").sees(CONFIRM)
    citizen.press("Confirm appointment").sees(BOOKED)


def test_a_double_click_books_once(site: Site, citizen: Visitor) -> None:
    site.add_technicians("Jan Janssens")
    order = site.receive_order(language="en")
    citizen.open(site.link_to(order)).sees(CHOOSE)
    choose_time(citizen, 0)
    citizen.press_twice("Keep this time").sees(CONFIRM)
    assert len(site.appointments_of(order)) == 1
    citizen.press_twice("Confirm appointment")
    citizen.page.wait_for_url(re.compile(r"/a/[\w-]+\?"))
    citizen.page.wait_for_load_state()
    citizen.inspect()
    site.work()

    (appointment,) = site.appointments_of(order)
    assert appointment.status is AppointmentStatus.CONFIRMED
    assert len(site.visits_of(order)) == 1
    calendars = [subject for _, subject, _ in site.messages_to(order)]
    assert len(calendars) == 2, f"an invitation and one confirmation, not {calendars}"


def test_a_form_without_a_choice_says_so(site: Site, citizen: Visitor) -> None:
    site.add_technicians("Jan Janssens")
    order = site.receive_order(language="en")
    citizen.open(site.link_to(order)).sees(CHOOSE)
    citizen.press("Keep this time").sees(CHOOSE)
    expect(citizen.page.get_by_role("alert")).to_contain_text("Choose a time first.")
    assert citizen.page.title().startswith("Error: ")
    citizen.press("Choose a time first.", role="link")
    expect(citizen.page.locator("#times")).to_be_focused()


def test_a_kept_time_that_ran_out_is_said_and_can_be_chosen_again(site: Site, citizen: Visitor) -> None:
    site.add_technicians("Jan Janssens")
    order = site.receive_order(language="en")
    citizen.open(site.link_to(order)).sees(CHOOSE)
    choose_time(citizen, 0)
    citizen.press("Keep this time").sees(CONFIRM)
    (held,) = site.appointments_of(order)
    assert held.lease_until is not None
    site.clock.set(held.lease_until)
    site.work()
    citizen.press("Confirm appointment").sees(CHOOSE)
    expect(citizen.page.get_by_role("alert")).to_contain_text("it was not confirmed. Please choose again.")
    assert site.order(order.id).status is WorkOrderStatus.CONTACTING


@pytest.mark.parametrize("size", [(390, 844), DESK], ids=["phone", "desk"])
def test_booking_and_cancelling_work_without_scripts(
    site: Site, make_visitor: MakeVisitor, size: tuple[int, int]
) -> None:
    site.add_technicians("Jan Janssens")
    order = site.receive_order(language="en")
    citizen = make_visitor(size=size, scripts=False)
    citizen.open(site.link_to(order)).sees(CHOOSE)
    choose_time(citizen, 0)
    citizen.press("Keep this time").sees(CONFIRM)
    citizen.press("Confirm appointment").sees(BOOKED)
    assert len(confirmed(site, order)) == 1
    citizen.press("Cancel the appointment", role="link").sees("Cancel this appointment?")
    citizen.press("Yes, cancel it").sees(CHOOSE)
    assert confirmed(site, order) == []
