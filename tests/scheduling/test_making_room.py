"""Room by another order of one route's visits: found exactly where some order can be kept, and it can be held."""

from __future__ import annotations

from datetime import date
from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.domain.places import Place
from scheduling.engine.problem import Route, Task
from scheduling.engine.slots import OpenRoute, Placement, Requirement, SlotWindow, find_slots, make_room, place_visit
from scheduling.engine.spans import Span
from scheduling.engine.timeline import Timeline, route_legs, simulate
from tests.scheduling.checker import route_faults
from tests.scheduling.small_worlds import routes
from tests.scheduling.small_worlds import tasks as visits
from tests.scheduling.worlds import HOUR, Grid, steps, technician, visit

GRID = Grid()
DAY = date(2026, 5, 4)


def least(route: Route, stops: tuple[Task, ...]) -> int | None:
    """The least driving of all orders that can be kept."""
    ways = [
        sum(drives)
        for order in permutations(stops)
        for drives in [route_legs(route, order, GRID)]
        if isinstance(simulate(route, order, drives), Timeline)
    ]
    return min(ways, default=None)


@settings(max_examples=150, deadline=None)
@given(routes(), st.lists(visits(), min_size=1, max_size=5))
def test_an_order_is_found_exactly_when_there_is_one_and_it_drives_least(route: Route, some: list[Task]) -> None:
    able = Route(
        id=route.id, technician=route.technician, start=route.start, end=route.end, shift=route.shift,
        breaks=route.breaks, absences=route.absences, skills=frozenset({"gas", "meter"}), levels=(("gas", 2),),
        max_travel_seconds=route.max_travel_seconds, van=route.van, overtime_seconds=route.overtime_seconds,
    )  # fmt: skip
    stops: tuple[Task, ...] = ()
    for number, task in enumerate(some[:-1]):
        longer = (*stops, Task(f"v{number}", task.place, task.service_seconds, task.windows, parts=task.parts))
        if isinstance(simulate(able, longer, route_legs(able, longer, GRID)), Timeline):
            stops = longer
    new = Task("new", some[-1].place, some[-1].service_seconds, some[-1].windows, parts=some[-1].parts)
    standing = OpenRoute.of(able, stops, GRID)
    made = make_room(standing, new, GRID)
    expected = least(able, (*stops, new))
    assert (made is None) == (expected is None)
    if made is not None and expected is not None:
        assert made.route.travel_seconds == expected
        assert made.marginal_travel_seconds == expected - standing.travel_seconds
        assert route_faults(able, made.timeline, steps) == []
        assert made.timeline.stops[made.position].task == new
        others = [stop.task for stop in made.timeline.stops if stop.task != new]
        assert sorted(task.id for task in others) == sorted(task.id for task in stops)
        assert made.reordered == (tuple(others) != stops)


def tight_day() -> OpenRoute:
    """The far visit is done on the way out; one still farther out has room only when it is done on the way home."""
    depot = Place(0, 0)
    route = technician(0, start=depot, end=depot, shift=Span(0, 240), breaks=())
    far = visit("far", place=Place(0, 30), service_seconds=10, windows=(Span(0, 240),))
    near = visit("near", place=Place(0, 5), service_seconds=10, windows=(Span(150, 160),))
    return OpenRoute.of(route, [far, near], GRID)


def test_a_day_without_room_as_it_stands_gets_an_offer_when_another_order_has_some() -> None:
    route = tight_day()
    needed = Requirement("new", Place(0, 60), 40)
    slots = [SlotWindow(Span(opens, opens + 20), DAY, "day") for opens in (40, 60, 200)]
    plain = find_slots([route], needed, slots, GRID)
    assert plain.offers == ()
    repaired = find_slots([route], needed, slots, GRID, repair_seconds=5.0)
    assert [offer.window for offer in repaired.offers] == [slots[1]]
    for offer in repaired.offers:
        assert offer.placement.reordered
        assert route_faults(route.route, offer.placement.timeline, steps) == []
        assert offer.window.arrival.start <= offer.placement.start < offer.window.arrival.end
        assert not isinstance(place_visit(route, needed.visit(offer.window.arrival), GRID), Placement)
        assert make_room(route, needed.visit(offer.window.arrival), GRID) == offer.placement
    refused = {slot.window.arrival for slot in repaired.refused}
    assert refused == {slots[0].arrival, slots[2].arrival}


def test_days_that_have_an_offer_already_are_left_as_they_are() -> None:
    free = OpenRoute.of(technician(1, start=Place(0, 60), end=Place(0, 60), shift=Span(0, 200), breaks=()), (), GRID)
    needed = Requirement("new", Place(0, 60), 40)
    slots = [SlotWindow(Span(opens, opens + 20), DAY, "day") for opens in (60, 80, 100)]
    offers = find_slots([tight_day(), free], needed, slots, GRID, repair_seconds=5.0).offers
    assert len(offers) == 3
    assert not any(offer.placement.reordered for offer in offers)


def test_a_route_that_cannot_be_kept_or_may_not_be_asked_is_left_alone() -> None:
    route = tight_day()
    new = Requirement("new", Place(0, 60), 40).visit(Span(60, 120))
    late = OpenRoute.of(route.route, [*route.stops, visit("late", place=Place(0, 99), windows=(Span(0, 9),))], GRID)
    assert make_room(late, new, GRID) is None
    barred = Requirement("new", Place(0, 60), 40, skills=frozenset({"none"})).visit(Span(60, 120))
    assert make_room(route, barred, GRID) is None
    parts = Requirement("new", Place(0, 60), 40, parts=(("box", 1),)).visit(Span(60, 120))
    assert make_room(OpenRoute.of(technician(0, van=(), shift=Span(0, 200), breaks=()), (), GRID), parts, GRID) is None


def test_a_long_route_gets_an_answer_within_the_steps_allowed() -> None:
    """Twelve visits at any time of the day: far more orders than can be tried."""
    stops = [
        visit(f"v{n}", place=Place(0, n % 7), service_seconds=600, windows=(Span(0, 10 * HOUR),)) for n in range(12)
    ]
    route = OpenRoute.of(
        technician(0, start=Place(0, 0), end=Place(0, 0), shift=Span(0, 10 * HOUR), breaks=()), stops, GRID
    )
    made = make_room(route, visit("new", place=Place(0, 3), service_seconds=600, windows=(Span(0, 10 * HOUR),)), GRID)
    assert made is not None
    assert len(made.timeline.stops) == 13
