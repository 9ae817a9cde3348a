"""What became of a message, written once: by the provider's answer to our call, or by its receipt, whichever comes first.

Every function here takes the order's row first and the message's after it, as all do, tells the rooms that listen, and writes the
contact record last.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import uuid4

from hub.bootstrap import Hub
from hub.db.unit_of_work import UnitOfWork
from hub.domain.contact import AddressState, Channel, Notification, NotificationStatus
from hub.domain.ids import NotificationId
from hub.domain.work_orders import WorkOrder
from hub.notifications import entries, outcomes
from hub.notifications.addresses import address_of, close_address, opt_out, reachable_channels
from hub.notifications.ports import SendingFailedError
from hub.notifications.rates import close_provider

_log = logging.getLogger(__name__)

DELIVER_JOB = "deliver_notification"
RETRY_AFTER = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2))
"""How long to wait after the first, second … refusal that may pass; after the last one the message has failed."""
LONGEST_PAUSE = timedelta(hours=1)
"""A provider that asks for a longer pause than this is asked again after it."""
_ANSWERABLE = (NotificationStatus.SENDING, NotificationStatus.UNKNOWN)
_SETTLED = (NotificationStatus.DELIVERED, NotificationStatus.UNDELIVERED, NotificationStatus.FAILED)


@dataclass(frozen=True)
class Receipt:
    """What a provider says of a message it was handed, after the fact.

    `tries` is the number of the call it answers to, None when it does not say: then it is the last. `status` is SENT (on its way), DELIVERED or UNDELIVERED. Of the last, `reason` is a
    sentence without an address, `permanent` tells that the same message will never arrive, `bad_address` that no message will.
    """

    notification_id: NotificationId
    tries: int | None
    provider: str
    provider_id: str
    status: NotificationStatus
    reason: str = ""
    permanent: bool = False
    bad_address: bool = False
    opted_out: bool = False


def settle_sent(hub: Hub, before: Notification, provider: str, provider_id: str) -> None:
    """The provider took the message that `before` began to hand over."""
    with hub.unit_of_work() as work:
        present = _lock_answerable(work, before)
        if present is None:
            return
        after = replace(
            present,
            status=NotificationStatus.SENT,
            provider=provider,
            provider_id=provider_id,
            error="",
            retry_at=None,
            settled_at=work.now,
        )
        entries.note_sent(work, work.notifications.swap(present, after))
        work.commit()


def settle_refusal(hub: Hub, before: Notification, provider: str, refusal: SendingFailedError) -> None:
    """The provider refused it: it is tried again later, goes by another channel, or has failed."""
    with hub.unit_of_work() as work:
        present = _lock_answerable(work, before)
        if present is None:
            return
        pause = min(refusal.retry_after, LONGEST_PAUSE) if refusal.retry_after else None
        if pause:
            close_provider(work, provider, work.now + pause)
        if refusal.retry and before.tries <= len(RETRY_AFTER):
            again = work.now + max(RETRY_AFTER[before.tries - 1], pause or timedelta())
            queued = replace(
                present, status=NotificationStatus.QUEUED, provider=provider, error=str(refusal), retry_at=again
            )
            work.notifications.swap(present, replace(queued, settled_at=None))
        else:
            failed = replace(present, status=NotificationStatus.FAILED, provider=provider, error=str(refusal))
            _end_badly(
                work, present, failed, permanent=True, bad_address=refusal.bad_address, opted_out=refusal.opted_out
            )
        work.commit()


def settle_unclear(hub: Hub, before: Notification, provider: str, why: str) -> bool:
    """Nobody knows whether the provider took it; only a receipt can tell. Returns whether that was still open."""
    with hub.unit_of_work() as work:
        present = _lock_answerable(work, before)
        if present is None or present.status is NotificationStatus.UNKNOWN:
            return False
        after = replace(
            present,
            status=NotificationStatus.UNKNOWN,
            provider=provider or present.provider,
            error=why,
            settled_at=work.now,
        )
        entries.note_end(work, work.notifications.swap(present, after), entries.UNKNOWN, why)
        work.commit()
    return True


def settle_receipt(hub: Hub, receipt: Receipt) -> bool:
    """Write a receipt down; returns whether it said anything new.

    It may come before our own call returned, twice, or after a crash left the message unknown. The first final word stands.
    """
    with hub.unit_of_work() as work:
        known = work.notifications.find(receipt.notification_id)
        if known is None:
            return False
        work.work_orders.find(known.work_order_id, lock=True)
        before = work.notifications.get(known.id, lock=True)
        if not _says_something_new(before, receipt):
            return False
        heard = replace(
            before,
            status=receipt.status,
            provider=receipt.provider,
            provider_id=receipt.provider_id or before.provider_id,
            error=receipt.reason,
            retry_at=None,
            turn_at=None,
            settled_at=before.settled_at or work.now,
            receipt=receipt.reason or receipt.status.value,
            receipt_at=work.now,
        )
        if receipt.status is NotificationStatus.SENT:
            entries.note_sent(work, work.notifications.swap(before, heard))
        elif receipt.status is NotificationStatus.DELIVERED:
            after = work.notifications.swap(before, heard)
            outcomes.tell_outcome(work, after, outcomes.DELIVERED)
            _note_taken(work, before, after)
            entries.note_receipt(work, after, entries.DELIVERED)
        else:
            _end_badly(
                work,
                before,
                heard,
                permanent=receipt.permanent,
                bad_address=receipt.bad_address,
                opted_out=receipt.opted_out,
            )
        work.commit()
    _log.info("notification %s: %s says %s", receipt.notification_id, receipt.provider, receipt.status.value)
    return True


def fail_closed(work: UnitOfWork, before: Notification, why: str) -> None:
    """The address was closed while the message waited: it goes by another channel or has failed. In the caller's transaction."""
    _end_badly(work, before, replace(before, status=NotificationStatus.FAILED, error=why), permanent=True)


def drop(work: UnitOfWork, before: Notification, why: str) -> None:
    """The message is not true any more, or cannot be written: it is not sent, and nobody is told. In the caller's transaction."""
    dropped = replace(
        before, status=NotificationStatus.FAILED, error=why, retry_at=None, turn_at=None, settled_at=work.now
    )
    entries.note_end(work, work.notifications.swap(before, dropped), entries.DROPPED, why)


def queue_message(work: UnitOfWork, one: Notification) -> Notification:
    """Keep a new message and leave the job that sends it."""
    queued = work.notifications.add(one)
    work.defer(DELIVER_JOB, notification_id=str(queued.id))
    entries.note_requested(work, queued)
    return queued


def _lock_answerable(work: UnitOfWork, before: Notification) -> Notification | None:
    """The message as it is now, locked, when the call `before` began is still without an answer.

    An answer that comes after the timer gave up is still the truth; one that comes after a receipt is old news.
    """
    work.work_orders.find(before.work_order_id, lock=True)
    present = work.notifications.get(before.id, lock=True)
    return present if present.status in _ANSWERABLE and present.tries == before.tries else None


def _says_something_new(before: Notification, receipt: Receipt) -> bool:
    if before.status in _SETTLED or before.tries != (receipt.tries or before.tries):
        return False
    if before.provider_id and receipt.provider_id and before.provider_id != receipt.provider_id:
        return False
    return receipt.status is not NotificationStatus.SENT or before.status is not NotificationStatus.SENT


def _end_badly(
    work: UnitOfWork,
    before: Notification,
    ended: Notification,
    *,
    permanent: bool,
    bad_address: bool = False,
    opted_out: bool = False,
) -> None:
    """Write that nothing arrived; let the same message go by its next channel when it never will by this one."""
    order = work.work_orders.get(before.work_order_id)
    after = work.notifications.swap(
        before, replace(ended, retry_at=None, turn_at=None, settled_at=before.settled_at or work.now)
    )
    if opted_out:
        opt_out(work, after.channel, after.recipient, after.error)
    elif bad_address:
        close_address(work, after.channel, after.recipient, AddressState.BAD, after.error)
    undelivered = after.status is NotificationStatus.UNDELIVERED
    left = _channels_left(work, order, after) if permanent else ()
    if left:
        outcomes.tell_outcome(work, after, outcomes.FAILED_OVER, reason=after.error, permanent=True, to=left[0].value)
    else:
        name = outcomes.UNDELIVERED if undelivered else outcomes.FAILED
        outcomes.tell_outcome(work, after, name, reason=after.error, permanent=permanent)
    if undelivered:
        _note_taken(work, before, after)
        entries.note_receipt(work, after, entries.UNDELIVERED, reason=after.error, permanent=permanent)
    else:
        entries.note_end(work, after, entries.FAILED, after.error)
    if bad_address or opted_out:
        kind = entries.OPTED_OUT if opted_out else entries.ADDRESS_BAD
        entries.note_address(work, order.id, kind, after.channel, after.recipient, reason=after.error)
    if left:
        _fail_over(work, order, after, left)


def _note_taken(work: UnitOfWork, before: Notification, after: Notification) -> None:
    """Write that the provider took the message when its last word is the first that we hear: the record must hold which words went out.

    Where an erasure took the words meanwhile, or nothing was ever handed over, there are none to prove.
    """
    if before.status is not NotificationStatus.SENT and after.body:
        entries.note_sent(work, after)


def _channels_left(work: UnitOfWork, order: WorkOrder, after: Notification) -> Sequence[Channel]:
    return reachable_channels(work, order, [Channel(one) for one in after.fallback])


def _fail_over(work: UnitOfWork, order: WorkOrder, failed: Notification, left: Sequence[Channel]) -> None:
    """The same message by the next channel: part of the same attempt, and as bound by quiet hours as the first."""
    queue_message(
        work,
        Notification(
            id=NotificationId(uuid4()),
            work_order_id=order.id,
            kind=failed.kind,
            channel=left[0],
            recipient=address_of(order, left[0]),
            language=failed.language,
            status=NotificationStatus.QUEUED,
            created_at=work.now,
            round=failed.round,
            step=failed.step,
            parameters=failed.parameters,
            fallback=tuple(one.value for one in left[1:]),
            hop=failed.hop + 1,
            failover_of=failed.id,
        ),
    )
