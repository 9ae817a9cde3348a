"""What citizens do on the pages behind their personal links, click by click."""

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from infra.play.browser import Browser, Form, Page
from infra.play.habits import Habits

_TRIES = 4
"""How often somebody chooses again after losing a time to somebody else."""


@dataclass
class BookingPage:
    """The pages behind a booking link; `page` is the one in front of the citizen. With `twice` each button is pressed twice at once."""

    browser: Browser
    page: Page

    @property
    def offers_no_time(self) -> bool:
        """Whether the page shows neither a time to choose nor an appointment."""
        return self.page.form("/hold") is None and self.page.link("/cancel") is None

    def hold(self, eagerness: float, luck: random.Random, *, twice: bool) -> bool:
        """Choose a time and have it kept; a time that was lost meanwhile is followed by another choice. False without a time."""
        for _ in range(_TRIES):
            form = self.page.form("/hold")
            slots = sorted(set(form.choices.get("slot", []))) if form is not None else []
            if form is None or not slots:
                return False
            wish = min(len(slots) - 1, int(eagerness * len(slots)))
            slot = slots[wish] if luck.random() < 0.8 else luck.choice(slots)
            self._press(form, twice=twice, slot=slot)
            if self.page.form("/confirm") is not None:
                return True
        return False

    def book(self, eagerness: float, luck: random.Random, *, twice: bool) -> bool:
        """Choose a time and confirm it; True when the page says that it is agreed."""
        if self.page.form("/hold") is None:
            return self.page.link("/cancel") is not None
        if not self.hold(eagerness, luck, twice=twice):
            return False
        form = self.page.form("/confirm")
        assert form is not None
        self._press(form, twice=twice)
        return self._note in {"confirmed", "moved"}

    def move(self, luck: random.Random, *, twice: bool) -> bool:
        """Choose another time for an appointment and confirm it."""
        address = self.page.link("/move")
        if address is None:
            return False
        self.page = self.browser.open(address)
        return self.book(luck.random(), luck, twice=twice)

    def cancel(self, *, twice: bool) -> bool:
        """Give the appointment up, after the page has asked once more."""
        address = self.page.link("/cancel")
        if address is None:
            return False
        self.page = self.browser.open(address)
        form = self.page.form("/cancel")
        if form is None:
            return False
        self._press(form, twice=twice)
        return self._note == "cancelled"

    @property
    def _note(self) -> str:
        """What the step before had to say, from the page's address."""
        return parse_qs(urlsplit(self.page.url).query).get("note", [""])[0]

    def _press(self, form: Form, *, twice: bool, **answers: str) -> None:
        before = self.page
        if not twice:
            self.page = self.browser.submit(before, form, **answers)
            return
        with ThreadPoolExecutor(2) as fingers:
            clicks = [fingers.submit(self.browser.submit, before, form, **answers) for _ in range(2)]
            # A browser shows the answer to the last click.
            self.page = [click.result() for click in clicks][-1]


def open_booking(browser: Browser, link: str) -> BookingPage:
    """Follow the link of a message."""
    return BookingPage(browser, browser.open(link))


def mistype(browser: Browser, link: str) -> None:
    """Open the link with its last sign left out, as a cut-off SMS does."""
    browser.open(link[:-1])


def answer_survey(browser: Browser, link: str, habits: Habits) -> bool:
    """Rate the visit; False when the page takes no answer."""
    page = browser.open(link)
    form = next((one for one in page.forms if one.method == "post" and "rating" in one.choices), None)
    if form is None or habits.rating is None:
        return False
    answers = {"rating": str(habits.rating), "comment": habits.comment}
    if habits.nps is not None:
        answers["nps"] = str(habits.nps)
    return browser.submit(page, form, **answers).status < 400
