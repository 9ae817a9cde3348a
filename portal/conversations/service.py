"""What happens when a citizen says something: it is kept, threaded on its order, and answered by machine or by a person."""

from hub.bootstrap import Hub
from hub.domain.conversations import Topic
from portal.conversations.schemas import CallBackAsked, InboundSms, Reply
from portal.conversations.threads import (
    add_incoming,
    continue_thread,
    conversations,
    find_thread,
    incoming,
    new_thread,
    taken_in,
    wait_for_sender,
)


def receive_sms(hub: Hub, sms: InboundSms) -> Reply | None:
    """Take in a text and say what to answer it with, None for nothing; the same `provider_id` again gets the same answer.

    The caller has made sure that it comes from the provider, and has seen to words like STOP.
    """
    said = incoming(sms.provider_id, sms.sender, sms.text, None)
    with hub.unit_of_work() as work:
        wait_for_sender(work, said.sender)
        if taken_in(work, said.provider_id) is None:
            thread = find_thread(work, said.sender, None)
            thread = continue_thread(work, thread, new_thread(work, Topic.MESSAGES, said.sender, None))
            add_incoming(work, thread, said)
            work.commit()
    return None


def receive_call_back(hub: Hub, asked: CallBackAsked) -> None:
    """Put a request to be called back into the inbox, once per `provider_id`."""
    said = incoming(asked.provider_id, asked.caller, "", None)
    with hub.unit_of_work() as work:
        wait_for_sender(work, said.sender)
        if taken_in(work, said.provider_id) is None:
            thread = conversations(work).add(new_thread(work, Topic.CALL_BACK, said.sender, asked.work_order_id))
            add_incoming(work, thread, said)
            work.commit()
