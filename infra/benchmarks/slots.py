"""Slots: how many visits a second learn where they fit best, on one core, beside trying every position.

500 technicians on 10 days, two windows a day. Processor time is measured, not wall time, so that a busy machine counts
less. The answers of a thousand questions must be those of trying everything, or the run has failed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from infra.benchmarks.engines import FIELD
from infra.benchmarks.jobs import Failed, Job, Options
from infra.benchmarks.records import Records, middle
from infra.benchmarks.slot_plans import TRAVEL, plan, questions
from infra.benchmarks.tables import Table, number
from scheduling.engine.eligibility import barred
from scheduling.engine.kernel.slot_places import sweep
from scheduling.engine.slots import Find, OpenRoute, Requirement, SlotIndex, SlotWindow
from scheduling.engine.slots.asking import Question
from scheduling.engine.slots.standing import part_names, standing

_SIZES = {"quick": (100, 10), "usual": (500, 10), "full": (500, 10)}
_ASKED, _COMPARED = 5_000, 1_000
_OURS = next(engine for engine in FIELD if engine.name == "ours")

type Asked = tuple[Requirement, list[SlotWindow]]


class SlotOffering:
    """Questions a second from the index, on a plan with room and on a full one."""

    name = "slots"

    def jobs(self, options: Options) -> list[Job]:
        """Both plans for each seed; there is no limit of seconds to choose."""
        technicians, days = _SIZES[options.size]
        return [
            Job(self.name, _OURS.name, instance, 0.0, seed, 60.0, partial(_measured, technicians, days, seed, kind))
            for kind in ("open", "full")
            for instance in [f"slots_{technicians}x{days}_{kind}"]
            for seed in options.seeds
            if options.wants(_OURS) and (not options.instances or any(part in instance for part in options.instances))
        ]

    def tables(self, records: Records, options: Options) -> list[Table]:
        """One row for each plan."""
        mine = [record for record in records if record.suite == self.name]
        heads = [
            "plan",
            "positions",
            "questions/s",
            "p50 µs",
            "p99 µs",
            "all positions/s",
            "windows kept",
            "replace µs",
        ]
        names = ("positions", "per_second", "p50_us", "p99_us", "brute_per_second")
        rows = []
        for instance in sorted({record.instance for record in mine}):
            same = [record for record in mine if record.instance == instance]
            kept = middle(same, "kept_share")
            row = [instance, *(number(middle(same, name)) for name in names)]
            rows.append([*row, "–" if kept is None else f"{kept:.0%}", number(middle(same, "replace_us"))])
        note = f"{_COMPARED:,} answers of each plan are those of trying every position; one core, processor time"
        return [Table("Slots: questions of 20 windows", heads, rows, [note])] if rows else []


def _measured(technicians: int, days: int, seed: int, kind: str) -> Mapping[str, float]:
    """Ask, compare, and replace routes."""
    routes = plan(technicians, days, seed, full=kind == "full")
    asked = questions(_ASKED, days, seed)
    index = SlotIndex(routes, TRAVEL)
    index.cheapest(asked[0][0], [window.arrival for window in asked[0][1]])
    spent, answers = [], []
    for needed, windows in asked:
        arrivals = [window.arrival for window in windows]
        began = time.thread_time_ns()
        answers.append(index.cheapest(needed, arrivals))
        spent.append((time.thread_time_ns() - began) / 1e9)
    expected, brute = _all_positions(routes, asked[:_COMPARED])
    wrong = sum(one != other for one, other in zip(answers, expected, strict=False))
    if wrong:
        raise Failed(f"{wrong} of {_COMPARED} answers are not those of trying every position.")
    ordered = sorted(spent)
    return {
        "positions": sum(len(item.stops) + 1 for item in routes),
        "per_second": len(spent) / sum(spent),
        "p50_us": 1e6 * ordered[len(ordered) // 2],
        "p99_us": 1e6 * ordered[len(ordered) * 99 // 100],
        "brute_per_second": len(expected) / brute,
        "kept_share": sum(find is not None for one in answers for find in one) / sum(map(len, answers)),
        "replace_us": 1e6 * _replacing(index, routes),
    }


def _all_positions(routes: Sequence[OpenRoute], asked: Sequence[Asked]) -> tuple[list[list[Find | None]], float]:
    """The answers of trying every position, in machine code too, and the seconds it took besides the drives."""
    parts = part_names(routes)
    tables, state = standing(routes, parts)
    places = [place for item in routes for place in item.places]
    node = np.zeros((len(routes), state.seq.shape[1] + 2), np.int32)
    reached = 0
    for at, item in enumerate(routes):
        count = len(item.stops) + 2
        node[at, :count] = range(reached, reached + count)
        reached += count
    able: dict[frozenset[str], np.ndarray[tuple[int], np.dtype[np.uint8]]] = {}
    out, spent = [], 0.0
    for needed, windows in asked:
        if needed.skills not in able:
            visit = needed.visit(windows[0].arrival)
            able[needed.skills] = np.array([barred(item.route, visit) is not None for item in routes], np.uint8)
        there = np.ascontiguousarray(TRAVEL.matrix(places, [needed.place])[:, 0])
        onward = TRAVEL.matrix([needed.place], places)[0].copy()
        arrivals = [window.arrival for window in windows]
        began = time.thread_time()
        question = Question.of(arrivals, needed.service_seconds, able[needed.skills], needed.parts, parts)
        sweep(tables, state, question.ask, node, there, onward, 0, len(routes))
        out.append(question.answer())
        spent += time.thread_time() - began
    return out, spent


def _replacing(index: SlotIndex, routes: Sequence[OpenRoute]) -> float:
    """Seconds to replace a route by itself with one visit less, and back."""
    some = routes[:: max(1, len(routes) // 200)]
    began = time.thread_time()
    for item in some:
        index.replace(OpenRoute.of(item.route, item.stops[:-1], TRAVEL))
        index.replace(item)
    return (time.thread_time() - began) / (2 * len(some))
