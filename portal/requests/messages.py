"""Messages about a request that has no order yet: please confirm, accepted, declined.

Sent as all messages are: the provider is called between two transactions, a refusal that may pass is tried again, an unknown outcome
never. The link that proves the address is made when the message is, so its token is stored nowhere.
"""

import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import or_

from hub.bootstrap import Hub
from hub.db.portal_tables import request_message
from hub.db.unit_of_work import UnitOfWork
from hub.domain.citizen_requests import CitizenRequest, RequestMessage, RequestMessageId, RequestStatus
from hub.domain.contact import Channel, NotificationStatus
from hub.domain.ids import NotificationId
from hub.metrics import note_provider_call
from hub.notifications.addresses import closed_channels
from hub.notifications.links import token_hash
from hub.notifications.ports import Message, SendingFailedError
from hub.notifications.rates import closed_until, rate_of, take_turn
from hub.notifications.texts import one_line
from portal.requests.records import request_messages, requests
from portal.requests.words import FRAME, FRAME_UNPROVEN, message_words

_log = logging.getLogger(__name__)

SEND_JOB = "portal.send_request_message"
CONFIRM_PATH = "/request/confirm"
RETRY_AFTER = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2))
_UNKNOWN_AFTER = timedelta(minutes=5)
_REDEFER_AFTER = timedelta(minutes=10)
_BATCH = 100


def queue_message(work: UnitOfWork, request: CitizenRequest, kind: str) -> RequestMessage:
    """Leave a message for when `work` commits: by e-mail, or by SMS to somebody without it."""
    channel = Channel.EMAIL if request.citizen_email else Channel.SMS
    queued = RequestMessage(
        id=RequestMessageId(uuid4()),
        request_id=request.id,
        kind=kind,
        channel=channel,
        status=NotificationStatus.QUEUED,
        created_at=work.now,
    )
    request_messages(work).add(queued)
    work.defer(SEND_JOB, message_id=str(queued.id))
    return queued


def send_request_message(hub: Hub, *, message_id: str) -> None:
    """Hand one queued message to its provider; does nothing when it is not queued any more."""
    claimed = _claim(hub, RequestMessageId(UUID(message_id)))
    if claimed is None:
        return
    before, message = claimed
    sender = hub.senders[message.channel]
    try:
        provider_id = sender.send(message)
    except SendingFailedError as refusal:
        note_provider_call(sender.name, "refused")
        again = refusal.retry and before.tries <= len(RETRY_AFTER)
        retry_at = hub.clock.now() + RETRY_AFTER[before.tries - 1] if again else None
        status = NotificationStatus.QUEUED if again else NotificationStatus.FAILED
        _settle(hub, before, replace(before, status=status, error=str(refusal), retry_at=retry_at))
    except Exception as error:  # noqa: BLE001 - whatever happened, nobody knows whether the message went
        note_provider_call(sender.name, "unknown")
        _log.warning("request message %s: outcome unknown (%s)", before.id, type(error).__name__)
        _settle(hub, before, replace(before, status=NotificationStatus.UNKNOWN, error=type(error).__name__))
    else:
        note_provider_call(sender.name, "sent")
        _settle(hub, before, replace(before, status=NotificationStatus.SENT, provider_id=provider_id, error=""))


def retry_request_messages(hub: Hub, now: datetime) -> int:
    """Queue anew what waits for its turn or lost its job, and settle as unknown what a crash left; returns how many. A timer."""
    table = request_message.c
    waiting = or_(table.retry_at <= now, table.retry_at.is_(None) & (table.created_at < now - _REDEFER_AFTER))
    lost = (table.status == NotificationStatus.SENDING) & (table.sending_at < now - _UNKNOWN_AFTER)
    with hub.unit_of_work() as work:
        kept = request_messages(work)
        due = kept.list_where((table.status == NotificationStatus.QUEUED) & waiting, limit=_BATCH, skip_locked=True)
        for one in due:
            kept.swap(one, replace(one, retry_at=now + _REDEFER_AFTER))
            work.defer(SEND_JOB, message_id=str(one.id))
        gone = kept.list_where(lost, limit=_BATCH, skip_locked=True)
        for one in gone:
            kept.swap(one, replace(one, status=NotificationStatus.UNKNOWN, settled_at=now))
        work.commit()
    return len(due) + len(gone)


def _claim(hub: Hub, message_id: RequestMessageId) -> tuple[RequestMessage, Message] | None:
    with hub.unit_of_work() as work:
        kept = request_messages(work)
        found = kept.find(message_id)
        if found is None:
            return None
        request = requests(work).get(found.request_id, lock=True)
        found = kept.find(message_id, lock=True)
        if found is None or found.status is not NotificationStatus.QUEUED:
            return None
        recipient = request.citizen_email if found.channel is Channel.EMAIL else request.citizen_phone
        if why := _why_not(work, request, found, recipient):
            kept.swap(found, replace(found, status=NotificationStatus.FAILED, error=why, settled_at=work.now))
            work.commit()
            return None
        turn = _turn(hub, work, found)
        if turn > work.now:
            kept.swap(found, replace(found, retry_at=turn))
            work.commit()
            return None
        message = _compose(hub, work, request, found, recipient)
        sending = replace(
            found,
            status=NotificationStatus.SENDING,
            sending_at=work.now,
            tries=found.tries + 1,
            provider=hub.senders[found.channel].name,
        )
        claimed = kept.swap(found, sending)
        work.commit()
    return claimed, message


def _why_not(work: UnitOfWork, request: CitizenRequest, found: RequestMessage, recipient: str) -> str:
    """Why the message is not to be sent, in a sentence; empty when it is."""
    if not recipient:
        return "Not sent: there is no address any more."
    if found.kind == "confirm" and request.status is not RequestStatus.UNCONFIRMED:
        return "Not sent: the request was confirmed already."
    if found.channel in closed_channels(work, {found.channel: recipient}):
        return "Not sent: the address is closed."
    return ""


def _turn(hub: Hub, work: UnitOfWork, found: RequestMessage) -> datetime:
    """When the provider may be handed this message: a turn that was given once is kept."""
    provider = hub.senders[found.channel].name
    pause, rate = closed_until(work, provider), rate_of(hub.settings, provider)
    if pause is not None:
        return pause
    had_its_turn = found.retry_at is not None and found.retry_at <= work.now
    return work.now if rate is None or had_its_turn else take_turn(work, provider, rate)


def _compose(hub: Hub, work: UnitOfWork, request: CitizenRequest, found: RequestMessage, recipient: str) -> Message:
    values = {"work": _name_of_work(work, request), "reference": request.reference}
    if found.kind == "confirm":
        # Nothing that was typed goes to an address that nobody proved: we would carry any stranger's words to anybody.
        frame = FRAME_UNPROVEN
        token = secrets.token_urlsafe(32)
        requests(work).swap(request, replace(request, token_hash=token_hash(token)))
        values["link"] = f"{hub.settings.public_url}{CONFIRM_PATH}/{token}"
    else:
        frame = FRAME
        values |= {"name": one_line(request.citizen_name), "reason": one_line(request.reason)}
    words = message_words(request.language)
    if found.channel is Channel.EMAIL:
        framed = words[frame].format_map({**values, "body": words[f"{found.kind}_email"].format_map(values)})
        body = f"{framed}\n"
    else:
        body = one_line(words[f"{found.kind}_sms"].format_map(values))
    return Message(
        notification_id=NotificationId(found.id),
        work_order_id=None,
        channel=found.channel,
        recipient=recipient,
        subject=one_line(words[f"{found.kind}_subject"].format_map(values)),
        body=body,
        language=request.language,
        tries=found.tries + 1,
    )


def _name_of_work(work: UnitOfWork, request: CitizenRequest) -> str:
    kind = work.catalogue.work_types.get(request.work_type)
    names = kind.names if kind else {}
    return one_line(names.get(request.language) or names.get("en") or request.work_type)


def _settle(hub: Hub, before: RequestMessage, after: RequestMessage) -> None:
    with hub.unit_of_work() as work:
        present = request_messages(work).get(before.id, lock=True)
        if present.status is NotificationStatus.SENDING and present.tries == before.tries:
            settled_at = None if after.status is NotificationStatus.QUEUED else work.now
            request_messages(work).swap(present, replace(after, version=present.version, settled_at=settled_at))
            work.commit()


JOBS: Mapping[str, Callable[..., None]] = {SEND_JOB: send_request_message}
