"""What the ladder and staff write into an order's contact record: the kinds of entry, and notes without personal values.

| kind | when |
|---|---|
| `contact.opened` | a round of contacting begins |
| `contact.step_taken` | a message of the ladder was asked for |
| `contact.step_skipped` | a step had no channel that reaches the citizen; this is no attempt |
| `contact.no_technician` | the ladder waits: no technician of the territory can do the work |
| `contact.step_brought_forward` | nothing of the last step arrived, so the next one is due at once |
| `contact.contact_changed` | the utility gave other contact data: earlier links ended, and for another citizen what the former one told is gone |
| `contact.wrong_address` | staff learned that an address is somebody else's: it was taken from the order, and earlier links ended |
| `contact.ended` | the round is over, with its one outcome |
| `contact.visit_failed` | a technician was at the door and left without having done the work |
| `contact.outcome` | the order was put on hold: why, after how many messages and visits, and what follows |
| `contact.reminded` | a reminder of an agreed appointment was asked for |
| `contact.invited_again` | staff, or the review date, had the citizen invited again |
| `contact.review_set` | staff chose another date to look again, or none |
| `contact.handed_over` | staff gave the order to another team |
| `contact.cancelled` | staff cancelled the order while it was on hold |

What became of each message is written by `hub.notifications`.
"""

import re

from hub.domain.events import Actor
from hub.domain.work_orders import WorkOrder
from hub.logs import without_addresses
from hub.notifications.masking import mask_recipient

OPENED = "contact.opened"
STEP_TAKEN = "contact.step_taken"
STEP_SKIPPED = "contact.step_skipped"
NO_TECHNICIAN = "contact.no_technician"
STEP_BROUGHT_FORWARD = "contact.step_brought_forward"
CONTACT_CHANGED = "contact.contact_changed"
WRONG_ADDRESS = "contact.wrong_address"
ENDED = "contact.ended"
VISIT_FAILED = "contact.visit_failed"
OUTCOME = "contact.outcome"
REMINDED = "contact.reminded"
INVITED_AGAIN = "contact.invited_again"
REVIEW_SET = "contact.review_set"
HANDED_OVER = "contact.handed_over"
CANCELLED = "contact.cancelled"
KINDS = (
    OPENED,
    STEP_TAKEN,
    STEP_SKIPPED,
    NO_TECHNICIAN,
    STEP_BROUGHT_FORWARD,
    CONTACT_CHANGED,
    WRONG_ADDRESS,
    ENDED,
    VISIT_FAILED,
    OUTCOME,
    REMINDED,
    INVITED_AGAIN,
    REVIEW_SET,
    HANDED_OVER,
    CANCELLED,
)

_LONG_NUMBER = re.compile(r"\+?\d(?:[ ./()-]{0,2}\d){6,}")
_DATE = re.compile(r"(?:19|20)\d\d-\d\d-\d\d|\d{1,2}[./-]\d{1,2}[./-](?:19|20)\d\d")
_SHORTEST_NAME = 3
"""Shorter parts of a name (an initial, "de") are also words; masking them would leave nothing to read."""


def without_personal_values(note: str, order: WorkOrder) -> str:
    """`note` as the record may keep it for ever: e-mail addresses, telephone numbers and the citizen's name are made unusable.

    Dates stay: a note that says when somebody was called is of use only with its day.
    """
    text = " ".join(note.split())
    for address in (order.citizen_email, order.citizen_phone):
        if address:
            text = re.sub(re.escape(address), mask_recipient(address), text, flags=re.IGNORECASE)
    text = _LONG_NUMBER.sub(_masked_number, without_addresses(text))
    for word in re.findall(r"[^\W\d_]+", order.citizen_name):
        if len(word) >= _SHORTEST_NAME:
            text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", f"{word[0]}…", text, flags=re.IGNORECASE)
    return text


def who(actor: Actor) -> dict[str, str]:
    """Who did it, as an entry holds it: never a citizen's name, and of staff the account's id."""
    return {"kind": actor.kind.value, **({"name": actor.name} if actor.name else {})}


def _masked_number(found: re.Match[str]) -> str:
    number = found.group()
    return number if _DATE.fullmatch(number) else "…" + number[-2:]
