"""The address in `List-Unsubscribe` (RFC 2369) that stops invitations when something is posted to it (RFC 8058).

It names the message and proves that we made it; it opens no page of an order. Messages about an appointment the citizen agreed have
none: to miss that one's cancellation would harm.
"""

import hmac

from hub.db.unit_of_work import UnitOfWork
from hub.domain.contact import Notification
from hub.domain.ids import NotificationId
from hub.notifications.addresses import keyed_hash
from hub.settings import Settings

PATH = "/webhooks/unsubscribe"
_PROOF_LENGTH = 32


def unsubscribe_address(settings: Settings, one: Notification) -> str:
    """Where to post to stop messages to the recipient of `one`."""
    return f"{settings.public_url}{PATH}/{one.id}/{_proof(settings, one.id)}"


def find_unsubscribed(work: UnitOfWork, notification_id: NotificationId, proof: str) -> Notification | None:
    """The message an address names, or None when we never made that address."""
    if not hmac.compare_digest(proof.encode(), _proof(work.settings, notification_id).encode()):
        return None
    return work.notifications.find(notification_id)


def _proof(settings: Settings, notification_id: NotificationId) -> str:
    return keyed_hash(settings, f"unsubscribe:{notification_id}")[:_PROOF_LENGTH]
