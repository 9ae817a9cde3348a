"""Which messages of a topic a subscription takes."""

from collections.abc import Sequence

from proton import Message, ProtonException

from infra.local.config import CorrelationFilter, Rule
from infra.local.requests import application_property
from infra.local.wire import MalformedMessage


def decode(encoded: bytes) -> Message:
    """The message, read as far as filters look at it. Raises wire.MalformedMessage."""
    message = Message()
    try:
        message.decode(encoded)
    except ProtonException as error:
        raise MalformedMessage(f"The message cannot be read: {error}.") from error
    return message


def takes(rules: Sequence[Rule], message: Message) -> bool:
    """Whether any rule takes the message; a subscription without rules takes every message."""
    return not rules or any(_matches(rule.properties.correlation_filter, message) for rule in rules)


def _matches(wanted: CorrelationFilter, message: Message) -> bool:
    found = {
        "content_type": message.content_type,
        "correlation_id": message.correlation_id,
        "label": message.subject,
        "message_id": message.id,
        "reply_to": message.reply_to,
        "to": message.address,
        "session_id": message.group_id,
        "reply_to_session_id": message.reply_to_group_id,
    }
    named = wanted.model_dump(exclude={"properties"}, exclude_none=True)
    return all(str(found[name] or "") == value for name, value in named.items()) and all(
        application_property(message, name) == value for name, value in wanted.properties.items()
    )
