"""The dispatcher of a play: signs in to the console, hands out enrolment codes, plans and publishes, all through its pages."""

import re
import secrets
import threading
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


class ConsoleError(DoorstepError):
    """A page of the console is not what a dispatcher expects; the sentence says which."""

    code = "console-unexpected"


@dataclass
class Dispatcher:
    """One account, one browser for each territory, as if each had its own desk."""

    world: World
    traffic: Traffic
    seed: int
    _password: str = field(default_factory=lambda: secrets.token_urlsafe(18), repr=False)
    _desks: dict[str, Browser] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def employ(self) -> None:
        """Make the account."""
        create_staff(self.world.hub, _EMAIL, "Dieter Dispatch", self._password, [Role.DISPATCHER])

    def issue_enrolment_code(self, technician_id: UUID) -> str:
        """Ask the technicians page for a code and read it off; raises ConsoleError."""
        browser, page = self._open("codes", "/console/technicians")
        for form in page.forms:
            if form.values.get("technician_id") == str(technician_id):
                shown = _CODE.search(browser.submit(page, form).text)
                if shown is not None:
                    return shown["code"].strip()
        raise ConsoleError(f"The technicians page gave no code for technician {technician_id}.")

    def plan_and_publish(self, territory: str, first_day: date, last_day: date) -> None:
        """Plan the days of a territory on the board and publish what comes out; raises ConsoleError."""
        address = f"/console/board?{urlencode({'territory': territory, 'day': first_day.isoformat()})}"
        browser, page = self._open(territory, address)
        form = page.form("/board/plan")
        if form is None:
            raise ConsoleError(f"The board of {territory} has no button to plan.")
        days = {"first_day": first_day.isoformat(), "last_day": last_day.isoformat()}
        page = browser.submit(page, form, **days)
        form = page.form("/board/publish")
        if form is None:
            raise ConsoleError(f"The board of {territory} shows no draft after planning {first_day}: {page.status}.")
        page = browser.submit(page, form)
        if page.status != _OK:
            raise ConsoleError(f"Publishing {territory} on {first_day} was answered with {page.status}.")

    def _open(self, desk: str, address: str) -> tuple[Browser, Page]:
        """A page of the console, after signing in where the session has ended."""
        with self._lock:
            browser = self._desks.setdefault(desk, Browser(self.world.web_url, self.traffic))
        page = browser.open(address)
        if (form := page.form("/console/sign-in")) is not None:
            page = browser.submit(page, form, email=_EMAIL, password=self._password)
            if page.form("/console/sign-in") is not None:
                raise ConsoleError("The dispatcher could not sign in.")
            page = browser.open(address)
        return browser, page
