"""Repairs judged by the independent checker: what is frozen stays, promises hold, doing nothing is never better."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hub.domain.places import Place
from scheduling.engine.plan import Plan
from scheduling.engine.problem import After, Pin, Problem, Route, Task
from scheduling.engine.reasons import Reason
from scheduling.engine.repair import (
    Absence,
    Cancelled,
    Delayed,
    Event,
    Overrun,
    Repair,
    Replanning,
    Standing,
    Terms,
    Urgent,
    mend,
    repair,
)
from scheduling.engine.rules import InvalidProblem
from scheduling.engine.solver import Progress, Stop, solve
from scheduling.engine.spans import Span
from scheduling.engine.timeline import Timeline, simulate
from tests.scheduling.checker import Drive, faults, great_circle, unsuitable
from tests.scheduling.small_worlds import problems, tasks
from tests.scheduling.test_solver import places_of
from tests.scheduling.worlds import HOUR, ORIGIN, Grid, every_feature, random_problem, steps, technician, visit

DRIVE = great_circle(1.3, 12.5)
COUNTED = Stop(seconds=None, solutions=10)
TINY = Terms(move_price_seconds=4, drop_weight=15, freeze_seconds=3)


def unsettled(world: Problem) -> Problem:
    return replace(world, tasks=tuple(replace(task, current=None) for task in world.tasks))


def with_promises_of(world: Problem, plan: Plan) -> Problem:
    """Every other visit of the plan is promised from now on."""
    served = sorted(places_of(plan))
    return replace(world, tasks=tuple(replace(task, promised=task.id in served[::2]) for task in world.tasks))


@st.composite
def events(draw: st.DrawFn, world: Problem, plan: Plan) -> tuple[list[Event], int]:
    """One or two events, and the second at which they become known."""
    served = [stop for item in plan.routes for stop in item.timeline.stops]
    now = draw(st.integers(-5, 60))
    under_way = [stop.task.id for stop in served if stop.start <= now < stop.end]
    waiting = [stop.task.id for stop in served if stop.start > now]
    some: list[Event] = []
    for number in range(draw(st.integers(1, 2))):
        kind = draw(st.integers(0, 4))
        route = draw(st.sampled_from(world.routes))
        if kind == 0:
            start = draw(st.integers(0, 40))
            some.append(Absence(route.technician, Span(start, start + draw(st.sampled_from((3, 10, 100))))))
        elif kind == 1 and under_way + waiting:
            some.append(Overrun(draw(st.sampled_from(under_way + waiting)), draw(st.integers(0, 12))))
        elif kind == 2 and waiting:
            some.append(Cancelled(draw(st.sampled_from(waiting))))
        elif kind == 3:
            some.append(Delayed(route.id, now + draw(st.integers(1, 15))))
        else:
            new = draw(tasks(f"u{number}", opens=(max(0, now),)))
            some.append(Urgent(replace(new, weight=20)))
    return some, now


@st.composite
def troubles(draw: st.DrawFn) -> tuple[Standing, list[Event], int]:
    world = unsettled(draw(problems(most_tasks=6)))
    plan = solve(world, COUNTED, 1)
    world = with_promises_of(world, plan)
    plan = replace(
        plan, unplanned=tuple(replace(u, task=world.tasks[world.task_at[u.task.id]]) for u in plan.unplanned)
    )
    happened, now = draw(events(world, plan))
    return Standing.of(world, plan, TINY), happened, now


def answered(trouble: tuple[Standing, list[Event], int]) -> Repair:
    """The repair; an overrun that contradicts what has begun since is no trouble that can be."""
    try:
        return repair(trouble[0], trouble[1], trouble[2], seconds=0.004)
    except InvalidProblem:
        assume(not any(isinstance(event, Overrun) for event in trouble[1]))
        raise


def room_beside_promises(route: Route, others: list[Task], task: Task, drive: Drive) -> bool:
    """Whether the task can be put between the promises of a route, judged by the slow simulation."""
    if unsuitable(route, task):
        return False
    for at in range(len(others) + 1):
        stops = [*others[:at], task, *others[at:]]
        places = [route.start, *(stop.place for stop in stops), route.end]
        if isinstance(simulate(route, stops, [drive(a, b) for a, b in pairwise(places)]), Timeline):
            return True
    return False


@settings(max_examples=150, deadline=None)
@given(troubles())
def test_a_repair_is_a_right_plan_that_keeps_what_can_be_kept(trouble: tuple[Standing, list[Event], int]) -> None:
    standing, _, now = trouble
    done = answered(trouble)
    world = done.problem
    assert faults(world, done.plan, steps) == []
    assert done.after <= done.untouched
    was, at = places_of(standing.plan), places_of(done.plan)
    for name, (route, start) in was.items():
        if start <= now:
            assert at[name] == (route, start)
        elif name in done.frozen:
            assert at[name][0] == route
            assert at[name][1] >= start
    assert all(start >= now for name, (_, start) in at.items() if name not in done.frozen)
    named = {item.task.id for item in (*done.dropped, *done.gone)}
    cancelled = {event.task for event in trouble[1] if isinstance(event, Cancelled)}
    assert {name for name in was if name not in at and name in world.task_at} <= named
    assert all(name in world.task_at or name in named or cancelled for name in was)


@settings(max_examples=150, deadline=None)
@given(troubles())
def test_no_promise_is_dropped_that_a_route_has_room_for(trouble: tuple[Standing, list[Event], int]) -> None:
    done = answered(trouble)
    for item in done.dropped:
        if not item.task.promised or item.task.after:
            continue
        for one in done.plan.routes:
            others = [stop.task for stop in one.timeline.stops if stop.task.must]
            if not any(task.after for task in done.problem.tasks):
                assert not room_beside_promises(one.route, others, item.task, steps)


def day_of(seed: int, orders: int = 60, crew: int = 8) -> Standing:
    world = unsettled(random_problem(seed, tasks=orders, routes=crew))
    plan = solve(world, Stop(seconds=0.3), seed)
    return Standing.of(world, plan)


@pytest.mark.parametrize("seed", range(6))
def test_a_day_is_repaired_after_each_kind_of_event(seed: int) -> None:
    standing = day_of(seed)
    now = 10 * HOUR
    served = [stop for item in standing.plan.routes for stop in item.timeline.stops]
    later = [stop.task.id for stop in served if stop.start > now + HOUR]
    under_way = [stop.task.id for stop in served if stop.start <= now < stop.end]
    urgent = visit("u", place=Place(51.1, 3.8), windows=(Span(11 * HOUR, 17 * HOUR),), weight=100)
    each: tuple[list[Event], ...] = (
        [Absence("t1", Span(now, 20 * HOUR))],
        [Overrun(under_way[0], HOUR)],
        [Cancelled(later[0])],
        [Delayed("r2", now + HOUR)],
        [Urgent(urgent), Absence("t3", Span(13 * HOUR, 14 * HOUR))],
    )
    for happened in each:
        done = repair(standing, happened, now, seconds=0.1)
        assert faults(done.problem, done.plan, DRIVE) == []
        assert done.after <= done.untouched
        assert done.frozen


@pytest.mark.parametrize("seed", range(8))
def test_a_day_with_every_feature_is_repaired(seed: int) -> None:
    world = unsettled(every_feature(seed, tasks=40, technicians=4))
    standing = Standing.of(world, solve(world, Stop(seconds=0.2), seed))
    done = repair(
        standing, [Absence("t0", Span(12 * HOUR, 60 * HOUR)), Delayed("r1", 11 * HOUR)], 9 * HOUR, seconds=0.1
    )
    assert faults(done.problem, done.plan, DRIVE) == []
    assert done.after <= done.untouched


def two_technicians(*visits: Task, **changes: object) -> Standing:
    crew = tuple(
        technician(n, start=Place(0, n), end=Place(0, n), shift=Span(0, 10_000), breaks=(), **changes) for n in range(2)
    )
    world = Problem(ORIGIN, crew, visits, Grid())
    return Standing.of(world, solve(world, COUNTED, 1), Terms(100, 15, 60))


def grid_visit(name: str, window: Span, **changes: object) -> Task:
    return visit(name, place=Place(0, 5), service_seconds=100, windows=(window,), **changes)


@pytest.mark.parametrize("seconds", [0.0, 0.05])
def test_a_promise_is_kept_whose_predecessor_has_to_change_hands(seconds: float) -> None:
    """What comes before a promise is no promise itself; lighter work has to make way for it, and it is laid first."""
    early, long = (Span(0, 2000),), {"place": Place(0, 5), "service_seconds": 2500}
    standing = two_technicians(
        visit("first", windows=early, excluded_technicians=frozenset({"t1"}), promised=True, **long),
        visit("other", windows=early, excluded_technicians=frozenset({"t0"}), weight=9, **long),
        grid_visit(
            "then",
            Span(5000, 5100),
            promised=True,
            excluded_technicians=frozenset({"t0"}),
            after=(After("first"),),
        ),
    )
    # Since then it may be given to anybody, and is promised to nobody.
    anyone = replace(standing.problem.tasks[0], excluded_technicians=frozenset(), promised=False, weight=1)
    problem = replace(standing.problem, tasks=(anyone, *standing.problem.tasks[1:]))
    standing = Standing.of(problem, standing.plan, Terms(100, 15, 60))
    done = repair(standing, [Absence("t0", Span(0, 20_000))], -1000, seconds=seconds)
    assert places_of(done.plan)["then"] == ("r1", 5000)
    assert places_of(done.plan)["first"][0] == "r1"
    assert [item.task.id for item in done.dropped] == ["other"]


def test_a_promise_goes_to_a_colleague_when_its_technician_falls_ill() -> None:
    standing = two_technicians(grid_visit("a", Span(500, 600), promised=True))
    ((who, _),) = places_of(standing.plan).values()
    ill = "t0" if who == "r0" else "t1"
    done = repair(standing, [Absence(ill, Span(0, 10_000))], now=0)
    assert [(one.task, one.elsewhere) for one in done.moved] == [("a", True)]
    assert done.dislodged == ("a",)
    assert done.untouched.missed_promises == 1
    assert done.after.missed_promises == 0


def test_a_promise_that_nobody_can_keep_is_named_with_its_reason() -> None:
    standing = two_technicians(grid_visit("a", Span(500, 600), promised=True, skills=frozenset({"gas"})))
    away = [Absence(name, Span(0, 10_000)) for name in ("t0", "t1")]
    done = repair(standing, away, now=0)
    assert [(item.task.id, item.refusal.reason) for item in done.dropped] == [("a", Reason.OUTSIDE_SHIFT)]


def test_a_promise_takes_the_place_of_work_without_a_citizen() -> None:
    """Both technicians are busy in the window; one falls ill, and the other's visit is nobody's promise."""
    first = grid_visit("a", Span(500, 501), promised=True)
    second = grid_visit("b", Span(500, 501), weight=1000)
    standing = two_technicians(first, second)
    was = places_of(standing.plan)
    ill = f"t{was['a'][0][1:]}"
    done = repair(standing, [Absence(ill, Span(0, 10_000))], now=0)
    assert [item.task.id for item in done.dropped] == ["b"]
    assert set(places_of(done.plan)) == {"a"}


def test_a_visit_under_way_is_finished_and_one_about_to_begin_is_let_go_when_it_cannot_be_kept() -> None:
    visits = [grid_visit("a", Span(500, 501), promised=True), grid_visit("b", Span(620, 640), promised=True)]
    standing = two_technicians(*visits)
    was = places_of(standing.plan)
    done = repair(standing, [Overrun("a", 500)], now=520)
    at = places_of(done.plan)
    assert at["a"] == was["a"]
    assert at["b"][0] != was["a"][0]
    assert faults(done.problem, done.plan, steps) == []


def test_what_has_begun_is_not_given_up_for_a_promise() -> None:
    """Without the visit under way the technician could keep the promise, and drive less: too late for that."""
    begun = replace(grid_visit("begun", Span(100, 101)), place=Place(0, 30), service_seconds=300)
    promise = grid_visit("promise", Span(130, 500), promised=True)
    crew = technician(0, start=Place(0, 0), end=Place(0, 0), shift=Span(0, 9000), breaks=())
    world = Problem(ORIGIN, (crew,), (begun, promise), Grid())
    standing = Standing.of(world, solve(world, COUNTED, 1), Terms(100, 15, 10))
    done = repair(standing, [Absence("t0", Span(150, 9000))], now=120)
    assert done.dislodged == ("promise",)
    assert places_of(done.plan) == {"begun": ("r0", 100)}
    assert [item.task.id for item in done.dropped] == ["promise"]


def test_urgent_work_moves_nobody_when_there_is_room_and_a_high_price_on_moving() -> None:
    standing = two_technicians(*(grid_visit(f"v{n}", Span(1000 * n, 1000 * n + 900)) for n in range(1, 8)))
    done = repair(standing, [Urgent(grid_visit("u", Span(0, 9000), weight=50))], now=0)
    assert done.placed == ("u",)
    assert done.moved == ()


def test_the_end_of_a_shift_is_stretched_for_a_visit_that_overruns_beyond_it() -> None:
    standing = two_technicians(grid_visit("a", Span(9000, 9001)))
    done = repair(standing, [Overrun("a", 2000)], now=9050)
    assert places_of(done.plan) == places_of(standing.plan)
    assert faults(done.problem, done.plan, steps) == []


def test_who_is_held_up_until_the_end_of_the_shift_has_gone_home_first() -> None:
    standing = two_technicians(grid_visit("a", Span(500, 501)))
    ((who, _),) = places_of(standing.plan).values()
    done = repair(standing, [Delayed(who, 9999)], now=5000)
    assert places_of(done.plan) == places_of(standing.plan)
    assert faults(done.problem, done.plan, steps) == []


def test_a_cancelled_visit_takes_what_comes_after_it_along() -> None:
    standing = two_technicians(grid_visit("a", Span(500, 600)), grid_visit("b", Span(2000, 3000), after=(After("a"),)))
    done = repair(standing, [Cancelled("a")], now=0)
    assert done.problem.tasks == ()
    assert places_of(done.plan) == {}


@pytest.mark.parametrize(
    ("event", "name"),
    [
        (Absence("nobody", Span(0, 1)), "Technician nobody"),
        (Absence("t0", Span(1, 1)), "Technician t0"),
        (Overrun("x", 10), "Order x"),
        (Overrun("a", -1), "Order a"),
        (Cancelled("x"), "Order x"),
        (Delayed("x", 5), "Route x"),
        (Urgent(visit("a")), "Order a"),
    ],
)
def test_events_about_what_is_not_there_are_refused_by_name(event: Event, name: str) -> None:
    standing = two_technicians(grid_visit("a", Span(500, 600)))
    with pytest.raises(InvalidProblem) as caught:
        repair(standing, [event], now=0)
    assert (caught.value.subject, caught.value.rule) == (name, "event")


def test_nothing_happened_changes_nothing() -> None:
    standing = day_of(3)
    done = repair(standing, [], now=-HOUR, seconds=0.05)
    assert not done.moved
    assert not done.dropped
    assert done.after <= done.before


def test_mending_serves_urgent_work_and_keeps_what_stands() -> None:
    standing = day_of(4)
    world = standing.problem
    urgent = visit("u", place=Place(51.1, 3.8), windows=(Span(11 * HOUR, 17 * HOUR),), weight=1000)
    plan = mend(replace(world, tasks=(*world.tasks, urgent)), seconds=0.1)
    assert faults(replace(world, tasks=(*world.tasks, urgent)), plan, DRIVE) == []
    assert "u" in places_of(plan)


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_planning_on_from_a_repair_is_no_worse_even_when_there_is_no_time(seed: int) -> None:
    done = repair(day_of(seed), [Absence("t1", Span(10 * HOUR, 20 * HOUR))], 10 * HOUR, seconds=0.05)
    plan = Replanning(done.problem, done.plan, Stop(seconds=0.0)).plan(timeout=60)
    assert faults(done.problem, plan, DRIVE) == []
    assert plan.objective <= done.after


def test_planning_goes_on_in_the_background_and_is_never_worse() -> None:
    standing = day_of(5)
    done = repair(standing, [Absence("t1", Span(10 * HOUR, 20 * HOUR))], 10 * HOUR, seconds=0.05)
    heard: list[Progress] = []
    later = Replanning(done.problem, done.plan, Stop(seconds=0.3, patience=1), progress=heard.append)
    plan = later.plan(timeout=60)
    assert later.done
    assert heard
    assert faults(done.problem, plan, DRIVE) == []
    assert plan.objective <= done.after
    at = places_of(plan)
    assert all(at[name] == place for name, place in places_of(done.plan).items() if name in done.frozen)


def test_a_pin_without_a_second_is_frozen_too() -> None:
    standing = two_technicians(grid_visit("a", Span(500, 600), pin=Pin("r0")))
    done = repair(standing, [], now=480)
    assert done.frozen == {"a"}
    assert places_of(done.plan) == places_of(standing.plan)
