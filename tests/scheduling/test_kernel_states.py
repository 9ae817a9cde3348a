"""The compiled route states against the slow simulation: what fits, what a place costs, and that nothing goes stale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduling.engine.kernel.memory import Settings, empty_memory
from scheduling.engine.kernel.places import NOWHERE
from scheduling.engine.kernel.pool import empty_pool
from scheduling.engine.kernel.route_state import open_all
from scheduling.engine.kernel.search import search
from scheduling.engine.kernel.tables import SUM_COST, SUM_MUSTS, SUM_WEIGHT, State, Tables, empty_state
from scheduling.engine.problem import Problem, Route, Task
from scheduling.engine.spans import Span
from scheduling.engine.tabulate import tables_of
from scheduling.engine.timeline import Timeline, route_legs, simulate
from tests.scheduling.checker import missed, route_cost, route_faults
from tests.scheduling.kernel_doors import best_place, fits, put, take
from tests.scheduling.reference import earliest_home
from tests.scheduling.small_worlds import problems, routes, tasks
from tests.scheduling.worlds import ORIGIN, Grid, every_feature, steps

GRID = Grid()
MOST = 5


def world_of(route: Route, visits: Sequence[Task]) -> Problem:
    """One route and some visits that its technician may do."""
    able = replace(route, territories=frozenset(), skills=frozenset({"gas", "meter"}), levels=(("gas", 2),))
    return Problem(ORIGIN, (able,), tuple(replace(task, id=f"o{n}") for n, task in enumerate(visits)), GRID)


def opened(tab: Tables, sequence: Sequence[int] = ()) -> State:
    """A fresh state in which the first route serves the sequence."""
    state = empty_state(tab, MOST)
    open_all(tab, state)
    for position, task in enumerate(sequence):
        assert put(tab, state, 0, position, task)
    return state


def run(world: Problem, sequence: Sequence[int], at: int = 0) -> Timeline | None:
    stops = [world.tasks[task] for task in sequence]
    outcome = simulate(world.routes[at], stops, route_legs(world.routes[at], stops, world.travel))
    return outcome if isinstance(outcome, Timeline) else None


def lay_out(draw: st.DataObject, world: Problem) -> list[int]:
    """Some of the visits in an order that can be kept."""
    sequence: list[int] = []
    for task in draw.draw(st.permutations(range(len(world.tasks)))):
        position = draw.draw(st.integers(0, len(sequence)))
        longer = [*sequence[:position], task, *sequence[position:]]
        if len(longer) < MOST and run(world, longer):
            sequence = longer
    return sequence


def same(tab: Tables, left: State, right: State) -> list[str]:
    """The parts in which two states of one route differ; versions apart, and places beyond the last stop."""
    length, states = int(left.length[0]), int(tab.pause_count[0]) + 1
    cuts = {
        "seq": np.s_[:1, :length], "free": np.s_[:1, : length + 1, :states], "due": np.s_[:1, : length + 1, :states],
        "leg": np.s_[:1, : length + 1], "sums": np.s_[:4],
    }  # fmt: skip
    names = ("seq", "length", "free", "due", "leg", "travel", "prices", "load", "home", "cost", "at", "sums")
    whole = np.s_[:]
    return [
        name
        for name in names
        if not np.array_equal(getattr(left, name)[cuts.get(name, whole)], getattr(right, name)[cuts.get(name, whole)])
    ]


@settings(max_examples=120, deadline=None)
@given(routes(), st.lists(tasks(), min_size=1, max_size=5), st.data())
def test_a_visit_fits_exactly_where_the_longer_route_can_be_kept(
    route: Route, visits: list[Task], draw: st.DataObject
) -> None:
    """With several breaks, absences and windows, overtime, releases and pinned seconds."""
    world = world_of(replace(route, max_travel_seconds=None, van=None), visits)
    tab = tables_of(world)
    sequence = lay_out(draw, world)
    state = opened(tab, sequence)
    nodes = [int(tab.start[0]), *sequence, int(tab.end[0])]
    for task in set(range(len(visits))) - set(sequence):
        for position in range(len(sequence) + 1):
            there, onward = tab.drive[nodes[position], task], tab.drive[task, nodes[position + 1]]
            longer = [*sequence[:position], task, *sequence[position:]]
            stops = [world.tasks[index] for index in longer]
            expected = earliest_home(world.routes[0], stops, route_legs(world.routes[0], stops, GRID)) is not None
            assert fits(tab, state, 0, position, task, there, onward) == expected
            assert (run(world, longer) is not None) == expected
            if expected:
                assert tab.price[task, 0] >= 0


@settings(max_examples=120, deadline=None)
@given(routes(), st.lists(tasks(), min_size=1, max_size=5), st.data())
def test_inserting_and_removing_leave_the_state_that_starting_afresh_would(
    route: Route, visits: list[Task], draw: st.DataObject
) -> None:
    world = world_of(route, visits)
    tab = tables_of(world)
    sequence = lay_out(draw, world)
    state = opened(tab)
    built: list[int] = []
    for task in draw.draw(st.permutations(sequence)):
        position = sum(sequence.index(other) < sequence.index(task) for other in built)
        built.insert(position, task)
        if not run(world, built):
            return
        assert put(tab, state, 0, position, task)
        assert same(tab, state, opened(tab, built)) == []
    gone = draw.draw(st.sets(st.sampled_from(sequence), min_size=1)) if sequence else set()
    for task in gone:
        state.at[task] = -2
    left = [task for task in sequence if task not in gone]
    first = min((sequence.index(task) for task in gone), default=0)
    if run(world, left):
        assert take(tab, state, 0, draw.draw(st.integers(0, first)))
        assert same(tab, state, opened(tab, left)) == []


@settings(max_examples=120, deadline=None)
@given(routes(), st.lists(tasks(), min_size=1, max_size=5), st.data())
def test_the_best_place_is_the_cheapest_of_all_that_can_be_kept(
    route: Route, visits: list[Task], draw: st.DataObject
) -> None:
    """Travel, prices, use and overtime counted, most driving and the van's parts obeyed."""
    world = world_of(route, visits)
    tab = tables_of(world)
    sequence = lay_out(draw, world)
    state = opened(tab, sequence)
    now = run(world, sequence)
    assert now is not None
    assert (state.cost[0], state.travel[0]) == (route_cost(world.routes[0], now, steps), now.travel_seconds)
    memory = empty_memory(tab, state, 1, remember=False)
    for task in set(range(len(visits))) - set(sequence):
        longer = [[*sequence[:at], task, *sequence[at:]] for at in range(len(sequence) + 1)]
        outcomes = [run(world, one) for one in longer]
        costs = [NOWHERE if one is None else route_cost(world.routes[0], one, steps) for one in outcomes]
        cost, position = best_place(tab, state, memory, 0, task, 0.0) if tab.price[task, 0] >= 0 else (NOWHERE, -1)
        if min(costs) == NOWHERE:
            assert position == -1
        else:
            assert cost + state.cost[0] == min(costs) == costs[position]


def moved(world: Problem, by: int) -> Problem:
    """The same day at another time."""

    def later(span: Span) -> Span:
        return Span(span.start + by, span.end + by)

    route = world.routes[0]
    there = replace(
        route,
        shift=later(route.shift),
        breaks=tuple((later(window), seconds) for window, seconds in route.breaks),
        absences=tuple(map(later, route.absences)),
    )
    tasks_there = tuple(
        replace(
            task,
            windows=tuple(map(later, task.windows)),
            release=None if task.release is None else task.release + by,
            due=None,
        )
        for task in world.tasks
    )
    return replace(world, routes=(there,), tasks=tasks_there)


@settings(max_examples=60, deadline=None)
@given(
    routes(), st.lists(tasks(), min_size=1, max_size=4), st.data(), st.sampled_from((-(1 << 30) + 9, (1 << 30) - 400))
)
def test_the_first_and_the_last_times_that_a_problem_allows_do_not_overflow(
    route: Route, visits: list[Task], draw: st.DataObject, by: int
) -> None:
    world = replace(world_of(route, visits), tasks=moved(world_of(route, visits), 0).tasks)
    far = moved(world, by)
    sequence = lay_out(draw, world)
    here, there = opened(tables_of(world), sequence), opened(tables_of(far), sequence)
    assert int(there.home[0]) - by == int(here.home[0])
    assert (int(there.cost[0]), int(there.sums[SUM_COST])) == (int(here.cost[0]), int(here.sums[SUM_COST]))
    memories = [empty_memory(tables_of(w), s, 1, remember=False) for w, s in ((world, here), (far, there))]
    for task in set(range(len(visits))) - set(sequence):
        found = {
            best_place(tables_of(w), s, memory, 0, task, 0.0) if tables_of(w).price[task, 0] >= 0 else (NOWHERE, -1)
            for (w, s), memory in zip(((world, here), (far, there)), memories, strict=True)
        }
        assert len(found) == 1


def held(world: Problem, state: State) -> Problem:
    """The problem with each visit's windows cut to the seconds at which the state lets it begin."""
    cut = tuple(
        replace(
            task,
            pin=None if task.pin is None else replace(task.pin, start=None),
            release=None,
            windows=tuple(
                Span(max(w.start, low), min(w.end, high + 1)) for w in task.starts if w.end > low and w.start <= high
            ),
        )
        if state.at[index] >= 0
        else task
        for index, (task, low, high) in enumerate(
            zip(world.tasks, state.low.tolist(), state.high.tolist(), strict=True)
        )
    )
    return replace(world, tasks=cut)


def judge(world: Problem, sequences: Sequence[Sequence[int]], sums: Sequence[int]) -> list[str]:
    """What is wrong with the sequences and with what the search says of them."""
    found, cost = [], 0
    for at, sequence in enumerate(sequences):
        timeline = run(world, sequence, at)
        if timeline is None:
            found.append(f"route {at} cannot be kept")
            continue
        found += route_faults(world.routes[at], timeline, steps) if isinstance(world.travel, Grid) else []
        cost += timeline.travel_seconds + world.routes[at].overtime_price(timeline.home) if sequence else 0
        cost += world.routes[at].use_price_seconds if sequence else 0
        cost += sum(world.tasks[task].price_on(world.routes[at]) for task in sequence)
    served = {world.tasks[task].id for sequence in sequences for task in sequence}
    expected = (*missed(world, served), cost)
    stated = (sums[SUM_MUSTS], sums[SUM_WEIGHT], sums[SUM_COST])
    return found if stated == expected else [*found, f"the sums are {stated}, not {expected}"]


def unbound(world: Problem, state: State) -> list[str]:
    """Which sequences of visits the state does not keep apart: the first over, then the gap, then the next begins."""
    found = []
    for index, task in enumerate(world.tasks):
        for link in task.after if state.at[index] >= 0 else ():
            first = world.task_at[link.task]
            over = int(state.high[first]) + world.tasks[first].service_seconds
            if state.at[first] < 0 or over + link.gap_seconds > state.low[index]:
                found.append(f"{task.id} may begin too soon after {link.task}")
    return found


def searched(world: Problem, seed: int, moves: int, *, remember: bool) -> tuple[list[str], Tables, State]:
    """What is wrong with the best plan and with the last one after a search."""
    tab = tables_of(world)
    state = empty_state(tab, MOST)
    open_all(tab, state)
    memory = empty_memory(tab, state, seed, remember=remember)
    search(
        tab, state, memory, empty_pool(tab, state, 0), Settings(4.0, 4, 0.02, 40, 0.05, remember), moves, 3000.0, 1.0
    )
    best = state._replace(
        seq=memory.best_seq, length=memory.best_length, low=memory.best_low, high=memory.best_high, at=state.at.copy()
    )
    best.at[:] = -1
    for at, length in enumerate(best.length):
        best.at[best.seq[at, :length]] = at
    found = []
    for one, sums in ((best, memory.best_sums), (state, state.sums)):
        plan = [row[:n].tolist() for row, n in zip(one.seq, one.length, strict=True)]
        found += judge(held(world, one), plan, sums.tolist()) + unbound(world, one)
    return found, tab, state


def settled(world: Problem) -> Problem:
    """Without a plan in force, whose promises the search counts higher."""
    return replace(world, tasks=tuple(replace(task, current=None) for task in world.tasks))


@settings(max_examples=120, deadline=None)
@given(problems(), st.booleans())
def test_a_search_ends_with_plans_that_can_be_kept_and_sums_that_are_right(world: Problem, remember: bool) -> None:
    assert searched(settled(world), 3, 60, remember=remember)[0] == []


@pytest.mark.parametrize("seed", range(8))
def test_a_search_in_larger_worlds_with_every_feature_keeps_its_books(seed: int) -> None:
    world = settled(every_feature(seed, tasks=40, technicians=4))
    found, tab, state = searched(world, seed, 1500, remember=bool(seed % 2))
    assert found == []
    for at in range(len(world.routes)):
        for task in state.seq[at, : state.length[at]].tolist():
            assert tab.price[task, at] >= 0
            assert (state.at[task], state.seq[at, state.pos[task]]) == (at, task)
