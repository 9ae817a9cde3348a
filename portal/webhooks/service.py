"""What follows a provider's call, once its signature was checked. Each may come twice: the second changes nothing.

A receipt settles a message (`hub.notifications.settling`), STOP and START are heeded at once (`hub.notifications.stopping`), everything
else somebody says belongs to `portal.conversations`.
"""

from dataclasses import dataclass

from hub.bootstrap import Hub
from hub.domain.contact import Channel, LinkPurpose, Notification
from hub.domain.ids import NotificationId
from hub.domain.lifecycle import FINAL_WORK_ORDER_STATUSES
from hub.notifications.kinds import message_kind
from hub.notifications.service import request_notification
from hub.notifications.stopping import heed_sms
from hub.notifications.texts import render_spoken
from hub.notifications.twilio_webhooks import NO_ANSWER, goodbye_twiml, is_machine, menu_twiml, reply_twiml
from hub.notifications.webhook_calls import is_first_call
from portal.conversations.schemas import CallBackAsked, InboundSms
from portal.conversations.service import receive_call_back, receive_sms

LINK_KIND = "new_link"
PROVIDER = "twilio"
_SEND_LINK = "1"
_CALL_BACK = "2"


@dataclass(frozen=True)
class Lifted:
    """Somebody, or something, answered our call. `answered_by` is the provider's guess at what."""

    notification_id: NotificationId
    answered_by: str
    action: str


@dataclass(frozen=True)
class KeyPressed:
    """A key was pressed in call `call_id`; `action` is where the next key is posted to."""

    notification_id: NotificationId
    call_id: str
    digits: str
    action: str


def hear_text(hub: Hub, sms: InboundSms, *, provider_says: str = "") -> str:
    """Take in a text message and return the TwiML that answers it.

    To STOP and START nothing is answered: the provider does that itself, and whoever asked for silence gets it. A "cancel" stops messages,
    as with the provider, and waits in the inbox too, for it may be about the visit.
    """
    if heed_sms(hub, sms.sender, sms.text, message_id=sms.provider_id, provider_says=provider_says):
        return NO_ANSWER
    reply = receive_sms(hub, sms)
    return reply_twiml(reply.text) if reply is not None else NO_ANSWER


def speak(hub: Hub, lifted: Lifted) -> str:
    """What to say in a call of ours; a machine hears neither what it is about nor a menu. Changes nothing."""
    found = _call(hub, lifted.notification_id)
    if found is None:
        return goodbye_twiml("en", "machine")
    if is_machine(lifted.answered_by):
        return goodbye_twiml(found.language, "machine")
    return menu_twiml(found.language, found.body, lifted.action)


def press_key(hub: Hub, pressed: KeyPressed) -> str:
    """Do what a key of the menu stands for and return what is said then; any other key offers the menu once more."""
    found = _call(hub, pressed.notification_id)
    if found is None:
        return goodbye_twiml("en", "machine")
    if pressed.digits == _SEND_LINK:
        return goodbye_twiml(found.language, "link_sent" if _send_link(hub, found, pressed) else "link_not_sent")
    if pressed.digits == _CALL_BACK:
        _ask_to_be_called(hub, found, pressed)
        return goodbye_twiml(found.language, "call_back")
    return menu_twiml(found.language, render_spoken("not_understood", found.language, {}), pressed.action)


def _call(hub: Hub, notification_id: NotificationId) -> Notification | None:
    with hub.snapshot() as work:
        found = work.notifications.find(notification_id)
    return found if found is not None and found.channel is Channel.VOICE else None


def _send_link(hub: Hub, call: Notification, pressed: KeyPressed) -> bool:
    """Send the link in writing, once per call; without an address for it, or without a page to open, a person calls back."""
    with hub.unit_of_work() as work:
        order = work.work_orders.get(call.work_order_id, lock=True)
        if not is_first_call(work, PROVIDER, f"{pressed.call_id}:link"):
            return True
        opens_page = (
            message_kind(call.kind).link is LinkPurpose.BOOKING and order.status not in FINAL_WORK_ORDER_STATUSES
        )
        sent = opens_page and request_notification(work, order, kind=LINK_KIND, channels=(Channel.SMS, Channel.EMAIL))
        if sent:
            work.commit()
            return True
    _ask_to_be_called(hub, call, pressed)
    return False


def _ask_to_be_called(hub: Hub, call: Notification, pressed: KeyPressed) -> None:
    asked = CallBackAsked(f"{pressed.call_id}:call-back", call.recipient, call.work_order_id)
    receive_call_back(hub, asked)
