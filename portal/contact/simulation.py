"""What a policy would do for a citizen who never answers: when which message would go out, and what comes at the end."""

from dataclasses import dataclass, replace
from datetime import datetime

from hub.domain.catalogue import Catalogue
from hub.domain.errors import ConfigurationError
from hub.domain.lifecycle import HoldReason
from hub.domain.quiet_hours import QuietHours
from portal.contact.outcomes import Ending, Then
from portal.contact.policies import ContactPolicy


@dataclass(frozen=True)
class SimulatedStep:
    """One line of the table. `would_be_due` is when it would be due without quiet hours; None when they change nothing."""

    at: datetime
    what: str
    channels: tuple[str, ...]
    would_be_due: datetime | None


def simulate(
    policy: ContactPolicy, catalogue: Catalogue, *, begins: datetime, territory: str, zone: str
) -> list[SimulatedStep]:
    """The first round from `begins` on, every channel reaching the citizen and every tick on time.

    Raises ConfigurationError when the policy's quiet hours leave no day.
    """
    placed = policy.at_place(catalogue, territory, zone)
    try:
        return _steps(placed, begins, zone)
    except ValueError as error:
        message = f"The contact policy '{policy.code}' never sends anything: {error}."
        raise ConfigurationError(message) from error


def what_follows(ending: Ending) -> str:
    """An ending in words, to be read after the outcome."""
    words = {
        Then.ESCALATE: "back to the utility with the dossier",
        Then.HOLD: "on hold",
        Then.REASSIGN: f"on hold, handed to {ending.team}",
    }[ending.then]
    if ending.review_after is None:
        return words
    again = "the citizen is invited again" if ending.reinvites else "looked at again"
    return f"{words}, {again} after {ending.review_after.days} days"


def _steps(policy: ContactPolicy, begins: datetime, zone: str) -> list[SimulatedStep]:
    planned = list[SimulatedStep]()
    wished, at = begins, policy.quiet.next_allowed(begins, zone)
    for number, step in enumerate(policy.steps[: policy.most_attempts]):
        channels = tuple(channel.value for channel in step.channels)
        planned.append(SimulatedStep(at, step.kind.replace("_", " "), channels, None if at == wished else wished))
        wished = _without_quiet(policy).due_after(number, at, zone)
        at = policy.due_after(number, at, zone)
    end = f"no contact: {what_follows(policy.ending(HoldReason.NO_CONTACT))}"
    return [*planned, SimulatedStep(at, end, (), None)]


def _without_quiet(policy: ContactPolicy) -> ContactPolicy:
    return replace(policy, quiet=QuietHours(policy.quiet.starts, policy.quiet.starts))
