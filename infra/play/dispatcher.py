"""The dispatcher of a play: signs in to the console, hands out enrolment codes, plans and publishes, all through its pages."""

import re
import secrets
import threading
import time
from dataclasses import dataclass, field
from datetime import date
from urllib.parse import urlencode
from uuid import UUID

from hub.domain.errors import DoorstepError
from hub.domain.staff import Role
from hub.web.staff_accounts import create_staff
from infra.play.browser import Browser, Page, Traffic
from infra.play.world import World

_EMAIL = "dispatch@doorstep.example"
_CODE = re.compile(r'id="enrolment-code"[^>]*>(?P<code>[^<]+)<')
_OK = 200
_LONGEST_PLANNING_SECONDS = 120.0
_LOOKS_EVERY_SECONDS = 0.5


class ConsoleError(DoorstepError):
    """A page of the console is not what a dispatcher expects; the sentence says which."""

    code = "console-unexpected"


@dataclass
class Dispatcher:
    """One account and one browser, in which several pages may be open at once."""

    world: World
    traffic: Traffic
    _password: str = field(default_factory=lambda: secrets.token_urlsafe(18), repr=False)
    _signing_in: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        self._browser = Browser(self.world.web_url, self.traffic)

    def employ(self) -> None:
        """Make the account."""
        create_staff(self.world.hub, _EMAIL, "Dieter Dispatch", self._password, [Role.DISPATCHER])

    def issue_enrolment_code(self, technician_id: UUID) -> str:
        """Ask the technicians page for a code and read it off; raises ConsoleError."""
        page = self._open("/console/technicians")
        for form in page.forms:
            if form.values.get("technician_id") == str(technician_id):
                shown = _CODE.search(self._browser.submit(page, form).text)
                if shown is not None:
                    return shown["code"].strip()
        raise ConsoleError(f"The technicians page gave no code for technician {technician_id}.")

    def plan_and_publish(self, territory: str, first_day: date, last_day: date) -> None:
        """Plan the days of a territory on the board and publish what comes out; raises ConsoleError."""
        address = f"/console/board?{urlencode({'territory': territory, 'day': first_day.isoformat()})}"
        page = self._open(address)
        form = page.form("/board/plan")
        if form is None:
            raise ConsoleError(f"The board of {territory} has no button to plan.")
        days = {"first_day": first_day.isoformat(), "last_day": last_day.isoformat()}
        page = self._browser.submit(page, form, **days)
        until = time.monotonic() + _LONGEST_PLANNING_SECONDS
        while "/board/planning/" in page.url and time.monotonic() < until:
            time.sleep(_LOOKS_EVERY_SECONDS)
            page = self._open(page.url)
        form = page.form("/board/publish")
        if form is None:
            raise ConsoleError(f"The board of {territory} shows no draft after planning {first_day}: {page.status}.")
        page = self._browser.submit(page, form)
        if page.status != _OK:
            raise ConsoleError(f"Publishing {territory} on {first_day} was answered with {page.status}.")

    def _open(self, address: str) -> Page:
        """A page of the console, after signing in where the session has ended."""
        with self._signing_in:
            page = self._browser.open(address)
            form = page.form("/console/sign-in")
            if form is None:
                return page
            page = self._browser.submit(page, form, email=_EMAIL, password=self._password)
            if page.form("/console/sign-in") is not None:
                raise ConsoleError("The dispatcher could not sign in.")
            return self._browser.open(address)
