"""What a citizen left with an order: for the citizen's page, for the ladder, and for dispatchers."""

from dataclasses import dataclass
from uuid import UUID

from hub.bootstrap import Hub
from hub.db import citizen_tables as tables
from hub.db.records import Records
from hub.db.unit_of_work import UnitOfWork
from hub.domain.citizen_records import AccessDetails, CitizenFile, ContactPreference
from hub.domain.contact import Channel, LinkPurpose
from hub.domain.errors import NotFoundError
from hub.domain.ids import WorkOrderId
from hub.domain.lifecycle import FINAL_WORK_ORDER_STATUSES
from hub.domain.work_orders import WorkOrder
from hub.files import read_file
from hub.notifications.addresses import reachable_channels
from hub.notifications.links import find_link

CHOICE = (Channel.EMAIL, Channel.SMS)
"""The channels a citizen may prefer; a letter or a call comes only by the policy's own steps."""


@dataclass(frozen=True)
class Left:
    """What a citizen left with an order. `channel` is None without a preference; `files` are oldest first."""

    access: AccessDetails | None
    channel: Channel | None
    files: tuple[CitizenFile, ...]


@dataclass(frozen=True)
class Details:
    """What the citizen's page shows: the order, what was left, by which channels we could write, and whether it may change."""

    order: WorkOrder
    left: Left
    channels: tuple[Channel, ...]
    is_open: bool


def access_records(work: UnitOfWork) -> Records[AccessDetails]:
    """How to get in, by order."""
    return Records(work.connection, tables.access_details, AccessDetails, ("work_order_id",))


def preference_records(work: UnitOfWork) -> Records[ContactPreference]:
    """Preferred channels, by order."""
    return Records(work.connection, tables.contact_preference, ContactPreference, ("work_order_id",))


def file_records(work: UnitOfWork) -> Records[CitizenFile]:
    """Citizens' files."""
    return Records(work.connection, tables.citizen_file, CitizenFile)


def is_open(order: WorkOrder) -> bool:
    """Whether something can still be added: until the order is over."""
    return order.status not in FINAL_WORK_ORDER_STATUSES


def find_details(hub: Hub, token: str) -> Details:
    """What the link's page shows; raises LinkInvalidError or LinkExpiredError."""
    with hub.snapshot() as work:
        order = find_link(work, token, LinkPurpose.BOOKING).order
        return Details(
            order, what_was_left(work, order.id), tuple(reachable_channels(work, order, CHOICE)), is_open(order)
        )


def what_was_left(work: UnitOfWork, work_order_id: WorkOrderId) -> Left:
    """What the order's citizen left with it."""
    table = tables.citizen_file.c
    files = file_records(work).list_where(table.work_order_id == work_order_id, order_by=(table.uploaded_at, table.id))
    return Left(
        access=access_records(work).find(work_order_id),
        channel=preferred_channel(work, work_order_id),
        files=tuple(files),
    )


def preferred_channel(work: UnitOfWork, work_order_id: WorkOrderId) -> Channel | None:
    """By which channel the order's citizen would rather be written to; None: no preference. The ladder asks this."""
    found = preference_records(work).find(work_order_id)
    return found.channel if found else None


def open_file(hub: Hub, token: str, file_id: UUID) -> tuple[CitizenFile, bytes]:
    """A file of the link's own order; raises NotFoundError for any other, FilesUnavailableError and link errors."""
    with hub.snapshot() as work:
        order = find_link(work, token, LinkPurpose.BOOKING).order
    return open_file_of(hub, order.id, file_id)


def open_file_of(hub: Hub, work_order_id: WorkOrderId, file_id: UUID) -> tuple[CitizenFile, bytes]:
    """A file of an order, for those who see the order; raises NotFoundError and FilesUnavailableError."""
    with hub.snapshot() as work:
        found = file_records(work).find(file_id)
    if found is None or found.work_order_id != work_order_id:
        raise NotFoundError("file")
    return found, read_file(hub.settings, found.path)
