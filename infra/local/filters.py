"""Which messages of a topic a subscription takes."""

from collections.abc import Sequence

from proton import Message

from infra.local.config import CorrelationFilter, Rule
from infra.local.requests import application_property


def takes(rules: Sequence[Rule], encoded: bytes) -> bool:
    """Whether any rule takes the message; a subscription without rules takes every message."""
    if not rules:
        return True
    message = Message()
    message.decode(encoded)
    return any(_matches(rule.properties.correlation_filter, message) for rule in rules)


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
