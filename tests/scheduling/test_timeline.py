"""The simulation and the slack test against the slow and obvious way, and the rules of breaks and absences by hand."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.domain.places import Place
from scheduling.engine.problem import Pin, Route, Task
from scheduling.engine.reasons import Reason
from scheduling.engine.slack import first_start, gaps, openings
from scheduling.engine.spans import Pause, Span
from scheduling.engine.timeline import NEVER, Infeasible, Timeline, route_legs, simulate
from tests.scheduling.checker import route_faults
from tests.scheduling.reference import earliest_home
from tests.scheduling.worlds import HOUR, Grid, steps, technician, visit

GRID = Grid()


@st.composite
def spans_in_order(draw: st.DrawFn, most: int, longest: int) -> tuple[Span, ...]:
    out: list[Span] = []
    for _ in range(draw(st.integers(1, most))):
        begin = (out[-1].end if out else 0) + draw(st.integers(0, 12))
        out.append(Span(begin, begin + draw(st.integers(1, longest))))
    return tuple(out)


@st.composite
def routes(draw: st.DrawFn) -> Route:
    """Breaks and absences one after the other, each with room to itself."""
    breaks, absences, at = [], [], draw(st.integers(0, 6))
    for _ in range(draw(st.integers(0, 3))):
        width, seconds = draw(st.integers(1, 6)), draw(st.integers(1, 5))
        if draw(st.booleans()):
            breaks.append((Span(at, at + width), seconds))
        else:
            absences.append(Span(at, at + seconds))
        at += width - 1 + seconds + draw(st.integers(0, 8))
    shift = Span(0, draw(st.integers(max(25, *(w.start for w, _ in breaks), 25) + 1, 60)))
    return technician(start=draw(places), end=draw(places), shift=shift, breaks=tuple(breaks), absences=tuple(absences))


places = st.builds(Place, st.integers(0, 4), st.integers(0, 4))
tasks = st.builds(
    lambda place, service, windows: visit("v", place=place, service_seconds=service, windows=windows),
    places,
    st.integers(1, 6),
    spans_in_order(2, 20),
)


@settings(max_examples=400, deadline=None)
@given(routes(), st.lists(tasks, min_size=1, max_size=4))
def test_simulation_finds_the_way_home_that_trying_everything_finds(route: Route, stops: list[Task]) -> None:
    drives = route_legs(route, stops, GRID)
    outcome = simulate(route, stops, drives)
    expected = earliest_home(route, stops, drives)
    if isinstance(outcome, Infeasible):
        assert expected is None
    else:
        assert outcome.home == expected
        assert route_faults(route, outcome, steps) == []


@settings(max_examples=400, deadline=None)
@given(routes(), st.lists(tasks, max_size=3), tasks)
def test_slack_says_what_fits_exactly(route: Route, stops: list[Task], extra: Task) -> None:
    drives = route_legs(route, stops, GRID)
    measured = gaps(route, stops, drives)
    assert (measured is None) == isinstance(simulate(route, stops, drives), Infeasible)
    nodes = [route.start, *(stop.place for stop in stops), route.end]
    for position, gap in enumerate(measured or ()):
        there, onward = steps(nodes[position], extra.place), steps(extra.place, nodes[position + 1])
        start = first_start(openings(gap, route.pauses, there, onward, extra.service_seconds), extra.starts)
        longer = [*stops[:position], extra, *stops[position:]]
        outcome = simulate(route, longer, route_legs(route, longer, GRID))
        assert isinstance(outcome, Timeline) == (start < NEVER)
        if isinstance(outcome, Timeline):
            assert outcome.stops[position].start >= start


def run(route: Route, *stops: Task) -> Timeline | Infeasible:
    return simulate(route, stops, route_legs(route, stops, GRID))


def day(**changes: object) -> Route:
    """Home at the grid's corner, at work from second 0 to 1000, no breaks."""
    return technician(0, **{"start": Place(0, 0), "end": Place(0, 0), "shift": Span(0, 1000), "breaks": (), **changes})


def stop(at: int, service: int, *window: int) -> Task:
    return visit(f"at {at}", place=Place(0, at), service_seconds=service, windows=(Span(*window),))


def test_a_break_interrupts_a_drive_but_not_a_service() -> None:
    outcome = run(day(breaks=((Span(50, 61), 30),)), stop(90, 100, 0, 500))
    assert isinstance(outcome, Timeline)
    assert outcome.pauses == (Span(50, 80),)
    assert (outcome.stops[0].start, outcome.home) == (120, 310)


def test_a_break_that_only_fits_into_the_service_is_refused() -> None:
    outcome = run(day(breaks=((Span(60, 61), 30),)), stop(50, 100, 50, 51))
    assert isinstance(outcome, Infeasible)
    assert outcome.refusal.reason is Reason.BREAK_MISSED


def test_the_last_second_of_a_window_counts_and_its_end_does_not() -> None:
    assert isinstance(run(day(), stop(50, 1, 0, 51)), Timeline)
    late = run(day(), stop(50, 1, 0, 50))
    assert isinstance(late, Infeasible)
    assert (late.refusal.reason, late.refusal.by_seconds, late.stop) == (Reason.WINDOW_MISSED, 1, stop(50, 1, 0, 50))


def test_home_at_the_very_end_of_the_shift_is_in_time_and_a_second_later_is_not() -> None:
    assert isinstance(run(day(), stop(50, 900, 50, 51)), Timeline)
    late = run(day(), stop(50, 901, 50, 51))
    assert isinstance(late, Infeasible)
    assert (late.refusal.reason, late.refusal.by_seconds, late.stop) == (Reason.HOME_LATE, 1, None)


def test_an_absence_stands_in_the_way_like_a_break_at_a_fixed_time() -> None:
    outcome = run(day(absences=(Span(20, 120),)), stop(50, 10, 0, 500))
    assert isinstance(outcome, Timeline)
    assert outcome.stops[0].start == 150


def test_absences_at_the_ends_of_the_shift_shorten_it() -> None:
    route = day(absences=(Span(-50, 100), Span(900, 1100)))
    assert (route.hours, route.pauses) == (Span(100, 900), ())


def test_a_break_within_an_absence_is_had_there() -> None:
    assert day(breaks=((Span(300, 400), 30),), absences=(Span(290, 500),)).pauses == (Pause(290, 290, 210),)


def test_a_break_beside_an_absence_keeps_the_longer_side() -> None:
    route = day(breaks=((Span(300, 400), 30),), absences=(Span(350, 365),))
    assert route.pauses == (Pause(350, 350, 15), Pause(365, 399, 30))
    earlier = day(breaks=((Span(300, 400), 30),), absences=(Span(380, 395),))
    assert earlier.pauses == (Pause(300, 350, 30), Pause(380, 380, 15))


def test_absent_all_day_leaves_no_hours() -> None:
    route = day(absences=(Span(0, 600), Span(500, 1000)))
    assert route.hours.start == route.hours.end


def test_the_technician_leaves_just_in_time_for_the_first_visit() -> None:
    outcome = run(day(), stop(50, 10, 200, 300))
    assert isinstance(outcome, Timeline)
    assert (outcome.departure, outcome.stops[0].arrival, outcome.stops[0].start) == (150, 200, 200)


def test_a_pinned_start_is_kept_to_the_second() -> None:
    pinned = visit("p", place=Place(0, 50), service_seconds=10, windows=(Span(0, 500),), pin=Pin("r0", 77))
    outcome = run(day(), pinned)
    assert isinstance(outcome, Timeline)
    assert outcome.stops[0].start == 77


def test_the_second_window_is_used_when_the_first_has_closed() -> None:
    twice = visit("w", place=Place(0, 50), service_seconds=10, windows=(Span(0, 20), Span(70, 80)))
    outcome = run(day(), twice)
    assert isinstance(outcome, Timeline)
    assert outcome.stops[0].start == 70


def test_no_visits_is_a_route_that_can_always_be_kept() -> None:
    outcome = simulate(technician(shift=Span(0, HOUR), breaks=()), (), (0,))
    assert isinstance(outcome, Timeline)
    assert outcome.travel_seconds == 0
