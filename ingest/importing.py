"""Creates: a new order is judged and stored, one by one or many together; a refused one may be corrected."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import text

from hub.db.unit_of_work import UnitOfWork
from hub.domain.events import Actor, ActorKind
from hub.domain.lifecycle import Action, WorkOrderStatus
from hub.domain.work_orders import WorkOrder
from ingest import early
from ingest.change_schemas import OrderChange
from ingest.changes import apply_change, remember_parts, tell_refused
from ingest.inbox import InboxOutcome, as_names, claim_all, lock_orders, settle_claim
from ingest.mapping import Judgement, judge_request
from ingest.messages import Reading
from ingest.overlaying import overlaid
from ingest.quarantine import refused
from ingest.revisions import is_older
from ingest.schemas import WorkOrderRequest

_KEPT_WHEN_CORRECTED = ("id", "utility", "external_id", "status", "imported_at", "version")
_HERE = text(
    "SELECT w.utility, w.external_id FROM work_order AS w"
    " JOIN json_to_recordset(CAST(:names AS json)) AS t (utility text, external_id text)"
    " USING (utility, external_id)"
)


def import_order(work: UnitOfWork, reading: Reading, request: WorkOrderRequest) -> InboxOutcome:
    """Store an order that is not here yet, with what waited for it. A refused one is stored too, and the utility hears why."""
    waiting = early.waiting_for(work, reading.utility, reading.external_id)
    judgement = _judge(work, reading, request)
    updates = [one for one in waiting if isinstance(one.content, OrderChange)]
    mended = _with_updates(work, reading, request, updates) if judgement.refusals and updates else judgement
    is_mended = bool(judgement.refusals) and not mended.refusals
    judgement = mended if is_mended else judgement
    order = work.create_work_order(judgement.order, by=_sender(reading), reason=_reason(judgement))
    if judgement.refusals:
        refused.keep_order(work, [(reading, order.id, _refusal(judgement))])
        ends = [one for one in waiting if not isinstance(one.content, OrderChange)]
        # What it asks to change waits on, unless the order is over: it may be what makes the order good.
        _apply_waiting(work, order, ends)
        return InboxOutcome.REJECTED
    if is_mended:
        _count_as_applied(work, order, reading, updates)
        waiting = [one for one in waiting if one not in updates]
    _apply_waiting(work, order, waiting)
    return InboxOutcome.IMPORTED


def import_together(work: UnitOfWork, readings: Sequence[Reading]) -> set[str]:
    """Import those creates whose order is not here and not waited for, in a few questions; returns the keys that are settled.

    Each of `readings` is about another order. The others need a look of their own.
    """
    names = [(reading.utility, reading.external_id) for reading in readings]
    lock_orders(work, names)
    known = {(row.utility, row.external_id) for row in work.connection.execute(_HERE, {"names": as_names(names)})}
    known |= early.orders_waited_for(work, names)
    new = [one for one in readings if (one.utility, one.external_id) not in known]
    judged = {one.key: _judge(work, one, _request(one)) for one in new}
    claims = [(one.key, _outcome(judged[one.key]), one.external_id) for one in new]
    mine = claim_all(work, claims) if claims else set()
    taken = [one for one in new if one.key in mine]
    work.create_work_orders(
        [judged[one.key].order for one in taken],
        by=[_sender(one) for one in taken],
        reasons=[_reason(judged[one.key]) for one in taken],
    )
    spoilt = [(one, judged[one.key]) for one in taken if judged[one.key].refusals]
    refused.keep_order(work, [(one, judgement.order.id, _refusal(judgement)) for one, judgement in spoilt])
    return mine


def create_again(work: UnitOfWork, reading: Reading, request: WorkOrderRequest, order: WorkOrder) -> InboxOutcome:
    """A create of an order that is here: a refused one is judged anew, any other stays as it is."""
    if order.status is not WorkOrderStatus.REJECTED or is_older(reading.revision, order.revision):
        return InboxOutcome.DUPLICATE
    waiting = early.waiting_for(work, reading.utility, reading.external_id)
    updates = [one for one in waiting if isinstance(one.content, OrderChange)]
    judgement = _with_updates(work, reading, request, updates)
    if judgement.refusals:
        refused.replace_body(work, order.id, reading, _refusal(judgement))
        if judgement.order.reject_reason == order.reject_reason:
            return InboxOutcome.DUPLICATE
        order = work.work_orders.swap(order, replace(order, reject_reason=judgement.order.reject_reason))
        tell_refused(work, reading, order, _reason(judgement))
        return InboxOutcome.REJECTED
    _correct(work, order, reading, judgement)
    _count_as_applied(work, order, reading, updates)
    return InboxOutcome.IMPORTED


def update_refused(work: UnitOfWork, reading: Reading, order: WorkOrder) -> InboxOutcome:
    """An update of a refused order: what it says may be what was missing; until that is so, it waits."""
    create = refused.create_of(work, order.id)
    early.keep(work, reading)
    if create is None or not isinstance(create.content, WorkOrderRequest):
        return InboxOutcome.EARLY
    waiting = early.waiting_for(work, reading.utility, reading.external_id)
    updates = [one for one in waiting if isinstance(one.content, OrderChange)]
    judgement = _with_updates(work, create, create.content, updates)
    if judgement.refusals:
        return InboxOutcome.EARLY
    _correct(work, order, create, judgement)
    _count_as_applied(work, order, create, updates)
    return InboxOutcome.UPDATED


def _correct(work: UnitOfWork, order: WorkOrder, reading: Reading, judgement: Judgement) -> None:
    """The refused order is good now: it begins as if it had come just now."""
    fresh = vars(judgement.order)
    changes = {name: value for name, value in fresh.items() if name not in _KEPT_WHEN_CORRECTED}
    located = judgement.order.status is not WorkOrderStatus.NEEDS_LOCATION
    action = Action.CORRECT if located else Action.UNLOCATE
    reason = " ".join(("The order was corrected.", *judgement.remarks))
    # First the quarantine: whoever hears of the order finds everything settled.
    refused.settle_order(work, order.id, by=_sender(reading), reason="The order was corrected and is taken.")
    work.advance_work_order(order, action, by=_sender(reading), reason=reason, **changes)


def _with_updates(
    work: UnitOfWork, reading: Reading, request: WorkOrderRequest, updates: Sequence[Reading]
) -> Judgement:
    """The judgement of the request with all updates laid over it that are not older than it, the newest last."""
    for update in updates:
        change = update.content
        if isinstance(change, OrderChange) and not is_older(update.revision, reading.revision):
            request = overlaid(request, change, change.parts)
    return _judge(work, reading, request)


def _count_as_applied(work: UnitOfWork, order: WorkOrder, create: Reading, updates: Sequence[Reading]) -> None:
    """The updates went into the order with its create: each part has the revision of the newest of them."""
    for update in updates:
        change = update.content
        is_stale = is_older(update.revision, create.revision)
        if isinstance(change, OrderChange) and not is_stale:
            remember_parts(work, work.work_orders.get(order.id), create.revision, change.parts, update.revision)
        settle_claim(work, update.key, InboxOutcome.STALE if is_stale else InboxOutcome.UPDATED)
    early.forget(work, updates)


def _apply_waiting(work: UnitOfWork, order: WorkOrder, waiting: Sequence[Reading]) -> None:
    """Apply what waited, in its order."""
    # Forgotten first: an end that is among it makes void only what is still to come.
    early.forget(work, waiting)
    for one in waiting:
        outcome = apply_change(work, one, work.work_orders.get(order.id, lock=True))
        settle_claim(work, one.key, outcome)


def _judge(work: UnitOfWork, reading: Reading, request: WorkOrderRequest) -> Judgement:
    return judge_request(
        request,
        work.catalogue,
        utility=reading.utility,
        correlation_id=reading.correlation_id,
        now=work.now,
        revision=reading.revision,
    )


def _request(reading: Reading) -> WorkOrderRequest:
    if not isinstance(reading.content, WorkOrderRequest):
        message = "only creates are imported together"
        raise TypeError(message)
    return reading.content


def _outcome(judgement: Judgement) -> InboxOutcome:
    return InboxOutcome.REJECTED if judgement.refusals else InboxOutcome.IMPORTED


def _sender(reading: Reading) -> Actor:
    return Actor(ActorKind.UTILITY, reading.utility)


def _reason(judgement: Judgement) -> str:
    # A rejected order begins and ends as rejected: were it received first, the other rooms would begin to work on it.
    return " ".join((*judgement.refusals, *judgement.remarks))


def _refusal(judgement: Judgement) -> str:
    return " ".join(judgement.refusals)
