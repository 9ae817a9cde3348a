"""An offered slot can be kept, a refused one cannot: brute force over every route and position says so."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from datetime import date

import pytest

from hub.domain.places import Place
from scheduling.engine.problem import Route, Task
from scheduling.engine.reasons import Reason, Refusal
from scheduling.engine.slots import OfferReason, OpenRoute, Placement, Requirement, SlotWindow, find_slots, place_visit
from scheduling.engine.solver import Stop, solve
from scheduling.engine.spans import Span
from scheduling.engine.timeline import route_legs
from scheduling.travel.great_circle import GreatCircle
from scheduling.travel.model import Seconds
from tests.scheduling.checker import great_circle, route_faults
from tests.scheduling.reference import earliest_home
from tests.scheduling.worlds import HOUR, Grid, random_problem, steps, technician, visit

DAY = date(2026, 5, 4)
GRID = Grid()


def small_world(seed: int) -> tuple[list[OpenRoute], Requirement, list[SlotWindow]]:
    """Three short days of few seconds each, so that everything can be tried."""
    rng = random.Random(seed)

    def place() -> Place:
        return Place(rng.randint(0, 4), rng.randint(0, 4))

    opened = []
    for number in range(3):
        route = technician(
            number,
            start=place(),
            end=place(),
            shift=Span(0, 45),
            breaks=((Span(18, 23), 4),) if rng.random() < 0.7 else (),
            absences=(Span(30, 34),) if rng.random() < 0.4 else (),
            skills=frozenset({"a"} if rng.random() < 0.7 else ()),
        )
        stops: list[Task] = []
        for at in range(rng.randint(0, 3)):
            opens = rng.randint(0, 30)
            window = Span(opens, opens + rng.randint(1, 12))
            extra = visit(f"s{at}", place=place(), service_seconds=rng.randint(1, 7), windows=(window,))
            longer = [*stops, extra]
            if earliest_home(route, longer, route_legs(route, longer, GRID)) is not None:
                stops = longer
        opened.append(OpenRoute.of(route, stops, GRID))
    needed = Requirement("new", place(), rng.randint(1, 8), frozenset({"a"}))
    return opened, needed, [SlotWindow(Span(at, at + 4), DAY, "day") for at in range(0, 48, 4)]


def detours(opened: OpenRoute, new: Task) -> list[int]:
    """Added travel at every position where trying everything finds a way."""
    if not new.skills <= opened.route.skills:
        return []
    out = []
    for position in range(len(opened.stops) + 1):
        longer = [*opened.stops[:position], new, *opened.stops[position:]]
        drives = route_legs(opened.route, longer, GRID)
        if earliest_home(opened.route, longer, drives) is not None:
            out.append(sum(drives) - (sum(opened.drives) if opened.stops else 0))
    return out


@pytest.mark.parametrize("seed", range(40))
def test_offers_are_exactly_what_brute_force_finds_at_the_least_travel(seed: int) -> None:
    opened, needed, windows = small_world(seed)
    answer = find_slots(opened, needed, windows, GRID)
    offered = {offer.window: offer.placement for offer in answer.offers}
    assert {offer.window for offer in answer.offers} | {slot.window for slot in answer.refused} == set(windows)
    for window in windows:
        ways = [cost for route in opened for cost in detours(route, needed.visit(window.arrival))]
        if ways:
            assert offered[window].marginal_travel_seconds == min(ways)
            assert route_faults(offered[window].route.route, offered[window].timeline, steps) == []
            assert window.arrival.start <= offered[window].start < window.arrival.end
        else:
            assert window not in offered
    assert [offer.rank for offer in answer.offers] == list(range(len(answer.offers)))


def test_small_worlds_hold_both_offers_and_refusals() -> None:
    answers = [find_slots(*small_world(seed), GRID) for seed in range(40)]
    assert sum(len(answer.offers) for answer in answers) > 100
    assert sum(len(answer.refused) for answer in answers) > 100


@pytest.mark.parametrize("seed", range(20))
def test_every_other_visit_keeps_its_own_window_on_a_planned_day(seed: int) -> None:
    problem = random_problem(seed, tasks=30, routes=8)
    plan = solve(problem, Stop(seconds=0.1), seed)
    opened = [
        OpenRoute.of(item.route, [stop.task for stop in item.timeline.stops], problem.travel) for item in plan.routes
    ]
    windows = [SlotWindow(Span(at * HOUR, (at + 2) * HOUR), DAY, "day") for at in range(7, 18)]
    answer = find_slots(opened, Requirement("new", Place(51.1, 3.9), 1800), windows, problem.travel)
    drive = great_circle(1.3, 12.5)
    for offer in answer.offers:
        stops = [stop.task.id for stop in offer.placement.timeline.stops]
        before = next(item for item in opened if item.route == offer.placement.route.route)
        assert sorted(stops) == sorted(["new", *(stop.id for stop in before.stops)])
        assert route_faults(before.route, offer.placement.timeline, drive) == []


def one_route(*stops: Task, **changes: object) -> OpenRoute:
    return OpenRoute.of(technician(0, **changes), stops, GreatCircle())


def refusal_of(opened: list[OpenRoute], needed: Requirement, arrival: Span) -> Refusal:
    answer = find_slots(opened, needed, [SlotWindow(arrival, DAY, "day")], GreatCircle())
    assert answer.offers == ()
    return answer.refused[0].refusal


GHENT = Place(51.06, 3.73)
MORNING = Span(8 * HOUR, 10 * HOUR)


def test_each_refusal_names_the_rule_that_binds() -> None:
    needed = Requirement("new", GHENT, 1800, frozenset({"fibre"}))
    full = visit("long", service_seconds=9 * HOUR - 4 * 1800, windows=(Span(8 * HOUR, 9 * HOUR),))
    assert refusal_of([], needed, MORNING).reason is Reason.NO_ROUTES
    assert refusal_of([one_route(skills=frozenset())], needed, MORNING).reason is Reason.SKILL_MISSING
    east = one_route(territories=frozenset({"east"}))
    west = Requirement("new", GHENT, 1800, territory="west")
    assert refusal_of([east], west, MORNING).reason is Reason.OUTSIDE_TERRITORY
    barred = Requirement("new", GHENT, 1800, excluded_technicians=frozenset({"t0"}))
    assert refusal_of([one_route()], barred, MORNING).reason is Reason.TECHNICIAN_NOT_ALLOWED
    assert refusal_of([one_route()], needed, Span(18 * HOUR, 20 * HOUR)).reason is Reason.OUTSIDE_SHIFT
    away = one_route(absences=(Span(0, 24 * HOUR),))
    assert refusal_of([away], needed, MORNING).reason is Reason.OUTSIDE_SHIFT
    paris = Requirement("new", Place(48.85, 2.35), 1800)
    assert refusal_of([one_route()], paris, MORNING).reason is Reason.TOO_FAR
    busy = refusal_of([one_route(full, breaks=())], needed, Span(9 * HOUR, 10 * HOUR))
    assert busy.reason is Reason.NO_ROOM
    assert busy.by_seconds > 0
    assert f"{busy.by_minutes} min" in busy.sentence()


def test_the_shortage_is_exact_to_the_second() -> None:
    full = visit("long", place=Place(0, 10), service_seconds=900, windows=(Span(10, 11),))
    opened = [
        OpenRoute.of(technician(0, start=Place(0, 0), end=Place(0, 0), shift=Span(0, 1000), breaks=()), [full], GRID)
    ]
    fits, not_quite = (Requirement("new", Place(0, 10), service) for service in (80, 87))
    window = SlotWindow(Span(0, 1000), DAY, "day")
    assert find_slots(opened, fits, [window], GRID).refused == ()
    assert find_slots(opened, not_quite, [window], GRID).refused[0].refusal == Refusal(Reason.NO_ROOM, 7)


def test_a_technician_already_near_comes_first_and_is_named_so() -> None:
    near = one_route(visit("neighbour", place=Place(51.065, 3.735), windows=(MORNING,)))
    windows = [SlotWindow(Span(14 * HOUR, 16 * HOUR), DAY, "afternoon"), SlotWindow(MORNING, DAY, "morning")]
    far = OpenRoute.of(technician(1, start=Place(51.2, 4.4), end=Place(51.2, 4.4)), (), GreatCircle())
    offers = find_slots([far, near], Requirement("new", GHENT, 1800), windows, GreatCircle()).offers
    assert offers[0].reason is OfferReason.NEARBY
    assert offers[0].placement.route.route.id == "r0"
    alone = find_slots([far], Requirement("new", GHENT, 1800), windows, GreatCircle()).offers
    assert {offer.reason for offer in alone} == {OfferReason.AVAILABLE}


def test_offers_are_spread_over_days_before_one_day_is_used_up() -> None:
    week = [one_route(id=f"r{n}", shift=Span((24 * n + 8) * HOUR, (24 * n + 17) * HOUR), breaks=()) for n in range(3)]
    windows = [
        SlotWindow(Span((24 * n + at) * HOUR, (24 * n + at + 2) * HOUR), date(2026, 5, 4 + n), part)
        for n in range(3)
        for at, part in ((8, "morning"), (13, "afternoon"))
    ]
    offers = find_slots(week, Requirement("new", GHENT, 1800), windows, GreatCircle()).offers
    assert len({offer.window.day for offer in offers[:3]}) == 3
    assert {offer.window.daypart for offer in offers[:2]} == {"morning", "afternoon"}


def test_the_recheck_of_a_hold_agrees_with_the_offer_and_sees_what_was_booked_meanwhile() -> None:
    window = Span(9 * HOUR, 10 * HOUR)
    opened = one_route(breaks=())
    needed = Requirement("new", GHENT, 1800)
    offer = find_slots([opened], needed, [SlotWindow(window, DAY, "morning")], GreatCircle()).offers[0]
    again = place_visit(opened, needed.visit(window), GreatCircle())
    assert again == offer.placement
    rival = visit("rival", place=Place(51.2, 4.2), service_seconds=HOUR, windows=(window,))
    taken = place_visit(opened, rival, GreatCircle())
    assert isinstance(taken, Placement)
    refused = place_visit(taken.route, needed.visit(window), GreatCircle())
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.NO_ROOM


def test_no_windows_and_no_routes_give_empty_answers() -> None:
    needed = Requirement("new", GHENT, 1800)
    assert find_slots([one_route()], needed, [], GreatCircle()).offers == ()
    only = SlotWindow(MORNING, DAY, "morning")
    assert find_slots([], needed, [only], GreatCircle()).refused[0].by_route == ()


def test_a_route_that_is_broken_already_is_not_offered() -> None:
    routes: list[Route] = [technician()]
    impossible = visit("far", place=Place(40.0, 3.7), windows=(MORNING,))
    broken = OpenRoute.of(routes[0], [impossible], GreatCircle())
    refusal = refusal_of([broken], Requirement("new", GHENT, 1800), MORNING)
    assert refusal.reason is Reason.WINDOW_MISSED


def test_forty_busy_routes_answer_thirty_windows_in_thirty_milliseconds() -> None:
    crowd = [
        one_route(
            *(visit(f"v{n}-{k}", place=Place(51 + n / 100, 3.7 + k / 50), windows=(_two_hours(k),)) for k in range(6)),
            id=f"r{n}",
            technician=f"t{n}",
        )
        for n in range(40)
    ]
    windows = [SlotWindow(Span(8 * HOUR + 900 * n, 10 * HOUR + 900 * n), DAY, "day") for n in range(30)]
    spent = []
    for _ in range(7):
        began = time.perf_counter()
        find_slots(crowd, Requirement("new", GHENT, 1800), windows, GreatCircle())
        spent.append(time.perf_counter() - began)
    assert min(spent) < 0.030


def _two_hours(k: int) -> Span:
    return Span((8 + k) * HOUR, (10 + k) * HOUR)


def test_a_neighbour_in_the_street_is_named_and_a_technicians_home_is_not() -> None:
    """250 metres along the same road; a house across the corner of the map is nearby at most."""
    here, next_door, further = Place(51.06, 3.73), Place(51.0615, 3.7305), Place(51.066, 3.735)
    slot = SlotWindow(MORNING, DAY, "morning")
    for place, reason in ((next_door, OfferReason.STREET), (further, OfferReason.NEARBY)):
        route = one_route(visit("neighbour", place=place, windows=(MORNING,)))
        offer = find_slots([route], Requirement("new", here, 1800), [slot], GreatCircle()).offers[0]
        assert offer.reason is reason
    home = OpenRoute.of(technician(0, start=here, end=here), (), GreatCircle())
    assert (
        find_slots([home], Requirement("new", here, 1800), [slot], GreatCircle()).offers[0].reason
        is OfferReason.AVAILABLE
    )


def test_levels_driving_and_vans_are_among_the_rules_that_bind() -> None:
    slot = [SlotWindow(Span(0, 1000), DAY, "day")]
    depot = Place(0, 0)

    def refusal(needed: Requirement, *stops: Task, **changes: object) -> Refusal:
        route = technician(0, start=depot, end=depot, shift=Span(0, 1000), breaks=(), **changes)
        answer = find_slots([OpenRoute.of(route, stops, GRID)], needed, slot, GRID)
        assert answer.offers == ()
        return answer.refused[0].refusal

    there = visit("there", place=Place(0, 40), service_seconds=10, windows=(Span(0, 1000),), parts=(("box", 2),))
    gas = Requirement("new", Place(0, 50), 10, frozenset({"gas"}), levels=(("gas", 2),))
    assert refusal(gas).reason is Reason.SKILL_TOO_LOW
    plain = Requirement("new", Place(0, 50), 10)
    assert refusal(plain, max_travel_seconds=99) == Refusal(Reason.TRAVEL_LIMIT, 1)
    assert refusal(plain, there, max_travel_seconds=90) == Refusal(Reason.TRAVEL_LIMIT, 10)
    boxes = Requirement("new", Place(0, 50), 10, parts=(("box", 2),))
    assert refusal(boxes, there, van=(("box", 3),)).reason is Reason.VAN_FULL
    assert refusal(boxes, van=(("pipe", 3),)).reason is Reason.VAN_FULL


def test_reasons_are_worked_out_only_when_asked_for() -> None:
    asked = []

    class Counted(Grid):
        name = "counted"

        def matrix(self, origins: Sequence[Place], destinations: Sequence[Place]) -> Seconds:
            asked.append(len(origins) * len(destinations))
            return super().matrix(origins, destinations)

    answer = find_slots([one_route()], Requirement("new", GHENT, 10 * HOUR), [SlotWindow(MORNING, DAY, "m")], Counted())
    before = len(asked)
    assert answer.offers == ()
    assert answer.refused[0].refusal.reason is Reason.TOO_FAR
    assert len(asked) > before


def test_sending_a_technician_out_has_its_price_in_the_ranking() -> None:
    """A short drive that takes a technician off an idle day against a longer one on a day that is worked anyway."""
    near = one_route(id="idle", start=GHENT, end=GHENT, use_price_seconds=3600, breaks=())
    busy = visit("busy", place=Place(51.1, 3.8), windows=(MORNING,))
    far = OpenRoute.of(technician(1, breaks=()), [busy], GreatCircle())
    slot = SlotWindow(Span(13 * HOUR, 15 * HOUR), DAY, "afternoon")
    offer = find_slots([near, far], Requirement("new", GHENT, 1800), [slot], GreatCircle()).offers[0]
    assert offer.placement.route.route.id == "r1"
