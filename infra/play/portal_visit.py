"""What a citizen does on the pages behind their link."""

import random
from dataclasses import dataclass

from infra.play.browser import Browser, Page
from infra.play.habits import Habits


@dataclass
class BookingPage:
    """The booking page as it was last seen."""

    browser: Browser
    page: Page

    def hold(self, eagerness: float, luck: random.Random, *, twice: bool) -> bool:
        raise NotImplementedError

    def book(self, eagerness: float, luck: random.Random, *, twice: bool) -> bool:
        raise NotImplementedError

    def move(self, luck: random.Random, *, twice: bool) -> bool:
        raise NotImplementedError

    def cancel(self, *, twice: bool) -> bool:
        raise NotImplementedError


def open_booking(browser: Browser, link: str) -> BookingPage:
    return BookingPage(browser, browser.open(link))


def mistype(browser: Browser, link: str) -> None:
    """Open the link with its last sign left out, as a cut-off SMS does."""
    browser.open(link[:-1])


def answer_survey(browser: Browser, link: str, habits: Habits) -> bool:
    raise NotImplementedError
