"""Where utilities want to be called: registered and unregistered, as TMF's `hub` has it."""

import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID, uuid4

from sqlalchemy import func, insert, select, update

from hub.bootstrap import Hub
from hub.db.tables import callback_delivery, event_subscription
from hub.domain.errors import NotFoundError
from ingest.api.calling import check_address
from ingest.api.clients import UtilityClient
from ingest.api.errors import BodyInvalidError, TooManySubscriptionsError
from ingest.api.schemas import SubscriptionCreate, validated
from ingest.api.selection import read_id

MOST_SUBSCRIPTIONS = 20
"""Of one utility in one API."""
UNREGISTERED = "unregistered by the utility"


class Api(StrEnum):
    """Which API's events."""

    ORDERS = "work orders"
    APPOINTMENTS = "appointments"


EVENT_TYPES = {
    Api.ORDERS: (
        "WorkOrderCreateEvent",
        "WorkOrderStateChangeEvent",
        "WorkOrderEscalatedEvent",
        "WorkOrderChangeRefusedEvent",
    ),
    Api.APPOINTMENTS: (
        "AppointmentCreateEvent",
        "AppointmentAttributeValueChangeEvent",
        "AppointmentStateChangeEvent",
    ),
}
"""What a subscriber can hear. A move is an attribute value change: the appointment keeps its id."""


@dataclass(frozen=True)
class Subscription:
    """One subscriber. `secret` signs the calls to it."""

    id: UUID
    callback: str
    query: str
    secret: str


def register(hub: Hub, client: UtilityClient, api: Api, body: dict[str, Any]) -> Subscription:
    """Call `callback` from now on with each event of the client's utility that fits `query`.

    The same registration again is another subscription, as TMF has it. Raises BodyInvalidError, CallbackRefusedError and
    TooManySubscriptionsError.
    """
    asked = validated(SubscriptionCreate, body)
    check_address(asked.callback, private=hub.settings.private_callbacks)
    made = Subscription(uuid4(), asked.callback, asked.query, secrets.token_urlsafe(32))
    table = event_subscription
    with hub.unit_of_work() as work:
        lock = func.pg_advisory_xact_lock(func.hashtextextended(f"subscriptions {client.utility}", 0))
        work.connection.execute(select(lock))
        live = select(func.count()).where(
            table.c.utility == client.utility, table.c.api == api.value, table.c.ended_at.is_(None)
        )
        if work.connection.execute(live).scalar_one() >= MOST_SUBSCRIPTIONS:
            raise TooManySubscriptionsError(MOST_SUBSCRIPTIONS)
        row = {
            **vars(made),
            "utility": client.utility,
            "client_id": client.id,
            "api": api.value,
            "event_types": read_query(api, asked.query),
            "created_at": work.now,
            "due_at": work.now,
        }
        work.connection.execute(insert(table), row)
        work.commit()
    return made


def unregister(hub: Hub, client: UtilityClient, api: Api, identity: str) -> None:
    """Call there no more; what still waits is not sent. Raises NotFoundError, also the second time."""
    number, table = read_id(identity), event_subscription
    with hub.unit_of_work() as work:
        mine = (
            table.c.id == number,
            table.c.utility == client.utility,
            table.c.api == api.value,
            table.c.ended_at.is_(None),
        )
        ended = update(table).where(*mine).values(ended_at=work.now, end_reason=UNREGISTERED)
        if number is None or work.connection.execute(ended).rowcount != 1:
            raise NotFoundError("subscription")
        waiting = update(callback_delivery).where(
            callback_delivery.c.subscription_id == number,
            callback_delivery.c.delivered_at.is_(None),
            callback_delivery.c.dead_at.is_(None),
        )
        work.connection.execute(waiting.values(dead_at=work.now, problem=UNREGISTERED))
        work.commit()


def read_query(api: Api, query: str) -> tuple[str, ...]:
    """The event types `query` asks for, such as `eventType=A,B`; all when it is empty. Raises BodyInvalidError."""
    known = EVENT_TYPES[api]
    if not query.strip():
        return known
    pairs = parse_qsl(query.lstrip("?"), keep_blank_values=True)
    asked = [kind for _, value in pairs for kind in value.split(",")]
    if not pairs or any(name != "eventType" for name, _ in pairs) or not set(asked) <= set(known):
        raise BodyInvalidError(f"'query' can only be eventType= and one or more of {','.join(known)}.")
    return tuple(sorted(set(asked)))
