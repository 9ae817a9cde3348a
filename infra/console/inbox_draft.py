"""What is half written on the page of a conversation: every button brings it along, so that none of them loses it."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Form

from hub.domain.contact import Channel
from portal.conversations.staff import LONGEST_NOTE


@dataclass(frozen=True)
class Draft:
    """An answer and the way it is to go, and a note; typed and not sent."""

    text: str = ""
    channel: Channel = Channel.SMS
    remark: str = ""


def _draft(
    text: Annotated[str, Form(max_length=5000)] = "",
    channel: Annotated[str, Form(max_length=20)] = Channel.SMS.value,
    remark: Annotated[str, Form(max_length=4 * LONGEST_NOTE)] = "",
) -> Draft:
    # A browser counts a line's end as one sign and sends two: what is too long is refused once it was tidied, not here.
    return Draft(text, Channel(channel) if channel in set(Channel) else Channel.SMS, remark)


Drafted = Annotated[Draft, Depends(_draft)]
