"""Contact policies: the ladder of messages, written in TOML files that people can read."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from hub.domain.catalogue import Catalogue
from hub.domain.contact import Channel
from hub.domain.errors import ConfigurationError
from hub.domain.lifecycle import HoldReason
from hub.domain.quiet_hours import QuietHours
from hub.domain.work_orders import WorkOrder
from hub.notifications.texts import LANGUAGES
from hub.public_holidays import region_of
from hub.toml_files import read_toml
from portal.contact.outcomes import HANDED_BACK, Ending
from portal.contact.policy_file import PLACE, PolicyFile

SAMPLES = Path(__file__).with_name("policies")
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_LONGEST_QUIET_DAYS = 60
"""See `hub.domain.quiet_hours`: no country keeps quiet for so long."""


@dataclass(frozen=True)
class Step:
    """One message: how long after the round began, of which kind, and by which channels, the best first: the first that reaches is taken."""

    after: timedelta
    kind: str
    channels: tuple[Channel, ...]


@dataclass(frozen=True)
class Reminder:
    """A reminder of an agreed appointment: so many days before its day, so long after local midnight."""

    days_before: int
    at: timedelta
    channels: tuple[Channel, ...]


@dataclass(frozen=True)
class ContactPolicy:
    """A whole ladder: its steps in order, when it ends and what follows, and when it keeps quiet.

    `most_attempts` bounds the messages of all rounds together; `most_visits` is how many visits nobody opened the door for are made
    before the outcome is no access. `patience` is how long the ladder waits for an answer that we owe the citizen, or for an earlier time
    the citizen asked for. `fallback_language` is for citizens whose language we have no texts in.
    """

    code: str
    steps: tuple[Step, ...]
    ends_after: timedelta
    quiet: QuietHours
    most_attempts: int
    most_visits: int = 2
    patience: timedelta = timedelta(days=14)
    fallback_language: str = "en"
    endings: Mapping[HoldReason, Ending] = field(default_factory=dict)
    reminders: tuple[Reminder, ...] = ()
    keeps_holidays_of_place: bool = False

    def is_last(self, step: int) -> bool:
        """Whether `step` is not a message any more but the ladder's end."""
        return step >= len(self.steps)

    def due_after(self, step: int, taken_at: datetime, zone: str) -> datetime:
        """When the step after `step` is due, `step` having been taken at `taken_at`.

        The distance between two steps is kept even when the earlier one was late: a worker that stood still for a week
        sends the citizen one message, not four at once. The end is no message, so quiet hours do not delay it.
        """
        following = step + 1
        if self.is_last(following):
            return taken_at + self.ends_after - self.steps[step].after
        due = taken_at + self.steps[following].after - self.steps[step].after
        return self.quiet.next_allowed(due, zone)

    def remind_at(self, reminder: Reminder, day: date, zone: str) -> datetime:
        """When `reminder` of an appointment on local `day` is due: at its hour, on a quiet day's eve rather than on that day.

        It goes earlier, never later: later it could come after the appointment. The policy must be `at_place`.
        """
        when = day - timedelta(days=reminder.days_before)
        for _ in range(_LONGEST_QUIET_DAYS):
            if not self.quiet.is_quiet_day(when):
                break
            when -= timedelta(days=1)
        return (datetime.combine(when, time()) + reminder.at).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)

    def ending(self, reason: HoldReason) -> Ending:
        """What follows when contacting ends with `reason`."""
        return self.endings.get(reason, HANDED_BACK)

    def at_place(self, catalogue: Catalogue, territory: str, zone: str) -> "ContactPolicy":
        """This policy with the public holidays of a place."""
        if not self.keeps_holidays_of_place:
            return self
        return replace(self, quiet=replace(self.quiet, holidays=region_of(catalogue, territory, zone)))

    def addressed(self, order: WorkOrder) -> WorkOrder:
        """`order` with a language we have texts in."""
        if order.language in LANGUAGES:
            return order
        return replace(order, language=self.fallback_language)


@cache
def load_policies(folder: Path | None = None) -> Mapping[str, ContactPolicy]:
    """The policies in `folder` (default: the sample ones) by file name; raises ConfigurationError naming file and place."""
    place = folder or SAMPLES
    if not place.is_dir():
        message = f"The folder of contact policies {place} does not exist."
        raise ConfigurationError(message)
    return {
        file.stem: _policy(file.stem, read_toml(file, PolicyFile, "contact policy"))
        for file in sorted(place.glob("*.toml"))
    }


def check_policies(folder: Path | None, catalogue: Catalogue) -> None:
    """Raises ConfigurationError when `catalogue` names a policy that does not exist, or a policy a team that it does not have."""
    known = load_policies(folder)
    named = [
        code
        for work_type in catalogue.work_types.values()
        for code in (work_type.contact_policy, *work_type.contact_policies.values())
        if code
    ]
    # A policy that no work has may name what this company lacks: the samples lie there for everybody.
    for policy in {code: find_policy(known, code) for code in named}.values():
        for reason, ending in policy.endings.items():
            if ending.team and ending.team not in catalogue.teams:
                teams = ", ".join(catalogue.teams) or "none"
                message = (
                    f"The contact policy '{policy.code}' hands '{reason.value}' to the team '{ending.team}', "
                    f"which is not in the catalogue; its teams are {teams}."
                )
                raise ConfigurationError(message)


def find_policy(known: Mapping[str, ContactPolicy], code: str) -> ContactPolicy:
    """The policy named `code`; raises ConfigurationError."""
    found = known.get(code)
    if found is None:
        message = f"There is no contact policy '{code}'; known are {', '.join(sorted(known))}."
        raise ConfigurationError(message)
    return found


def _policy(code: str, read: PolicyFile) -> ContactPolicy:
    is_named = read.public_holidays not in {PLACE, "none"}
    weekdays = frozenset(_WEEKDAYS.index(day) for day in read.quiet_weekdays)
    return ContactPolicy(
        code=code,
        steps=tuple(Step(timedelta(hours=one.after_hours), one.kind, tuple(one.channels)) for one in read.steps),
        ends_after=timedelta(hours=read.end.after_hours),
        quiet=QuietHours(
            read.quiet_from, read.quiet_until, weekdays, holidays=read.public_holidays if is_named else ""
        ),
        most_attempts=read.most_attempts,
        most_visits=read.most_visits,
        patience=timedelta(days=read.patience_days),
        fallback_language=read.fallback_language,
        endings={
            HoldReason(reason.replace("_", " ")): Ending(
                one.then,
                timedelta(days=one.review_days) if one.review_days else None,
                one.reinvite,
                one.team,
            )
            for reason, one in read.outcomes.items()
        },
        reminders=tuple(
            Reminder(one.days_before, timedelta(hours=one.at.hour, minutes=one.at.minute), tuple(one.channels))
            for one in sorted(read.appointment_reminders, key=lambda one: -one.days_before)
        ),
        keeps_holidays_of_place=read.public_holidays == PLACE,
    )
