"""One message of the utility, read: whose it is, about which order, how new, and what it asks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hub.messaging.envelope import Envelope, MalformedEnvelope, parse_envelope
from hub.messaging.service_bus import ReceivedMessage
from hub.settings import Settings
from ingest.change_schemas import CANCEL_TYPE, CLOSE_TYPE, UPDATE_TYPE, OrderChange, OrderEnd, read_change, read_end
from ingest.inbox import event_key
from ingest.profiles.reading import profiles_of, read_message
from ingest.revisions import revision_of
from ingest.schemas import CREATE_TYPE, WorkOrderRequest, read_request

TYPES = (CREATE_TYPE, UPDATE_TYPE, CANCEL_TYPE, CLOSE_TYPE)
type Content = WorkOrderRequest | OrderChange | OrderEnd
_READERS: Mapping[str, Callable[[Any], Content]] = {
    CREATE_TYPE: read_request,
    UPDATE_TYPE: read_change,
    CANCEL_TYPE: read_end,
    CLOSE_TYPE: read_end,
}
_LONGEST_NAME = 200


@dataclass(frozen=True)
class Reading:
    """A message that could be read. `key` names it once and for all, `revision` says how new it is (`ingest.revisions`)."""

    message: ReceivedMessage
    envelope: Envelope
    key: str
    revision: str
    content: Content

    @property
    def utility(self) -> str:
        """Who sent it."""
        return self.envelope.source

    @property
    def external_id(self) -> str:
        """The order it is about, by the utility's own name."""
        return self.content.external_id

    @property
    def profile(self) -> str:
        """The profile that made the event, or an empty text."""
        return str(self.envelope.extensions.get("profile") or "")

    @property
    def correlation_id(self) -> str:
        """What the utility wants to find its answer by: the event's own word, else the bus's, else the event's id."""
        named = self.envelope.extensions.get("correlationid") or self.message.correlation_id
        usable = isinstance(named, str) and named.isprintable() and len(named) <= _LONGEST_NAME
        return str(named) if usable else self.envelope.id


def read_any_format(settings: Settings, message: ReceivedMessage) -> Reading:
    """What `message` asks, mapped first when a profile of this installation reads it; raises as `read` does."""
    return read(read_message(profiles_of(settings), message))


def read(message: ReceivedMessage) -> Reading:
    """What `message` asks; raises MalformedEnvelope or MalformedOrderError with a sentence for its sender."""
    envelope = parse_envelope(message.body)
    if envelope.type not in _READERS:
        raise MalformedEnvelope(
            f"Events of type '{envelope.type[:100]}' are not understood here; send {', '.join(TYPES)}."
        )
    for name, value in (("id", envelope.id), ("source", envelope.source)):
        if len(value) > _LONGEST_NAME:
            raise MalformedEnvelope(f"The attribute '{name}' is longer than {_LONGEST_NAME} characters.")
    if envelope.source.split() != [envelope.source]:
        # A space divides source and id in the key: with one inside, two events of two utilities could have the same.
        raise MalformedEnvelope(
            "The attribute 'source' must be a URI reference such as urn:utility:name, without spaces."
        )
    if envelope.data is None:
        raise MalformedEnvelope("The CloudEvent has no data; it must hold a TMF697 work order.")
    revision = revision_of(envelope, message.enqueued_at)
    return Reading(message, envelope, event_key(envelope), revision, _READERS[envelope.type](envelope.data))
