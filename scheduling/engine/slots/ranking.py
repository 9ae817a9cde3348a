"""In what order slots are offered, and the reason that is given for each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from heapq import heappop, heapreplace

from scheduling.engine.problem import TaskId
from scheduling.engine.slots.shapes import OfferReason, Placement, SlotOffer, SlotWindow
from scheduling.travel.great_circle import metres_between

STREET_METRES, STREET_SECONDS = 250, 60
"""Another visit of the route that is as near as this, by both measures, is in the same street or the next."""
NEARBY_SECONDS = 600
"""A detour this short means that a technician is in the neighbourhood already."""
SAME_DAY_SECONDS, SAME_DAYPART_SECONDS = 900, 450
"""What each better offer on the same day, or in the same part of a day, costs an offer when they are ranked."""


def ranked(
    kept: Sequence[tuple[SlotWindow, Placement]], own_visits: frozenset[TaskId] = frozenset()
) -> tuple[SlotOffer, ...]:
    """Least added travel first, but each further offer on a day, and in a part of the day, has to be better by more.

    A route that was empty counts with the price of using it.
    """
    left = sorted(
        ((_cost(placement), window, placement) for window, placement in kept), key=lambda one: (one[0], one[1].arrival)
    )
    days: dict[date, int] = {}
    parts: dict[str, int] = {}
    offers: list[SlotOffer] = []
    # What an offer costs here only ever rises, so one whose figure has not risen since it was put into the heap is the least.
    heap = [(cost, at) for at, (cost, _, _) in enumerate(left)]
    while heap:
        figure, at = heap[0]
        cost, window, placement = left[at]
        now = cost + SAME_DAY_SECONDS * days.get(window.day, 0) + SAME_DAYPART_SECONDS * parts.get(window.daypart, 0)
        if now > figure:
            heapreplace(heap, (now, at))
            continue
        heappop(heap)
        days[window.day] = days.get(window.day, 0) + 1
        parts[window.daypart] = parts.get(window.daypart, 0) + 1
        offers.append(SlotOffer(window, placement, reason_of(placement, own_visits), len(offers)))
    return tuple(offers)


def reason_of(placement: Placement, own_visits: frozenset[TaskId] = frozenset()) -> OfferReason:
    """What speaks for this place, as a citizen would understand it; nothing does beside the citizen's own present visit."""
    beside_own = any(one.id in own_visits for one in placement.neighbours)
    if placement.standing.stops and not beside_own:
        if _in_street(placement):
            return OfferReason.STREET
        if placement.marginal_travel_seconds <= NEARBY_SECONDS:
            return OfferReason.NEARBY
    return OfferReason.AVAILABLE


def _in_street(placement: Placement) -> bool:
    """Whether the visit just before or just after is around the corner; homes and depots do not count."""
    if all(metres_between(one.place, placement.place) > STREET_METRES for one in placement.neighbours):
        return False
    stops, drives, at = placement.route.stops, placement.route.drives, placement.position
    return any(
        0 <= other < len(stops)
        and seconds <= STREET_SECONDS
        and metres_between(stops[other].place, placement.place) <= STREET_METRES
        for other, seconds in ((at - 1, drives[at]), (at + 1, drives[at + 1]))
    )


def _cost(placement: Placement) -> int:
    sent_out = 0 if placement.standing.stops else placement.standing.route.use_price_seconds
    return placement.marginal_travel_seconds + sent_out
