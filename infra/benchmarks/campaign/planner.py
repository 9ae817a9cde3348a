"""The planner in the background: district after district it plans the coming days and publishes, all the time, and each
publication is audited before anything else may publish."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from hub.bootstrap import Hub
from hub.domain.events import SYSTEM
from hub.domain.ids import PlanId
from infra.benchmarks.campaign.audit import Books, Fault, Verdict, judge, read_books
from infra.benchmarks.campaign.desk import Crowd
from infra.benchmarks.campaign.options import ZONE, CampaignOptions
from scheduling.service import PublishReport, plan_days, publish_plan

_NEAR_DAYS = 3
_FAR_EVERY = 4
_IDLE_SECONDS = 0.05


@dataclass(frozen=True)
class Publication:
    """One plan that went to the phones; wall seconds for planning and for publishing, which holds the district's locks."""

    territory: str
    applied: int
    skipped: int
    plan_seconds: float
    publish_seconds: float


@dataclass
class Planner:
    """Runs in a thread of its own between `start` and `stop`; `gate` is held while it publishes and audits.

    `faults` are broken promises that audits found; `named` the orders, by district and day, that the last publication said
    cannot be kept; `unseen` the absences (district, technician, day) that no publication has seen yet.
    """

    hub: Hub
    options: CampaignOptions
    territories: Sequence[str]
    crowd: Crowd
    gate: threading.Lock = field(default_factory=threading.Lock)
    publications: list[Publication] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    error: BaseException | None = None
    named: dict[tuple[str, date], set[UUID]] = field(default_factory=dict)
    unseen: set[tuple[str, UUID, date]] = field(default_factory=set)
    _wanted: dict[str, date] = field(default_factory=dict)
    _published: set[tuple[str, date]] = field(default_factory=set)
    _rounds: dict[str, int] = field(default_factory=dict)
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to plan."""
        self._thread = threading.Thread(target=self._run, name="planner", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the present round."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(timeout=600)

    def want(self, territory: str, day: date) -> None:
        """Plan this district next, up to `day` at least."""
        self._wanted[territory] = max(day, self._wanted.get(territory, day))

    def told_of_absence(self, territory: str, technician: UUID, day: date) -> None:
        """An absence was entered (the gate is the caller's): plan its district next."""
        self.unseen.add((territory, technician, day))
        self.want(territory, day)

    def wait_for_absences(self, seconds: float) -> bool:
        """Until a publication has seen every absence that was entered; False when it took too long or the planner failed."""
        return self._wait(seconds, lambda: not self.unseen)

    def wait_for_phones(self, day: date, seconds: float) -> bool:
        """Until every district has published `day`; False when it took too long or the planner failed."""
        missing = [one for one in self.territories if (one, day) not in self._published]
        for territory in missing:
            self.want(territory, day)
        return self._wait(seconds, lambda: all((one, day) in self._published for one in missing))

    def _wait(self, seconds: float, done: Callable[[], bool]) -> bool:
        until = time.monotonic() + seconds
        while not done() and self.error is None and time.monotonic() < until:
            time.sleep(_IDLE_SECONDS)
        return done()

    def verdict(self, books: Books, territory: str | None = None) -> Verdict:
        """The audit's verdict with what publications have named and seen; the gate is the caller's."""
        named = set[UUID]().union(*(some for (where, _), some in self.named.items() if territory in {None, where}))
        return judge(books, named, {(technician, day) for _, technician, day in self.unseen})

    def _run(self) -> None:
        turn = 0
        try:
            while not self._ended.is_set():
                territory = next(iter(list(self._wanted)), None) or self.territories[turn % len(self.territories)]
                turn += 1
                began = time.monotonic()
                if self._round(territory):
                    self._pause(2 * self.options.plan_seconds - (time.monotonic() - began))
                else:
                    self._wanted.pop(territory, None)
                    time.sleep(_IDLE_SECONDS)
        except BaseException as error:  # noqa: BLE001 - the campaign's own thread raises it
            self.error = error

    def _pause(self, seconds: float) -> None:
        """Nothing presses, so leave the machine to the citizens for a while; an absence ends it."""
        until = time.monotonic() + seconds
        while not (self._wanted or self._ended.is_set()) and time.monotonic() < until:
            time.sleep(_IDLE_SECONDS)

    def _round(self, territory: str) -> bool:
        """Plan and publish one district's coming days; False when there are none."""
        today = self.hub.clock.now().astimezone(ZONE).date()
        left = [day for day in self.options.working_days if day >= today]
        wanted = self._wanted.get(territory)
        if not left:
            return False
        number = self._rounds[territory] = self._rounds.get(territory, 0) + 1
        days = left if not number % _FAR_EVERY else left[:_NEAR_DAYS]
        days = [day for day in left if day <= max(days[-1], wanted or days[-1])]
        began = time.monotonic()
        seconds = self.options.plan_seconds
        plan = self.crowd.submit(_plan, territory, days[0], days[-1], seconds, self.options.seed).result()
        planned = time.monotonic()
        with self.gate:
            before = {one for one in self.unseen if one[0] == territory and one[2] in days}
            report = self.crowd.submit(_publish, plan).result()
            published = time.monotonic()
            self.unseen -= before
            books = read_books(self.hub, territory)
            self._note(territory, days, report, books)
            verdict = self.verdict(books, territory)
            self.faults += verdict.broken
            if wanted is not None and self._wanted.get(territory) == wanted:
                del self._wanted[territory]
        self.publications.append(
            Publication(territory, report.applied, len(report.skipped), planned - began, published - planned)
        )
        return True

    def _note(self, territory: str, days: Sequence[date], report: PublishReport, books: Books) -> None:
        """Remember what this publication named, instead of what the one before did for the same days."""
        named: set[UUID] = {one.work_order_id for one in report.skipped if "cannot keep it" in one.reason}
        for day in days:
            self.named[territory, day] = {
                stop.order for stop in books.stops if stop.order in named and books.days[stop.route].day == day
            }
            self._published.add((territory, day))


def _plan(hub: Hub, territory: str, first: date, last: date, seconds: float, seed: int) -> PlanId:
    return plan_days(hub, territory, first, last, seconds=seconds, seed=seed)


def _publish(hub: Hub, plan: PlanId) -> PublishReport:
    return publish_plan(hub, plan, by=SYSTEM)
