"""The verbs of the room: receive a message of the utility, and note what it must hear. `ingest.relay` sends that."""

from hub.bootstrap import Hub
from hub.db.unit_of_work import UnitOfWork
from hub.domain.events import Actor, ActorKind, Event
from hub.domain.lifecycle import WorkOrderStatus
from hub.messaging.envelope import Envelope, MalformedEnvelope, parse_envelope
from hub.messaging.service_bus import Complete, DeadLetter, ReceivedMessage, Settlement
from ingest import outbox
from ingest.events import ESCALATED, escalated, state_changed
from ingest.inbox import InboxOutcome, already_imported, broken_key, claim, claimed_detail, event_key, settle_claim
from ingest.mapping import judge_request
from ingest.schemas import CREATE_TYPE, MalformedOrderError, WorkOrderRequest, read_request

_LONGEST_NAME = 200
_LONGEST_SENTENCE = 500


def receive_message(hub: Hub, message: ReceivedMessage) -> Settlement:
    """Import the work order in `message` exactly once, however often and by how many workers it is delivered.

    What cannot be read is dead-lettered with a sentence for its sender. What can be read but not done is stored as rejected, and the
    utility hears why. Raises only when the database does: the message then comes again.
    """
    try:
        envelope = _read_envelope(message)
        request = read_request(envelope.data)
    except (MalformedEnvelope, MalformedOrderError) as error:
        return _dead_letter(hub, message, str(error))
    key = event_key(envelope)
    with hub.unit_of_work() as work:
        if claim(work, key, InboxOutcome.IMPORTED, request.external_id):
            _import_order(work, envelope, request, message)
            work.commit()
            return Complete()
        before = claimed_detail(work, key)
    if before == request.external_id:
        return Complete()
    return _dead_letter(
        hub, message, "The CloudEvent's id was used before, for another order. Send the order again with a new id."
    )


def record_for_utility(work: UnitOfWork, event: Event) -> None:
    """Note what the utility must hear of `event`, in the transaction in which it became true."""
    order = work.work_orders.get(event.work_order_id)
    if event.name == ESCALATED:
        outbox.add(work, escalated(order, event))
    elif event.after:
        appointment = outbox.agreed_appointment(work, WorkOrderStatus(event.after), order.id)
        outbox.add(work, state_changed(order, event, appointment))


def _read_envelope(message: ReceivedMessage) -> Envelope:
    envelope = parse_envelope(message.body)
    if envelope.type != CREATE_TYPE:
        raise MalformedEnvelope(f"Events of type '{envelope.type[:100]}' are not understood here; send {CREATE_TYPE}.")
    for name, value in (("id", envelope.id), ("source", envelope.source)):
        if len(value) > _LONGEST_NAME:
            raise MalformedEnvelope(f"The attribute '{name}' is longer than {_LONGEST_NAME} characters.")
    if envelope.data is None:
        raise MalformedEnvelope("The CloudEvent has no data; it must hold a TMF697 work order.")
    return envelope


def _import_order(work: UnitOfWork, envelope: Envelope, request: WorkOrderRequest, message: ReceivedMessage) -> None:
    utility = envelope.source
    if already_imported(work, utility, request.external_id):
        settle_claim(work, event_key(envelope), InboxOutcome.DUPLICATE)
        return
    judgement = judge_request(
        request,
        work.catalogue,
        utility=utility,
        correlation_id=_correlation_id(envelope, message),
        now=work.now,
    )
    if judgement.refusals:
        settle_claim(work, event_key(envelope), InboxOutcome.REJECTED)
    # A rejected order begins and ends as rejected: were it received first, the other rooms would begin to work on it.
    reason = " ".join((*judgement.refusals, *judgement.remarks))
    work.create_work_order(judgement.order, by=Actor(ActorKind.UTILITY, utility), reason=reason)


def _correlation_id(envelope: Envelope, message: ReceivedMessage) -> str:
    """What the utility wants to find its answer by: the event's own word, else the bus's, else the event's id."""
    named = envelope.extensions.get("correlationid") or message.correlation_id
    usable = isinstance(named, str) and named.isprintable() and len(named) <= _LONGEST_NAME
    return str(named) if usable else envelope.id


def _dead_letter(hub: Hub, message: ReceivedMessage, sentence: str) -> DeadLetter:
    shown = sentence.replace("\x00", "").encode("utf-8", "replace").decode()
    if len(shown) > _LONGEST_SENTENCE:
        shown = f"{shown[:_LONGEST_SENTENCE]}…"
    with hub.unit_of_work() as work:
        claim(work, broken_key(message), InboxOutcome.DEAD_LETTERED, shown)
        work.commit()
    return DeadLetter(reason="Unreadable order", description=shown)
