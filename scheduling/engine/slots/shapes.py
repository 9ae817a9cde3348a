"""What is asked of the slot search and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cached_property

from hub.domain.places import Place
from scheduling.engine.plan import RouteRefusal
from scheduling.engine.problem import Amounts, Route, Task, TaskId, TechnicianKey
from scheduling.engine.reasons import Refusal
from scheduling.engine.reasons.room import MeasuredRoute
from scheduling.engine.spans import Span
from scheduling.engine.timeline import Timeline, keep, route_legs
from scheduling.travel.model import TravelModel


class OfferReason(StrEnum):
    """Why a slot stands where it does among the offers."""

    STREET = "technician_in_street"
    NEARBY = "technician_nearby"
    AVAILABLE = "technician_available"


@dataclass(frozen=True, slots=True)
class Requirement:
    """What the visit needs: see `Task` for the fields."""

    id: TaskId
    place: Place
    service_seconds: int
    skills: frozenset[str] = frozenset()
    weight: int = 1
    allowed_technicians: frozenset[TechnicianKey] | None = None
    excluded_technicians: frozenset[TechnicianKey] = frozenset()
    territory: str | None = None
    levels: Amounts = ()
    parts: Amounts = ()
    own_visits: frozenset[TaskId] = frozenset()
    """Visits of the same order that stand already: to be near them is no reason for a time."""

    def visit(self, *arrivals: Span) -> Task:
        """The visit promised for these arrival windows, in order. Raises `InvalidProblem` when it makes no sense."""
        return Task(
            id=self.id,
            place=self.place,
            service_seconds=self.service_seconds,
            windows=arrivals,
            skills=self.skills,
            levels=self.levels,
            weight=self.weight,
            promised=True,
            allowed_technicians=self.allowed_technicians,
            excluded_technicians=self.excluded_technicians,
            territory=self.territory,
            parts=self.parts,
        )


@dataclass(frozen=True, slots=True)
class SlotWindow:
    """An arrival window that could be offered; `day` and `daypart` (any label) are local and serve the spread."""

    arrival: Span
    day: date
    daypart: str


@dataclass(frozen=True, slots=True)
class OpenRoute:
    """A route with its visits in order, each with its own window, and the seconds of its drives, home included."""

    route: Route
    stops: tuple[Task, ...]
    drives: tuple[int, ...]

    @classmethod
    def of(cls, route: Route, stops: Sequence[Task], travel: TravelModel) -> OpenRoute:
        """The route with its drives as `travel` has them."""
        return cls(route, tuple(stops), route_legs(route, stops, travel))

    @property
    def measured(self) -> MeasuredRoute:
        """The route, to measure what room it has."""
        return MeasuredRoute(self.route, self.stops, self.drives)

    @property
    def places(self) -> list[Place]:
        """Start, stops and end."""
        return [self.route.start, *(stop.place for stop in self.stops), self.route.end]

    @property
    def travel_seconds(self) -> int:
        """Its driving; none without visits."""
        return sum(self.drives) if self.stops else 0


@dataclass(frozen=True)
class Placement:
    """A place for a visit at `place` on the route `standing`, and what it costs in travel.

    The route as it would become is put together and simulated when first asked for: who only lists times never asks.
    `reordered` means that the other visits come in another order than before, each still inside its own window.
    """

    standing: OpenRoute
    place: Place
    position: int
    marginal_travel_seconds: int
    grow: Callable[[], OpenRoute] = field(repr=False, compare=False)
    reordered: bool = False

    @property
    def neighbours(self) -> tuple[Task, ...]:
        """The visits just before and just after, as far as there are any."""
        others, at = self.standing.stops, self.position
        if self.reordered:
            others = (*self.route.stops[:at], *self.route.stops[at + 1 :])
        return others[max(0, at - 1) : at + 1]

    @cached_property
    def route(self) -> OpenRoute:
        """The route as it would become."""
        return self.grow()

    @cached_property
    def timeline(self) -> Timeline:
        """When everything on that route happens; raises `RouteNotKept` when the place was not found on the route as it stands."""
        return keep(self.route.route, self.route.stops, self.route.drives)

    def checked(self) -> Placement:
        """The same, simulated: for whoever is about to promise it. Raises `RouteNotKept`."""
        _ = self.timeline
        return self

    @property
    def start(self) -> int:
        """When the new visit would begin."""
        return self.timeline.stops[self.position].start


@dataclass(frozen=True, slots=True)
class SlotOffer:
    """A window that can be kept, and how. Rank 0 is the first to show."""

    window: SlotWindow
    placement: Placement
    reason: OfferReason
    rank: int


@dataclass(frozen=True, slots=True)
class RefusedSlot:
    """A window that cannot be kept: the reason that binds, and that of each route."""

    window: SlotWindow
    refusal: Refusal
    by_route: tuple[RouteRefusal, ...]


@dataclass(frozen=True)
class SlotSearch:
    """Every window is either among the offers (by rank) or among the refused (in the order given)."""

    offers: tuple[SlotOffer, ...]
    explain: Callable[[], tuple[RefusedSlot, ...]] = field(repr=False, compare=False)

    @cached_property
    def refused(self) -> tuple[RefusedSlot, ...]:
        """The windows without an offer, with their reasons; worked out when first asked for, which takes longer than the search."""
        return self.explain()
