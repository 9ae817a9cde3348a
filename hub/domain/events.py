"""What happened: the facts rooms tell each other, inside the transaction in which they became true."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from hub.domain.ids import WorkOrderId


class ActorKind(StrEnum):
    """Who acts."""

    UTILITY = "utility"
    CITIZEN = "citizen"
    TECHNICIAN = "technician"
    STAFF = "staff"
    SYSTEM = "system"


@dataclass(frozen=True)
class Actor:
    """Who did it: the kind, and an id or name inside that kind (never personal data of a citizen)."""

    kind: ActorKind
    name: str = ""


SYSTEM = Actor(ActorKind.SYSTEM)
CITIZEN = Actor(ActorKind.CITIZEN)


@dataclass(frozen=True)
class Event:
    """One fact. `name` is `entity.status` for a lifecycle step (`visit.completed`) or a word of its own (`work_order.escalated`).

    `before` is empty when the entity was created by it. `data` holds what else listeners need, as JSON values.
    """

    name: str
    entity: str
    entity_id: UUID
    work_order_id: WorkOrderId
    at: datetime
    actor: Actor
    action: str
    before: str = ""
    after: str = ""
    reason: str = ""
    data: Mapping[str, object] = field(default_factory=dict)
