"""Tables of the citizen's wishes: when they are at home, who waits for an earlier time, and what was asked for without an order.

`hub.db.tables` imports this, so that its metadata knows every table.
"""

from sqlalchemy import Column, Date, DateTime, Double, ForeignKey, Index, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import UUID

from hub.db.columns import CodeTuple, EnumText
from hub.db.tables import metadata
from hub.domain.citizen_requests import RequestStatus
from hub.domain.contact import Channel, NotificationStatus
from hub.domain.waitlist import OfferStatus, WaitlistStatus


def _id() -> Column[object]:
    return Column("id", UUID(as_uuid=True), primary_key=True)


def _ref(name: str, target: str, *, null: bool = False) -> Column[object]:
    return Column(name, UUID(as_uuid=True), ForeignKey(f"{target}.id"), nullable=null)


def _at(name: str, *, null: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=null)


def _text(name: str) -> Column[object]:
    return Column(name, Text, nullable=False, server_default="")


def _version() -> Column[object]:
    return Column("version", Integer, nullable=False, server_default="1")


time_preference = Table(
    "time_preference",
    metadata,
    Column("work_order_id", UUID(as_uuid=True), ForeignKey("work_order.id"), primary_key=True),
    Column("weekdays", CodeTuple, nullable=False),
    Column("dayparts", CodeTuple, nullable=False),
    Column("away", CodeTuple, nullable=False),
    _at("updated_at"),
    _version(),
    comment="When an order's citizen can be at home, as the citizen said.",
)

waitlist_entry = Table(
    "waitlist_entry",
    metadata,
    _id(),
    _ref("work_order_id", "work_order"),
    Column("status", EnumText(WaitlistStatus), nullable=False),
    Column("until", Date, nullable=True),
    _at("asked_at"),
    _at("looked_at", null=True),
    _at("ended_at", null=True),
    _text("outcome"),
    _version(),
    Index("uq_waitlist_entry_one_live", "work_order_id", unique=True, postgresql_where=text("status <> 'ended'")),
    Index("ix_waitlist_entry_waiting", "looked_at", postgresql_where=text("status = 'waiting'")),
    comment="Who waits for an earlier time; one live wish per order.",
)

waitlist_offer = Table(
    "waitlist_offer",
    metadata,
    _id(),
    _ref("entry_id", "waitlist_entry"),
    _ref("work_order_id", "work_order"),
    Column("appointment_id", UUID(as_uuid=True), ForeignKey("appointment.id"), nullable=False, unique=True),
    _at("starts_at"),
    _at("ends_at"),
    Column("saved_travel_seconds", Integer, nullable=False),
    Column("status", EnumText(OfferStatus), nullable=False),
    _at("offered_at"),
    _at("lease_until"),
    _at("settled_at", null=True),
    _version(),
    Index("uq_waitlist_offer_one_open", "entry_id", unique=True, postgresql_where=text("status = 'open'")),
    Index(None, "entry_id"),
    comment="An earlier time that was kept for one citizen, and what became of it.",
)

freed_place = Table(
    "freed_place",
    metadata,
    _id(),
    Column("territory", Text, nullable=False),
    _at("starts_at"),
    _at("ends_at"),
    _at("freed_at"),
    Column("latitude", Double, nullable=True),
    Column("longitude", Double, nullable=True),
    _at("settled_at", null=True),
    _text("outcome"),
    _version(),
    Index("ix_freed_place_open", "freed_at", postgresql_where=text("settled_at IS NULL")),
    comment="Technicians' time that became free and is to be offered to somebody who waits.",
)

citizen_request = Table(
    "citizen_request",
    metadata,
    _id(),
    Column("reference", Text, nullable=False, unique=True),
    Column("status", EnumText(RequestStatus), nullable=False),
    Column("work_type", Text, nullable=False),
    Column("language", Text, nullable=False),
    _text("citizen_name"),
    _text("citizen_email"),
    _text("citizen_phone"),
    _text("street"),
    _text("postcode"),
    _text("town"),
    _text("notes"),
    _at("consented_at"),
    _at("created_at"),
    Column("token_hash", Text, nullable=True, unique=True),
    _at("link_expires_at", null=True),
    _at("confirmed_at", null=True),
    _at("decided_at", null=True),
    _text("decided_by"),
    _text("reason"),
    _ref("work_order_id", "work_order", null=True),
    _at("erased_at", null=True),
    _version(),
    Index(None, "status", "created_at"),
    comment="What citizens asked for of their own accord; a dispatcher accepts or declines.",
)

request_message = Table(
    "request_message",
    metadata,
    _id(),
    _ref("request_id", "citizen_request"),
    Column("kind", Text, nullable=False),
    Column("channel", EnumText(Channel), nullable=False),
    Column("status", EnumText(NotificationStatus), nullable=False),
    _at("created_at"),
    Column("tries", Integer, nullable=False, server_default="0"),
    _at("sending_at", null=True),
    _at("retry_at", null=True),
    _at("settled_at", null=True),
    _text("provider"),
    _text("provider_id"),
    _text("error"),
    _version(),
    Index(None, "request_id"),
    Index("ix_request_message_open", "status", postgresql_where=text("status IN ('queued', 'sending')")),
    comment="Messages about requests that have no order yet.",
)
