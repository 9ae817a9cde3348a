"""Booking with nothing but Tab, Space and Enter, with what has the keyboard always in sight."""

import pytest
from playwright.sync_api import expect

from hub.domain.lifecycle import AppointmentStatus
from tests.journeys.site import Site
from tests.journeys.visitor import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("journeys-citizen")]

_MOST_TABS = 40
_IS_SEEN = """element => {
  const seen = element.labels?.[0] ?? element;
  const { left, right, top, bottom } = seen.getBoundingClientRect();
  const there = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
  return there !== null && (seen.contains(there) || element.contains(there) || there.contains(seen));
}"""


def tab_to(person: Visitor, role: str, name: str = "") -> None:
    """Press Tab until an element of that kind has the keyboard; on the way nothing may have it out of sight."""
    wanted = f"input[type={role}]" if role == "radio" else "button, a"
    for _ in range(_MOST_TABS):
        person.page.keyboard.press("Tab")
        here = person.focused()
        text = here.inner_text().strip()
        assert here.evaluate(_IS_SEEN), f"'{text}' has the keyboard and cannot be seen"
        if here.evaluate("(element, wanted) => element.matches(wanted)", wanted) and name in text:
            return
    raise AssertionError(f"no {role} '{name}' within {_MOST_TABS} Tabs")


def test_a_citizen_books_without_a_mouse(site: Site, citizen: Visitor) -> None:
    site.add_technicians("Jan Janssens")
    order = site.receive_order(language="en")
    citizen.open(site.link_to(order)).sees("Choose when we may come")
    citizen.page.keyboard.press("Tab")
    expect(citizen.focused()).to_have_text("Skip to main content")
    citizen.page.keyboard.press("Enter")
    tab_to(citizen, "radio")
    citizen.page.keyboard.press("Space")
    expect(citizen.focused()).to_be_checked()
    citizen.page.keyboard.press("ArrowDown")
    expect(citizen.page.locator("input[name=slot]").nth(1)).to_be_checked()
    tab_to(citizen, "button", "Keep this time")
    citizen.page.keyboard.press("Enter")
    citizen.sees("Is this time right?")
    tab_to(citizen, "button", "Confirm appointment")
    citizen.page.keyboard.press("Space")
    citizen.sees("Your appointment is confirmed")
    (appointment,) = site.appointments_of(order)
    assert appointment.status is AppointmentStatus.CONFIRMED


def test_a_choice_of_a_lower_day_is_not_hidden_behind_the_button(site: Site, citizen: Visitor) -> None:
    site.add_technicians("Jan Janssens")
    order = site.receive_order(language="en")
    citizen.open(site.link_to(order)).sees("Choose when we may come")
    radios = citizen.page.locator("input[name=slot]")
    tab_to(citizen, "radio")
    for place in range(1, radios.count()):
        citizen.page.keyboard.press("ArrowDown")
        expect(radios.nth(place)).to_be_checked()
        assert citizen.focused().evaluate(_IS_SEEN), f"the choice {place} lies behind something"
