"""What the board shows of one day: each technician's route with its stops."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from hub.domain.ids import RouteId, TechnicianId, VisitId, WorkOrderId
from hub.domain.places import Place
from hub.domain.plans import PlanRecord


@dataclass(frozen=True)
class Stop:
    """One visit, or one the draft proposes. `[starts_at, ends_at)` is the service; the drive before it takes `travel_seconds`.

    The window bounds the arrival and is None when nobody was promised one. `status` is the visit's, `proposed` for a visit
    that only the draft has. `change` says what the draft would do: empty (nothing), `new`, `moved` (to another
    technician or day) or `retimed`.
    """

    work_order_id: WorkOrderId
    visit_id: VisitId | None
    external_id: str
    work_type: str
    street: str
    postcode: str
    town: str
    place: Place
    starts_at: datetime
    ends_at: datetime
    travel_seconds: int
    status: str
    window: tuple[datetime, datetime] | None
    held_until: datetime | None = None
    pinned: bool = False
    change: str = ""


@dataclass(frozen=True)
class Pause:
    """A span in which the technician is not available: an absence, or the window in which the break begins."""

    starts_at: datetime
    ends_at: datetime
    reason: str


@dataclass(frozen=True)
class BoardRoute:
    """One technician's day. The break of `break_seconds` begins inside the window `rest`."""

    id: RouteId
    technician_id: TechnicianId
    technician: str
    skills: tuple[str, ...]
    zone: str
    shift_starts_at: datetime
    shift_ends_at: datetime
    rest: Pause | None
    break_seconds: int
    absences: tuple[Pause, ...]
    start: Place
    end: Place
    published_at: datetime | None
    stops: tuple[Stop, ...]

    @property
    def travel_seconds(self) -> int:
        """The driving to all stops as it stands with each. The way home is not counted: only a plan, which was simulated, knows it."""
        return sum(stop.travel_seconds for stop in self.stops)

    @property
    def work_seconds(self) -> int:
        """The service at all stops."""
        return int(sum((stop.ends_at - stop.starts_at for stop in self.stops), timedelta()).total_seconds())


@dataclass(frozen=True)
class LeftOut:
    """An order without a place in the plan, and why. `ready`: it waits for a plan, so each technician can be asked."""

    work_order_id: WorkOrderId
    external_id: str
    work_type: str
    town: str
    weight: int
    reason: str
    ready: bool = False


@dataclass(frozen=True)
class BoardDay:
    """One territory on one day, as it stands or as the draft would make it (`shows_draft`).

    `draft` is the newest plan over the day that can still be published.
    """

    territory: str
    day: date
    zone: str
    routes: tuple[BoardRoute, ...]
    left_out: tuple[LeftOut, ...]
    draft: PlanRecord | None
    shows_draft: bool
    day_before: date | None
    day_after: date | None

    @property
    def stop_count(self) -> int:
        """The stops of all routes."""
        return sum(len(route.stops) for route in self.routes)

    @property
    def travel_seconds(self) -> int:
        """The driving to the stops of all routes, without the ways home."""
        return sum(route.travel_seconds for route in self.routes)

    @property
    def published_count(self) -> int:
        """How many routes the technicians can see."""
        return sum(route.published_at is not None for route in self.routes)

    @property
    def change_counts(self) -> dict[str, int]:
        """How many stops the draft would add, move and retime; empty when it would change nothing."""
        changes = [stop.change for route in self.routes for stop in route.stops if stop.change]
        return {change: changes.count(change) for change in ("new", "moved", "retimed") if change in changes}


def in_driving_order(stops: Sequence[Stop]) -> tuple[Stop, ...]:
    """The stops as the technician meets them."""
    return tuple(sorted(stops, key=lambda stop: (stop.starts_at, stop.external_id)))
