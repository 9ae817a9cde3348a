"""A new link for whoever lost theirs: it goes to the contact already on file, and nobody learns whether an order exists.

The request itself looks nothing up: it is counted, a job is left, and the answer is the same, at the same cost, for every reference.
The job looks.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select

from hub.attempts import AttemptLimit, count_failure, refuse_when_too_many
from hub.bootstrap import Hub
from hub.contact_record import append_entry
from hub.db.tables import joined_reference, notification, work_order
from hub.db.unit_of_work import UnitOfWork
from hub.domain.contact import Channel
from hub.domain.lifecycle import FINAL_WORK_ORDER_STATUSES
from hub.domain.references import JOINTS, joined
from hub.domain.work_orders import WorkOrder
from hub.notifications.service import request_notification
from portal.contact.cases import policy_of

SEND_JOB = "portal.send_new_link"
KIND = "new_link"
LONGEST = 100
PER_SENDER = AttemptLimit(10, timedelta(minutes=15))
PER_REFERENCE = AttemptLimit(5, timedelta(minutes=15))
OVER_ALL = AttemptLimit(300, timedelta(minutes=15))
MOST_A_DAY = 3
"""New links one order is sent within 24 hours; more than that is somebody who teases its citizen."""
_ALL = "new-link"
_COUNTRY = "^(BE|NL|LU|DE|FR|B|L|D|F)(?=[0-9]{4})"
"""A country before a postal code, as the post once wanted it; for Python and for PostgreSQL alike."""
_MOST_ORDERS = 5


@dataclass(frozen=True)
class AskNewLink:
    """What somebody typed; `sender` is where the request comes from."""

    reference: str
    postcode: str
    sender: str


def ask_new_link(hub: Hub, asked: AskNewLink) -> None:
    """Let the worker see whether a link can be sent; raises TooManyAttemptsError. Costs the same whatever was typed."""
    reference, postcode = _plain(asked.reference), _plain(asked.postcode)
    # However it is written, it is the same one: nobody gets more tries by moving a dash.
    scopes = (_ALL, f"{_ALL}:sender:{asked.sender}", f"{_ALL}:reference:{_digest(joined(reference))}")
    with hub.unit_of_work() as work:
        for scope, limit in zip(scopes, (OVER_ALL, PER_SENDER, PER_REFERENCE), strict=True):
            refuse_when_too_many(work, scope, limit)
        count_failure(work, *scopes)
        work.defer(SEND_JOB, reference=reference, postcode=postcode)
        work.commit()


def send_new_link(hub: Hub, *, reference: str, postcode: str) -> None:
    """Send a link for the order with this reference and postal code, if there is one that is not over and has a contact.

    Utilities choose their references, so several orders can have one: each that fits is sent its own. Links made before still work.
    """
    if not reference or not postcode:
        return
    with hub.unit_of_work() as work:
        for order in _find_orders(work, reference, postcode):
            if order.rests or not work.catalogue.work_type(order.work_type).needs_citizen:
                continue
            today = select(func.count()).where(
                notification.c.work_order_id == order.id,
                notification.c.kind == KIND,
                notification.c.created_at > work.now - timedelta(days=1),
            )
            if work.connection.execute(today).scalar_one() >= MOST_A_DAY:
                continue
            policy = policy_of(work, order, work.contact_cases.find(order.id))
            # Whoever asks may be a stranger: an e-mail may go at night, an SMS waits until the citizen is not woken by it.
            quiet = policy.quiet if policy else None
            if request_notification(work, order, kind=KIND, channel=Channel.EMAIL, quiet=quiet) is not None:
                append_entry(work, order.id, "new_link_asked", {})
        work.commit()


def _find_orders(work: UnitOfWork, reference: str, postcode: str) -> list[WorkOrder]:
    """The open orders that are meant, locked: an index knows a reference however it is written."""
    if not joined(reference):
        return []
    table = work_order.c
    here = func.regexp_replace(func.translate(func.upper(table.postcode), JOINTS, ""), _COUNTRY, "")
    return work.work_orders.list_where(
        joined_reference == joined(reference),
        here == re.sub(_COUNTRY, "", joined(postcode)),
        table.status.not_in(FINAL_WORK_ORDER_STATUSES),
        order_by=(table.id,),
        limit=_MOST_ORDERS,
        lock=True,
    )


def _plain(typed: str) -> str:
    """Without spaces and case: people copy references as they see them. The database takes no NUL."""
    return "".join(sign for sign in typed[:LONGEST] if sign.isprintable() and not sign.isspace()).upper()


def _digest(reference: str) -> str:
    return hashlib.sha256(reference.encode("utf-8", "replace")).hexdigest()


JOBS: Mapping[str, Callable[..., None]] = {SEND_JOB: send_new_link}
