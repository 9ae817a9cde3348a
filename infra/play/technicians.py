"""The technicians of a play: each has a phone that speaks the technician API and goes from door to door.

A technician drives and works as long as the plan says or a little less, so whoever comes late came late by the plan's fault. Now and
then a job overruns; that day is noted in `delayed`, and what it makes late is a miss on the road, not a broken plan.
"""

import io
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any
from uuid import uuid4

import httpx
from PIL import Image

from hub.domain.errors import DoorstepError
from hub.domain.places import Place
from hub.domain.technicians import Technician
from infra.play.browser import Browser, NoAnswer
from infra.play.calendar import Agenda
from infra.play.habits import AtTheDoor
from scheduling.travel.great_circle import GreatCircle
from scheduling.travel.model import TravelModel

_API = "/api/technician/v1"
_OPEN = frozenset({"dispatched", "en route", "on site", "working"})
_OVERRUN_SHARE = 0.02
_UNSAFE_SHARE = 0.01
_LOST_ANSWER_SHARE = 0.05
_PHOTO_SHARE = 0.15
_REPORT_SHARE = 0.3
_WAIT_AT_THE_DOOR = timedelta(minutes=15)

type Door = Callable[[str], AtTheDoor]
"""What the technician finds at the address of an order, by its number."""


class EnrolmentFailedError(DoorstepError):
    """A phone could not be enrolled with the code the console gave."""

    code = "enrolment-failed"

    def __init__(self, status: int) -> None:
        super().__init__(f"A technician's phone could not be enrolled: the API answered {status}.")


@dataclass
class Delays:
    """The days on which a technician was late by no fault of the plan, by technician id."""

    days: set[tuple[str, date]] = field(default_factory=set)


@dataclass
class Phone:
    """One technician's phone and its owner; `roads` says how long a drive really takes at most."""

    technician: Technician
    browser: Browser
    agenda: Agenda
    door: Door
    luck: random.Random
    delays: Delays
    roads: TravelModel = field(default_factory=GreatCircle)
    _token: str = ""
    _here: Place | None = None
    _free_at: datetime | None = None

    @property
    def who(self) -> str:
        """The technician's name in the agenda."""
        return f"technician {self.technician.id}"

    def enrol(self, code: str) -> None:
        """Spend the code the dispatcher read out; raises EnrolmentFailedError."""
        body = {"code": code, "device_label": f"Phone of {self.technician.first_name}"}
        answer = self.browser.send("POST", f"{_API}/enrol", json=body, headers={"Idempotency-Key": str(uuid4())})
        if answer.status_code != httpx.codes.CREATED:
            raise EnrolmentFailedError(answer.status_code)
        self._token = answer.json()["token"]

    def begin_day(self, now: datetime) -> None:
        """In the morning, from home."""
        self._here, self._free_at = self.technician.start_place, None
        self._go_on(now)

    def _go_on(self, now: datetime) -> None:
        """Look at the day and turn to the next visit."""
        visit = self._next_visit()
        if visit is None:
            return
        place = Place(visit["address"]["latitude"], visit["address"]["longitude"])
        planned = datetime.fromisoformat(visit["planned_start"])
        drive = timedelta(seconds=self._drive_seconds(place))
        if self._free_at is None:
            self._free_at = planned - drive
        earliest = self._free_at + drive * self.luck.uniform(0.8, 1.0)
        window = visit["arrival_window"]
        opens = datetime.fromisoformat(window["starts_at"]) if window else min(planned, earliest)
        arrives = max(opens, earliest, now)
        self._plan_leg(now, visit, place, arrives - drive, arrives)

    def _plan_leg(
        self, now: datetime, visit: Mapping[str, Any], place: Place, sets_off: datetime, arrives: datetime
    ) -> None:
        if visit["status"] != "dispatched":
            self.agenda.add(arrives, self.who, lambda at: self._arrive(visit, place, arrives))
        elif sets_off > now + timedelta(minutes=10):
            # Until then the citizen may still cancel, so the day is looked at again.
            self.agenda.add(sets_off, self.who, self._go_on)
        elif self._step(visit, "set-off"):
            self.agenda.add(arrives, self.who, lambda at: self._arrive(visit, place, arrives))
        else:
            self.agenda.add(now + timedelta(minutes=10), self.who, self._go_on)

    def _arrive(self, visit: Mapping[str, Any], place: Place, at: datetime) -> None:
        self._here = place
        if not self._step(visit, "arrive"):
            self._free_at = at
            self._go_on(at)
            return
        found = self.door(visit["order_number"]) if visit["citizen"] else AtTheDoor.OPENS
        if found in {AtTheDoor.ABSENT, AtTheDoor.ABSENT_ONCE}:
            leaves = at + _WAIT_AT_THE_DOOR
            self.agenda.add(leaves, self.who, lambda _: self._abort(visit, "no access", "Nobody opened.", leaves))
        elif found is AtTheDoor.REFUSES:
            leaves = at + timedelta(minutes=5)
            self.agenda.add(leaves, self.who, lambda _: self._abort(visit, "refused", "Wants no work done.", leaves))
        elif self.luck.random() < _UNSAFE_SHARE:
            leaves = at + timedelta(minutes=10)
            self.agenda.add(leaves, self.who, lambda _: self._abort(visit, "unsafe", "Smell of gas.", leaves))
        else:
            self._work(visit, at)

    def _work(self, visit: Mapping[str, Any], at: datetime) -> None:
        self._step(visit, "start")
        planned = datetime.fromisoformat(visit["planned_end"]) - datetime.fromisoformat(visit["planned_start"])
        share = self.luck.uniform(0.6, 1.0)
        if self.luck.random() < _OVERRUN_SHARE:
            share = self.luck.uniform(1.2, 1.6)
            self.delays.days.add((str(self.technician.id), at.date()))
        done = at + planned * share
        self.agenda.add(done, self.who, lambda _: self._complete(visit, done))

    def _complete(self, visit: Mapping[str, Any], at: datetime) -> None:
        if self.luck.random() < _PHOTO_SHARE:
            files = {"file": ("meter.jpg", _photo(), "image/jpeg")}
            self._write(visit, "photos", files=files, data={"caption": "After the work"})
        if self.luck.random() < _REPORT_SHARE:
            confirmation = {"kind": "extra time", "description": "The cable had to be pulled anew.", "quantity": 15}
            extra = [confirmation] if self.luck.random() < 0.5 else []
            self._write(visit, "report", json={"summary": "Done and tested.", "confirmations": extra})
        self._step(visit, "complete")
        self._free_at = at
        self._go_on(at)

    def _abort(self, visit: Mapping[str, Any], reason: str, note: str, at: datetime) -> None:
        self._step(visit, "abort", reason=reason, note=note)
        self._free_at = at
        self._go_on(at)

    def _next_visit(self) -> Mapping[str, Any] | None:
        headers = {"Authorization": f"Bearer {self._token}"}
        day = self.browser.send("GET", f"{_API}/my-day", headers=headers).json()
        return next((visit for visit in day["visits"] if visit["status"] in _OPEN), None)

    def _drive_seconds(self, place: Place) -> int:
        here = self._here or self.technician.start_place
        return int(self.roads.matrix([here], [place])[0, 0])

    def _step(self, visit: Mapping[str, Any], name: str, **body: object) -> bool:
        """Take a step; False when the hub refuses it, because the visit was moved or cancelled meanwhile."""
        return self._write(visit, name, json=body)

    def _write(self, visit: Mapping[str, Any], name: str, **content: Any) -> bool:
        headers = {"Authorization": f"Bearer {self._token}", "Idempotency-Key": str(uuid4())}
        url = f"{_API}/visits/{visit['id']}/{name}"
        if self.luck.random() < _LOST_ANSWER_SHARE:
            # The answer got lost, so the phone sends the same again, at nearly the same moment.
            first = threading.Thread(target=self._send_quietly, args=(url, headers, content))
            first.start()
            answer = self.browser.send("POST", url, headers=headers, **content)
            first.join()
        else:
            answer = self.browser.send("POST", url, headers=headers, **content)
        return answer.is_success

    def _send_quietly(self, url: str, headers: dict[str, str], content: Any) -> None:
        try:
            self.browser.send("POST", url, headers=headers, **content)
        except NoAnswer:
            return


@cache
def _photo() -> bytes:
    """A small picture."""
    picture = io.BytesIO()
    Image.effect_noise((320, 240), 60).convert("RGB").save(picture, "JPEG")
    return picture.getvalue()
