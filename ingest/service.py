"""The verbs of the room: receive the utility's messages, and note what it must hear. `ingest.relay` sends that."""

import logging
from collections.abc import Sequence

from sqlalchemy.exc import DBAPIError, OperationalError

from hub.bootstrap import Hub
from hub.db.unit_of_work import UnitOfWork
from hub.domain.events import Event
from hub.domain.lifecycle import WorkOrderStatus
from hub.domain.work_orders import WorkOrder
from hub.logs import correlated
from hub.messaging.envelope import MalformedEnvelope
from hub.messaging.service_bus import Complete, DeadLetter, ReceivedMessage, Retry, Settlement
from ingest import early, outbox
from ingest.change_schemas import UPDATE_TYPE
from ingest.changes import apply_change
from ingest.events import CHANGE_REFUSED, ESCALATED, OutboxEvent, change_refused, created, escalated, state_changed
from ingest.importing import create_again, import_order, import_together, update_refused
from ingest.inbox import (
    WITHOUT_EFFECT,
    InboxOutcome,
    broken_key,
    claim,
    find_claim,
    find_order,
    lock_orders,
    settle_claim,
)
from ingest.messages import Reading, read_any_format
from ingest.schemas import MalformedOrderError, WorkOrderRequest
from ingest.telling import tell_settled
from scheduling.retrying import is_clash, until_settled

_log = logging.getLogger(__name__)
UNREADABLE = "Unreadable order"
_LONGEST_SENTENCE = 500
_WORTH_TOGETHER = 2
"""New orders in a batch from which on a transaction for all of them is worth its questions."""


def receive_message(hub: Hub, message: ReceivedMessage) -> Settlement:
    """Do what `message` asks exactly once, however often and by how many workers it is delivered.

    It creates a work order, changes one, cancels or closes one (`ingest.messages.TYPES`). What cannot be read is dead-lettered with
    a sentence for its sender. What can be read but not done is noted as such, and the utility hears why. Raises only when the
    database does: the message then comes again.
    """
    reading = _read(hub, message)
    settlement = _settle(hub, message, reading)
    tell_settled(hub, message, reading, settlement)
    return settlement


def receive_messages(hub: Hub, messages: Sequence[ReceivedMessage]) -> list[Settlement | Retry]:
    """The same for many messages, in fewer questions to the database: an answer for each, at its place.

    New orders are imported together in one transaction, all others one by one after them. When that transaction fails, they too are
    taken one by one, so that one message that cannot be taken spoils no other; it alone is answered with Retry. Raises when the
    database is away: all messages then come again.
    """
    readings = [_read_or_retry(hub, message) for message in messages]
    settled = _import_new(hub, [one for one in readings if isinstance(one, Reading)])
    answers: list[Settlement | Retry] = []
    for message, reading in zip(messages, readings, strict=True):
        if isinstance(reading, Retry):
            answers.append(reading)
            continue
        if isinstance(reading, Reading) and id(reading) in settled:
            answers.append(Complete())
            continue
        try:
            answers.append(_settle(hub, message, reading))
        except Exception as error:
            if _is_away(error):
                raise
            answers.append(Retry(error))
    for message, reading, answer in zip(messages, readings, answers, strict=True):
        tell_settled(hub, message, "" if isinstance(reading, Retry) else reading, answer)
    return answers


def take(work: UnitOfWork, reading: Reading, *, again: bool = False) -> Settlement:
    """Do what a message asks inside the caller's transaction, unless it was done before.

    With `again`, which only a person decides, a message that had no effect is tried once more.
    """
    lock_orders(work, [(reading.utility, reading.external_id)])
    if not claim(work, reading.key, InboxOutcome.IMPORTED, reading.external_id):
        before = find_claim(work, reading.key)
        if before is not None and before.detail != reading.external_id:
            return _note_unreadable(
                work,
                reading.message,
                "The CloudEvent's id was used before, for another order. Send the order again with a new id.",
            )
        if before is None or not (again and before.outcome in WITHOUT_EFFECT):
            return Complete()
    settle_claim(work, reading.key, _effect(work, reading))
    return Complete()


def record_for_utility(work: UnitOfWork, events: Sequence[Event]) -> None:
    """Note what the utility must hear of `events`, in the transaction in which they became true."""
    orders = work.work_orders.recall_all([event.work_order_id for event in events])
    told = (_for_utility(work, orders[event.work_order_id], event) for event in events)
    outbox.add_all(work, [one for one in told if one is not None])


def _for_utility(work: UnitOfWork, order: WorkOrder, event: Event) -> OutboxEvent | None:
    if order.utility == work.settings.own_requests_source and event.after and not event.before:
        return created(order, event)
    if event.name == ESCALATED:
        return escalated(order, event)
    if event.name == CHANGE_REFUSED:
        return change_refused(order, event, outbox.agreed_appointment(work, order.status, order.id))
    if event.after:
        return state_changed(order, event, outbox.agreed_appointment(work, WorkOrderStatus(event.after), order.id))
    return None


def _effect(work: UnitOfWork, reading: Reading) -> InboxOutcome:
    found = find_order(work, reading.utility, reading.external_id)
    request = reading.content if isinstance(reading.content, WorkOrderRequest) else None
    if found is None:
        if request is not None:
            return import_order(work, reading, request)
        early.keep(work, reading)
        return InboxOutcome.EARLY
    order = work.work_orders.get(found, lock=True)
    if request is not None:
        return create_again(work, reading, request, order)
    if order.status is WorkOrderStatus.REJECTED and reading.envelope.type == UPDATE_TYPE:
        return update_refused(work, reading, order)
    return apply_change(work, reading, order)


def _read(hub: Hub, message: ReceivedMessage) -> Reading | str:
    """The message, mapped from its utility's own format where it needs that, or a sentence why it cannot be read."""
    try:
        return read_any_format(hub.settings, message)
    except (MalformedEnvelope, MalformedOrderError) as error:
        return str(error)


def _read_or_retry(hub: Hub, message: ReceivedMessage) -> Reading | str | Retry:
    """The same; a message that our own reading stumbles over must not spoil those that came with it."""
    try:
        return _read(hub, message)
    except Exception as error:  # noqa: BLE001 - whatever it is, this message comes again, and the log says why
        return Retry(error)


def _settle(hub: Hub, message: ReceivedMessage, reading: Reading | str) -> Settlement:
    if isinstance(reading, str):
        return _dead_letter(hub, message, reading)
    with correlated(reading.correlation_id):
        return _take_alone(hub, reading)


def _take_alone(hub: Hub, reading: Reading) -> Settlement:
    def attempt() -> Settlement:
        with hub.unit_of_work() as work:
            settlement = take(work, reading)
            work.commit()
            return settlement

    # A technician's step or a booking may be in the way for a moment.
    return until_settled(attempt)


def _import_new(hub: Hub, readings: Sequence[Reading]) -> set[int]:
    """Import what can be imported together; returns the identities of those that are done."""
    first: dict[tuple[str, str], Reading] = {}
    keys = set[str]()
    for reading in readings:
        is_create = isinstance(reading.content, WorkOrderRequest)
        if is_create and reading.key not in keys and (reading.utility, reading.external_id) not in first:
            first[reading.utility, reading.external_id] = reading
            keys.add(reading.key)
    if len(first) < _WORTH_TOGETHER:
        return set()
    try:
        with hub.unit_of_work() as work:
            done = import_together(work, list(first.values()))
            work.commit()
    except Exception as error:
        if _is_away(error):
            raise
        # One of them spoils it for all: each by itself will show which.
        _log.warning("New orders could not be imported together and are taken one by one: %s", type(error).__name__)
        return set()
    return {id(reading) for reading in first.values() if reading.key in done}


def _is_away(error: Exception) -> bool:
    """Whether the database itself is what failed: the next question would fail as well, after a wait."""
    return isinstance(error, DBAPIError) and (error.connection_invalidated or _could_not_connect(error))


def _could_not_connect(error: DBAPIError) -> bool:
    return isinstance(error, OperationalError) and not is_clash(error) and not getattr(error.orig, "sqlstate", None)


def _dead_letter(hub: Hub, message: ReceivedMessage, sentence: str) -> DeadLetter:
    with hub.unit_of_work() as work:
        settlement = _note_unreadable(work, message, sentence)
        work.commit()
    return settlement


def _note_unreadable(work: UnitOfWork, message: ReceivedMessage, sentence: str) -> DeadLetter:
    shown = sentence.replace("\x00", "").encode("utf-8", "replace").decode()
    if len(shown) > _LONGEST_SENTENCE:
        shown = f"{shown[:_LONGEST_SENTENCE]}…"
    claim(work, broken_key(message), InboxOutcome.DEAD_LETTERED, shown)
    return DeadLetter(reason=UNREADABLE, description=shown)
