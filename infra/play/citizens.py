"""The citizens of a play: they read their messages, follow the personal link in a browser without JavaScript, and decide."""

import random
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from infra.play.browser import Browser, NoAnswer
from infra.play.calendar import Agenda
from infra.play.habits import AtTheDoor, Change, Habits, draw_habits, when_awake
from infra.play.portal_visit import answer_survey, mistype, open_booking

_LINK = re.compile(r"https?://\S+/(?P<page>a|survey)/[A-Za-z0-9_-]+")
_DEAF = -1000


@dataclass
class Citizen:
    """One citizen with one order, and what they know."""

    order_number: str
    habits: Habits
    browser: Browser
    agenda: Agenda
    luck: random.Random
    link: str = ""
    survey_link: str = ""
    messages_in_round: int = 0
    intends_to_book: bool = False
    has_appointment: bool = False
    has_changed: bool = False
    has_forgotten: bool = False
    met_technician: int = 0
    surveyed: bool = False
    found_no_time: int = 0

    @property
    def who(self) -> str:
        """The citizen's name in the agenda."""
        return f"citizen {self.order_number}"

    def read(self, body: str, now: datetime) -> None:
        """Read a message; what it leads to is done later, when they find the time."""
        found = _LINK.search(body)
        if found is None:
            return
        if found["page"] == "survey":
            self._think_of_survey(found.group(), now)
            return
        self.link = found.group()
        if self.has_appointment or self.intends_to_book:
            return
        self.messages_in_round += 1
        wanted = self.habits.answers_message
        if wanted is not None and self.messages_in_round >= wanted:
            self.intends_to_book = True
            self._later(now, self.habits.delay, self.book)

    def book(self, now: datetime) -> None:
        """Open the link, choose a time, confirm it."""
        self.intends_to_book = False
        if self.habits.mistypes and self.luck.random() < 0.5:
            mistype(self.browser, self.link)
        page = open_booking(self.browser, self.link)
        self.found_no_time += page.offers_no_time
        if self.habits.forgets_to_confirm and not self.has_forgotten:
            self.has_forgotten = True
            page.hold(self.habits.eagerness, self.luck, twice=False)
            self.intends_to_book = True
            self._later(now, timedelta(minutes=50), self.book)
            return
        if page.book(self.habits.eagerness, self.luck, twice=self.habits.clicks_twice):
            self.has_appointment = True
            self.messages_in_round = 0
            if self.habits.change is not Change.NONE and not self.has_changed:
                self._later(now, self.habits.change_delay, self.change)

    def change(self, now: datetime) -> None:
        """Move the appointment or give it up, as long as nobody stands at the door."""
        if not self.has_appointment or self.has_changed:
            return
        self.has_changed = True
        page = open_booking(self.browser, self.link)
        if self.habits.change is Change.MOVE:
            page.move(self.luck, twice=self.habits.clicks_twice)
            return
        if page.cancel(twice=self.habits.clicks_twice):
            self.has_appointment = False
            if self.habits.change is Change.CANCEL_AND_REBOOK:
                self.intends_to_book = True
                self._later(now, timedelta(hours=self.luck.choice((1, 4, 20))), self.book)
            else:
                # They have lost interest: nothing they are sent from now on moves them.
                self.messages_in_round = _DEAF

    def meet_technician(self) -> AtTheDoor:
        """What the technician finds who has just rung."""
        self.met_technician += 1
        found = self.habits.at_the_door
        if found is AtTheDoor.ABSENT_ONCE and self.met_technician > 1:
            return AtTheDoor.OPENS
        if found in {AtTheDoor.ABSENT, AtTheDoor.ABSENT_ONCE}:
            self.has_appointment, self.messages_in_round = False, 0
        return found

    def _think_of_survey(self, link: str, now: datetime) -> None:
        self.survey_link = link
        if self.habits.opens_old_links:
            self._later(now, timedelta(minutes=30), self.open_old_link)
        if self.habits.rating is not None and not self.surveyed:
            self.surveyed = True
            self._later(now, self.habits.delay + timedelta(minutes=30), self.rate)

    def rate(self, now: datetime) -> None:
        """Answer the survey."""
        answer_survey(self.browser, self.survey_link, self.habits)

    def open_old_link(self, now: datetime) -> None:
        """Look at the booking page again after the visit, as people do who search their mail."""
        if self.link:
            self.browser.open(self.link)

    def _later(self, now: datetime, delay: timedelta, act: Any) -> None:
        self.agenda.add(when_awake(now + delay), self.who, act)


@dataclass
class Town:
    """All citizens, by the id of their order; they are made when their first message comes."""

    seed: int
    browser: Browser
    agenda: Agenda
    _by_number: dict[str, Citizen] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _last_seq: int = 0

    def citizen(self, order_number: str) -> Citizen:
        """The citizen of the order with this number."""
        with self._lock:
            if order_number not in self._by_number:
                self._by_number[order_number] = Citizen(
                    order_number=order_number,
                    habits=draw_habits(self.seed, order_number),
                    browser=self.browser,
                    agenda=self.agenda,
                    luck=random.Random(f"{self.seed}/{order_number}/choices"),
                )
            return self._by_number[order_number]

    @property
    def pages_without_a_time(self) -> int:
        """How often somebody wanted to book and was offered no time: the roster was full."""
        return sum(citizen.found_no_time for citizen in self._by_number.values())

    def door(self, order_number: str) -> AtTheDoor:
        """What a technician finds at the address of an order."""
        return self.citizen(order_number).meet_technician()

    def read_messages(self, now: datetime, last_seq: int, number_of: Callable[[str], str]) -> int:
        """Let everybody read what came since the last time; returns how many messages came.

        `last_seq` is the outbox's newest number. `number_of` gives the number of an order by its id.
        """
        count = 0
        while self._last_seq < last_seq:
            messages = self._fetch()
            if not messages:
                break
            for message in messages:
                self._last_seq = int(message["seq"])
                self.citizen(number_of(message["work_order_id"])).read(message["body"], now)
            count += len(messages)
        return count

    def _fetch(self) -> list[dict[str, Any]]:
        try:
            answer = self.browser.send("GET", "/demo/outbox.json", params={"after": self._last_seq})
        except NoAnswer:
            return []
        found: list[dict[str, Any]] = answer.json()
        return found
