"""The rival: capacity buckets. A district sells n places for each half of a day and hopes that they can all be served.

The same citizens come at the same hours with the same wishes, move and cancel. Then every day is planned with the product's own
solver, all booked work as promises, and what it cannot place is a broken promise. The rival has it easy: its windows are halves
of a day instead of two hours, nobody falls ill and nothing urgent comes in between.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from itertools import count
from multiprocessing import get_context
from statistics import fmean
from uuid import UUID

from hub.bootstrap import Hub
from hub.domain.catalogue import Catalogue, PlanningPrices
from hub.domain.ids import TechnicianId
from hub.domain.technicians import Route, Technician
from infra.benchmarks.campaign.options import AGAIN, RETRIES, ZONE, CampaignOptions
from infra.benchmarks.campaign.people import HALVES, Citizen, Company, Habit, Wish
from scheduling.days import origin_of, pure_route, wall_instant
from scheduling.engine.problem import Problem, Task, seconds_from
from scheduling.engine.solver import Stop, solve
from scheduling.engine.spans import Span

type Bucket = tuple[str, date, int]
"""A district, a day and a half of it (0: morning, 1: afternoon)."""


@dataclass
class RivalOutcome:
    """What buckets came to. `reasons` counts the broken promises by the rule that binds; `places` is what was on sale."""

    name: str
    places: int
    booked: int = 0
    asked: int = 0
    first_choice: int = 0
    broken: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    visits: int = 0
    travel_seconds: int = 0

    @property
    def kept(self) -> int:
        """Promises the planned days serve."""
        return self.booked - self.broken


@dataclass(frozen=True)
class _DayToPlan:
    """One district and day, to be planned in any process."""

    problem: Problem
    seconds: float
    seed: int


@dataclass(frozen=True)
class _Planned:
    visits: int
    travel_seconds: int
    reasons: Counter[str]


class Sale:
    """The hours in which citizens book; `booked` is who has which place at the end."""

    def __init__(
        self, company: Company, options: CampaignOptions, places: Mapping[Bucket, int], lead: timedelta
    ) -> None:
        self.booked: dict[UUID, Bucket] = {}
        self.asked = 0
        self.first_choice = 0
        self._options, self._free, self._lead = options, dict(places), lead
        self._tries: Counter[UUID] = Counter()
        self._changed: set[UUID] = set()
        self._turns = count()
        self._agenda: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        for one in company.citizens:
            self._later(one.arrives, partial(self._come, one, one.wish))

    def run(self) -> None:
        """Until the last evening."""
        while self._agenda and self._agenda[0][0] <= self._options.hours[-1]:
            at, _, act = heapq.heappop(self._agenda)
            act(at)

    def _come(self, citizen: Citizen, wish: Wish, at: datetime) -> None:
        """A citizen wants a place; one who lets the first lapse comes again or not."""
        best = self._best(citizen, wish, at)
        self._tries[citizen.order_id] += 1
        if self._tries[citizen.order_id] == 1:
            self.asked += 1
            days = self._options.working_days
            self.first_choice += best is not None and not wish.distance(opens(best), days)
            if citizen.habit is Habit.LETS_LAPSE:
                if citizen.returns:
                    self._later(at + timedelta(hours=2), partial(self._come, citizen, wish))
                return
        if best is not None:
            self._take(citizen, best)
            self._change_of_mind(citizen, at)
        elif self._tries[citizen.order_id] <= RETRIES:
            self._later(at + AGAIN, partial(self._come, citizen, wish))

    def _change_of_mind(self, citizen: Citizen, at: datetime) -> None:
        if citizen.order_id in self._changed:
            return
        self._changed.add(citizen.order_id)
        if citizen.habit is Habit.MOVES:
            self._later(at + citizen.delay, partial(self._move, citizen))
        elif citizen.habit is Habit.CANCELS:
            self._later(at + citizen.delay, partial(self._cancel, citizen))

    def _move(self, citizen: Citizen, at: datetime) -> None:
        best = self._best(citizen, citizen.second, at)
        if best is not None and opens(self.booked[citizen.order_id]) > at:
            self._take(citizen, best)

    def _cancel(self, citizen: Citizen, at: datetime) -> None:
        if opens(self.booked[citizen.order_id]) > at:
            self._free[self.booked.pop(citizen.order_id)] += 1
            if citizen.returns:
                self._later(at + AGAIN, partial(self._come, citizen, citizen.second))

    def _take(self, citizen: Citizen, bucket: Bucket) -> None:
        if citizen.order_id in self.booked:
            self._free[self.booked[citizen.order_id]] += 1
        self.booked[citizen.order_id] = bucket
        self._free[bucket] -= 1

    def _best(self, citizen: Citizen, wish: Wish, at: datetime) -> Bucket | None:
        """The free half-day nearest to the wish, the earlier one of two, as far as the citizen's patience goes."""
        days = self._options.working_days
        open_ones = [
            bucket
            for day in days
            for half in range(len(HALVES))
            if self._free[bucket := (citizen.territory, day, half)] > 0 and opens(bucket) >= at + self._lead
        ]
        best = min(open_ones, key=lambda one: wish.distance(opens(one), days), default=None)
        return best if best is not None and wish.distance(opens(best), days) <= wish.patience else None

    def _later(self, at: datetime, act: Callable[[datetime], None]) -> None:
        heapq.heappush(self._agenda, (at, next(self._turns), act))


def opens(bucket: Bucket) -> datetime:
    """When the half-day begins."""
    return wall_instant(bucket[1], HALVES[bucket[2]][0], ZONE.key)


def usual_places(
    routes: Sequence[Route],
    company: Company,
    catalogue: Catalogue,
    travel_seconds_per_visit: float,
    share: float,
) -> dict[Bucket, int]:
    """The usual rule: half of the technicians' working hours of the day / (mean job + mean travel), times `share`, rounded down."""
    jobs: dict[str, list[int]] = defaultdict(list)
    for citizen in company.citizens:
        jobs[citizen.territory].append(catalogue.work_type(citizen.work_type).duration_seconds)
    hours: dict[tuple[str, date], float] = defaultdict(float)
    for route in routes:
        shift = wall_instant(route.day, route.ends, route.zone) - wall_instant(route.day, route.starts, route.zone)
        hours[route.territory, route.day] += shift.total_seconds() - route.break_seconds
    return {
        (territory, day, half): int(share * seconds / 2 / (fmean(jobs[territory]) + travel_seconds_per_visit))
        for (territory, day), seconds in hours.items()
        for half in range(len(HALVES))
    }


def run_rival(
    hub: Hub, company: Company, options: CampaignOptions, travel_seconds_per_visit: float, name: str, share: float
) -> RivalOutcome:
    """Sell by the rule with `share` of its places, then plan every day; the roster is the one in the database."""
    with hub.unit_of_work() as work:
        routes = work.routes.list_where(order_by=(work.routes.table.c.day, work.routes.table.c.id))
        crew = {one.id: one for one in work.technicians.list_where()}
    places = usual_places(routes, company, hub.catalogue, travel_seconds_per_visit, share)
    sale = Sale(company, options, places, timedelta(seconds=hub.catalogue.lead_seconds))
    sale.run()
    out = RivalOutcome(
        name=name,
        places=sum(places.values()),
        booked=len(sale.booked),
        asked=sale.asked,
        first_choice=sale.first_choice,
    )
    for day in _planned(list(_days(hub.catalogue, company, options, routes, crew, sale.booked)), options):
        out.visits += day.visits
        out.travel_seconds += day.travel_seconds
        out.reasons += day.reasons
    out.broken = out.reasons.total()
    return out


def _days(
    catalogue: Catalogue,
    company: Company,
    options: CampaignOptions,
    routes: Sequence[Route],
    crew: Mapping[TechnicianId, Technician],
    booked: Mapping[UUID, Bucket],
) -> Iterator[_DayToPlan]:
    """Each district and day with what was booked, every booking a promise for its half of the day."""
    by_day: dict[tuple[str, date], list[Route]] = defaultdict(list)
    for route in routes:
        by_day[route.territory, route.day].append(route)
    for (territory, day), some in by_day.items():
        origin = origin_of(day)
        tasks = tuple(
            _promise(citizen, catalogue, origin, bucket)
            for citizen in company.citizens
            if (bucket := booked.get(citizen.order_id)) is not None and bucket[:2] == (territory, day)
        )
        pure = tuple(pure_route(route, crew[route.technician_id], (), origin, PlanningPrices()) for route in some)
        yield _DayToPlan(Problem(origin, pure, tasks), options.rival_seconds, options.seed)


def _promise(citizen: Citizen, catalogue: Catalogue, origin: datetime, bucket: Bucket) -> Task:
    kind = catalogue.work_type(citizen.work_type)
    begins, ends = (wall_instant(bucket[1], at, ZONE.key) for at in HALVES[bucket[2]])
    return Task(
        id=str(citizen.order_id),
        place=citizen.place,
        service_seconds=kind.duration_seconds,
        windows=(Span(seconds_from(origin, begins), seconds_from(origin, ends)),),
        skills=frozenset(kind.skills),
        promised=True,
        territory=citizen.territory,
    )


def _planned(days: Sequence[_DayToPlan], options: CampaignOptions) -> Iterator[_Planned]:
    if options.processes == 0:
        yield from map(_plan, days)
        return
    with ProcessPoolExecutor(min(2, options.processes), mp_context=get_context("spawn")) as pool:
        yield from pool.map(_plan, days)


def _plan(day: _DayToPlan) -> _Planned:
    """The best plan of a day; a second, longer search when the first could not keep every promise."""
    plan = solve(day.problem, Stop(seconds=day.seconds), day.seed)
    if plan.unplanned:
        again = solve(day.problem, Stop(seconds=2 * day.seconds), day.seed + 1)
        plan = min(plan, again, key=lambda one: one.objective)
    return _Planned(
        visits=sum(len(one.timeline.stops) for one in plan.routes),
        travel_seconds=sum(one.timeline.travel_seconds for one in plan.routes),
        reasons=Counter(one.refusal.reason.value for one in plan.unplanned),
    )
