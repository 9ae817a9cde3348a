"""Repair: a published day of 1,000 orders and 100 technicians, and how soon an event is answered, at what price.

Every visit of the plan is published. Each question is asked at ten o'clock of the same plan, and each answer is looked at by
the benchmark's own checks: no visit that has begun may stand elsewhere, and no objective be worse than doing nothing.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from statistics import mean, median, quantiles

from hub.domain.places import Place
from infra.benchmarks.generate import write
from infra.benchmarks.instances import MADE
from infra.benchmarks.jobs import Failed, Job, Options
from infra.benchmarks.records import Records, middle
from infra.benchmarks.tables import Table, number
from scheduling.engine.files.instance import read_instance
from scheduling.engine.plan import Plan
from scheduling.engine.repair import Absence, Cancelled, Delayed, Event, Overrun, Repair, Standing, Urgent, repair
from scheduling.engine.solver import Stop, solve
from scheduling.engine.spans import Span

_HOUR = 3600
_NOW = 10 * _HOUR
_ORDERS, _TECHNICIANS, _DAYS, _SEED = 1000, 100, 1, 7
_PLANNING_SECONDS = 10.0
_LIMIT = 0.3
_ASKED = {"quick": 10, "usual": 25, "full": 100}
_KINDS = {
    "five urgent orders": 5,
    "an absence": 0,
    "an overrun": 0,
    "a cancellation": 0,
    "a delay": 0,
}


class Repairing:
    """How soon a plan in force is repaired, and what that moves."""

    name = "repair"

    def jobs(self, options: Options) -> list[Job]:
        """One for each kind of event; only our engine repairs."""
        if options.engines and "ours" not in options.engines:
            return []
        asked = _ASKED[options.size]
        return [
            Job(
                suite=self.name,
                engine="ours",
                instance=kind,
                seconds=limit,
                seed=seed,
                about=asked * (limit + 0.2) + (2 * _PLANNING_SECONDS if kind == next(iter(_KINDS)) else 0),
                measure=lambda kind=kind, limit=limit, seed=seed: measured(kind, asked, limit, seed),  # type: ignore[misc]
            )
            for limit in options.seconds or (_LIMIT,)
            for seed in options.seeds
            for kind in _KINDS
            if not options.instances or any(part in kind for part in options.instances)
        ]

    def tables(self, records: Records, options: Options) -> list[Table]:
        """One row for each kind of event and limit."""
        mine = [record for record in records if record.suite == self.name]
        rows = []
        for kind, limit in [(k, s) for s in sorted({r.seconds for r in mine}) for k in _KINDS]:
            cell = [record for record in mine if (record.instance, record.seconds) == (kind, limit)]
            if cell:
                times = [number(middle(cell, figure), 2) for figure in ("median", "p95", "slowest")]
                counts = [number(middle(cell, figure), 1) for figure in ("placed", "moved", "dropped", "struck")]
                rows.append([kind, f"{limit:g}", *times, *counts])
        heads = ["event", "limit s", "median s", "p95 s", "slowest s", "urgent placed", "moved", "dropped", "struck"]
        notes = [
            "moved, dropped: published visits, on average; struck: those that the event made impossible where they stood"
        ]
        return [Table(f"Repair of {_ORDERS:,} orders, {_TECHNICIANS} technicians", heads, rows, notes)] if rows else []


def measured(kind: str, asked: int, limit: float, seed: int) -> Mapping[str, float]:
    """Ask so many questions of one kind. Raises `Failed` for an answer that moves what has begun or is worse than none."""
    standing = _standing()
    dice = random.Random(f"repair {kind} {seed}")
    repair(standing, [], _NOW, seconds=limit)
    answers = []
    for number_ in range(asked):
        answer = repair(standing, _events(kind, standing, dice), _NOW, seconds=limit, seed=seed + number_)
        _judge(standing.plan, answer)
        answers.append(answer)
    times = [answer.seconds for answer in answers]
    return {
        "median": median(times),
        "p95": quantiles(times, n=20)[-1],
        "slowest": max(times),
        "placed": mean(len(answer.placed) for answer in answers),
        "moved": mean(len(answer.moved) for answer in answers),
        "dropped": mean(len(answer.dropped) for answer in answers),
        "struck": mean(len(answer.dislodged) for answer in answers),
    }


@lru_cache(maxsize=1)
def _standing() -> Standing:
    """The published plan; the same for all kinds of events."""
    file: Path = write(MADE, _ORDERS, _TECHNICIANS, _DAYS, _SEED)
    problem = read_instance(file).problem
    return Standing.of(problem, solve(problem, Stop(seconds=_PLANNING_SECONDS, patience=_PLANNING_SECONDS), 1))


def _events(kind: str, standing: Standing, dice: random.Random) -> Sequence[Event]:
    """Something of this kind that happens about now."""
    stops = [(item.route, stop) for item in standing.plan.routes for stop in item.timeline.stops]
    under_way = [stop.task.id for _, stop in stops if stop.start <= _NOW < stop.end]
    waiting = [(route, stop.task.id) for route, stop in stops if stop.start > _NOW + _HOUR]
    route, task = dice.choice(waiting)
    match kind:
        case "an absence":
            return [Absence(route.technician, Span(_NOW, route.shift.end))]
        case "an overrun":
            return [Overrun(dice.choice(under_way), dice.choice((1800, 2700, 3600)))]
        case "a cancellation":
            return [Cancelled(task)]
        case "a delay":
            return [Delayed(route.id, _NOW + dice.choice((1800, 3600)))]
        case _:
            return [_urgent(standing, number_, dice) for number_ in range(_KINDS[kind])]


def _urgent(standing: Standing, number_: int, dice: random.Random) -> Urgent:
    """An order like one of the others, near it, that weighs much and must be begun within four hours."""
    like = dice.choice(standing.problem.tasks)
    place = Place(like.place.lat + dice.gauss(0, 0.01), like.place.lon + dice.gauss(0, 0.01))
    return Urgent(
        replace(
            like,
            id=f"urgent {number_}",
            place=place,
            weight=100,
            windows=(Span(_NOW, _NOW + 4 * _HOUR),),
            pin=None,
            current=None,
            release=None,
            after=(),
        )
    )


def _judge(plan: Plan, answer: Repair) -> None:
    begun = {
        s.task.id: (item.route.id, s.start) for item in plan.routes for s in item.timeline.stops if s.start <= _NOW
    }
    at = {s.task.id: (item.route.id, s.start) for item in answer.plan.routes for s in item.timeline.stops}
    if any(at.get(name) != place for name, place in begun.items()):
        message = "A visit that has begun was moved."
        raise Failed(message)
    if answer.after > answer.untouched:
        message = "Doing nothing would have been better."
        raise Failed(message)
