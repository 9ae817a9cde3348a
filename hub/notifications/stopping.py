"""STOP and START: whoever says so by SMS, or by a mail program's button, is heard at once, without a person in between.

The words are those Twilio itself acts on, and what people write here. A word counts when it is all that was written, or comes with
a word of politeness; `stop by tomorrow` is for a person to read. So is `cancel`: the provider stops messages by it, and the citizen may well
mean the visit.
"""

import re
import unicodedata
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on

from hub.bootstrap import Hub
from hub.db.tables import notification as notification_table
from hub.db.unit_of_work import UnitOfWork
from hub.domain.contact import Channel, Notification
from hub.domain.ids import NotificationId
from hub.domain.lifecycle import FINAL_WORK_ORDER_STATUSES
from hub.notifications import entries, outcomes
from hub.notifications.addresses import PHONE_CHANNELS, normal_number, opt_in, opt_out
from hub.notifications.unsubscribe import find_unsubscribed
from hub.notifications.webhook_calls import HEEDED, is_first_call

_STOP = {
    *("stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"),
    *("stoppen", "afmelden", "uitschrijven"),
    *("arret", "arreter", "arretez", "desabonner", "desinscrire"),
    *("stopp", "abmelden", "abbestellen"),
}
_START = {"start", "unstop", "starten", "aanmelden", "anmelden", "reprendre"}
_YES = {"yes"}
"""Twilio takes a bare YES from somebody who opted out for a START; from everybody else it is an answer."""
_MAY_BE_THE_VISIT = {
    *(
        "cancel",
        "canceled",
        "cancelled",
        "annuler",
        "annulez",
        "annulation",
        "annuleren",
        "annuleer",
        "annulering",
        "afzeggen",
    ),
    *("absagen", "absage", "stornieren", "storno", "annullieren"),
}
"""Twilio takes the first of these for STOP, and others where its account says so: heeded, and read by a person too."""
_POLITE = {"aub", "alstublieft", "svp", "please", "bitte", "merci", "dank", "u", "sms"}
_LETTERS = re.compile(r"[a-z]+|\d")
_PROVIDER = "twilio"
_LONGEST = 60
_MOST_ORDERS = 50


class Wish(StrEnum):
    """What a citizen wants of messages."""

    STOP = "stop"
    START = "start"
    YES = "yes"


def read_wish(text: str) -> Wish | None:
    """The wish a text is, or None when it is something else."""
    words = _words(text)
    if len(words) != 1:
        return None
    for wish, known in ((Wish.STOP, _STOP), (Wish.START, _START), (Wish.YES, _YES)):
        if words[0] in known:
            return wish
    return None


def heed_sms(hub: Hub, sender: str, text: str, *, message_id: str = "", provider_says: str = "") -> bool:
    """Act on STOP or START from `sender`; returns whether that was all the text said, so that nobody need read it.

    `provider_says` is what the provider itself took it for ("STOP", "START"), which is the truth: it acts on it too. The same
    `message_id` is heeded once, for ever: a START that is played back opens nothing that was closed after it.
    """
    if not normal_number(sender):
        return False
    wish = _provider_wish(provider_says) or read_wish(text)
    if wish is None:
        return False
    with hub.unit_of_work() as work:
        if not message_id or is_first_call(work, _PROVIDER, f"{message_id}{HEEDED}"):
            _heed(work, wish, sender)
            work.commit()
    # YES may be the answer to a question as well, "cancel" the end of an appointment.
    return wish is Wish.START or (wish is Wish.STOP and _MAY_BE_THE_VISIT.isdisjoint(_words(text)))


def _words(text: str) -> list[str]:
    """The words and numbers that were written, without accents and politeness; none of a long text."""
    if len(text) > _LONGEST:
        return []
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign)).casefold()
    return [word for word in _LETTERS.findall(plain) if word not in _POLITE]


def _heed(work: UnitOfWork, wish: Wish, sender: str) -> None:
    if wish is Wish.STOP:
        if opt_out(work, Channel.SMS, sender, "The citizen said so by SMS."):
            _tell_orders(work, Channel.SMS, sender, "The citizen wrote that no more messages are wanted.")
    elif opt_in(work, Channel.SMS, sender):
        _note_orders(work, Channel.SMS, sender)


def unsubscribe(hub: Hub, notification_id: NotificationId, proof: str) -> Notification | None:
    """Stop e-mails to the recipient of a message, at the address its header names; None when we never made that address."""
    with hub.unit_of_work() as work:
        found = find_unsubscribed(work, notification_id, proof)
        if found is None or found.channel is not Channel.EMAIL:
            return None
        if opt_out(work, Channel.EMAIL, found.recipient, "The citizen unsubscribed by a mail program."):
            _tell_orders(work, Channel.EMAIL, found.recipient, "The citizen unsubscribed from our e-mails.")
        work.commit()
    return found


def _provider_wish(word: str) -> Wish | None:
    return {"STOP": Wish.STOP, "START": Wish.START}.get(word)


def _tell_orders(work: UnitOfWork, channel: Channel, address: str, why: str) -> None:
    """Tell it of each order that is still open and was written to at this address, by its newest message."""
    for newest in _newest_messages(work, channel, address):
        order = work.work_orders.get(newest.work_order_id, lock=True)
        if order.status not in FINAL_WORK_ORDER_STATUSES:
            outcomes.tell_outcome(work, newest, outcomes.OPTED_OUT, reason=why, permanent=True)
        entries.note_address(work, order.id, entries.OPTED_OUT, channel, address, reason=why)


def _note_orders(work: UnitOfWork, channel: Channel, address: str) -> None:
    for newest in _newest_messages(work, channel, address):
        reason = "The citizen wrote that messages are wanted again."
        entries.note_address(work, newest.work_order_id, entries.OPTED_IN, channel, address, reason=reason)


def _newest_messages(work: UnitOfWork, channel: Channel, address: str) -> list[Notification]:
    """The newest message by this kind of channel to `address` of each order, in the order of the orders' ids: locks are taken so."""
    table = notification_table.c
    channels = PHONE_CHANNELS if channel in PHONE_CHANNELS else (channel,)
    newest = (
        select(table.id)
        .where(table.recipient == address, table.channel.in_(channels))
        .ext(distinct_on(table.work_order_id))
        .order_by(table.work_order_id, table.created_at.desc())
        .limit(_MOST_ORDERS)
    )
    return work.notifications.list_where(table.id.in_(newest), order_by=(table.work_order_id,))
