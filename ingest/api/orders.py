"""What a utility does with work orders over the API. Each verb becomes a message for `ingest.service.receive_message`."""

from typing import Any
from uuid import uuid4

from sqlalchemy import insert, select

from hub.bootstrap import Hub
from hub.db import tables
from hub.db.unit_of_work import UnitOfWork
from hub.domain.errors import NotFoundError
from hub.domain.lifecycle import TMF697_STATES, WorkOrderStatus
from hub.domain.work_orders import WorkOrder
from hub.logs import current_correlation_id
from hub.messaging.envelope import CONTENT_TYPE, Envelope, new_envelope
from hub.messaging.service_bus import DeadLetter, ReceivedMessage
from ingest.api.clients import UtilityClient
from ingest.api.errors import (
    BodyInvalidError,
    ChangeRefusedError,
    KeyReusedError,
    OrderExistsError,
    OrderUnknownError,
)
from ingest.api.once import find_made, keep_made
from ingest.api.queries import find_order, find_order_by_name, get_cancel_task, get_order
from ingest.api.resources import CancelTask
from ingest.api.schemas import CancelCreate, validated
from ingest.change_schemas import CANCEL_TYPE, UPDATE_TYPE, read_change
from ingest.events import CHANGE_REFUSED
from ingest.inbox import InboxOutcome, event_key, find_claim
from ingest.schemas import CREATE_TYPE, read_request
from ingest.service import receive_message

CHANGEABLE = (
    "description",
    "priority",
    "requestedStartDate",
    "requestedCompletionDate",
    "note",
    "place",
    "relatedParty",
    "workOrderItem",
)
"""What a PATCH may name; more than that is refused by name, so that nobody believes a change that was not made."""
_NAMING = frozenset({"id", "externalId", "href", "@type", "@baseType", "@schemaLocation"})


def create_order(hub: Hub, client: UtilityClient, body: dict[str, Any], key: str | None) -> WorkOrder:
    """Take in a new order and return it as it is then, which may be rejected with its reasons.

    `key` is the Idempotency-Key; without one the externalId stands for it. The same request again gives the same order.
    Raises MalformedOrderError, OrderExistsError, KeyReusedError.
    """
    request = read_request(body)
    named, key = key, key or request.external_id
    try:
        made = find_made(hub, client, "work-order", key, body)
    except KeyReusedError:
        if named:
            raise
        raise OrderExistsError from None
    if made is None:
        envelope = _envelope(hub, client, CREATE_TYPE, f"rest-create-{key}", body)
        with hub.snapshot() as work:
            known = find_order_by_name(work, client, request.external_id) is not None
            claim = find_claim(work, event_key(envelope))
        ours = claim is not None and claim.detail == request.external_id
        if known and not ours:
            raise OrderExistsError
        _receive(hub, envelope)
        with hub.snapshot() as work:
            claim = find_claim(work, event_key(envelope))
        if claim is not None and claim.outcome == InboxOutcome.DUPLICATE:
            # Somebody else's request was first, in this very moment.
            raise OrderExistsError
    with hub.snapshot() as work:
        order = find_order_by_name(work, client, request.external_id) if made is None else get_order(work, client, made)
    if order is None:
        raise NotFoundError("work order")
    if made is None:
        keep_made(hub, client, "work-order", key, body, str(order.id))
        # Of two requests with one key at the same moment the first one's body was kept; the other hears of it.
        find_made(hub, client, "work-order", key, body)
    return order


def change_order(hub: Hub, client: UtilityClient, identity: str, body: dict[str, Any], key: str | None) -> WorkOrder:
    """Change what `body` names (RFC 7396: the rest stays, a date that is null goes) and return the order.

    Raises NotFoundError, BodyInvalidError, MalformedOrderError, ChangeRefusedError, KeyReusedError.
    """
    with hub.snapshot() as work:
        order = get_order(work, client, identity)
    _check_change(order, body)
    operation = f"change {order.id}"
    if key is None or find_made(hub, client, operation, key, body) is None:
        data = {**{name: value for name, value in body.items() if name in CHANGEABLE}, "externalId": order.external_id}
        if read_change(data).parts:
            envelope = _envelope(hub, client, UPDATE_TYPE, f"rest-change-{order.id}-{key or uuid4()}", data)
            _receive(hub, envelope)
            _refuse_if_refused(hub, order, envelope)
        if key is not None:
            keep_made(hub, client, operation, key, body, str(order.id))
    with hub.snapshot() as work:
        return get_order(work, client, identity)


def cancel_order(hub: Hub, client: UtilityClient, body: dict[str, Any], key: str | None) -> CancelTask:
    """Ask for an order to be cancelled; the task says whether it was.

    The order is named by our id or by its externalId. Raises OrderUnknownError, BodyInvalidError, KeyReusedError.
    """
    asked = validated(CancelCreate, body)
    with hub.snapshot() as work:
        order = find_order(work, client, asked.work_order.id)
    if order is None:
        raise OrderUnknownError
    made = None if key is None else find_made(hub, client, "cancel", key, body)
    if made is not None:
        return _task_again(hub, client, made)
    task = _cancel(hub, client, order, asked.cancellation_reason)
    if key is not None:
        keep_made(hub, client, "cancel", key, body, str(task.id))
    return task


def _cancel(hub: Hub, client: UtilityClient, order: WorkOrder, reason: str) -> CancelTask:
    identity = uuid4()
    refusal = ""
    if order.status is not WorkOrderStatus.CANCELLED:
        data = {"externalId": order.external_id, "cancellationReason": reason}
        envelope = _envelope(hub, client, CANCEL_TYPE, f"rest-cancel-{identity}", data)
        _receive(hub, envelope)
        with hub.snapshot() as work:
            refusal = _refusal(work, order, envelope)
    with hub.unit_of_work() as work:
        present = work.work_orders.get(order.id)
        done = present.status is WorkOrderStatus.CANCELLED
        outcome = "" if done else refusal or f"The work order is {present.status.value} and was not cancelled."
        row = {
            "id": identity,
            "work_order_id": order.id,
            "state": "done" if done else "terminatedWithError",
            "reason": reason,
            "outcome": outcome,
            "requested_at": work.now,
            "effective_at": work.now if done else None,
        }
        work.connection.execute(insert(tables.cancel_task), row)
        work.commit()
    return CancelTask(identity, present, row["state"], reason, outcome, work.now, work.now if done else None)


def _task_again(hub: Hub, client: UtilityClient, made: str) -> CancelTask:
    with hub.snapshot() as work:
        return get_cancel_task(work, client, made)


def _check_change(order: WorkOrder, body: dict[str, Any]) -> None:
    if "state" in body and body["state"] != TMF697_STATES[order.status]:
        raise BodyInvalidError("'state' cannot be changed by hand. To cancel the order, POST to cancelWorkOrder.")
    named = {"id": str(order.id), "externalId": order.external_id}
    for name, present in named.items():
        if name in body and body[name] != present:
            raise BodyInvalidError(f"'{name}' cannot be changed: it names the order.")
    known = {*CHANGEABLE, *_NAMING, "state"}
    unknown = next((name for name in body if name not in known), None)
    if unknown is not None:
        shown = "".join(sign for sign in unknown[:60] if sign.isprintable())
        raise BodyInvalidError(f"'{shown}' cannot be changed here. What can be is {', '.join(CHANGEABLE)}.")


def _envelope(hub: Hub, client: UtilityClient, event_type: str, event_id: str, data: dict[str, Any]) -> Envelope:
    trace = current_correlation_id()
    traced = {"correlationid": trace} if trace else {}
    return new_envelope(
        event_id=event_id, source=client.utility, event_type=event_type, time=hub.clock.now(), data=data, **traced
    )


def _receive(hub: Hub, envelope: Envelope) -> None:
    """Hand the message over as the bus would; raises ChangeRefusedError when it could not be used."""
    message = ReceivedMessage(
        body=envelope.to_json(),
        message_id=envelope.id,
        subject=None,
        correlation_id=None,
        content_type=CONTENT_TYPE,
        properties={},
        sequence_number=0,
        delivery_count=0,
        enqueued_at=None,
        dead_letter_reason=None,
        dead_letter_description=None,
    )
    settlement = receive_message(hub, message)
    if isinstance(settlement, DeadLetter):
        raise ChangeRefusedError(settlement.description)


def _refuse_if_refused(hub: Hub, order: WorkOrder, envelope: Envelope) -> None:
    with hub.snapshot() as work:
        sentence = _refusal(work, order, envelope)
        outcome = find_claim(work, event_key(envelope))
    if sentence:
        rest = " The rest was changed." if outcome and outcome.outcome == InboxOutcome.UPDATED else ""
        raise ChangeRefusedError(sentence + rest)
    if outcome and outcome.outcome == InboxOutcome.STALE:
        raise ChangeRefusedError("A newer message about the work order came before; nothing was changed.")


def _refusal(work: UnitOfWork, order: WorkOrder, envelope: Envelope) -> str:
    """Why the message could not have all the effect it asked for; empty when it had."""
    event = tables.status_event.c
    query = select(event.reason).where(
        event.work_order_id == order.id,
        event.name == CHANGE_REFUSED,
        event.data["change"].as_string() == envelope.id,
    )
    return str(work.connection.scalar(query) or "")
