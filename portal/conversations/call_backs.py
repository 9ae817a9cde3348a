"""Requests to be called back, by a key of the telephone or a button of a page."""

from hub.bootstrap import Hub
from hub.domain.conversations import Meaning, Topic
from hub.domain.events import CITIZEN
from hub.notifications.masking import mask_recipient
from portal.conversations import entries
from portal.conversations.addressees import find_addressee
from portal.conversations.schemas import CallBackAsked
from portal.conversations.threads import (
    add_incoming,
    conversations,
    find_open_call_back,
    incoming,
    is_too_fast,
    new_thread,
    taken_in,
    wait_for_sender,
)


def receive_call_back(hub: Hub, asked: CallBackAsked) -> None:
    """Put a request to be called back into the inbox, once per `provider_id`, and once while the first one waits.

    Without an order it is threaded on the one that number was written to about lately, if any.
    """
    said = incoming(asked.provider_id, asked.caller, "", Meaning.CALL_ME)
    with hub.unit_of_work() as work:
        wait_for_sender(work, said.sender)
        if taken_in(work, said.provider_id) is not None or is_too_fast(work, said.sender):
            return
        addressee = None if asked.work_order_id else find_addressee(work, said.sender)
        order_id = addressee.order.id if addressee else asked.work_order_id
        waiting = find_open_call_back(work, said.sender, order_id)
        thread = waiting or conversations(work).add(new_thread(work, Topic.CALL_BACK, said.sender, order_id))
        add_incoming(work, thread, said, settled=True)
        sender = mask_recipient(said.sender)
        if waiting is None:
            entries.note(
                work,
                thread,
                entries.CALL_BACK,
                by=CITIZEN,
                action="ask_call_back",
                **{"from": sender, "providerId": said.provider_id},
            )
        work.commit()
