"""Plans judged by the independent checker: every feature at once, the plan in force, repeatability, odd inputs."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace

import pytest

from hub.domain.places import Place
from scheduling.engine.improve import tuning_for
from scheduling.engine.plan import Plan
from scheduling.engine.portfolio import Portfolio
from scheduling.engine.problem import After, Current, Pin, Problem, Route, Task
from scheduling.engine.reasons import Reason
from scheduling.engine.solver import Progress, Stop, positions, solve
from scheduling.engine.spans import Span
from scheduling.engine.tabulate import standing, tables_of
from scheduling.travel.great_circle import GreatCircle
from tests.scheduling.checker import faults, great_circle
from tests.scheduling.worlds import HOUR, ORIGIN, random_problem, technician, visit

QUICK = Stop(seconds=0.3)
DRIVE = great_circle(1.3, 12.5)


def problem(routes: Iterable[Route], tasks: Iterable[Task]) -> Problem:
    return Problem(ORIGIN, tuple(routes), tuple(tasks), GreatCircle())


def places_of(plan: Plan) -> dict[str, tuple[str, int]]:
    """Route and start of every served task."""
    return {stop.task.id: (item.route.id, stop.start) for item in plan.routes for stop in item.timeline.stops}


def carried_on(before: Problem, plan: Plan, price: int = 0) -> Problem:
    """The same problem, with the plan as the plan in force."""
    at = places_of(plan)
    tasks = [
        replace(task, current=Current(*at[task.id]) if task.id in at else None, move_price_seconds=price)
        for task in before.tasks
    ]
    return replace(before, tasks=tuple(tasks))


@pytest.mark.parametrize("seed", range(25))
def test_a_plan_with_every_feature_passes_the_checker(seed: int) -> None:
    world = random_problem(seed, tasks=5 + 2 * seed, routes=2 + seed // 4)
    assert faults(world, solve(world, QUICK, seed), DRIVE) == []


def test_the_checker_sees_a_wrong_plan() -> None:
    world = random_problem(3, tasks=20, routes=4)
    plan = solve(world, QUICK, 1)
    busy = next(item for item in plan.routes if len(item.timeline.stops) > 1)
    stops = busy.timeline.stops
    early = replace(busy.timeline, stops=(replace(stops[0], start=stops[0].start - 2 * HOUR), *stops[1:]))
    short = replace(busy.timeline, stops=stops[1:])
    for timeline in (early, short):
        wrong = tuple(replace(item, timeline=timeline) if item is busy else item for item in plan.routes)
        assert faults(world, replace(plan, routes=wrong), DRIVE) != []


@pytest.mark.parametrize("seed", range(8))
def test_planning_again_is_never_worse_and_drops_no_promise(seed: int) -> None:
    world = random_problem(100 + seed, tasks=40, routes=5)
    first = solve(world, Stop(seconds=0.2), seed)
    again = carried_on(world, first)
    second = solve(again, Stop(seconds=0.2), seed + 1)
    assert faults(again, second, DRIVE) == []
    assert second.objective <= replace(
        first.objective, cost_seconds=sum(r.timeline.travel_seconds for r in first.routes)
    )
    kept = {task.id for task in world.tasks if task.must and task.id in places_of(first)}
    assert kept <= set(places_of(second))


def test_a_promise_is_kept_even_when_other_work_weighs_more() -> None:
    window = Span(9 * HOUR, 9 * HOUR + 60)
    promised = visit("promised", windows=(window,), promised=True, weight=1, service_seconds=HOUR)
    heavy = [visit(f"heavy{n}", windows=(window,), weight=1000, service_seconds=HOUR) for n in range(3)]
    plan = solve(problem([technician()], [*heavy, promised]), QUICK, 1)
    assert set(places_of(plan)) == {"promised"}
    assert plan.objective.missed_weight == 3000


def test_a_promise_that_stands_is_not_given_up_for_two_others() -> None:
    """Counting promises alone would trade one long appointment for two short ones."""
    long = visit(
        "long", windows=(Span(9 * HOUR, 9 * HOUR + 60),), service_seconds=7 * HOUR, promised=True,
        current=Current("r0", 9 * HOUR),
    )  # fmt: skip
    short = [visit(f"short{at}", windows=(Span(at * HOUR, at * HOUR + 60),), promised=True) for at in (10, 15)]
    plan = solve(problem([technician(breaks=())], [long, *short]), QUICK, 1)
    assert set(places_of(plan)) == {"long"}
    assert plan.objective.missed_promises == 2


def test_more_weight_comes_before_less_travel() -> None:
    window = Span(9 * HOUR, 9 * HOUR + 60)
    near = visit("near", windows=(window,), weight=1)
    far = visit("far", windows=(window,), weight=2, place=Place(51.2, 4.0))
    assert set(places_of(solve(problem([technician()], [near, far]), QUICK, 1))) == {"far"}


def test_pins_hold_the_route_and_the_second() -> None:
    crew = [technician(0, start=Place(51.2, 4.4), end=Place(51.2, 4.4)), technician(1)]
    pinned = visit("pinned", pin=Pin("r0", 14 * HOUR + 7))
    on_route = visit("on route", pin=Pin("r0"))
    plan = solve(problem(crew, [pinned, on_route]), QUICK, 1)
    at = places_of(plan)
    assert at["pinned"] == ("r0", 14 * HOUR + 7)
    assert at["on route"][0] == "r0"


def test_a_pin_that_cannot_be_kept_is_left_out_with_its_reason() -> None:
    pinned = visit("pinned", pin=Pin("r0", 3 * HOUR))
    plan = solve(problem([technician(0), technician(1)], [pinned]), QUICK, 1)
    assert plan.unplanned[0].refusal.reason is Reason.OUTSIDE_SHIFT
    reasons = {item.route: item.refusal.reason for item in plan.unplanned[0].by_route}
    assert reasons == {"r0": Reason.OUTSIDE_SHIFT, "r1": Reason.PINNED_ELSEWHERE}


def test_a_price_on_moving_keeps_visits_where_they_are() -> None:
    near, far = technician(0), technician(1, start=Place(51.15, 3.9), end=Place(51.15, 3.9))
    stays = visit("stays", current=Current("r1", 9 * HOUR), move_price_seconds=100_000)
    assert places_of(solve(problem([near, far], [stays]), QUICK, 1))["stays"][0] == "r1"
    rest = [visit(f"rest{n}", windows=(Span((9 + n) * HOUR, (10 + n) * HOUR),)) for n in range(5)]
    moved = [replace(task, current=Current("r1", 9 * HOUR + n)) for n, task in enumerate([*rest, visit("moves")])]
    plan = solve(problem([near, far], moved), Stop(seconds=0.6), 1)
    assert {route for route, _ in places_of(plan).values()} == {"r0"}


def test_a_plan_in_force_that_broke_loses_as_little_as_it_can() -> None:
    """The technician is away in the afternoon: the promise of the morning stays, the one that clashed is explained."""
    crew = [technician(absences=(Span(13 * HOUR, 20 * HOUR),))]
    tasks = [
        visit("morning", windows=(Span(9 * HOUR, 10 * HOUR),), promised=True, current=Current("r0", 9 * HOUR)),
        visit("afternoon", windows=(Span(14 * HOUR, 15 * HOUR),), promised=True, current=Current("r0", 14 * HOUR)),
    ]
    plan = solve(problem(crew, tasks), QUICK, 1)
    assert set(places_of(plan)) == {"morning"}
    assert plan.unplanned[0].refusal.reason is Reason.OUTSIDE_SHIFT


def test_equal_seed_and_solutions_give_equal_plans() -> None:
    world = random_problem(7, tasks=40, routes=6)
    first, second = (solve(world, Stop(seconds=None, solutions=20), 5) for _ in range(2))
    assert first == second


def test_searching_longer_is_worth_it() -> None:
    world = random_problem(11, tasks=60, routes=5)
    quick = solve(world, Stop(seconds=None, solutions=0), 1)
    long = solve(world, Stop(seconds=None, solutions=60), 1)
    assert long.objective < quick.objective


def test_progress_is_told_with_ever_better_plans() -> None:
    seen: list[Progress] = []
    plan = solve(random_problem(11, tasks=60, routes=5), Stop(seconds=1.0), 1, seen.append)
    objectives = [item.objective for item in seen]
    assert objectives == sorted(objectives, reverse=True)
    assert plan.objective <= objectives[-1]
    assert all(0 <= item.seconds < 2 for item in seen)


def test_nothing_to_plan_and_nobody_to_plan_for() -> None:
    assert solve(problem([], []), QUICK, 1).routes == ()
    idle = solve(problem([technician()], []), QUICK, 1)
    assert idle.routes[0].timeline.stops == ()
    nobody = solve(problem([], [visit("o")]), QUICK, 1)
    assert nobody.unplanned[0].refusal.reason is Reason.NO_ROUTES


def test_one_task_is_planned_in_no_time() -> None:
    began = time.monotonic()
    plan = solve(problem([technician()], [visit("only")]), Stop(seconds=60), 1)
    assert set(places_of(plan)) == {"only"}
    assert time.monotonic() - began < 20


def test_every_task_impossible_gives_a_reason_for_each() -> None:
    tasks = [
        visit("skill", skills=frozenset({"diving"})),
        visit("territory", territory="west"),
        visit("person", excluded_technicians=frozenset({"t0"})),
        visit("night", windows=(Span(0, HOUR),)),
        visit("paris", place=Place(48.85, 2.35)),
        visit("endless", service_seconds=20 * HOUR),
    ]
    plan = solve(problem([technician(territories=frozenset({"east"}))], tasks), QUICK, 1)
    assert [item.refusal.reason for item in plan.unplanned] == [
        Reason.SKILL_MISSING,
        Reason.OUTSIDE_TERRITORY,
        Reason.TECHNICIAN_NOT_ALLOWED,
        Reason.OUTSIDE_SHIFT,
        Reason.TOO_FAR,
        Reason.TOO_FAR,
    ]


def test_a_full_day_says_how_many_minutes_are_short() -> None:
    whole = visit("whole", windows=(Span(9 * HOUR, 9 * HOUR + 60),), service_seconds=7 * HOUR, weight=50)
    plan = solve(problem([technician(breaks=())], [whole, visit("rest", service_seconds=HOUR)]), QUICK, 1)
    refusal = plan.unplanned[0].refusal
    assert refusal.reason is Reason.NO_ROOM
    assert 0 < refusal.by_minutes <= 60


def test_a_technician_away_all_day_gets_nothing() -> None:
    plan = solve(problem([technician(absences=(Span(0, 24 * HOUR),))], [visit("o")]), QUICK, 1)
    assert plan.routes[0].timeline.stops == ()
    assert plan.unplanned[0].refusal.reason is Reason.OUTSIDE_SHIFT


def test_times_before_the_origin_work() -> None:
    yesterday = technician(shift=Span(-16 * HOUR, -7 * HOUR), breaks=((Span(-12 * HOUR, -11 * HOUR), 1800),))
    tasks = [visit(f"o{n}", windows=(Span(-15 * HOUR, -8 * HOUR),)) for n in range(4)]
    world = problem([yesterday], tasks)
    plan = solve(world, QUICK, 1)
    assert faults(world, plan, DRIVE) == []
    assert len(places_of(plan)) == 4


def test_forty_routes_and_a_hundred_and_fifty_tasks_are_planned_well() -> None:
    world = random_problem(5, tasks=150, routes=40)
    plan = solve(world, Stop(seconds=2.0), 1)
    assert faults(world, plan, DRIVE) == []


@pytest.mark.parametrize(("seconds", "solutions"), [(None, None), (-1.0, None), (float("nan"), None), (1.0, -1)])
def test_a_search_without_a_sensible_end_is_refused(seconds: float | None, solutions: int | None) -> None:
    with pytest.raises(ValueError):
        Stop(seconds=seconds, solutions=solutions)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_out_of_range_is_refused(seed: int) -> None:
    with pytest.raises(ValueError, match=rf"^The seed must be from 0 to 4294967295, not {seed}\.$"):
        solve(random_problem(1, 5, 2), Stop(seconds=0.1), seed)


def test_a_promise_that_waits_for_work_on_a_later_route_stands() -> None:
    late = visit("late", promised=True, current=Current("r0", 11 * HOUR), after=(After("early"),))
    early = visit("early", windows=(Span(9 * HOUR, 10 * HOUR),), current=Current("r1", 9 * HOUR))
    problem = Problem(ORIGIN, (technician(0), technician(1)), (late, early), GreatCircle())
    tables = tables_of(problem)
    portfolio = Portfolio(tables, tuning_for(tables, counted=True), 1, positions(problem))
    assert portfolio.lay(standing(problem)) == 0
    assert portfolio.sequences() == [[0], [1]]


@pytest.mark.parametrize("seed", range(4))
def test_an_absence_costs_no_promise_of_a_route_that_still_holds(seed: int) -> None:
    crew = tuple(technician(number, start=Place(51.0 + number / 20, 3.7)) for number in range(4))
    work = tuple(
        visit(f"v{n}", place=Place(51.0 + n % 7 / 30, 3.6 + n % 5 / 30), service_seconds=HOUR) for n in range(40)
    )
    plan = solve(Problem(ORIGIN, crew, work), Stop(seconds=None, solutions=3), seed)
    stands = {s.task.id: Current(item.route.id, s.start) for item in plan.routes for s in item.timeline.stops}
    promised = tuple(replace(task, promised=True, current=stands.get(task.id)) for task in work)
    ill = replace(crew[0], absences=(crew[0].shift,), breaks=())
    again = solve(Problem(ORIGIN, (ill, *crew[1:]), promised), Stop(seconds=None, solutions=3), seed)
    served = {stop.task.id for item in again.routes for stop in item.timeline.stops}
    assert {name for name, place in stands.items() if place.route != crew[0].id} <= served
