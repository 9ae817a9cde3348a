"""The dispatcher of a play: signs in to the console, hands out enrolment codes, plans and publishes, all through its pages."""

import secrets
import threading
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from hub.domain.staff import Role
from hub.web.staff_accounts import create_staff
from infra.play.browser import Browser, Page, Traffic
from infra.play.world import World

_EMAIL = "dispatch@doorstep.example"


class ConsoleError(RuntimeError):
    """A page of the console is not what a dispatcher expects; the sentence says which."""


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
        raise NotImplementedError

    def plan_and_publish(self, territory: str, first_day: date, last_day: date) -> None:
        """Plan the days of a territory on the board and publish what comes out."""
        raise NotImplementedError

    def _open(self, desk: str, address: str) -> Page:
        """A page of the console, after signing in where the session has ended."""
        with self._lock:
            browser = self._desks.setdefault(desk, Browser(self.world.web_url, self.traffic))
        page = browser.open(address)
        if (form := page.form("/console/sign-in")) is not None:
            page = browser.submit(page, form, email=_EMAIL, password=self._password)
            if page.form("/console/sign-in") is not None:
                raise ConsoleError("The dispatcher could not sign in.")
            page = browser.open(address)
        return page
