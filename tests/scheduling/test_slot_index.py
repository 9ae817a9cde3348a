"""The slot index against trying everything: the same places at the same cost, as the routes stand and as they change."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.domain.places import Place
from infra.benchmarks.slot_plans import TRAVEL, plan, questions
from scheduling.engine.eligibility import barred
from scheduling.engine.kernel.slot_index import Slots
from scheduling.engine.problem import Task
from scheduling.engine.rules import InvalidProblem
from scheduling.engine.slots import Find, OpenRoute, Requirement, SlotIndex, SlotWindow, find_slots
from scheduling.engine.spans import Span
from scheduling.engine.timeline import Timeline, route_legs, simulate
from scheduling.travel.great_circle import Area, GreatCircle
from scheduling.travel.model import TravelModel
from tests.scheduling.kernel_doors import drive_to
from tests.scheduling.small_worlds import plans, windows
from tests.scheduling.small_worlds import tasks as visits
from tests.scheduling.worlds import HOUR, Grid, every_feature, technician, visit

GRID = Grid()
CITY = GreatCircle(1.2, 15.0, (Area(Place(51.05, 3.72), 6_000, 7.0), Area(Place(51.2, 3.9), 9_000, 11.0)))


def brute(
    routes: Sequence[OpenRoute], needed: Requirement, arrivals: Sequence[Span], travel: TravelModel
) -> list[Find | None]:
    """Every position of every route simulated for each window."""
    out: list[Find | None] = []
    for arrival in arrivals:
        new, ways = needed.visit(arrival), []
        for at, item in enumerate(routes):
            standing = simulate(item.route, item.stops, item.drives)
            if barred(item.route, new) or not (isinstance(standing, Timeline) or _drives_too_far(standing)):
                continue
            for position in range(len(item.stops) + 1):
                stops = (*item.stops[:position], new, *item.stops[position:])
                drives = route_legs(item.route, stops, travel)
                if isinstance(simulate(item.route, stops, drives), Timeline):
                    sent_out = item.route.use_price_seconds if not item.stops else 0
                    ways.append(Find(sum(drives) - item.travel_seconds + sent_out, at, position))
        out.append(min(ways, default=None))
    return out


def _drives_too_far(outcome: object) -> bool:
    return getattr(getattr(outcome, "refusal", None), "reason", None) == "travel_limit"


def drawn_routes(
    draw: st.DataObject, travel: TravelModel, scale: Callable[[Place], Place]
) -> tuple[list[OpenRoute], Task]:
    """The routes of a small world as far as they can be kept, and a visit; places as `scale` puts them on the map."""
    world, sequences = draw.draw(plans(5, sequences=False))
    routes = []
    for route, sequence in zip(world.routes, sequences, strict=True):
        own = replace(route, start=scale(route.start), end=scale(route.end))
        stops: tuple[Task, ...] = ()
        for task in sequence:
            new = replace(world.tasks[task], pin=None, place=scale(world.tasks[task].place))
            longer = (*stops, new)
            if isinstance(simulate(own, longer, route_legs(own, longer, travel)), Timeline):
                stops = longer
        routes.append(OpenRoute.of(own, stops, travel))
    new = draw.draw(visits("new", crew=tuple(world.routes)))
    return routes, replace(new, place=scale(new.place))


def needs_of(task: Task) -> Requirement:
    return Requirement(
        task.id, task.place, task.service_seconds, task.skills, task.weight, task.allowed_technicians,
        task.excluded_technicians, task.territory, task.levels, task.parts,
    )  # fmt: skip


def near_ghent(place: Place) -> Place:
    """One step of the small world is 12 metres, a second or so."""
    return Place(51.05 + place.lat * 1e-4, 3.72 + place.lon * 1e-4)


@settings(max_examples=100, deadline=None)
@given(st.data(), st.sampled_from(["grid", "crow", "city"]))
def test_the_index_answers_as_brute_force_does(draw: st.DataObject, model: str) -> None:
    """Several breaks, absences and windows, limits on driving and vans, levels, territories, overtime, days."""
    models: dict[str, TravelModel] = {"grid": GRID, "crow": GreatCircle(), "city": CITY}
    travel = models[model]
    routes, task = drawn_routes(draw, travel, (lambda place: place) if model == "grid" else near_ghent)
    needed = needs_of(task)
    arrivals = [window for opens in (0, 20, 86_400) for window in draw.draw(windows(opens))]
    index = SlotIndex(routes, travel)
    expected = brute(routes, needed, arrivals, travel)
    assert index.cheapest(needed, arrivals) == expected
    slots = [SlotWindow(arrival, date(2026, 5, 4), "day") for arrival in arrivals]
    found = find_slots(routes, needed, slots, travel)
    offered = [next((o for o in found.offers if o.window is slot), None) for slot in slots]
    for offer, find in zip(offered, expected, strict=True):
        assert (offer is None) == (find is None)
        if offer is not None and find is not None:
            assert (offer.placement.route.route, offer.placement.position) == (routes[find.route].route, find.position)
    assert {item.window.arrival for item in found.refused} == {
        arrival for arrival, find in zip(arrivals, expected, strict=True) if find is None
    }


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_an_index_in_which_routes_were_replaced_is_as_good_as_a_new_one(draw: st.DataObject) -> None:
    routes, task = drawn_routes(draw, TRAVEL, near_ghent)
    index = SlotIndex([replace(item, stops=(), drives=(0,)) for item in routes], TRAVEL)
    for item in draw.draw(st.permutations(routes)):
        index.replace(item)
    arrivals = [*draw.draw(windows(0)), *draw.draw(windows(86_400))]
    assert index.cheapest(needs_of(task), arrivals) == brute(routes, needs_of(task), arrivals, TRAVEL)


def test_routes_of_a_planned_world_with_every_feature_are_answered_exactly() -> None:
    for seed in range(6):
        world = every_feature(seed, tasks=40, technicians=5)
        rng = random.Random(seed)
        routes = []
        for route in world.routes:
            stops: tuple[Task, ...] = ()
            for task in rng.sample(world.tasks, 30):
                longer = (*stops, replace(task, id=f"{route.id}{task.id}", pin=None))
                possible = barred(route, longer[-1]) is None
                if possible and isinstance(simulate(route, longer, route_legs(route, longer, CITY)), Timeline):
                    stops = longer
            routes.append(OpenRoute.of(route, stops, CITY))
        index = SlotIndex(routes, CITY)
        arrivals = [
            Span(day * 24 * HOUR + at * HOUR, day * 24 * HOUR + (at + 3) * HOUR) for day in (0, 1) for at in (7, 10, 13)
        ]
        for task in world.tasks[:12]:
            assert index.cheapest(needs_of(task), arrivals) == brute(routes, needs_of(task), arrivals, CITY)


@pytest.mark.parametrize("full", [False, True])
def test_the_index_and_the_sweep_agree_on_a_plan_of_many_days_open_and_full(full: bool) -> None:
    routes = plan(12, 4, 3, full=full)
    index = SlotIndex(routes, TRAVEL)
    refused = offered = 0
    for needed, slots in questions(40, 4, 5):
        found = index.cheapest(needed, [slot.arrival for slot in slots])
        offers = {offer.window: offer.placement for offer in find_slots(routes, needed, slots, TRAVEL).offers}
        for slot, find in zip(slots, found, strict=True):
            assert (slot in offers) == (find is not None)
            if find is not None:
                assert (offers[slot].route.route, offers[slot].position) == (routes[find.route].route, find.position)
                assert offers[slot].marginal_travel_seconds == find.cost
                offered += 1
            refused += find is None
    assert offered > 10
    assert refused > 30


def test_an_index_kept_up_to_date_through_many_bookings_never_goes_stale() -> None:
    """Routes grow beyond the room they were given, one gets more stops than any had, one loses all."""
    routes = plan(4, 2, 9, full=False)
    index = SlotIndex([replace(item, stops=(), drives=(0,)) for item in routes], TRAVEL)
    for number, (needed, slots) in enumerate(questions(60, 2, 11)):
        asked = replace(needed, id=f"b{number}", service_seconds=600, skills=frozenset())
        arrivals = [slot.arrival for slot in slots]
        found = index.cheapest(asked, arrivals)
        assert found == brute([index.route(at) for at in range(len(index))], asked, arrivals, TRAVEL)
        chosen = next(((find, arrival) for find, arrival in zip(found, arrivals, strict=True) if find), None)
        if chosen is not None:
            index.replace(index.placement(asked, chosen[1], chosen[0]).route)
    assert max(len(index.route(at).stops) for at in range(len(index))) > 6
    index.replace(OpenRoute.of(routes[0].route, (), TRAVEL))
    assert index.route(0).stops == ()
    shorter = replace(routes[1].route, skills=frozenset({"new"}))
    index.replace(OpenRoute.of(shorter, (), TRAVEL))
    asked = Requirement("n", shorter.start, 600, frozenset({"new"}))
    day = Span(shorter.shift.start, shorter.shift.end)
    assert index.cheapest(asked, [day]) == [Find(0, 1, 0)]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.builds(Place, st.floats(-90, 90), st.floats(-180, 180)), min_size=2, max_size=8), st.booleans())
def test_drives_in_machine_code_are_those_of_the_model_to_the_second(places: list[Place], areas: bool) -> None:
    model = GreatCircle(1.3, 12.5, (Area(places[0], 900_000, 5.0),) if areas else ())
    route = technician(0, start=places[0], end=places[0])
    index = SlotIndex(
        [OpenRoute(route, tuple(visit(f"v{n}", place=p) for n, p in enumerate(places)), (0,) * (len(places) + 1))],
        model,
    )
    slots: Slots = index._slots
    for place in places:
        spot = index._spot(model, place)
        there = [drive_to(slots, spot, 0, node + 1) for node in range(len(places))]
        assert there == model.matrix(places, [place])[:, 0].tolist() == model.matrix([place], places)[0].tolist()


def test_the_nights_on_which_clocks_change_are_days_like_others() -> None:
    """A shift is 23 or 25 hours after the one before; the index counts seconds, whatever the clocks show."""
    for shift in (23, 25):
        shifts = [Span(8 * HOUR, 17 * HOUR), Span((8 + shift) * HOUR, (17 + shift) * HOUR)]
        routes = [OpenRoute.of(technician(n, shift=s, breaks=()), (), TRAVEL) for n, s in enumerate(shifts)]
        needed = Requirement("new", Place(51.06, 3.73), 1800)
        arrivals = [Span(s.start + at * HOUR, s.start + (at + 1) * HOUR) for s in shifts for at in (-1, 0, 8, 9)]
        found = SlotIndex(routes, TRAVEL).cheapest(needed, arrivals)
        assert [None if find is None else find.route for find in found] == [None, 0, 0, None, None, 1, 1, None]
        assert found == brute(routes, needed, arrivals, TRAVEL)


def test_hostile_questions_are_refused_and_empty_ones_answered() -> None:
    routes = [OpenRoute.of(technician(), (), TRAVEL)]
    index, day = SlotIndex(routes, TRAVEL), Span(8 * HOUR, 17 * HOUR)
    needed = Requirement("new", Place(51.06, 3.73), 1800)
    assert index.cheapest(needed, []) == []
    assert SlotIndex([], TRAVEL).cheapest(needed, [day]) == [None]
    assert SlotIndex([], GRID).cheapest(needed, [day]) == [None]
    for service in (0, -5, 1 << 31, 1.5, float("nan"), True):
        with pytest.raises(InvalidProblem, match="service_seconds"):
            index.cheapest(replace(needed, service_seconds=service), [day])  # type: ignore[arg-type]
    for window in (Span(9, 9), Span(9, 8), Span(0, 1 << 40), Span(0.5, 9), Span(-(1 << 40), 9)):  # type: ignore[arg-type]
        with pytest.raises(InvalidProblem, match="windows"):
            index.cheapest(needed, [day, window])
    with pytest.raises(InvalidProblem, match="parts"):
        index.cheapest(replace(needed, parts=(("box", -1),)), [day])
    with pytest.raises(ValueError, match="same id"):
        SlotIndex([*routes, *routes], TRAVEL)
    with pytest.raises(ValueError, match="not in the index"):
        index.replace(OpenRoute.of(technician(7), (), TRAVEL))
    away = OpenRoute.of(technician(absences=(Span(0, 24 * HOUR),)), (), TRAVEL)
    index.replace(away)
    assert index.cheapest(needed, [day]) == [None]
    late = Span((1 << 30) - 9, (1 << 30) - 1)
    assert index.cheapest(needed, [late, day, Span(-(1 << 30) + 1, 0)]) == [None, None, None]


def test_reasons_come_from_the_index_as_from_the_search() -> None:
    routes = plan(3, 2, 4, full=True)
    index = SlotIndex(routes, TRAVEL)
    refused = 0
    for needed, slots in questions(6, 2, 8):
        assert index.find_slots(needed, slots) == find_slots(routes, needed, slots, TRAVEL)
        assert index.find_slots(needed, slots).refused == find_slots(routes, needed, slots, TRAVEL).refused
        refused += len(index.find_slots(needed, slots).refused)
    assert refused > 5


def test_threads_may_ask_while_routes_are_replaced() -> None:
    """Whatever is answered, it is a place on some route as it stood; at the end the index is as good as a new one."""
    routes = plan(6, 2, 2, full=False)
    index = SlotIndex(routes, TRAVEL)
    asked = [(needed, [slot.arrival for slot in slots]) for needed, slots in questions(40, 2, 6)]

    def ask(_: int) -> None:
        for needed, arrivals in asked:
            for find in index.cheapest(needed, arrivals):
                assert find is None or 0 <= find.position <= 12

    def change(_: int) -> None:
        for item in routes * 3:
            index.replace(replace(item, route=replace(item.route, skills=frozenset({"other"})), stops=(), drives=(0,)))
            index.replace(item)

    with ThreadPoolExecutor(3) as pool:
        for running in [pool.submit(ask, 0), pool.submit(change, 0), pool.submit(ask, 1)]:
            running.result(timeout=100)
    for needed, arrivals in asked[:10]:
        assert index.cheapest(needed, arrivals) == SlotIndex(routes, TRAVEL).cheapest(needed, arrivals)
