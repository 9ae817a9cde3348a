"""Plans to offer slots from: seeded, 500 technicians on 10 days around the towns of the other instances, open or full."""

from __future__ import annotations

import random
from datetime import date, timedelta

from hub.domain.places import Place
from infra.benchmarks.generate import SETS, TOWNS
from scheduling.engine.problem import DAY_SECONDS, Route, Task
from scheduling.engine.slots import OpenRoute, Requirement, SlotWindow
from scheduling.engine.spans import Span
from scheduling.engine.timeline import Timeline, simulate
from scheduling.travel.great_circle import GreatCircle
from scheduling.travel.model import TravelModel

HOUR = 3600
TRAVEL = GreatCircle()
_FIRST_DAY = date(2026, 5, 4)
_SERVICES = (900, 1800, 1800, 2700, 3600)


def plan(technicians: int, days: int, seed: int, *, full: bool, travel: TravelModel = TRAVEL) -> list[OpenRoute]:
    """A route for each technician and day, of about eight visits, each promised for two or four hours.

    `full`: visits are added until ten in a row find no room.
    """
    dice = random.Random(f"slots {technicians}x{days}s{seed} {full}")
    routes = []
    for number in range(technicians):
        town, skills = _town(dice), frozenset(map(str, SETS[number % len(SETS)]))
        home = _near(dice, town, 9)
        for day in range(days):
            at = day * DAY_SECONDS
            start = at + dice.choice((27_000, 28_800, 28_800, 30_600))
            route = Route(
                id=f"{number}/{day}",
                technician=str(number),
                start=home,
                end=home,
                shift=Span(start, start + 30_600),
                breaks=((Span(at + 41_400, at + 46_800), 1800),),
                skills=skills,
            )
            routes.append(_filled(dice, route, town, at, 24 if full else 8, travel))
    return routes


def _filled(
    dice: random.Random, route: Route, town: tuple[float, float], midnight: int, wanted: int, travel: TravelModel
) -> OpenRoute:
    """The route with visits put one by one where they add least travel, until there are enough or ten find no room."""
    made = OpenRoute.of(route, (), travel)
    missed, number = 0, 0
    while len(made.stops) < wanted and missed < 10:
        number += 1
        opens = midnight + dice.choice((8, 8, 10, 12, 13, 15)) * HOUR
        visit = Task(
            id=f"{route.id}/{number}",
            place=_near(dice, town, 7),
            service_seconds=dice.choice(_SERVICES),
            windows=(Span(opens, opens + dice.choice((2, 2, 4)) * HOUR),),
            promised=True,
        )
        ways = []
        for at in range(len(made.stops) + 1):
            longer = OpenRoute.of(route, (*made.stops[:at], visit, *made.stops[at:]), travel)
            if isinstance(simulate(route, longer.stops, longer.drives), Timeline):
                ways.append((longer.travel_seconds, at, longer))
        made, missed = (min(ways)[2], missed) if ways else (made, missed + 1)
    return made


def questions(count: int, days: int, seed: int) -> list[tuple[Requirement, list[SlotWindow]]]:
    """Visits that want a slot, each asking for a morning and an afternoon on every day."""
    dice = random.Random(f"questions {count} {days} {seed}")
    windows = [
        SlotWindow(Span(day * DAY_SECONDS + a * HOUR, day * DAY_SECONDS + b * HOUR), _FIRST_DAY + timedelta(day), part)
        for day in range(days)
        for a, b, part in ((8, 12, "morning"), (12, 17, "afternoon"))
    ]
    out = []
    for number in range(count):
        skills = frozenset({str(dice.choice(dice.choice(SETS)))})
        out.append((Requirement(f"q{number}", _near(dice, _town(dice), 9), dice.choice(_SERVICES), skills), windows))
    return out


def _town(dice: random.Random) -> tuple[float, float]:
    _, lat, lon, _ = dice.choices(TOWNS, weights=[town[3] for town in TOWNS])[0]
    return lat, lon


def _near(dice: random.Random, town: tuple[float, float], kilometres: float) -> Place:
    return Place(
        round(town[0] + dice.gauss(0, kilometres) / 111.2, 6), round(town[1] + dice.gauss(0, kilometres) / 70.0, 6)
    )
