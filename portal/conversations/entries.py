"""What is written into an order's contact record about conversations.

| kind | when | content besides `conversation` |
|---|---|---|
| citizen wrote | a text came in | `message`, `channel`, `from` (masked), `meaning`, `number`, `length`, `providerId`, `textHmac` |
| citizen answered by machine | the machine answered it | `message`, `did`, `appointment`, `times`, `textHmac` of the answer |
| call back asked | a citizen asked to be called back | `from` (masked), `providerId` |
| conversation assigned | staff gave it to somebody | `staff`, `to` |
| conversation answered | staff wrote an answer, or sent times | `staff`, `message`, `did` |
| number shown | staff looked at the whole number, to call it | `staff`, `number` (masked) |
| conversation attached, conversation detached | staff put a stranger's thread to this order, or to another instead | `staff`, `from` (masked) |
| conversation closed | staff closed it | `staff`, `noted` (whether a note was written) |
| answer failed | an answer of staff did not arrive | `message`, `reason` |

The words stand with the conversation, where an erasure finds them; the record holds the text's HMAC, as `hub.notifications.entries` says.
"""

from hub.contact_record import append_entry
from hub.db.unit_of_work import UnitOfWork
from hub.domain.conversations import Conversation
from hub.domain.events import Actor, Event

WROTE = "citizen wrote"
REPLIED = "citizen answered by machine"
CALL_BACK = "call back asked"
ASSIGNED = "conversation assigned"
ANSWERED = "conversation answered"
NUMBER_SHOWN = "number shown"
ATTACHED = "conversation attached"
DETACHED = "conversation detached"
CLOSED = "conversation closed"
ANSWER_FAILED = "answer failed"


def note(work: UnitOfWork, thread: Conversation, kind: str, *, by: Actor, action: str, **content: object) -> None:
    """Write into the order's history and its contact record what happened in the thread; without an order there is nothing to write.

    Listeners of the event may take row locks, and the record's own lock comes last: call this at the end of a transaction.
    """
    if thread.work_order_id is None:
        return
    work.tell(
        Event(
            name=f"conversation.{action}",
            entity="conversation",
            entity_id=thread.id,
            work_order_id=thread.work_order_id,
            at=work.now,
            actor=by,
            action=action,
            after=thread.status.value,
            data={
                "topic": thread.topic.value,
                **{name: content[name] for name in ("meaning", "did") if name in content},
            },
        )
    )
    append_entry(work, thread.work_order_id, kind, {"conversation": str(thread.id), **content})
