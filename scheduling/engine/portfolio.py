"""Searches on all cores that share the best plan.

Small problems: every core searches the whole problem with its own chance; now and then all go on from the best. Large
ones: the routes are cut in as many parts as there are cores, along a line that turns, and every core searches its part;
the parts put together are the next plan. The compiled search lets go of Python's lock, so threads are enough and the
travel table is there once.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from scheduling.engine.kernel import search as kernel
from scheduling.engine.kernel.memory import SEEDS, STEPS, Memory, Settings, better, empty_memory, keep_best
from scheduling.engine.kernel.pool import Pool, empty_pool
from scheduling.engine.kernel.route_state import adopt, open_all
from scheduling.engine.kernel.tables import SUM_COST, SUM_MUSTS, SUM_WEIGHT, Ints, Longs, State, Tables, empty_state

type Sequences = list[list[int]]

TURN = math.pi * (3 - math.sqrt(5))
"""The golden angle: successive cuts are never nearly the same."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """How a search goes about it. Temperatures in seconds of travel."""

    settings: Settings
    hot: float
    cold: float
    workers: int
    parts: bool
    epochs: int
    pool: int
    most_stops: int


@dataclass
class Best:
    """The best plan of all workers, as arrays: see the fields of the same name in `State`."""

    seq: Ints
    length: Ints
    low: Ints
    high: Ints
    sums: Longs

    @classmethod
    def of(cls, state: State) -> Best:
        """A copy of this state's plan."""
        return cls(*(getattr(state, name).copy() for name in ("seq", "length", "low", "high", "sums")))

    def take(self, memory: Memory, routes: NDArray[np.intp] | slice = slice(None)) -> None:
        """Copy these routes of a worker's best plan; sums are the caller's business."""
        self.seq[routes], self.length[routes] = memory.best_seq[routes], memory.best_length[routes]
        self.low[:], self.high[:] = memory.best_low, memory.best_high


@dataclass
class Worker:
    """One core's plan and memory; `speed` in steps a second."""

    state: State
    memory: Memory
    pool: Pool
    speed: float = field(default=2_000.0)


class Portfolio:
    """The workers and the best plan of all. `xy` (n + R, 2) are positions of tasks and routes, for cutting parts."""

    def __init__(self, tables: Tables, tuning: Tuning, seed: int, xy: NDArray[np.float64]) -> None:
        self.tables, self.tuning, self._xy = tables, tuning, xy
        self.workers = [self._worker(seed * 64 + index) for index in range(tuning.workers)]
        self.best = Best.of(self.workers[0].state)
        self._angle = 0.0
        self._heat_span = (tuning.hot, tuning.cold)

    def _worker(self, seed: int) -> Worker:
        state = empty_state(self.tables, self.tuning.most_stops)
        open_all(self.tables, state)
        memory = empty_memory(self.tables, state, seed, remember=self.tuning.settings.remember)
        return Worker(state, memory, empty_pool(self.tables, state, self.tuning.pool))

    def rating(self) -> tuple[int, int, int]:
        """Musts missed, weight missed and cost of the best plan."""
        sums = self.best.sums
        return int(sums[SUM_MUSTS]), int(sums[SUM_WEIGHT]), int(sums[SUM_COST])

    def sequences(self) -> Sequences:
        """The best plan: tasks in order for each route."""
        return [self.best.seq[at, :count].tolist() for at, count in enumerate(self.best.length)]

    def steps(self) -> int:
        """Steps done by all workers."""
        return sum(int(worker.memory.counters[STEPS]) for worker in self.workers)

    def lay(self, sequences: Sequence[Sequence[int]]) -> int:
        """Append to the best plan, as far as it can be kept; returns how many tasks could not be laid."""
        first = self._restored()
        left_out = 0
        for route, tasks in _pieces(self.tables, sequences):
            array = np.array(tasks, np.int32)
            left_out += kernel.lay(self.tables, first.state, first.memory, route, array)
        self._crown(first.state)
        return left_out

    def fill(self, tasks: Sequence[int], *, limited: bool) -> None:
        """Put absent tasks into the best plan wherever they fit, in this order; with `limited` only if worth it.

        What has to come before a task is put in right before it.
        """
        first = self._restored()
        array = np.array(_sequenced(self.tables, tasks), np.int32)
        kernel.fill(self.tables, first.state, first.memory, self.tuning.settings, array, limited)
        self._crown(first.state)

    def clear(self) -> None:
        """Forget the best plan: all routes empty."""
        open_all(self.tables, self.workers[0].state)
        self._crown(self.workers[0].state)

    def fill_route(self, route: int, tasks: Sequence[int]) -> None:
        """Put absent tasks into this one route of the best plan, in this order, wherever they fit."""
        first = self._restored()
        first.memory.active[:] = 0
        first.memory.active[route] = 1
        kernel.fill(
            self.tables, first.state, first.memory, self.tuning.settings, np.array(tasks, np.int32), limited=False
        )
        first.memory.active[:] = 1
        self._crown(first.state)

    def offer(self, sequences: Sequence[Sequence[int]]) -> bool:
        """Take a plan from elsewhere if it can be kept and is better than the best; all workers go on from the best."""
        first = self.workers[0]
        open_all(self.tables, first.state)
        for route, tasks in _pieces(self.tables, sequences):
            kernel.lay(self.tables, first.state, first.memory, route, np.array(tasks, np.int32))
        good = bool(better(first.state.sums, self.best.sums))
        if good:
            self.best = Best.of(first.state)
        self.restart()
        return good

    def restart(self) -> None:
        """Let all workers go on from the best plan."""
        for worker in self.workers:
            self._go_on(worker)

    def _restored(self) -> Worker:
        first = self.workers[0]
        first.memory.active[:] = 1
        self._go_on(first)
        return first

    def _crown(self, state: State) -> None:
        """Make this plan the best of all and let all workers go on from it."""
        self.best = Best.of(state)
        self.restart()

    def _go_on(self, worker: Worker) -> None:
        """Give the worker the best plan, as its own best too."""
        best = self.best
        adopt(self.tables, worker.state, best.seq, best.length, best.low, best.high)
        worker.memory.changed[:] = 1
        keep_best(self.tables, worker.state, worker.memory)

    def run(
        self,
        until: Callable[[], float | None],
        on_better: Callable[[], None],
        heat: tuple[float, float] | None = None,
    ) -> None:
        """Search as long as `until()` gives the share of the search that is over, from 0 to 1; None ends it.

        `heat`: from which temperature to which, where not from the tuning's `hot` to its `cold`.
        """
        self._heat_span = heat or (self.tuning.hot, self.tuning.cold)
        with ThreadPoolExecutor(len(self.workers)) as executor:
            epoch = 0
            while (share := until()) is not None:
                goal = share + 1 / self.tuning.epochs

                def spell(at: int, goal: float = goal) -> None:
                    self._by_clock(self.workers[at], until, goal)

                self._epoch(executor, epoch, share, spell, on_better)
                epoch += 1

    def run_steps(self, steps: int, on_better: Callable[[], None], over: Callable[[], bool]) -> None:
        """Search for so many steps on every worker, unless it is `over` before; what counts can be repeated."""
        self._heat_span = self.tuning.hot, self.tuning.cold
        with ThreadPoolExecutor(len(self.workers)) as executor:
            edges = np.linspace(0, steps, min(steps, self.tuning.epochs) + 1).astype(int)
            for epoch, (done, then) in enumerate(itertools.pairwise(edges.tolist())):
                if over():
                    return
                heat = self._heat(done / steps), self._heat(then / steps)

                def spell(at: int, count: int = then - done, heat: tuple[float, float] = heat) -> None:
                    self._search(self.workers[at], count, *heat)

                self._epoch(executor, epoch, done / steps, spell, on_better)

    def _epoch(
        self,
        executor: ThreadPoolExecutor,
        epoch: int,
        share: float,
        spell: Callable[[int], None],
        on_better: Callable[[], None],
    ) -> None:
        """Let every worker search for a spell, then bring their plans together."""
        before = self.rating()
        cut = self._cut() if self.tuning.parts else None
        if cut is not None:
            for at, worker in enumerate(self.workers):
                self._restrict(worker, cut == at, spare=at == 0)
        start = self.workers[0].state.sums.copy()
        list(executor.map(spell, range(len(self.workers))))
        if cut is not None:
            self._join_parts(cut, start)
        else:
            self._compare(go_on=share > 0.5 and epoch % 5 == 0)
        if self.rating() < before:
            on_better()

    def _by_clock(self, worker: Worker, until: Callable[[], float | None], goal: float) -> None:
        """Search until that share of the whole search is over, in spells of about 20 ms."""
        share = until()
        while share is not None and share < goal:
            began, amount = time.monotonic(), max(1, int(worker.speed * 0.02))
            self._search(worker, amount, self._heat(share), self._heat(share))
            worker.speed = 0.5 * worker.speed + 0.5 * amount / max(1e-5, time.monotonic() - began)
            share = until()

    def _search(self, worker: Worker, steps: int, hot: float, cold: float) -> None:
        settings = self.tuning.settings
        kernel.search(self.tables, worker.state, worker.memory, worker.pool, settings, steps, hot, cold)

    def _heat(self, share: float) -> float:
        """The temperature when that share of the search is over."""
        hot, cold = self._heat_span
        return float(hot * (cold / hot) ** min(1.0, share))

    def _compare(self, *, go_on: bool) -> None:
        """Keep the best plan any worker met; with `go_on` the others continue from it."""
        for worker in self.workers:
            if better(worker.memory.best_sums, self.best.sums):
                self.best.take(worker.memory)
                self.best.sums[:] = worker.memory.best_sums
        if go_on:
            for worker in self.workers:
                if better(self.best.sums, worker.memory.best_sums):
                    self._go_on(worker)

    def _cut(self) -> NDArray[np.intp]:
        """The part of each route: equal numbers of tasks on either side of a line that turns with each epoch."""
        self._angle += TURN
        state = self.workers[0].state
        along = self._xy @ np.array([math.cos(self._angle), math.sin(self._angle)])
        middle = along[len(state.at) :].copy()
        for route, count in enumerate(state.length):
            if count:
                middle[route] = along[state.seq[route, :count]].mean()
        order = np.argsort(middle, kind="stable")
        load = np.cumsum(state.length[order] + 1)
        parts = np.empty(len(order), np.intp)
        parts[order] = (load - 1) * len(self.workers) // load[-1]
        return parts

    def _restrict(self, worker: Worker, active: NDArray[np.bool_], *, spare: bool) -> None:
        """Let a worker change only these routes, and serve tasks on them or absent ones most of whose neighbours are.

        `spare` says whether it also gets those that are nobody's.
        """
        state, memory = worker.state, worker.memory
        memory.active[:] = active
        mine = np.zeros(len(state.at), np.bool_)
        planned = state.at >= 0
        mine[planned] = active[state.at[planned]]
        absent = np.flatnonzero(~planned)
        around = state.at[self.tables.near[absent, :10]]
        known = around >= 0
        here = np.count_nonzero(known & active[around], axis=1)
        there = np.count_nonzero(known, axis=1) - here
        mine[absent] = (here > there) | ((here == there) & spare)
        memory.mine[:] = mine
        seeds = np.flatnonzero(mine)
        memory.seeds[: len(seeds)] = seeds
        memory.counters[SEEDS] = len(seeds)
        memory.changed[:] = 1
        keep_best(self.tables, state, memory)

    def _join_parts(self, cut: NDArray[np.intp], start: Longs) -> None:
        """Put the parts together: the best of each as the best plan, if it is; the present of each to go on from."""
        sums = start + sum(worker.memory.best_sums - start for worker in self.workers)
        if better(sums, self.best.sums):
            for at, worker in enumerate(self.workers):
                self.best.take(worker.memory, np.flatnonzero(cut == at))
            self.best.sums[:] = sums
        first = self.workers[0].state
        seq, length = first.seq.copy(), first.length.copy()
        for at, worker in enumerate(self.workers):
            part = np.flatnonzero(cut == at)
            seq[part], length[part] = worker.state.seq[part], worker.state.length[part]
        for worker in self.workers:
            adopt(self.tables, worker.state, seq, length, worker.state.low, worker.state.high)


def _pieces(tables: Tables, sequences: Sequence[Sequence[int]]) -> Iterator[tuple[int, Sequence[int]]]:
    """Each route's tasks in their order, in pieces: what comes after others, perhaps on a later route, comes after them."""
    waiting = {task for tasks in sequences for task in tasks}
    given = [0] * len(sequences)
    going = len(tables.before) > 0
    while going:
        going = False
        for route, tasks in enumerate(sequences):
            end = begin = given[route]
            while end < len(tasks) and waiting.isdisjoint(_predecessors(tables, tasks[end])):
                waiting.discard(tasks[end])
                end += 1
            if end > begin:
                yield route, tasks[begin:end]
                given[route], going = end, True
    for route, tasks in enumerate(sequences):
        if given[route] < len(tasks):
            yield route, tasks[given[route] :]


def needed(tables: Tables) -> Longs:
    """How much missing each task counts, as in `Tables.must`; missing what comes before a promise as much as that."""
    out = tables.must.copy()
    waiting = np.flatnonzero(out).tolist()
    while waiting:
        task = waiting.pop()
        for before in _predecessors(tables, task):
            if out[before] < out[task]:
                out[before] = out[task]
                waiting.append(before)
    return out


def _sequenced(tables: Tables, tasks: Sequence[int]) -> Sequence[int]:
    """These tasks in this order, but each right after those of them that must be over before it."""
    if not len(tables.before):
        return tasks
    left, out = set(tasks), []
    for task in tasks:
        waiting = [task]
        while waiting:
            before = [one for one in _predecessors(tables, waiting[-1]) if one in left]
            if before:
                waiting += before
                continue
            ready = waiting.pop()
            if ready in left:
                left.discard(ready)
                out.append(ready)
    return out


def _predecessors(tables: Tables, task: int) -> list[int]:
    """The tasks that must be over before this one."""
    found: list[int] = tables.before[tables.before_at[task] : tables.before_at[task + 1]].tolist()
    return found
