"""What citizens ask for of their own accord: a candidate, which becomes a work order when a dispatcher accepts it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

from hub.domain.contact import Channel, NotificationStatus
from hub.domain.ids import WorkOrderId

CitizenRequestId = NewType("CitizenRequestId", UUID)
RequestMessageId = NewType("RequestMessageId", UUID)


class RequestStatus(StrEnum):
    """Where a request stands. Nobody sees an UNCONFIRMED one: its address is not proven yet. ACCEPTED waits for its work order."""

    UNCONFIRMED = "unconfirmed"
    WAITING = "waiting"
    ACCEPTED = "accepted"
    ORDERED = "ordered"
    DECLINED = "declined"


@dataclass(frozen=True)
class CitizenRequest:
    """One request. `token_hash` is that of the link that proves the address; it opens nothing after `link_expires_at`.

    `decided_by` is the id of the member of staff. `erased_at` is when the personal fields were emptied.
    """

    id: CitizenRequestId
    reference: str
    status: RequestStatus
    work_type: str
    language: str
    citizen_name: str
    citizen_email: str
    citizen_phone: str
    street: str
    postcode: str
    town: str
    notes: str
    consented_at: datetime
    created_at: datetime
    token_hash: str | None = None
    link_expires_at: datetime | None = None
    confirmed_at: datetime | None = None
    decided_at: datetime | None = None
    decided_by: str = ""
    reason: str = ""
    work_order_id: WorkOrderId | None = None
    erased_at: datetime | None = None
    version: int = 1

    @property
    def address(self) -> str:
        """The address on one line."""
        return f"{self.street}, {self.postcode} {self.town}"


@dataclass(frozen=True)
class RequestMessage:
    """One message about a request that has no order yet. The fields mean what those of `Notification` mean."""

    id: RequestMessageId
    request_id: CitizenRequestId
    kind: str
    channel: Channel
    status: NotificationStatus
    created_at: datetime
    tries: int = 0
    sending_at: datetime | None = None
    retry_at: datetime | None = None
    settled_at: datetime | None = None
    provider: str = ""
    provider_id: str = ""
    error: str = ""
    version: int = 1
