"""What the bus gave up on comes into quarantine, so that there is one place to look."""

import json
import logging

from sqlalchemy import text

from hub.bootstrap import Hub
from hub.db.unit_of_work import UnitOfWork
from hub.domain.events import SYSTEM
from hub.messaging.envelope import MalformedEnvelope
from hub.messaging.service_bus import Complete, ReceivedMessage
from ingest.inbox import broken_key
from ingest.messages import read_any_format
from ingest.profiles.problems import UnmappableMessageError
from ingest.profiles.reading import PROFILE_PROPERTY
from ingest.quarantine.records import Arrival, Cause, QuarantineStatus, keep
from ingest.schemas import MalformedOrderError
from ingest.service import UNREADABLE

_log = logging.getLogger(__name__)
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
_WAITS = text("SELECT EXISTS (SELECT FROM quarantined_message WHERE status = :waiting AND starts_with(key, :name))")
_SHOWN = 200
"""Characters of what a message that cannot be read seems to be about."""


def collect_dead_letter(hub: Hub, message: ReceivedMessage) -> Complete:
    """Lay a dead letter of the orders queue into quarantine, once however often it is brought; then it can leave the bus.

    The same message that its sender sent again lies there once too, as long as the first waits for somebody. Raises when the database
    does; the letter then comes again.
    """
    with hub.unit_of_work() as work:
        arrival = _arrival(hub, message)
        if not _waits_already(work, message):
            keep(work, [arrival], by=SYSTEM)
        work.commit()
    return Complete()


def _waits_already(work: UnitOfWork, message: ReceivedMessage) -> bool:
    """Whether the same message, under whatever number of the bus, waits; until this transaction ends nobody else lays it there."""
    name = f"{broken_key(message)} "
    work.connection.execute(_LOCK, {"name": name})
    found: bool = work.connection.scalar(_WAITS, {"name": name, "waiting": QuarantineStatus.WAITING.value})
    return found


def _arrival(hub: Hub, message: ReceivedMessage) -> Arrival:
    reason = message.dead_letter_reason or ""
    said = message.dead_letter_description or ""
    is_ours = reason == UNREADABLE
    utility = external_id = kind = ""
    profile = str(message.properties.get(PROFILE_PROPERTY) or "")
    try:
        reading = read_any_format(hub.settings, message)
        utility, external_id, kind = reading.utility, reading.external_id, reading.envelope.type
        profile = reading.profile
    except (MalformedEnvelope, MalformedOrderError) as error:
        # A letter somebody else laid there, or one from before it could say why.
        said = said or str(error)
        utility, external_id, kind = _glimpsed(message.body)
        profile = profile or (error.profile if isinstance(error, UnmappableMessageError) else "")
    except Exception:  # noqa: BLE001 - whatever it is, the letter is laid aside all the same
        # It may lie there because we stumble over it; those behind it must not lie there for that.
        _log.exception("Dead letter %s cannot be read and is laid into quarantine as it is.", message.message_id)
    return Arrival(
        # The bus's number stays with a message in its dead letters; the same message sent again has another one.
        key=f"{broken_key(message)} {message.sequence_number}",
        cause=Cause.UNREADABLE if is_ours else Cause.GIVEN_UP,
        reason=said if is_ours else f"The bus gave up on it: {reason or 'it does not say why'}. {said}".strip(),
        message=message,
        utility=utility,
        external_id=external_id,
        type=kind,
        profile=profile,
    )


def _glimpsed(body: bytes) -> tuple[str, str, str]:
    """Whose message it seems to be, about which order, of which type: so that people find it. Nothing is done upon it."""
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return "", "", ""
    data = event.get("data") if isinstance(event, dict) else None
    found = [event.get("source"), data.get("externalId"), event.get("type")] if isinstance(data, dict) else []
    utility, external_id, kind = (one if isinstance(one, str) else "" for one in found or ("", "", ""))
    return utility[:_SHOWN], external_id[:_SHOWN], kind[:_SHOWN]
