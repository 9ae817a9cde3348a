"""The campaign itself: the clock goes from hour to hour, everybody acts, and the books are audited."""

from __future__ import annotations

import heapq
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from hub.bootstrap import Hub
from hub.clock import SharedClock
from infra.benchmarks.campaign import field as road
from infra.benchmarks.campaign.audit import Books, Fault, Spell, lost, read_books, travel_seconds
from infra.benchmarks.campaign.desk import Answer, Call, CampaignError, Crowd, End, Errand, serve
from infra.benchmarks.campaign.options import AGAIN, LAST_HOUR, RETRIES, ZONE, CampaignOptions
from infra.benchmarks.campaign.people import Citizen, Company, Habit
from infra.benchmarks.campaign.planner import Planner, Publication
from scheduling.roster import load_roster
from scheduling.service import expire_holds

_PATIENCE_SECONDS = 180.0
type Show = Callable[[datetime, int], None]
"""Told the simulated instant and how many citizens have come so far."""


@dataclass
class Outcome:
    """What happened. `broken` are faults that planning or booking is to blame for: there must be none.

    `absent` counts promises that an absence broke and that a publication had named before their time came, `unnamed` those
    it had not (a fault too). `promised` is what citizens believe at the end: order to window. `audits` counts looks at the books.
    """

    broken: list[Fault] = field(default_factory=list)
    promised: dict[UUID, Spell] = field(default_factory=dict)
    kept: int = 0
    absent: int = 0
    unnamed: int = 0
    rebooked: int = 0
    urgent: int = 0
    urgent_done: int = 0
    audits: int = 0
    first_choice: int = 0
    asked: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    taken: int = 0
    offer_seconds: list[float] = field(default_factory=list)
    hold_seconds: list[float] = field(default_factory=list)
    confirm_seconds: list[float] = field(default_factory=list)
    publications: list[Publication] = field(default_factory=list)
    visits: int = 0
    travel_seconds: int = 0
    seconds: float = 0.0


class Campaign:
    """One run on an empty database. `run` returns what happened; raises CampaignError when it cannot go on."""

    def __init__(
        self, hub: Hub, clock: SharedClock, options: CampaignOptions, company: Company, show: Show | None = None
    ) -> None:
        self._hub, self._clock, self._options, self._company = hub, clock, options, company
        self._show = show or (lambda at, come: None)
        self._citizens = {one.order_id: one for one in company.citizens}
        self._agenda: list[tuple[datetime, int, Call]] = []
        self._count = 0
        self._tries: Counter[UUID] = Counter()
        self._agreed: set[UUID] = set()
        self._homeless: set[UUID] = set()
        self.outcome = Outcome()

    def run(self) -> Outcome:
        """From the first booking to the last evening."""
        began = time.monotonic()
        self._clock.set(self._options.hours[0])
        self._open()
        with _crowds(self._hub, self._options) as (desks, office):
            planner = Planner(self._hub, self._options, self._company.territories, office)
            planner.start()
            try:
                for hour in self._options.hours:
                    self._hour(planner, desks, hour)
            finally:
                planner.stop()
            if planner.error is not None:
                raise planner.error
            self._close(planner)
        self.outcome.seconds = time.monotonic() - began
        return self.outcome

    def _open(self) -> None:
        """Bring in the roster and the orders, and write down who comes when."""
        days = self._options.working_days
        load_roster(self._hub, self._company.technicians, days[0], (days[-1] - days[0]).days + 1)
        with self._hub.unit_of_work() as work:
            work.work_orders.add_all([one.order(work.now) for one in self._company.citizens])
            work.commit()
        for one in self._company.citizens:
            errand = Errand.HOLD_ONLY if one.habit is Habit.LETS_LAPSE else Errand.BOOK
            self._plan_call(one.arrives, Call(one.order_id, errand, one.wish, days))

    def _hour(self, planner: Planner, desks: Crowd, hour: datetime) -> None:
        with planner.gate:
            self._move_clock(planner, hour)
            self._bad_news(planner, hour)
        self._serve(desks, hour)
        if planner.error is not None:
            raise planner.error
        done = planner.wait_for_absences(_PATIENCE_SECONDS)
        evening = hour.astimezone(ZONE).hour == LAST_HOUR
        later = [day for day in self._options.working_days if day > hour.astimezone(ZONE).date()]
        if evening and later:
            done &= planner.wait_for_phones(later[0], _PATIENCE_SECONDS)
        if planner.error is not None:
            raise planner.error
        if not done:
            raise CampaignError(f"The planner does not get on at {hour}. Give the campaign fewer orders or more time.")
        if evening:
            with planner.gate:
                self._audit(planner)

    def _move_clock(self, planner: Planner, hour: datetime) -> None:
        """The hour passes: what begins in it is set off for, what ends by then is done. The gate is held."""
        named = set[UUID]().union(*planner.named.values())
        for one in road.take_back(self._hub, hour, named):
            self._promise_broken(one, hour, named=one.order in named)
        for order in road.set_off(self._hub, hour):
            self.outcome.broken.append(Fault("phone", f"begins before {hour} and is on no phone", order))
        self._clock.set(hour)
        road.complete(self._hub, hour)
        expire_holds(self._hub, hour)

    def _promise_broken(self, one: road.TakenBack, hour: datetime, *, named: bool) -> None:
        """The dispatcher took a visit back, because its technician is absent; a citizen is told and may book again."""
        if not named:
            self.outcome.unnamed += 1
            self.outcome.broken.append(Fault("unnamed", f"impossible by an absence, never named, {hour}", one.order))
        if one.promised:
            self.outcome.absent += 1
            self.outcome.promised.pop(one.order, None)
            self._homeless.add(one.order)
            citizen = self._citizens[one.order]  # type: ignore[index]
            self._plan_call(hour, Call(citizen.order_id, Errand.BOOK, citizen.second, self._options.working_days))

    def _bad_news(self, planner: Planner, hour: datetime) -> None:
        """Absences and urgent orders that become known now. The gate is held."""
        for illness in self._company.illnesses:
            if illness.told == hour:
                road.fall_ill(self._hub, illness)
                planner.told_of_absence(illness.territory, illness.technician, illness.day)
        arrived = [one for one in self._company.urgent if one.arrives == hour]
        if arrived:
            with self._hub.unit_of_work() as work:
                work.work_orders.add_all([one.order() for one in arrived])
                work.commit()
            self.outcome.urgent += len(arrived)
            for one in arrived:
                planner.want(one.territory, hour.astimezone(ZONE).date())

    def _serve(self, desks: Crowd, hour: datetime) -> None:
        """Everybody who comes in this hour, as many at once as there are desks."""
        waiting: list[Future[Answer]] = []
        while self._agenda and self._agenda[0][0] <= hour:
            _, _, call = heapq.heappop(self._agenda)
            waiting.append(desks.submit(serve, call))
        for one in waiting:
            self._hear(one.result(timeout=_PATIENCE_SECONDS * 3), hour)
        self._show(hour, self.outcome.asked)

    def _hear(self, answer: Answer, hour: datetime) -> None:
        """Write down what the citizen was told, and what they will do next."""
        out, call = self.outcome, answer.call
        citizen = self._citizens[call.order_id]
        out.ends[f"{call.errand}: {answer.end}"] += 1
        out.taken += answer.taken
        out.offer_seconds += answer.offer_seconds
        out.hold_seconds += answer.hold_seconds
        out.confirm_seconds += answer.confirm_seconds
        first = call.errand in {Errand.BOOK, Errand.HOLD_ONLY} and not self._tries[citizen.order_id]
        if call.errand in {Errand.BOOK, Errand.HOLD_ONLY}:
            self._tries[citizen.order_id] += 1
        if first:
            out.asked += 1
            out.first_choice += answer.distance == 0
        if answer.end is End.AGREED:
            assert answer.starts_at is not None
            assert answer.ends_at is not None
            if call.errand is Errand.CONFIRM_LATE:
                out.broken.append(Fault("lease", "a hold was confirmed after its lease", call.order_id))
            out.promised[call.order_id] = (answer.starts_at, answer.ends_at)
            out.rebooked += call.order_id in self._homeless
            self._homeless.discard(call.order_id)
        elif answer.end is End.CANCELLED:
            out.promised.pop(call.order_id, None)
        self._change_of_mind(citizen, answer, hour)

    def _change_of_mind(self, citizen: Citizen, answer: Answer, hour: datetime) -> None:
        call = answer.call
        again = replace(call, errand=Errand.BOOK, held=None)
        match call.errand, answer.end:
            case Errand.HOLD_ONLY, End.HELD if citizen.returns:
                later = replace(call, errand=Errand.CONFIRM_LATE, held=answer.appointment)
                self._plan_call(hour + timedelta(hours=1), later)
            case Errand.CONFIRM_LATE, End.EXPIRED:
                self._plan_call(hour + timedelta(hours=1), again)
            case Errand.BOOK, End.AGREED if citizen.order_id not in self._agreed:
                self._agreed.add(citizen.order_id)
                second = replace(call, wish=citizen.second)
                if citizen.habit is Habit.MOVES:
                    self._plan_call(hour + citizen.delay, replace(second, errand=Errand.MOVE))
                elif citizen.habit is Habit.CANCELS:
                    self._plan_call(hour + citizen.delay, replace(second, errand=Errand.CANCEL))
            case Errand.CANCEL, End.CANCELLED if citizen.returns:
                self._plan_call(hour + AGAIN, again)
            case ((Errand.BOOK | Errand.HOLD_ONLY), (End.NOTHING_OFFERED | End.NOTHING_SUITS | End.ALWAYS_TAKEN)):
                if self._tries[citizen.order_id] <= RETRIES:
                    self._plan_call(hour + AGAIN, again)

    def _plan_call(self, at: datetime, call: Call) -> None:
        self._count += 1
        heapq.heappush(self._agenda, (at, self._count, call))

    def _audit(self, planner: Planner) -> Books:
        """Every district at once, and every promise as its citizen was told. The gate is held and nobody books."""
        books = read_books(self._hub)
        verdict = planner.verdict(books)
        self.outcome.broken += [*verdict.broken, *lost(books, self.outcome.promised)]
        self.outcome.audits += 1
        return books

    def _close(self, planner: Planner) -> None:
        """After the last evening: every promise that stood has been kept."""
        out = self.outcome
        last = self._options.hours[-1] + timedelta(hours=1)
        with planner.gate:
            self._move_clock(planner, last)
            books = self._audit(planner)
        done = {stop.order: stop for stop in books.stops if stop.status == "completed"}
        for order, (starts, ends) in out.promised.items():
            if order in done and starts <= done[order].starts < ends:
                out.kept += 1
            else:
                out.broken.append(Fault("lost", f"the promise of {starts} was never kept", order))
        out.urgent_done = sum(one.order_id in done for one in self._company.urgent)
        # One fault is found again by every audit after it.
        out.broken = list(dict.fromkeys([*out.broken, *planner.faults]))
        out.publications = planner.publications
        out.audits += len(planner.publications)
        out.visits, out.travel_seconds = len(books.stops), travel_seconds(books)


@contextmanager
def _crowds(hub: Hub, options: CampaignOptions) -> Iterator[tuple[Crowd, Crowd]]:
    """The desks at which citizens are served, and the office where the planner works."""
    desks = Crowd(hub, options.processes)
    office = Crowd(hub, min(1, options.processes), threads=1)
    try:
        yield desks, office
    finally:
        desks.close()
        office.close()
