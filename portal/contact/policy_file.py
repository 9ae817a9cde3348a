"""The shape of a policy's TOML file; what is wrong in it is said with its place."""

from datetime import time
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from hub.domain.contact import Channel, LinkPurpose
from hub.domain.lifecycle import HoldReason
from hub.domain.public_holidays import check_region
from hub.domain.quiet_hours import QuietHours
from hub.notifications.kinds import KINDS
from portal.contact.outcomes import Then
from portal.conversations.offers import KIND as OFFER

PLACE = "place"
"""The public holidays of the citizen's own region."""

type _Channels = Annotated[list[Channel], Field(min_length=1, max_length=len(Channel))]
type _Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


def _without_repeats(channels: list[Channel]) -> list[Channel]:
    if len(set(channels)) < len(channels):
        message = "a channel stands twice in the list"
        raise ValueError(message)
    return channels


class StepFile(BaseModel):
    """One message of the ladder."""

    model_config = ConfigDict(extra="forbid")

    after_hours: Annotated[float, Field(ge=0, le=2000)]
    kind: str
    channels: _Channels

    _checked = field_validator("channels")(_without_repeats)

    @model_validator(mode="before")
    @classmethod
    def _names_channels(cls, read: Any) -> Any:
        if isinstance(read, dict) and "channel" in read:
            message = 'write the channels as a list, the best first: channels = ["email", "sms"]'
            raise ValueError(message)
        return read

    @model_validator(mode="after")
    def _asks_for_a_booking(self) -> Self:
        # Messages that are filled with more than the order are no steps, but for the list of free times.
        known = sorted(
            name
            for name, one in KINDS.items()
            if one.link is LinkPurpose.BOOKING and not one.appointment and (not one.values or name == OFFER)
        )
        if self.kind not in known:
            message = f"kind must be one of {', '.join(known)}"
            raise ValueError(message)
        return self


class ReminderFile(BaseModel):
    """A reminder of an agreed appointment."""

    model_config = ConfigDict(extra="forbid")

    days_before: Annotated[int, Field(ge=1, le=60)]
    at: time
    channels: _Channels

    _checked = field_validator("channels")(_without_repeats)


class EndFile(BaseModel):
    """When the ladder ends."""

    model_config = ConfigDict(extra="forbid")

    after_hours: Annotated[float, Field(gt=0, le=4000)]


class OutcomeFile(BaseModel):
    """What follows one outcome."""

    model_config = ConfigDict(extra="forbid")

    then: Then
    review_days: Annotated[int, Field(ge=1, le=730)] | None = None
    reinvite: bool = False
    team: Annotated[str, Field(max_length=60)] = ""

    @model_validator(mode="after")
    def _says_all(self) -> Self:
        if self.then is Then.HOLD and self.review_days is None:
            message = "an order that is only held needs review_days, or nobody looks at it again"
            raise ValueError(message)
        if self.then is Then.REASSIGN and not self.team:
            message = "team must name who gets the order"
            raise ValueError(message)
        if self.reinvite and self.review_days is None:
            message = "reinvite needs review_days, after which the citizen is invited again"
            raise ValueError(message)
        return self


class PolicyFile(BaseModel):
    """A whole policy."""

    model_config = ConfigDict(extra="forbid")

    quiet_from: time
    quiet_until: time
    quiet_weekdays: Annotated[list[_Weekday], Field(max_length=6)] = []
    public_holidays: str = PLACE
    fallback_language: Literal["nl", "fr", "de", "en"] = "en"
    most_attempts: Annotated[int, Field(ge=1, le=100)]
    most_visits: Annotated[int, Field(ge=1, le=10)] = 2
    patience_days: Annotated[int, Field(ge=0, le=90)] = 14
    steps: Annotated[list[StepFile], Field(min_length=1, max_length=12)]
    end: EndFile
    outcomes: dict[str, OutcomeFile] = {}
    appointment_reminders: Annotated[list[ReminderFile], Field(max_length=6)] = []

    @field_validator("public_holidays")
    @classmethod
    def _is_a_region(cls, value: str) -> str:
        if value not in {PLACE, "none"}:
            check_region(value)
        return value

    @field_validator("outcomes")
    @classmethod
    def _are_known(cls, value: dict[str, OutcomeFile]) -> dict[str, OutcomeFile]:
        known = sorted(reason.value.replace(" ", "_") for reason in HoldReason)
        if strange := sorted(set(value) - set(known)):
            message = f"there is no outcome '{strange[0]}'; known are {', '.join(known)}"
            raise ValueError(message)
        return value

    @model_validator(mode="after")
    def _rises(self) -> Self:
        delays = [step.after_hours for step in self.steps] + [self.end.after_hours]
        if any(later <= earlier for earlier, later in pairwise(delays)):
            message = "each step and the end must come later than the step before"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _reminds_by_day(self) -> Self:
        days = [one.days_before for one in self.appointment_reminders]
        if len(set(days)) < len(days):
            message = "two appointment_reminders are for the same day"
            raise ValueError(message)
        hours = QuietHours(self.quiet_from, self.quiet_until)
        if late := next((one.at for one in self.appointment_reminders if hours.is_quiet_at(one.at)), None):
            message = f"an appointment reminder at {late:%H:%M} falls into the quiet hours"
            raise ValueError(message)
        return self
