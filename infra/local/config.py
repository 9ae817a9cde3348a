"""The broker's configuration: the official emulator's `config.json`, as far as this broker keeps its promises.

What the file asks for and the broker cannot do is refused at start with a sentence, never ignored: a message that
waits for a filter that is not there is lost without a trace.
"""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_pascal

from hub.domain.errors import DoorstepError, ErrorKind

DEFAULT_CONFIG = Path(__file__).with_name("config.json")


class ConfigurationRefused(DoorstepError):
    """The broker cannot start as the file asks; the text is a sentence for the person who wrote the file."""

    kind = ErrorKind.INVALID
    code = "broker-configuration-refused"


def _false(value: Any) -> Any:
    if value:
        raise ValueError("this broker cannot do that; leave it out or set it to false")
    return False


def _empty(value: Any) -> Any:
    if value:
        raise ValueError("this broker does not forward messages; leave it empty")
    return ""


Never = Annotated[bool, BeforeValidator(_false)]
Nowhere = Annotated[str, BeforeValidator(_empty)]


class _Part(BaseModel):
    model_config = ConfigDict(alias_generator=to_pascal, populate_by_name=True, extra="forbid", frozen=True)


class QueueProperties(_Part):
    """How a queue or a subscription keeps its messages. Durations are ISO 8601 (`PT30S`)."""

    lock_duration: timedelta = Field(default=timedelta(minutes=1), gt=timedelta(0), le=timedelta(minutes=5))
    max_delivery_count: int = Field(default=10, ge=1, le=2000)
    default_message_time_to_live: timedelta | None = None
    dead_lettering_on_message_expiration: bool = False
    requires_session: Never = False
    requires_duplicate_detection: Never = False
    duplicate_detection_history_time_window: timedelta | None = None
    forward_to: Nowhere = ""
    forward_dead_lettered_messages_to: Nowhere = ""


class TopicProperties(_Part):
    """What a topic asks; its time to live holds for every subscription that sets none."""

    default_message_time_to_live: timedelta | None = None
    requires_duplicate_detection: Never = False
    duplicate_detection_history_time_window: timedelta | None = None


class CorrelationFilter(_Part):
    """Takes messages whose named properties equal these; what is left out is not looked at."""

    content_type: str | None = None
    correlation_id: str | None = None
    label: str | None = None
    message_id: str | None = None
    reply_to: str | None = None
    to: str | None = None
    session_id: str | None = None
    reply_to_session_id: str | None = None
    properties: dict[str, str | int | float | bool] = Field(default_factory=dict)


class RuleProperties(_Part):
    """One rule: only correlation filters, no SQL filters and no actions."""

    filter_type: Literal["Correlation"]
    correlation_filter: CorrelationFilter


class Rule(_Part):
    """A named rule of a subscription; a message is taken when any rule takes it."""

    name: str
    properties: RuleProperties


class Queue(_Part):
    """A queue by name."""

    name: str = Field(min_length=1)
    properties: QueueProperties = QueueProperties()


class Subscription(_Part):
    """A subscription of a topic; without rules it takes every message."""

    name: str = Field(min_length=1)
    properties: QueueProperties = QueueProperties()
    rules: tuple[Rule, ...] = ()


class Topic(_Part):
    """A topic by name, with its subscriptions."""

    name: str = Field(min_length=1)
    properties: TopicProperties = TopicProperties()
    subscriptions: tuple[Subscription, ...] = ()


class Namespace(_Part):
    """The queues and topics a connection string opens."""

    name: str
    queues: tuple[Queue, ...] = ()
    topics: tuple[Topic, ...] = ()


class _UserConfig(_Part):
    namespaces: tuple[Namespace, ...] = Field(min_length=1, max_length=1)
    logging: dict[str, str] = Field(default_factory=dict)


class _File(_Part):
    user_config: _UserConfig


def read_config(path: Path) -> Namespace:
    """The namespace the file describes; raises ConfigurationRefused with a sentence that names file and place."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationRefused(
            f"The broker's configuration {path} cannot be read ({error.strerror}). Name a file that exists."
        ) from error
    try:
        namespace = _File.model_validate(json.loads(text)).user_config.namespaces[0]
    except json.JSONDecodeError as error:
        raise ConfigurationRefused(
            f"The broker's configuration {path} is not JSON (line {error.lineno}: {error.msg}). Correct that line."
        ) from error
    except ValidationError as error:
        places = "; ".join(_places(error))
        raise ConfigurationRefused(
            f"The broker's configuration {path} asks for what it cannot do: {places}."
        ) from error
    _refuse_same_names(path, namespace)
    return namespace


def _places(error: ValidationError) -> Iterator[str]:
    for problem in error.errors():
        place = ".".join(str(part) for part in problem["loc"])
        if problem["loc"][-1] == "FilterType":
            yield f"{place}: only correlation filters are supported here, not {problem['input']!r}"
        elif problem["type"] == "extra_forbidden":
            yield f"{place}: this setting is not supported here"
        else:
            yield f"{place}: {problem['msg'].removeprefix('Value error, ')}"


def _refuse_same_names(path: Path, namespace: Namespace) -> None:
    names = [queue.name.lower() for queue in namespace.queues] + [topic.name.lower() for topic in namespace.topics]
    for topic in namespace.topics:
        names += [f"{topic.name}/{subscription.name}".lower() for subscription in topic.subscriptions]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigurationRefused(
            f"The broker's configuration {path} names {', '.join(twice)} twice. Give each queue and topic its own name."
        )
