"""What a route as it stands has for one more visit, measured exactly by `slack`.

This takes the plain Python way, route by route: it is asked for the few visits that somebody wants explained. `unplanned`
measures the same with compiled code, for all tasks that a plan leaves out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from hub.domain.places import Place
from scheduling.engine.eligibility import barred, off_hours
from scheduling.engine.problem import Route, Task
from scheduling.engine.reasons.binding import Shortage
from scheduling.engine.reasons.vocabulary import Reason, Refusal
from scheduling.engine.slack import Gap, Opening, empty_gap, gaps, openings, shortage
from scheduling.engine.spans import Span
from scheduling.engine.timeline import NEVER, Infeasible, simulate
from scheduling.travel.model import UNREACHABLE, TravelModel

type Ways = Sequence[tuple[int, int]]
"""For each gap of a route the drives to the visit and on from it, in seconds."""


@dataclass(frozen=True)
class MeasuredRoute:
    """A route with its visits in order and the seconds of its drives, home included; measured when first asked."""

    route: Route
    stops: tuple[Task, ...]
    drives: tuple[int, ...]

    @property
    def places(self) -> list[Place]:
        """Start, stops and end."""
        return [self.route.start, *(stop.place for stop in self.stops), self.route.end]

    @cached_property
    def gaps(self) -> tuple[Gap, ...] | Refusal:
        """The gaps, or why the route cannot be kept as it stands; one that drives too much has gaps all the same."""
        now = simulate(self.route, self.stops, self.drives)
        measured = gaps(self.route, self.stops, self.drives)
        if measured is None or (isinstance(now, Infeasible) and now.refusal.reason is Reason.VAN_FULL):
            return now.refusal if isinstance(now, Infeasible) else Refusal(Reason.NO_ROOM)
        return measured


@dataclass(frozen=True, slots=True)
class Room:
    """What one route has for one visit, whatever the window; `barred` says why it has nothing at all.

    For each gap its openings, and the driving of the day with the visit there; `alone` are the openings of the route
    without other visits, `round_trip` its driving.
    """

    route: Route
    barred: Refusal | None
    choices: tuple[tuple[Opening, ...], ...] = ()
    driving: tuple[int, ...] = ()
    alone: tuple[Opening, ...] = ()
    round_trip: int = 0
    overloaded: bool = False

    @classmethod
    def of(cls, day: MeasuredRoute, visit: Task, ways: Ways) -> Room:
        """The room for a visit that the technician may do."""
        route, measured = day.route, day.gaps
        first, last = ways[0][0], ways[-1][1]
        if first >= UNREACHABLE or last >= UNREACHABLE:
            return cls(route, Refusal(Reason.UNREACHABLE))
        if isinstance(measured, Refusal):
            return cls(route, measured)
        direct = day.drives if day.stops else (0,)
        around = zip(measured, ways, strict=True)
        return cls(
            route,
            None,
            choices=tuple(tuple(openings(gap, route.pauses, *way, visit.service_seconds)) for gap, way in around),
            driving=tuple(sum(direct) + there + on - now for (there, on), now in zip(ways, direct, strict=True)),
            alone=tuple(openings(empty_gap(route), route.pauses, first, last, visit.service_seconds)),
            round_trip=first + last,
            overloaded=_overloaded(day, visit),
        )

    def refusal(self, windows: Sequence[Span]) -> Refusal | None:
        """The rule that binds in these windows; None when there is room."""
        found = self.barred or off_hours(self.route, windows)
        return found if found is not None else self.shortage(windows).refusal()

    def shortage(self, windows: Sequence[Span]) -> Shortage:
        """What is lacking in these windows, in which the technician works."""
        most = NEVER if self.route.max_travel_seconds is None else self.route.max_travel_seconds
        short = [shortage(choices, windows) for choices in self.choices]
        driving = (whole - most for whole, by in zip(self.driving, short, strict=True) if by <= 0)
        return Shortage(
            time=min(short, default=NEVER),
            time_alone=shortage(self.alone, windows),
            driving=min(driving, default=0),
            driving_alone=self.round_trip - most,
            parts=self.overloaded,
        )


def rooms(routes: Sequence[MeasuredRoute], visit: Task, windows: Sequence[Span], travel: TravelModel) -> list[Room]:
    """The room of each route for the visit, to be asked about these windows; its own do not count.

    One call of the travel model in each direction serves all of them.
    """
    suited = [barred(item.route, visit) for item in routes]
    asked = [
        item.places if found is None and off_hours(item.route, windows) is None else []
        for item, found in zip(routes, suited, strict=True)
    ]
    places = list(dict.fromkeys(place for some in asked for place in some))
    index = {place: at for at, place in enumerate(places)}
    there: list[int] = travel.matrix(places, [visit.place])[:, 0].tolist() if places else []
    onward: list[int] = travel.matrix([visit.place], places)[0].tolist() if places else []
    out = []
    for item, found, some in zip(routes, suited, asked, strict=True):
        nodes = [index[place] for place in some]
        ways = [(there[a], onward[b]) for a, b in pairwise(nodes)]
        out.append(Room.of(item, visit, ways) if ways else Room(item.route, found))
    return out


def _overloaded(day: MeasuredRoute, visit: Task) -> bool:
    """Whether the van lacks parts for this visit beside the others."""
    if day.route.van is None:
        return False
    left = dict(day.route.van)
    for stop in day.stops:
        for part, amount in stop.parts:
            left[part] = left.get(part, 0) - amount
    return any(amount > max(0, left.get(part, 0)) for part, amount in visit.parts)
