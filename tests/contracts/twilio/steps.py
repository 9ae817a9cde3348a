"""What the tests of the contract have in common: asking for a message, handing it over, and looking at what became of it."""

import json
from typing import Any

from sqlalchemy import select

from hub.contact_record import first_fault, read_entries
from hub.db import tables
from hub.domain.contact import Channel, Notification, NotificationStatus
from hub.domain.ids import WorkOrderId
from hub.notifications.service import request_notification
from tests.contracts.twilio.conftest import PUBLIC, Twilio
from tests.contracts.twilio.fake import Taken
from tests.samples import a_work_order

PHONE = "+32470000001"
SMS_ADDRESS = f"{PUBLIC}/webhooks/twilio/sms"


def request(twilio: Twilio, *channels: Channel, **changes: str) -> Notification:
    """A message to a citizen, queued."""
    with twilio.hub.unit_of_work() as work:
        order = work.work_orders.add(a_work_order(**changes))
        queued = request_notification(work, order, kind="survey", channels=channels or (Channel.SMS,))
        work.commit()
    assert queued is not None
    return queued


def entries(twilio: Twilio, work_order_id: WorkOrderId) -> list[tuple[str, dict[str, Any]]]:
    with twilio.hub.unit_of_work() as work:
        found = read_entries(work, work_order_id)
    assert first_fault(found) is None
    return [(one.kind, json.loads(one.content)) for one in found]


def told(twilio: Twilio, one: Notification) -> list[str]:
    """The events of a message, oldest first."""
    event = tables.status_event.c
    with twilio.hub.reading() as connection:
        query = select(event.name).where(event.entity == "notification", event.entity_id == one.id).order_by(event.seq)
        return list(connection.execute(query).scalars())


def sent(twilio: Twilio, one: Notification) -> Taken:
    """Hand the message over; what the provider took."""
    assert twilio.deliver(one).status is NotificationStatus.SENT
    return twilio.fake.taken[-1]


def messages(twilio: Twilio, one: Notification) -> list[Notification]:
    table = tables.notification.c
    with twilio.hub.unit_of_work() as work:
        return work.notifications.list_where(table.work_order_id == one.work_order_id, order_by=(table.hop,))
