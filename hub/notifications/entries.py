"""What is written into an order's contact record about its messages.

| kind | when | content besides `message`, `channel` and `to` (masked) |
|---|---|---|
| message.requested | it was queued | `kind`, `language`, `round`, `step`, `hop`, `failoverOf` |
| message.sent | the provider took it | `provider`, `providerId`, `try`, `textSha256` |
| message.delivered, message.undelivered | its receipt came | `provider`, `providerId`, `reason`, `permanent` |
| message.failed | nothing was sent, and nothing will be | `reason`, `try` |
| message.dropped | it was not true any more when it could go out | `reason` |
| message.unknown | nobody knows whether it went; only a receipt can tell | `reason`, `try` |
| address.opted_out, address.opted_in | the citizen said so, in words of a list | `word` |
| address.bad | nothing arrives at the address | `reason` |

The words of a message stand with the message, where an erasure finds them; the record holds their SHA-256, so that it can be shown that
they were not changed.
"""

import hashlib

from hub.contact_record import append_entry
from hub.db.unit_of_work import UnitOfWork
from hub.domain.contact import Channel, Notification
from hub.domain.ids import WorkOrderId
from hub.notifications.masking import mask_recipient

REQUESTED = "message.requested"
SENT = "message.sent"
DELIVERED = "message.delivered"
UNDELIVERED = "message.undelivered"
FAILED = "message.failed"
DROPPED = "message.dropped"
UNKNOWN = "message.unknown"
OPTED_OUT = "address.opted_out"
OPTED_IN = "address.opted_in"
ADDRESS_BAD = "address.bad"


def text_sha256(one: Notification) -> str:
    """The SHA-256 of the words of a message as they are kept: subject, an empty line, body, with `[link]` for the link."""
    return hashlib.sha256(f"{one.subject}\n\n{one.body}".encode()).hexdigest()


def note_requested(work: UnitOfWork, one: Notification) -> None:
    """Write down that a message was queued."""
    _note(
        work,
        one,
        REQUESTED,
        kind=one.kind,
        language=one.language,
        round=one.round,
        step=one.step,
        hop=one.hop,
        failoverOf=str(one.failover_of) if one.failover_of else None,
    )


def note_sent(work: UnitOfWork, one: Notification) -> None:
    """Write down that the provider took a message."""
    _note(
        work,
        one,
        SENT,
        provider=one.provider,
        providerId=one.provider_id,
        **{"try": one.tries, "textSha256": text_sha256(one)},
    )


def note_receipt(work: UnitOfWork, one: Notification, kind: str, *, reason: str = "", permanent: bool = False) -> None:
    """Write down the provider's last word on a message."""
    _note(work, one, kind, provider=one.provider, providerId=one.provider_id, reason=reason, permanent=permanent)


def note_end(work: UnitOfWork, one: Notification, kind: str, reason: str) -> None:
    """Write down that a message failed, was dropped, or is unknown, and why."""
    _note(work, one, kind, reason=reason, **{"try": one.tries})


def note_address(
    work: UnitOfWork, work_order_id: WorkOrderId, kind: str, channel: Channel, address: str, **why: str
) -> None:
    """Write down what became of an address: opted out or in, or bad."""
    append_entry(work, work_order_id, kind, {"channel": channel.value, "to": mask_recipient(address), **why})


def _note(work: UnitOfWork, one: Notification, entry_kind: str, **content: object) -> None:
    said = {"message": str(one.id), "channel": one.channel.value, "to": mask_recipient(one.recipient), **content}
    append_entry(work, one.work_order_id, entry_kind, said)
