"""What is written into an order's contact record about its messages.

| kind | when | content besides `message`, `channel` and `to` (masked) |
|---|---|---|
| message.requested | it was queued | `kind`, `language`, `round`, `step`, `hop`, `failoverOf` |
| message.sent | the provider took it, as it or the first receipt says | `provider`, `providerId`, `try`, `textHmac` |
| message.delivered, message.undelivered | its receipt came | `provider`, `providerId`, `reason`, `permanent` |
| message.failed | nothing was sent, and nothing will be | `reason`, `try` |
| message.dropped | it was not true any more when it could go out | `reason` |
| message.unknown | nobody knows whether it went; only a receipt can tell | `reason`, `try` |
| message.words_erased | an erasure took the words of messages, and ended those that waited | `messages` (ids) instead of the three |
| address.opted_out, address.opted_in | the citizen said so, in words of a list | `word` |
| address.bad | nothing arrives at the address | `reason` |

The words of a message stand with the message, where an erasure finds them; the record holds their HMAC-SHA-256 under a key of that message
alone, so that it can be shown that they were not changed. The key is worked out from this installation's and goes with the words into the
dossier; once they are erased nobody outside has it, and even a short text cannot be guessed from the record.
"""

import hashlib
import hmac
from uuid import UUID

from hub.contact_record import append_entry
from hub.db.unit_of_work import UnitOfWork
from hub.domain.contact import Channel, Notification
from hub.domain.ids import WorkOrderId
from hub.notifications.addresses import keyed_hash
from hub.notifications.masking import mask_recipient
from hub.settings import Settings

REQUESTED = "message.requested"
SENT = "message.sent"
DELIVERED = "message.delivered"
UNDELIVERED = "message.undelivered"
FAILED = "message.failed"
DROPPED = "message.dropped"
UNKNOWN = "message.unknown"
WORDS_ERASED = "message.words_erased"
OPTED_OUT = "address.opted_out"
OPTED_IN = "address.opted_in"
ADDRESS_BAD = "address.bad"


def text_key(settings: Settings, message_id: UUID) -> str:
    """The key under which the record holds the words of this message; whoever may read the words may have it."""
    return keyed_hash(settings, f"words:{message_id}")


def text_hmac(key: str, words: str) -> str:
    """What the record holds of a text: its HMAC-SHA-256 under `text_key`, in hexadecimal."""
    return hmac.new(key.encode(), words.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def words_of(subject: str, body: str) -> str:
    """What is hashed of a message that went out: subject, an empty line, body, with `[link]` for the link."""
    return f"{subject}\n\n{body}"


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
    """Write down that the provider took a message, and which words. None are left of one whose words an erasure took meanwhile."""
    words = text_hmac(text_key(work.settings, one.id), words_of(one.subject, one.body))
    proof = {"textHmac": words} if one.body else {}
    _note(work, one, SENT, provider=one.provider, providerId=one.provider_id, **{"try": one.tries, **proof})


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
