"""Explanations: every rule is named where it binds, with minutes that are true, and room is never denied."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings

from hub.domain.places import Place
from scheduling.engine.explaining import UnknownOrderError, explain, explain_left_out
from scheduling.engine.problem import After, Pin, Problem, Route, Task
from scheduling.engine.reasons import Reason, Refusal
from scheduling.engine.reasons.room import MeasuredRoute, Room
from scheduling.engine.solver import Stop, solve
from scheduling.engine.spans import Span
from scheduling.engine.timeline import Timeline, simulate
from tests.scheduling.checker import unsuitable
from tests.scheduling.small_worlds import problems
from tests.scheduling.worlds import ORIGIN, Grid, steps, technician, visit

COUNTED = Stop(seconds=None, solutions=5)


def crew(**changes: object) -> Route:
    given: dict[str, object] = {"start": Place(0, 0), "end": Place(0, 0), "shift": Span(0, 1000), "breaks": ()}
    return technician(0, **{**given, **changes})


def order(name: str, **changes: object) -> Task:
    given: dict[str, object] = {"place": Place(0, 10), "service_seconds": 100, "windows": (Span(0, 1000),)}
    return visit(name, **{**given, **changes})


def why(route: Route, asked: Task, *others: Task) -> Refusal | None:
    world = Problem(ORIGIN, (route,), (*(replace(one, promised=True) for one in others), asked), Grid())
    found = explain(world, solve(world, COUNTED, 1), asked.id)
    assert [one.refusal for one in found.by_route] == [found.refusal]
    return found.refusal


FULL = order("full", service_seconds=940, windows=(Span(20, 60),))


@pytest.mark.parametrize(
    ("route", "asked", "others", "reason"),
    [
        (crew(), order("x", skills=frozenset({"welding"})), (), Reason.SKILL_MISSING),
        (crew(), order("x", skills=frozenset({"gas"}), levels=(("gas", 2),)), (), Reason.SKILL_TOO_LOW),
        (crew(territories=frozenset({"east"})), order("x", territory="west"), (), Reason.OUTSIDE_TERRITORY),
        (crew(), order("x", excluded_technicians=frozenset({"t0"})), (), Reason.TECHNICIAN_NOT_ALLOWED),
        (crew(), order("x", windows=(Span(2000, 3000),)), (), Reason.OUTSIDE_SHIFT),
        (crew(shift=Span(0, 300)), order("x", place=Place(0, 150)), (), Reason.TOO_FAR),
        (crew(max_travel_seconds=10), order("x"), (), Reason.TRAVEL_LIMIT),
        (crew(van=()), order("x", parts=(("box", 1),)), (), Reason.VAN_FULL),
        (crew(van=(("box", 1),)), order("x", parts=(("box", 1),)), (order("y", parts=(("box", 1),)),), Reason.VAN_FULL),
        (crew(), order("x"), (FULL,), Reason.NO_ROOM),
    ],
)
def test_the_rule_that_binds_is_named_by_the_plan_and_by_the_explanation(
    route: Route, asked: Task, others: tuple[Task, ...], reason: Reason
) -> None:
    refusal = why(route, asked, *others)
    assert refusal is not None
    assert refusal.reason is reason
    world = Problem(ORIGIN, (route,), (*(replace(one, promised=True) for one in others), asked), Grid())
    (left_out,) = solve(world, COUNTED, 1).unplanned
    assert left_out.refusal == refusal


def test_what_is_short_is_true_to_the_second() -> None:
    """After the other visit it would be over at 1060 and home at 1070; before it, 60 seconds too late for it."""
    assert why(crew(), order("x"), FULL) == Refusal(Reason.NO_ROOM, 60)
    assert why(crew(shift=Span(0, 1069)), order("x"), FULL) == Refusal(Reason.NO_ROOM, 1)
    assert why(crew(shift=Span(0, 1070)), order("x"), FULL) is None


def test_each_window_has_its_own_reason() -> None:
    asked = order("x", windows=(Span(0, 100), Span(400, 500), Span(2000, 2100)))
    other = order("o", service_seconds=600, windows=(Span(10, 11),), promised=True)
    world = Problem(ORIGIN, (crew(shift=Span(0, 750)),), (other, asked), Grid())
    (route,) = explain(world, solve(world, COUNTED, 1), "x").by_route
    assert [one.refusal and one.refusal.reason for one in route.windows] == [
        Reason.NO_ROOM,
        Reason.NO_ROOM,
        Reason.OUTSIDE_SHIFT,
    ]


def test_what_waits_for_work_that_is_not_planned_says_so() -> None:
    first = order("a", skills=frozenset({"welding"}))
    then = order("b", after=(After("a"),))
    world = Problem(ORIGIN, (crew(),), (first, then), Grid())
    found = explain(world, solve(world, COUNTED, 1), "b")
    assert found.refusal == Refusal(Reason.PREDECESSOR)


def test_a_planned_order_is_explained_with_the_route_that_serves_it_first() -> None:
    world = Problem(ORIGIN, (crew(id="r0"), crew(id="r1", technician="t1")), (order("x"),), Grid())
    found = explain(world, solve(world, COUNTED, 1), "x")
    assert found.serves is found.by_route[0]
    assert found.refusal is None
    assert "is served by" in found.sentence()


def test_an_unknown_order_is_refused_by_name() -> None:
    world = Problem(ORIGIN, (crew(),), (order("x"),), Grid())
    with pytest.raises(UnknownOrderError, match="no order y"):
        explain(world, solve(world, COUNTED, 1), "y")


@settings(max_examples=80, deadline=None)
@given(problems(most_tasks=5, sequences=False))
def test_room_is_said_exactly_where_a_simulation_finds_it(world: Problem) -> None:
    plan = solve(world, COUNTED, 1)
    for task in world.tasks:
        found = explain(world, plan, task.id)
        assert sorted(one.route for one in found.by_route) == sorted(route.id for route in world.routes)
        for one in found.by_route:
            item = plan.routes[world.route_at[one.route]]
            others = [stop.task for stop in item.timeline.stops if stop.task.id != task.id]
            for window in one.windows:
                asked = task if task.pin and task.pin.start else replace(task, windows=(window.window,), release=None)
                assert (window.refusal is None) == fits(item.route, others, asked)


def fits(route: Route, others: list[Task], task: Task) -> bool:
    if unsuitable(route, task):
        return False
    for at in range(len(others) + 1):
        stops = [*others[:at], task, *others[at:]]
        places = [route.start, *(stop.place for stop in stops), route.end]
        if isinstance(simulate(route, stops, [steps(a, b) for a, b in pairwise(places)]), Timeline):
            return True
    return False


def test_a_pin_elsewhere_binds() -> None:
    routes = (crew(id="r0"), crew(id="r1", technician="t1", shift=Span(0, 50)))
    world = Problem(ORIGIN, routes, (order("x", pin=Pin("r1")),), Grid())
    found = explain(world, solve(world, COUNTED, 1), "x")
    assert {one.route: one.refusal and one.refusal.reason for one in found.by_route} == {
        "r0": Reason.PINNED_ELSEWHERE,
        "r1": Reason.TOO_FAR,
    }


def test_a_detour_that_is_shorter_than_the_way_alone_is_room() -> None:
    """Where drives break the triangle, an order may fit beside another and not by itself."""
    day = MeasuredRoute(crew(), (order("o", windows=(Span(0, 500),)),), (100, 100))
    near, far = [(600, 50), (50, 200)], [(600, 500), (500, 600)]
    windows = order("x").starts
    assert Room.of(day, order("x"), near).refusal(windows) is None
    # By itself it would take from 600 to 700 and the technician would be home at 1300.
    assert Room.of(day, order("x"), far).refusal(windows) == Refusal(Reason.TOO_FAR, 300)


@settings(max_examples=60, deadline=None)
@given(problems(most_tasks=6, sequences=False))
def test_plans_pictures_and_explanations_name_the_same_rule(world: Problem) -> None:
    plan = solve(world, COUNTED, 1)
    told = {one.task.id: one for one in explain_left_out(world, plan.routes, [one.task for one in plan.unplanned])}
    for left_out in plan.unplanned:
        found = told[left_out.task.id]
        assert found.refusal == explain(world, plan, left_out.task.id).refusal
        by_route = {one.route: one.refusal for one in found.by_route}
        for one in left_out.by_route:
            closest = by_route[one.route]
            assert closest is not None
            assert one.refusal.reason is closest.reason
            if len(left_out.task.starts) == 1:
                assert one.refusal == closest


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_can_be_said_of_one_technician(reason: Reason) -> None:
    assert not Refusal(reason).clause().endswith(".")
    assert "short by 2 min" in Refusal(reason, 61).clause()
