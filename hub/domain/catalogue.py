"""Work types and territories: what a company configures before its first order."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time

from hub.domain.errors import DoorstepError


class UnknownWorkTypeError(DoorstepError):
    """An order names a kind of job that is not in the catalogue."""

    code = "unknown-work-type"

    def __init__(self, code: str, known: tuple[str, ...]) -> None:
        super().__init__(f"Work type '{code}' is not in the catalogue; known are {', '.join(known)}.")
        self.work_type = code


type Amounts = tuple[tuple[str, int], ...]
"""Whole amounts by name: levels of skills, or parts."""


@dataclass(frozen=True)
class PlanningPrices:
    """What the planner weighs against driving. All prices are in seconds of driving: 600 weighs as much as ten minutes of it.

    Promises come first and the weight of served work second, whatever the prices; these decide among plans that keep and
    serve the same. `late_day_seconds` is for each day begun between an order's due date and its visit,
    `technician_day_seconds` for sending one more technician out on a day, `overtime_hour_seconds` for an hour after the
    shift. `move_seconds` is for taking a planned visit off its technician, `dispatched_move_seconds` the same once it is on
    a phone. Two are weights: `dispatched_weight` is what a repair adds to the weight of a visit that is on a phone, and an
    order that waits to be planned and weighs `urgent_weight` or more is urgent: the published days are repaired for it.
    """

    late_day_seconds: int = 3600
    technician_day_seconds: int = 0
    overtime_hour_seconds: int = 5400
    move_seconds: int = 900
    dispatched_move_seconds: int = 7200
    dispatched_weight: int = 15
    urgent_weight: int = 60


@dataclass(frozen=True)
class WorkType:
    """A kind of job. `windows` are the arrival windows offered, local wall time (from, until).

    `levels` are the least levels of skills (1 where it says nothing), `parts` what a visit takes from the van.

    `contact_policy` is empty for work that needs no citizen: it is planned without an appointment. `contact_policies` are those
    of utilities that want another one for this work, by the utility's name as its orders carry it.
    `weight` is the default priority when the utility sends none. `names` maps language to the name citizens read. Citizens
    may ask for `requestable` work of their own accord.
    """

    code: str
    names: Mapping[str, str]
    duration_seconds: int
    skills: tuple[str, ...]
    weight: int
    contact_policy: str
    windows: tuple[tuple[time, time], ...]
    levels: Amounts = ()
    parts: Amounts = ()
    requestable: bool = False
    contact_policies: Mapping[str, str] = field(default_factory=dict)

    def policy_for(self, utility: str) -> str:
        """The code of the policy by which citizens of `utility` are contacted; empty when nobody is."""
        return self.contact_policies.get(utility, self.contact_policy)

    @property
    def needs_citizen(self) -> bool:
        """Whether somebody must be at home, so that an appointment is made."""
        return bool(self.contact_policy)


@dataclass(frozen=True)
class Catalogue:
    """The work types by code, and the territory of each span of postal codes (`first`, `last`, `territory`).

    `teams` are those an order can be handed to; `holidays` is the region whose public holidays a territory keeps, where it is not
    simply the country of its time zone (see `hub.domain.public_holidays`).
    """

    work_types: Mapping[str, WorkType]
    postcodes: tuple[tuple[int, int, str], ...]
    booking_days: int
    lead_seconds: int
    hold_seconds: int
    prices: PlanningPrices = PlanningPrices()
    teams: tuple[str, ...] = ()
    holidays: Mapping[str, str] = field(default_factory=dict)

    def work_type(self, code: str) -> WorkType:
        """The work type named `code`; raises UnknownWorkTypeError."""
        found = self.work_types.get(code)
        if found is None:
            raise UnknownWorkTypeError(code, tuple(sorted(self.work_types)))
        return found

    def territory(self, postcode: str) -> str | None:
        """The territory a postal code lies in, or None when it is not served."""
        # Other scripts have digits too, and some of theirs (²) are no number.
        if not (postcode.isascii() and postcode.isdigit()):
            return None
        number = int(postcode)
        return next((name for first, last, name in self.postcodes if first <= number <= last), None)
