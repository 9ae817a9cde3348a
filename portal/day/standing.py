"""Where a visit stands, decided from what is known of it; pure, so that a table of cases can try it."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from math import cos, hypot, radians
from zoneinfo import ZoneInfo

from hub.domain.appointments import Appointment, Visit
from hub.domain.citizen_records import TechnicianPlace
from hub.domain.lifecycle import AppointmentStatus, VisitStatus, WorkOrderStatus
from hub.domain.technicians import Technician
from hub.domain.work_orders import WorkOrder


class Stage(StrEnum):
    """The stages a citizen sees, in their order."""

    AGREED = "agreed"
    PLANNED = "planned"
    ON_THE_WAY = "on_the_way"
    AT_THE_DOOR = "at_the_door"
    DONE = "done"


class Estimate(StrEnum):
    """What can be said of the arrival: nothing yet, about when, any moment, or only that it is later than planned."""

    NONE = "none"
    ABOUT = "about"
    ANY_MOMENT = "any_moment"
    LATER = "later"


PLACE_IS_FRESH = timedelta(minutes=10)
"""How long a technician's last known place is shown; later we say only "on the way"."""
_ROUNDED_TO_MINUTES = 5
_METRES_PER_DEGREE = 111_195.0
"""Of latitude, on a sphere of 6,371 km: good to half a percent over a drive, more than a rounded distance shows."""
_STAGES = {
    VisitStatus.PLANNED: Stage.AGREED,
    VisitStatus.DISPATCHED: Stage.PLANNED,
    VisitStatus.EN_ROUTE: Stage.ON_THE_WAY,
    VisitStatus.ON_SITE: Stage.AT_THE_DOOR,
    VisitStatus.WORKING: Stage.AT_THE_DOOR,
    VisitStatus.COMPLETED: Stage.DONE,
}


@dataclass(frozen=True)
class Approach:
    """Where the technician was last known to be, as seen from the address: metres east and north of it, as the crow flies.

    `latitude` and `longitude` are rounded to three decimals (some 100 m): enough for a map of the way.
    """

    east_metres: float
    north_metres: float
    latitude: float
    longitude: float
    reported_at: datetime

    @property
    def metres(self) -> float:
        """How far that is."""
        return hypot(self.east_metres, self.north_metres)

    @property
    def stale_at(self) -> datetime:
        """From when on it is too old to be shown."""
        return self.reported_at + PLACE_IS_FRESH


@dataclass(frozen=True)
class Standing:
    """Where the visit stands at an instant.

    `technician` is the first name, on the visit's day only, else empty. `arrival` is set with `Estimate.ABOUT` alone: the expected
    arrival, rounded to five minutes. `changes_at` is when something else is to be said although nothing has happened.
    """

    stage: Stage
    is_working: bool
    is_today: bool
    day: date
    technician: str
    estimate: Estimate
    arrival: datetime | None
    approach: Approach | None
    changes_at: datetime | None = None

    @property
    def is_live(self) -> bool:
        """Whether the page follows what happens: something may change within the day."""
        return self.is_today and self.stage is not Stage.DONE


@dataclass(frozen=True)
class Known:
    """What is known of an order's visit: the newest agreed appointment, its visit and technician, the technician's last place."""

    order: WorkOrder
    appointment: Appointment | None
    visit: Visit | None
    technician: Technician | None
    place: TechnicianPlace | None


def stand(known: Known, now: datetime) -> Standing | None:
    """Where the visit stands; None without an agreed appointment, and for a visit that ended without completion."""
    order, appointment, visit = known.order, known.appointment, known.visit
    if appointment is None or appointment.status not in {AppointmentStatus.CONFIRMED, AppointmentStatus.COMPLETED}:
        return None
    zone = ZoneInfo(order.zone)
    day = (visit.starts_at if visit else appointment.starts_at).astimezone(zone).date()
    if visit is None:
        is_today = now.astimezone(zone).date() == day
        return Standing(Stage.AGREED, False, is_today, day, "", Estimate.NONE, None, None)
    stage = _STAGES.get(visit.status)
    if stage is None:
        return None
    if stage is Stage.AGREED and order.status is WorkOrderStatus.PLANNED:
        stage = Stage.PLANNED
    under_way = stage in {Stage.ON_THE_WAY, Stage.AT_THE_DOOR}
    is_today = under_way or now.astimezone(zone).date() == day
    expected = _expected(visit, stage) if is_today else None
    approach = _approach(order, known.place, now) if stage is Stage.ON_THE_WAY else None
    return Standing(
        stage=stage,
        is_working=visit.status is VisitStatus.WORKING,
        is_today=is_today,
        day=day,
        technician=known.technician.first_name if known.technician and is_today else "",
        estimate=_estimate(expected, stage, now),
        arrival=_rounded(expected) if expected and expected > now else None,
        approach=approach,
        changes_at=min((at for at in (expected, approach and approach.stale_at) if at and at > now), default=None),
    )


def _expected(visit: Visit, stage: Stage) -> datetime | None:
    """From the plan before setting off; afterwards from the time of setting off and the travel, as it was forecast then."""
    if stage is Stage.ON_THE_WAY:
        set_off = visit.set_off_at or visit.starts_at
        return visit.promised_arrival or set_off + timedelta(seconds=visit.travel_seconds)
    return visit.starts_at if stage in {Stage.AGREED, Stage.PLANNED} else None


def _estimate(expected: datetime | None, stage: Stage, now: datetime) -> Estimate:
    if expected is None:
        return Estimate.NONE
    if expected > now:
        return Estimate.ABOUT
    # A plan whose time has passed says nothing of the arrival any more, only that it will be later.
    return Estimate.ANY_MOMENT if stage is Stage.ON_THE_WAY else Estimate.LATER


def _rounded(instant: datetime) -> datetime:
    """To the nearest five minutes: nobody can promise the minute."""
    step = _ROUNDED_TO_MINUTES * 60
    seconds = round(instant.timestamp() / step) * step
    return instant + timedelta(seconds=seconds - instant.timestamp())


def _approach(order: WorkOrder, place: TechnicianPlace | None, now: datetime) -> Approach | None:
    if place is None or order.latitude is None or order.longitude is None or now - place.reported_at > PLACE_IS_FRESH:
        return None
    north = (place.latitude - order.latitude) * _METRES_PER_DEGREE
    east = (place.longitude - order.longitude) * _METRES_PER_DEGREE * cos(radians(order.latitude))
    return Approach(east, north, round(place.latitude, 3), round(place.longitude, 3), place.reported_at)
