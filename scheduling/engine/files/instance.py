"""Benchmark instances in JSON, as problems.

A file has `model` (`speed_mps`, `detour`, `radius`: great circle x detour ÷ speed, rounded to seconds), `vehicles` (each a
technician on a day: `id`, `tech`, `start`, `end`, `skills`, `tw`, `brk`) and `orders` (`id`, `loc`, `dur`, `skills`,
`weight`, `tw`, `tech`); `technicians` and `skills` may list what is known. Times are whole seconds from the start of the
horizon. A window is closed there, `[first, last]` may both be the second at which service starts; ours are half-open.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from scheduling.engine.files.fields import BadFileError, Fields, read_object
from scheduling.engine.problem import Problem, Route, Task, TaskId
from scheduling.engine.rules import MOST, InvalidProblem
from scheduling.engine.spans import Span
from scheduling.travel.great_circle import EARTH_RADIUS_METRES, GreatCircle

ORIGIN = datetime(1970, 1, 1, tzinfo=UTC)
"""The instances have no date: their horizon starts at second 0 of any day."""


@dataclass(frozen=True)
class Instance:
    """A problem with what its file says beyond it.

    `order_ids` gives the id of each task as the file writes it (a number stays one). `kinds` is the kind of work of each
    task, "" where the file names none. `breaks_ignored` is the variant for comparison with engines that know neither
    breaks nor orders that belong to one technician.
    """

    name: str
    problem: Problem
    order_ids: Mapping[TaskId, int | str]
    kinds: Mapping[TaskId, str]
    breaks_ignored: bool = False


def read_instance(path: Path, *, no_breaks: bool = False) -> Instance:
    """Read and check a file; `no_breaks` leaves out breaks and the technicians that orders are bound to.

    Raises:
        BadFileError: the file cannot be taken as it is; one sentence with the file, the order or vehicle, and the rule.
    """
    content = read_object(path)
    names = _skill_names(content)
    vehicles, orders = content.objects("vehicles", "vehicle"), content.objects("orders", "order")
    _refuse_doubles("vehicle", vehicles)
    _refuse_doubles("order", orders)
    known = _technicians(content, vehicles)
    try:
        routes = tuple(_route(vehicle, names, known, no_breaks=no_breaks) for vehicle in vehicles)
        tasks = tuple(_task(order, names, known, no_breaks=no_breaks) for order in orders)
        problem = Problem(ORIGIN, routes, tasks, _travel(content.inner("model")))
    except InvalidProblem as error:
        raise BadFileError(path.name, *_whose(error)) from error
    return Instance(
        name=content.title("name", path.stem, 200),
        problem=problem,
        order_ids={str(order.values["id"]): order.values["id"] for order in orders},
        kinds={str(order.values["id"]): order.title("kind", "", 40) for order in orders},
        breaks_ignored=no_breaks,
    )


def _route(vehicle: Fields, names: Sequence[str] | None, known: set[str], *, no_breaks: bool) -> Route:
    technician = str(vehicle.name("tech"))
    if technician not in known:
        raise vehicle.refuse("tech", f'"tech" names the unknown technician {technician}. List the technician first.')
    return Route(
        id=str(vehicle.name("id")),
        technician=technician,
        start=vehicle.place("start"),
        end=vehicle.place("end"),
        shift=_shift(vehicle),
        breaks=() if no_breaks else _breaks(vehicle),
        skills=_skills(vehicle, names),
    )


def _task(order: Fields, names: Sequence[str] | None, known: set[str], *, no_breaks: bool) -> Task:
    first, last = order.span("tw")
    technician = order.get("tech")
    if technician is not None:
        technician = str(order.name("tech"))
        if technician not in known:
            raise order.refuse("tech", f'"tech" names the unknown technician {technician}. List the technician first.')
    return Task(
        id=str(order.name("id")),
        place=order.place("loc"),
        service_seconds=order.whole("dur", least=1),
        windows=(Span(first, min(last + 1, MOST)),),
        skills=_skills(order, names),
        weight=order.whole("weight", least=1),
        allowed_technicians=None if technician is None or no_breaks else frozenset({technician}),
    )


def _shift(vehicle: Fields) -> Span:
    first, last = vehicle.span("tw")
    if first == last:
        raise vehicle.refuse("tw", f'"tw" is empty ({first} to {last}). Give the shift some length.')
    return Span(first, last)


def _breaks(vehicle: Fields) -> tuple[tuple[Span, int], ...]:
    if vehicle.get("brk") is None:
        return ()
    pause = vehicle.inner("brk")
    first, last = pause.span("tw")
    return ((Span(first, min(last + 1, MOST)), pause.whole("dur", least=1)),)


def _skills(owner: Fields, names: Sequence[str] | None) -> frozenset[str]:
    """Skills by name; a number stands for a place in the file's list of names, if it has one."""
    found = set()
    for value in owner.items("skills"):
        skill = owner.as_name("skills", value)
        if names is not None and isinstance(skill, int):
            if skill >= len(names):
                raise owner.refuse("skills", f'"skills" names the unknown skill {skill}. The file lists {len(names)}.')
            skill = names[skill]
        found.add(str(skill))
    return frozenset(found)


def _skill_names(content: Fields) -> Sequence[str] | None:
    if "skills" not in content.values:
        return None
    names = [str(content.as_name("skills", value)) for value in content.items("skills")]
    # Two skills of one name would become one; their numbers keep them apart.
    return names if len(set(names)) == len(names) else None


def _technicians(content: Fields, vehicles: Iterable[Fields]) -> set[str]:
    """The ids of the technicians the file lists; without a list, those of its vehicles."""
    if "technicians" not in content.values:
        return {str(vehicle.name("tech")) for vehicle in vehicles}
    listed = content.objects("technicians", "technician")
    _refuse_doubles("technician", listed)
    return {str(technician.name("id")) for technician in listed}


def _travel(model: Fields) -> GreatCircle:
    """The file's model; another radius of the earth is the same as another speed."""
    detour, speed, radius = model.positive("detour"), model.positive("speed_mps"), model.positive("radius")
    scaled = speed if radius == EARTH_RADIUS_METRES else speed * EARTH_RADIUS_METRES / radius
    slowest = EARTH_RADIUS_METRES * 4 * detour / MOST
    if not slowest < scaled < EARTH_RADIUS_METRES or detour > 100:
        raise model.refuse("speed_mps", f"no drive takes sensible time at {speed:g} m/s and detour {detour:g}.")
    try:
        return GreatCircle(detour, scaled)
    except ValueError as error:
        raise model.refuse("detour", str(error)) from error


def _refuse_doubles(what: str, found: Iterable[Fields]) -> None:
    """Ids are compared as text, because a plan's file writes the ids of vehicles as keys."""
    counts: Counter[str] = Counter()
    for one in found:
        name = str(one.name("id"))
        counts[name] += 1
        if counts[name] > 1:
            raise one.refuse("id", f"two of the {what}s have the id {name}. Give each its own.")


def _whose(error: InvalidProblem) -> tuple[str, str, str]:
    """Subject, rule and text in the words of the file: a route is a vehicle there."""
    text = str(error).removeprefix(f"{error.subject}: ")
    subject = re.sub(r"^Technician .*, route ", "vehicle ", error.subject).replace("Order ", "order ")
    return subject, error.rule, text
