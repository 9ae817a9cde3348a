"""The broker's configuration: the official emulator's `config.json`, as far as this broker keeps its promises.

What the file asks for and the broker cannot do is refused at start with a sentence, never ignored: a message that
waits for a filter that is not there is lost without a trace.
"""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_pascal

from hub.domain.errors import DoorstepError, ErrorKind

DEFAULT_CONFIG = Path(__file__).with_name("config.json")


class ConfigurationRefused(DoorstepError):
    """The broker cannot start as the file asks; the text is a sentence for the person who wrote the file."""

    kind = ErrorKind.INVALID
    code = "broker-configuration-refused"


def _no_action(value: Any) -> Any:
    if value:
        raise ValueError("this broker runs no rule actions; leave it out")
    return None


# A message passes through at most this many queues and topics that forward it, as on Service Bus.
MOST_FORWARDS = 4
Window = Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(days=7))]
DEFAULT_WINDOW = timedelta(minutes=10)


class _Part(BaseModel):
    model_config = ConfigDict(alias_generator=to_pascal, populate_by_name=True, extra="forbid", frozen=True)


class QueueProperties(_Part):
    """How a queue or a subscription keeps its messages. Durations are ISO 8601 (`PT30S`)."""

    lock_duration: timedelta = Field(default=timedelta(minutes=1), gt=timedelta(0), le=timedelta(minutes=5))
    max_delivery_count: int = Field(default=10, ge=1, le=2000)
    default_message_time_to_live: timedelta | None = None
    dead_lettering_on_message_expiration: bool = False
    requires_session: bool = False
    requires_duplicate_detection: bool = False
    duplicate_detection_history_time_window: Window = DEFAULT_WINDOW
    forward_to: str = ""
    forward_dead_lettered_messages_to: str = ""

    @model_validator(mode="after")
    def _sessions_end_here(self) -> Self:
        if self.requires_session and self.forward_to:
            raise ValueError("a queue with sessions cannot forward; leave out RequiresSession or ForwardTo")
        return self


class SubscriptionProperties(QueueProperties):
    """How a subscription keeps its messages. Duplicates are found by the topic, before they reach a subscription."""

    requires_duplicate_detection: Literal[False] = False


class TopicProperties(_Part):
    """What a topic asks; its time to live holds for every subscription that sets none."""

    default_message_time_to_live: timedelta | None = None
    requires_duplicate_detection: bool = False
    duplicate_detection_history_time_window: Window = DEFAULT_WINDOW


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
    action: Annotated[None, BeforeValidator(_no_action)] = None


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
    properties: SubscriptionProperties = SubscriptionProperties()
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
    _refuse_lost_ways(path, namespace)
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


def _refuse_lost_ways(path: Path, namespace: Namespace) -> None:
    """Refuse a forwarding to nowhere, in a circle, or over more hops than Service Bus allows."""
    ways: dict[str, set[str]] = {}
    for name, properties in _owners(namespace):
        named = {properties.forward_to.lower(), properties.forward_dead_lettered_messages_to.lower()}
        ways.setdefault(name, set()).update(named - {""})
    lost = sorted(set().union(*ways.values()) - ways.keys())
    if lost:
        raise ConfigurationRefused(
            f"The broker's configuration {path} forwards to {', '.join(lost)}, which it does not have."
            " Add it, or correct the name."
        )
    for start in ways:
        reached = {start}
        for _ in range(MOST_FORWARDS + 1):
            reached = {target for name in reached for target in ways[name]}
        if reached:
            raise ConfigurationRefused(
                f"The broker's configuration {path} forwards from {start} in a circle or over more than"
                f" {MOST_FORWARDS} hops. Shorten the way."
            )


def _owners(namespace: Namespace) -> Iterator[tuple[str, QueueProperties]]:
    """Each queue, topic and subscription by the name messages are sent to, in lower case, with what it forwards."""
    for queue in namespace.queues:
        yield queue.name.lower(), queue.properties
    for topic in namespace.topics:
        yield topic.name.lower(), QueueProperties()
        for subscription in topic.subscriptions:
            yield topic.name.lower(), subscription.properties
