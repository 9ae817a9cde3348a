"""Problems so small that trying everything takes no time, with every feature a problem can state, for Hypothesis.

Days are a minute or so of work, drives are counted on the grid, and a second day lies a real day later.
"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from hub.domain.places import Place
from scheduling.engine.problem import DAY_SECONDS, After, Current, Pin, Problem, Route, Task
from scheduling.engine.spans import Span
from tests.scheduling.worlds import ORIGIN, Grid, technician, visit

places = st.builds(Place, st.integers(0, 4), st.integers(0, 4))
_prices = st.sampled_from((0, 0, 1, 4, 15))


@st.composite
def pauses(draw: st.DrawFn, opens: int, most: int = 3) -> tuple[tuple[tuple[Span, int], ...], tuple[Span, ...], int]:
    """Breaks and absences one after the other, each with room to itself, and the second from which all can be over."""
    breaks, absences, at = [], [], opens + draw(st.integers(0, 6))
    for _ in range(draw(st.integers(0, most))):
        width, seconds = draw(st.integers(1, 6)), draw(st.integers(1, 5))
        if draw(st.booleans()):
            breaks.append((Span(at, at + width), seconds))
        else:
            absences.append(Span(at, at + seconds))
        at += width - 1 + seconds + draw(st.integers(0, 8))
    return tuple(breaks), tuple(absences), at


@st.composite
def routes(draw: st.DrawFn, number: int = 0, who: str = "t0", opens: int = 0) -> Route:
    breaks, absences, _ = draw(pauses(opens))
    last = max([opens + 24, *(window.start for window, _ in breaks)])
    skills = draw(st.sampled_from((frozenset({"gas", "meter"}), frozenset({"gas"}), frozenset[str]())))
    return technician(
        number,
        technician=who,
        start=draw(places),
        end=draw(places),
        shift=Span(opens, draw(st.integers(max(last + 1, opens + 30), opens + 85))),
        breaks=breaks,
        absences=absences,
        skills=skills,
        levels=(("gas", 2),) if "gas" in skills and draw(st.booleans()) else (),
        territories=draw(st.sampled_from((frozenset(), frozenset(), frozenset({"east"})))),
        max_travel_seconds=draw(st.one_of(st.none(), st.integers(20, 60), st.integers(6, 30))),
        van=draw(st.sampled_from((None, None, (("box", 3),), (("box", 2), ("pipe", 1))))),
        use_price_seconds=draw(_prices),
        overtime_seconds=draw(st.sampled_from((0, 0, 4, 12))),
        overtime_price_seconds=draw(st.sampled_from((0, 1000, 3600, 9000))),
    )


@st.composite
def windows(draw: st.DrawFn, opens: int, most: int = 2) -> tuple[Span, ...]:
    out: list[Span] = []
    for _ in range(draw(st.integers(1, most))):
        begin = (out[-1].end if out else opens) + draw(st.integers(0, 12))
        out.append(Span(begin, begin + draw(st.sampled_from((70, 50, 30, 20, 8, 1)))))
    return tuple(out)


@st.composite
def tasks(draw: st.DrawFn, name: str = "v", crew: tuple[Route, ...] = (), opens: tuple[int, ...] = (0,)) -> Task:
    """One visit; pins, wishes and the plan in force name the routes of `crew` when there are any."""
    allowed = tuple(window for day in opens for window in draw(windows(day)))
    if len(opens) > 1 and draw(st.booleans()):
        allowed = allowed[-1:]
    route = draw(st.sampled_from(crew)) if crew else None
    wish = draw(st.integers(0, 9)) if crew else 9
    moved = route is not None and draw(st.booleans())
    # A release at the last start leaves one second of the last window.
    release = draw(st.sampled_from((None, None, None, None, allowed[0].start + 3, allowed[-1].end - 1)))
    return visit(
        name,
        place=draw(places),
        service_seconds=draw(st.integers(1, 6)),
        windows=allowed,
        skills=draw(st.sampled_from((*[frozenset[str]()] * 4, frozenset({"gas"}), frozenset({"meter"})))),
        levels=draw(st.sampled_from((*[()] * 4, (("gas", 1),), (("gas", 2),)))),
        weight=draw(st.integers(1, 5)),
        promised=draw(st.integers(0, 3)) == 0,
        pin=_pin(route, draw(st.sampled_from((None, allowed[0].start, allowed[0].start + 4)))) if wish == 0 else None,
        allowed_technicians=frozenset({route.technician}) if route and wish == 1 else None,
        excluded_technicians=frozenset({route.technician}) if route and wish == 2 else frozenset(),
        preferred_technicians=frozenset({route.technician}) if route and wish in {3, 4} else frozenset(),
        preference_price_seconds=draw(_prices),
        territory=draw(st.sampled_from((None, None, None, "east", "west"))),
        current=Current(route.id, allowed[0].start) if route and moved else None,
        move_price_seconds=draw(_prices),
        release=release if release is None or release < allowed[-1].end else None,
        due=draw(st.sampled_from((None, 0, -1, DAY_SECONDS, -DAY_SECONDS - 1))),
        late_price_seconds=draw(_prices),
        parts=draw(st.sampled_from(((), (), (("box", 1),), (("box", 2), ("pipe", 1)), (("pipe", 0),)))),
    )


def _pin(route: Route | None, start: int | None) -> Pin | None:
    return None if route is None else Pin(route.id, start)


@st.composite
def problems(draw: st.DrawFn, most_tasks: int = 5, *, sequences: bool = True) -> Problem:
    """Up to three routes of two technicians on two days; with `sequences` some tasks come after others."""
    crew = [draw(routes(0, "t0"))]
    for number, (who, opens) in enumerate((("t1", 0), ("t0", DAY_SECONDS)), start=1):
        if draw(st.booleans()):
            crew.append(draw(routes(number, who, opens)))
    days = tuple(sorted({route.shift.start for route in crew}))
    some: list[Task] = []
    for number in range(draw(st.integers(1, most_tasks))):
        task = draw(tasks(f"o{number}", tuple(crew), days))
        if sequences and some and draw(st.integers(0, 2)) == 0:
            earlier = draw(st.sampled_from(some))
            link = After(earlier.id, draw(st.sampled_from((0, 5, 25, DAY_SECONDS // 2))))
            task = replace(task, after=(link,))
        some.append(task)
    return Problem(ORIGIN, tuple(crew), tuple(some), Grid())


@st.composite
def plans(draw: st.DrawFn, most_tasks: int = 4, *, sequences: bool = True) -> tuple[Problem, list[list[int]]]:
    """A problem and some tasks in some order on its routes, possible or not."""
    world = draw(problems(most_tasks, sequences=sequences))
    order = draw(st.permutations(range(len(world.tasks))))
    out: list[list[int]] = [[] for _ in world.routes]
    for task in order:
        at = draw(st.integers(-1, len(out) - 1))
        if at >= 0:
            out[at].append(task)
    return world, out
