"""Small worlds to plan in: a grid whose drives are counted by hand, and seeded problems with every feature."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from hub.domain.places import Place
from scheduling.engine.problem import DAY_SECONDS, After, Current, Pin, Problem, Route, Task
from scheduling.engine.spans import Span
from scheduling.travel.great_circle import GreatCircle
from scheduling.travel.model import Seconds

ORIGIN = datetime(2026, 5, 4, tzinfo=UTC)
HOUR = 3600
SKILLS = ("fibre", "meter", "gas")


class Grid:
    """Streets at right angles: one second per degree along each axis."""

    name = "grid"

    def matrix(self, origins: Sequence[Place], destinations: Sequence[Place]) -> Seconds:
        return np.array([[steps(a, b) for b in destinations] for a in origins], dtype=np.int32).reshape(
            len(origins), len(destinations)
        )


def steps(a: Place, b: Place) -> int:
    return int(abs(a.lat - b.lat) + abs(a.lon - b.lon))


def technician(number: int = 0, **changes: object) -> Route:
    """A technician in Ghent, 8 to 17 hours, lunch of half an hour begun from 12 to 13 hours."""
    given: dict[str, object] = {
        "id": f"r{number}",
        "technician": f"t{number}",
        "start": Place(51.05, 3.72),
        "end": Place(51.05, 3.72),
        "shift": Span(8 * HOUR, 17 * HOUR),
        "breaks": ((Span(12 * HOUR, 13 * HOUR), HOUR // 2),),
        "skills": frozenset(SKILLS),
    }
    return Route(**{**given, **changes})  # type: ignore[arg-type]


def visit(name: str, **changes: object) -> Task:
    """Half an hour of work in Ghent at any time of the day."""
    given: dict[str, object] = {
        "id": name,
        "place": Place(51.06, 3.73),
        "service_seconds": HOUR // 2,
        "windows": (Span(8 * HOUR, 17 * HOUR),),
    }
    return Task(**{**given, **changes})  # type: ignore[arg-type]


def random_problem(seed: int, tasks: int, routes: int) -> Problem:
    """Everything at once: skills, breaks, absences, several windows, pins, promises, territories, a plan in force."""
    rng = random.Random(seed)
    crew = tuple(_random_route(rng, number) for number in range(routes))
    return Problem(ORIGIN, crew, tuple(_random_task(rng, number, crew) for number in range(tasks)), GreatCircle())


def _place(rng: random.Random) -> Place:
    return Place(51.0 + rng.random() * 0.3, 3.6 + rng.random() * 0.6)


def _random_route(rng: random.Random, number: int) -> Route:
    start = rng.choice((7, 8, 9)) * HOUR
    breaks = [(Span(start + 4 * HOUR, start + 5 * HOUR), HOUR // 2)]
    if rng.random() < 0.3:
        breaks.append((Span(start + 6 * HOUR, start + 7 * HOUR), HOUR // 4))
    absences = []
    if rng.random() < 0.3:
        away = start + rng.randrange(0, 8) * HOUR
        absences.append(Span(away, away + rng.choice((1, 2)) * HOUR))
    return technician(
        number,
        start=_place(rng),
        end=_place(rng),
        shift=Span(start, start + 9 * HOUR),
        breaks=tuple(breaks),
        absences=tuple(absences),
        skills=frozenset(rng.sample(SKILLS, rng.randint(1, 3))),
        territories=frozenset({"east"} if rng.random() < 0.2 else ()),
    )


def _random_task(rng: random.Random, number: int, crew: Sequence[Route]) -> Task:
    opens = rng.randrange(7, 15) * HOUR
    windows: tuple[Span, ...] = (Span(opens, opens + 2 * HOUR),)
    if rng.random() < 0.2:
        windows = (*windows, Span(opens + 3 * HOUR, opens + 4 * HOUR))
    kind = rng.random()
    holder = rng.choice(crew) if crew else None
    current = Current(holder.id, opens + rng.randrange(HOUR)) if holder is not None and rng.random() < 0.5 else None
    pin = Pin(holder.id, rng.choice((None, opens))) if holder is not None and kind < 0.05 else None
    return visit(
        f"o{number}",
        place=_place(rng),
        service_seconds=rng.choice((900, 1800, 3600)),
        windows=windows,
        skills=frozenset({rng.choice(SKILLS)} if rng.random() < 0.6 else ()),
        weight=rng.randint(1, 30),
        promised=kind > 0.8,
        pin=pin,
        excluded_technicians=frozenset({holder.technician} if holder is not None and 0.05 < kind < 0.1 else ()),
        territory=rng.choice((None, None, "west", "east")),
        current=current,
        move_price_seconds=rng.choice((0, 600)),
    )


def every_feature(seed: int, tasks: int, technicians: int, days: int = 2) -> Problem:
    """`random_problem` on several days with all else that a problem can state.

    Levels, most driving, vans, overtime, prices of use, moving, preference and lateness, releases and sequences.
    """
    rng = random.Random(seed)
    crew = tuple(
        _full_route(rng, day * technicians + number, f"t{number}", day)
        for day in range(days)
        for number in range(technicians)
    )
    some: list[Task] = []
    for number in range(tasks):
        task = _full_task(rng, number, crew, rng.randrange(days))
        if some and rng.random() < 0.2:
            earlier = rng.choice(some)
            task = replace(task, after=(After(earlier.id, rng.choice((0, HOUR // 2, 12 * HOUR))),))
        some.append(task)
    rng.shuffle(some)
    return Problem(ORIGIN, crew, tuple(some), GreatCircle())


def _later(span: Span, day: int) -> Span:
    return Span(span.start + day * DAY_SECONDS, span.end + day * DAY_SECONDS)


def _full_route(rng: random.Random, number: int, who: str, day: int) -> Route:
    route = _random_route(rng, number)
    overtime = rng.choice((0, HOUR // 2, HOUR))
    return replace(
        route,
        technician=who,
        shift=_later(route.shift, day),
        breaks=tuple((_later(window, day), seconds) for window, seconds in route.breaks),
        absences=tuple(_later(span, day) for span in route.absences),
        levels=tuple((skill, rng.randint(1, 3)) for skill in sorted(route.skills)),
        max_travel_seconds=rng.choice((None, HOUR, 2 * HOUR)),
        van=None if rng.random() < 0.5 else (("meter", rng.randint(1, 5)), ("cable", rng.randint(0, 300))),
        use_price_seconds=rng.choice((0, 900)),
        overtime_seconds=overtime,
        overtime_price_seconds=rng.choice((0, 1800, 5000)),
    )


def _full_task(rng: random.Random, number: int, crew: Sequence[Route], day: int) -> Task:
    task = _random_task(rng, number, crew)
    windows = tuple(_later(window, day) for window in task.windows)
    if rng.random() < 0.3:
        windows = tuple(sorted({*windows, _later(task.windows[0], 0), _later(task.windows[0], 1)}))
    pin, current = task.pin, task.current
    return replace(
        task,
        windows=windows,
        pin=None if pin is None else replace(pin, start=None if pin.start is None else windows[0].start),
        current=None if current is None else replace(current, start=windows[0].start),
        levels=tuple((skill, rng.randint(1, 2)) for skill in task.skills if rng.random() < 0.4),
        preferred_technicians=frozenset({"t0"} if rng.random() < 0.2 else ()),
        preference_price_seconds=rng.choice((0, 1200)),
        release=windows[0].start + 1800 if rng.random() < 0.2 else None,
        due=rng.choice((None, 0, DAY_SECONDS)),
        late_price_seconds=rng.choice((0, 700)),
        parts=rng.choice(((), (("meter", 1),), (("meter", 2), ("cable", 80)))),
    )
