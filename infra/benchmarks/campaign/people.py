"""Who takes part: technicians, citizens with their wishes and habits, absences and urgent orders; all drawn from one seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from uuid import UUID, uuid5

from hub.domain.ids import TechnicianId, WorkOrderId
from hub.domain.lifecycle import WorkOrderStatus
from hub.domain.places import Place
from hub.domain.technicians import Technician
from hub.domain.work_orders import WorkOrder
from infra.benchmarks.campaign.options import FIRST_HOUR, LAST_HOUR, ZONE, CampaignOptions, local
from ingest.sample.people import technician_name
from ingest.sample.towns import TOWNS, Town, draw_address

_NAMES = UUID("0b9d6a52-77d8-4d7e-9d35-1f6a54c0c5a1")
_DISTRICT_TOWNS: Mapping[str, tuple[str, ...]] = {
    "gent": ("Gent", "Merelbeke", "Lochristi"),
    "antwerpen": ("Antwerpen", "Mortsel", "Schoten", "Brasschaat"),
    "kust": ("Brugge", "Knokke-Heist", "Oostende", "Torhout", "Diksmuide"),
    "leie": ("Roeselare", "Izegem", "Kortrijk", "Waregem", "Menen", "Ieper"),
    "kempen": ("Heist-op-den-Berg", "Herentals", "Geel", "Turnhout"),
    "mechelen": ("Boom", "Mechelen", "Lier"),
    "aalst": ("Dendermonde", "Aalst", "Wetteren"),
    "waasland": ("Lokeren", "Sint-Niklaas"),
    "meetjesland": ("Deinze", "Eeklo", "Tielt"),
    "zuid-oost-vlaanderen": ("Zottegem", "Oudenaarde"),
}
_TOWNS: Mapping[str, Town] = {town.name: town for towns in TOWNS.values() for town in towns}
_LEAST_CREW = 3
_SKILLS = (
    ("fibre", "splicing", "meter", "repair"),
    ("fibre", "splicing", "meter"),
    ("fibre", "splicing", "repair"),
    ("fibre", "splicing", "meter", "repair"),
)
"""By turns, within a district."""
_WORK = {"fibre_connection": 70, "meter_swap": 15, "repair": 12, "fibre_survey": 3}
"""The mix of jobs, in percent."""
_ABSENT_SHARE = 0.025
"""Of all technicians' days."""
_URGENT_SHARE = 0.03
"""Urgent orders for each citizen."""
_EARLY_SHARE = 0.6
"""Of the citizens book before the first day on the road; the others while technicians are out already."""
NOON = 12
HALVES = ((time(8), time(12)), (time(13), time(17)))
"""The halves of a day in which a technician may arrive, as capacity buckets promise them."""


class Habit(StrEnum):
    """What a citizen does besides booking."""

    KEEPS = "keeps"
    LETS_LAPSE = "lets the hold lapse"
    MOVES = "moves"
    CANCELS = "cancels"


_HABITS = {Habit.KEEPS: 74, Habit.LETS_LAPSE: 6, Habit.MOVES: 12, Habit.CANCELS: 8}
"""In percent."""


@dataclass(frozen=True)
class Wish:
    """What a citizen would like best: a day and, unless `afternoon` is None, a half of it; `patience` bounds how far off they go."""

    day: date
    afternoon: bool | None
    patience: int

    def distance(self, at: datetime, days: Sequence[date]) -> int:
        """How far a window beginning at `at` is from the wish: 0 is the first choice; each working day counts 2, the other half 3."""
        there = at.astimezone(ZONE)
        if there.date() not in days:
            return self.patience + 1
        missed = self.afternoon is not None and self.afternoon != (there.hour >= NOON)
        return 2 * abs(days.index(there.date()) - days.index(self.day)) + 3 * missed


@dataclass(frozen=True)
class Citizen:
    """One citizen with one order. `second` is the wish after a change of mind, `delay` how long that takes."""

    order_id: WorkOrderId
    number: int
    territory: str
    work_type: str
    place: Place
    town: Town
    arrives: datetime
    wish: Wish
    habit: Habit
    second: Wish
    delay: timedelta
    returns: bool

    def order(self, imported_at: datetime) -> WorkOrder:
        """The order as it stands when its citizen has been asked to choose."""
        return _order(self.order_id, f"C-{self.number:05}", self, WorkOrderStatus.CONTACTING, imported_at)


@dataclass(frozen=True)
class Urgent:
    """An order in the street that must be done soon."""

    order_id: WorkOrderId
    number: int
    territory: str
    place: Place
    town: Town
    arrives: datetime
    work_type: str = "cabinet_repair"

    def order(self) -> WorkOrder:
        """The order, ready to be planned."""
        return _order(self.order_id, f"U-{self.number:05}", self, WorkOrderStatus.READY, self.arrives, weight=60)


@dataclass(frozen=True)
class Illness:
    """`technician` does not work from hour `begins` to hour `ends` of `day`, which is known `told`."""

    technician: TechnicianId
    territory: str
    day: date
    begins: int
    ends: int
    told: datetime


@dataclass(frozen=True)
class Company:
    """Everybody of one campaign."""

    technicians: tuple[Technician, ...]
    citizens: tuple[Citizen, ...]
    urgent: tuple[Urgent, ...]
    illnesses: tuple[Illness, ...]

    @property
    def territories(self) -> tuple[str, ...]:
        """The districts with technicians."""
        return tuple(dict.fromkeys(one.territory for one in self.technicians))


def draw_company(options: CampaignOptions) -> Company:
    """The same options give the same people."""
    luck = random.Random(f"campaign/{options.seed}/{options.citizens}/{options.technicians}/{options.days}")
    districts = tuple(_DISTRICT_TOWNS)[: max(1, min(len(_DISTRICT_TOWNS), options.technicians // _LEAST_CREW))]
    technicians = tuple(_technicians(luck, options, districts))
    return Company(
        technicians,
        tuple(_citizens(luck, options, districts)),
        tuple(_urgent(luck, options, districts)),
        tuple(_illnesses(luck, options, technicians)),
    )


def _technicians(luck: random.Random, options: CampaignOptions, districts: Sequence[str]) -> Iterator[Technician]:
    taken: set[str] = set()
    for number in range(options.technicians):
        territory = districts[number % len(districts)]
        home = draw_address(luck, _town(luck, territory))
        yield Technician(
            id=TechnicianId(uuid5(_NAMES, f"technician/{options.seed}/{number}")),
            name=technician_name(luck, taken),
            territory=territory,
            skills=_SKILLS[(number // len(districts)) % len(_SKILLS)],
            start_latitude=home.latitude,
            start_longitude=home.longitude,
            end_latitude=home.latitude,
            end_longitude=home.longitude,
            zone=ZONE.key,
        )


def _citizens(luck: random.Random, options: CampaignOptions, districts: Sequence[str]) -> Iterator[Citizen]:
    for number in range(options.citizens):
        # Technicians are spread evenly, so citizens are too: no district is short of people by design.
        territory = districts[number % len(districts)]
        town = _town(luck, territory)
        address = draw_address(luck, town)
        arrives = _arrival(luck, options)
        yield Citizen(
            order_id=WorkOrderId(uuid5(_NAMES, f"citizen/{options.seed}/{number}")),
            number=number,
            territory=territory,
            work_type=luck.choices(list(_WORK), weights=list(_WORK.values()))[0],
            place=Place(address.latitude, address.longitude),
            town=town,
            arrives=arrives,
            wish=_wish(luck, options, arrives),
            habit=luck.choices(list(_HABITS), weights=list(_HABITS.values()))[0],
            second=_wish(luck, options, arrives),
            delay=timedelta(hours=luck.randrange(1, 48)),
            returns=luck.random() < 0.6,
        )


def _urgent(luck: random.Random, options: CampaignOptions, districts: Sequence[str]) -> Iterator[Urgent]:
    for number in range(max(1, round(options.citizens * _URGENT_SHARE))):
        territory = luck.choice(districts)
        town = _town(luck, territory)
        address = draw_address(luck, town)
        yield Urgent(
            order_id=WorkOrderId(uuid5(_NAMES, f"urgent/{options.seed}/{number}")),
            number=number,
            territory=territory,
            place=Place(address.latitude, address.longitude),
            town=town,
            arrives=local(luck.choice(options.working_days), luck.randrange(FIRST_HOUR, 15)),
        )


def _illnesses(luck: random.Random, options: CampaignOptions, technicians: Sequence[Technician]) -> Iterator[Illness]:
    days = [(one, day) for one in technicians for day in options.working_days]
    for one, day in luck.sample(days, max(1, round(len(days) * _ABSENT_SHARE))):
        kind = luck.random()
        if kind < 0.4:
            # Called in ill in the morning, for the whole day.
            yield Illness(one.id, one.territory, day, 0, 24, local(day, FIRST_HOUR))
        elif kind < 0.7:
            # Went home in the middle of the day.
            hour = luck.randrange(9, 15)
            yield Illness(one.id, one.territory, day, hour, 24, local(day, hour))
        else:
            # Some hours away, known the evening before.
            hour = luck.randrange(9, 14)
            yield Illness(one.id, one.territory, day, hour, hour + 2, local(_day_before(options, day), LAST_HOUR - 2))


def _day_before(options: CampaignOptions, day: date) -> date:
    days = (*options.booking_days, *options.working_days)
    return days[days.index(day) - 1]


def _arrival(luck: random.Random, options: CampaignOptions) -> datetime:
    late = options.working_days[: max(1, options.days * 7 // 10)]
    day = luck.choice(options.booking_days if luck.random() < _EARLY_SHARE else late)
    return local(day, luck.randrange(FIRST_HOUR + 1, LAST_HOUR))


def _wish(luck: random.Random, options: CampaignOptions, arrives: datetime) -> Wish:
    """Most want a day soon; one in four does not mind the half of the day."""
    left = [day for day in options.working_days if day > arrives.astimezone(ZONE).date()] or options.working_days[-1:]
    # The nearest half of the days that are left is wanted twice as often.
    day = luck.choice(left[: max(1, len(left) // 2)] if luck.random() < 1 / 3 else left)
    return Wish(day, luck.choice((True, False, False, None)), luck.randrange(6, 30))


def _town(luck: random.Random, territory: str) -> Town:
    towns = [_TOWNS[name] for name in _DISTRICT_TOWNS[territory]]
    return luck.choices(towns, weights=[town.share for town in towns])[0]


def _order(
    identity: WorkOrderId,
    external_id: str,
    who: Citizen | Urgent,
    status: WorkOrderStatus,
    imported_at: datetime,
    *,
    weight: int = 10,
) -> WorkOrder:
    needs_citizen = status is WorkOrderStatus.CONTACTING
    return WorkOrder(
        id=identity,
        utility="campaign",
        external_id=external_id,
        work_type=who.work_type,
        status=status,
        territory=who.territory,
        weight=weight,
        citizen_name=f"Citizen {who.number}" if needs_citizen else "",
        citizen_email=f"citizen-{who.number}@citizen.example" if needs_citizen else "",
        citizen_phone="",
        language="nl",
        street="Kerkstraat 999",
        postcode=who.town.postcode,
        town=who.town.name,
        latitude=who.place.lat,
        longitude=who.place.lon,
        zone=ZONE.key,
        not_before=None,
        due_at=None,
        notes="",
        correlation_id="",
        imported_at=imported_at,
    )
