"""The kinds of message there are, and what each carries."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from hub.domain.contact import LinkPurpose
from hub.domain.errors import DoorstepError


class UnknownMessageKindError(DoorstepError):
    """A policy or a program names a kind of message that has no text."""

    code = "unknown-message-kind"

    def __init__(self, kind: str) -> None:
        super().__init__(f"There is no text for messages of kind '{kind}'; known are {', '.join(sorted(KINDS))}.")
        self.message_kind = kind


@dataclass(frozen=True)
class MessageKind:
    """What a message carries: the page its personal link opens, and whether it speaks of one appointment.

    `appointment` messages name a day and an arrival window and bring a calendar file. `only_while_confirmed` ones are
    not sent any more once that appointment was moved or cancelled: they would be wrong. `only_before_it` ones are of no
    use once the arrival window has begun, `only_while_held` ones once the slot they speak of is not kept any more. `values`
    are the names its texts use that whoever requests the message gives as parameters. `sms_link` tells whether the SMS has room for the link.
    Of `asked_for` ones the e-mail goes in quiet hours too: somebody waits for it, and it wakes nobody.
    """

    link: LinkPurpose | None
    appointment: bool = False
    only_while_confirmed: bool = False
    only_before_it: bool = False
    only_while_held: bool = False
    values: frozenset[str] = frozenset()
    sms_link: bool = True
    asked_for: bool = False


_BOUND = MessageKind(LinkPurpose.BOOKING, appointment=True, only_while_confirmed=True)
_ASKING = MessageKind(LinkPurpose.BOOKING)

KINDS: Mapping[str, MessageKind] = {
    "invitation": _ASKING,
    "reminder": _ASKING,
    "last_call": _ASKING,
    "missed": _ASKING,
    "confirmation": _BOUND,
    "moved": _BOUND,
    "day_before": replace(_BOUND, only_before_it=True),
    "cancelled": MessageKind(LinkPurpose.BOOKING, appointment=True),
    "withdrawn": MessageKind(None, appointment=True),
    "survey": MessageKind(LinkPurpose.SURVEY),
    # A freed place that is kept for somebody on the waitlist: `portal/waitlist`.
    "earlier": replace(_ASKING, only_while_held=True, values=frozenset({"day", "from", "until", "kept_until"})),
    "new_link": replace(_ASKING, asked_for=True),
    # Free times by number, to be answered with one: `portal/conversations`.
    "offer": replace(_ASKING, values=frozenset({"times"}), sms_link=False),
    # What a member of staff answers a citizen who wrote.
    "answer": MessageKind(None, values=frozenset({"text"})),
}


def message_kind(kind: str) -> MessageKind:
    """What messages of `kind` carry; raises UnknownMessageKindError."""
    found = KINDS.get(kind)
    if found is None:
        raise UnknownMessageKindError(kind)
    return found
