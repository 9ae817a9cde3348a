"""What the part of a day that is over leaves for the rest of it: which breaks are still to be had."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from hub.domain.places import Place
from scheduling.engine.problem import Route
from scheduling.engine.spans import Span
from scheduling.travel.model import TravelModel, legs


@dataclass(frozen=True, slots=True)
class Begun:
    """A visit that is under way or over: its service in seconds from the problem's origin, and its place."""

    service: Span
    place: Place


def breaks_due(
    route: Route, begun: Sequence[Begun], now: int, reached: int, travel: TravelModel
) -> tuple[tuple[Span, int], ...]:
    """The breaks still to be had, beginning at `reached` or later, where the day goes on.

    A past in which the technician drove and worked all the time gave no break, so it is not enough that the break's window
    has begun. Whoever is idle now, inside the window, is at it: only the rest of that break is due. A break whose window
    is over is given up: promises go on.
    """
    idle = list(_idle(route, begun, now, travel))
    left = []
    for window, lasts in route.breaks:
        began = max(idle[-1][0].start, window.start) if idle and idle[-1][0].end == reached else reached
        at_it = began < min(window.end, reached) and not any(
            span.overlaps(Span(began, reached)) for span in route.absences
        )
        if any(_fits(spell, spare, window, lasts, route.absences) for spell, spare in idle):
            continue
        if any(_fits(span, span.end - span.start, window, lasts, ()) for span in route.absences):
            # Had during an absence; the engine sees so only of a break whose whole window it is given.
            continue
        if at_it and reached < route.shift.end:
            left.append((Span(reached, reached + 1), lasts - (reached - began)))
        elif reached < min(window.end, route.shift.end):
            left.append((Span(max(window.start, reached), window.end), lasts))
    return tuple(left)


def _idle(route: Route, begun: Sequence[Begun], now: int, travel: TravelModel) -> Iterator[tuple[Span, int]]:
    """The spells between visits up to now, and how many seconds of each were not needed for driving or spent absent."""
    ordered = sorted(begun, key=lambda one: one.service.start)
    drives = legs(travel, [route.start, *(one.place for one in ordered)])
    at = route.shift.start
    for one, drive in zip(ordered, drives, strict=True):
        if at < one.service.start:
            spell = Span(at, one.service.start)
            yield spell, one.service.start - at - drive - _shared(spell, route.absences)
        at = max(at, one.service.end)
    if at < now:
        spell = Span(at, now)
        yield spell, now - at - _shared(spell, route.absences)


def _fits(spell: Span, spare: int, window: Span, lasts: int, absences: Sequence[Span]) -> bool:
    """Whether a break could begin in its window and be had in the spell, beside the absences."""
    if spare < lasts:
        return False
    starts = (max(window.start, at) for at in (spell.start, *(span.end for span in absences)))
    return any(
        spell.start <= at < window.end
        and at + lasts <= spell.end
        and not any(span.overlaps(Span(at, at + lasts)) for span in absences)
        for at in starts
    )


def _shared(spell: Span, others: Iterable[Span]) -> int:
    """Seconds of the spell that lie in at least one of the others."""
    total, reached = 0, spell.start
    for other in sorted(others):
        low, high = max(other.start, reached), min(other.end, spell.end)
        if high > low:
            total, reached = total + high - low, high
    return total
