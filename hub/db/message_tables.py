"""Tables of the utility's messages: what waits for its order, how new each part of an order is, and what could not be used.

`hub.db.tables` imports this, so that its metadata knows every table.
"""

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Identity, Index, Integer, LargeBinary, Table, Text
from sqlalchemy.dialects.postgresql import JSONB, UUID

from hub.db.tables import metadata

part_revision = Table(
    "part_revision",
    metadata,
    Column("work_order_id", UUID(as_uuid=True), ForeignKey("work_order.id"), primary_key=True),
    Column("part", Text, primary_key=True),
    Column("revision", Text, nullable=False),
    comment="For orders that were changed: the revision that each part of them was last told with.",
)

early_message = Table(
    "early_message",
    metadata,
    Column("seq", BigInteger, Identity(always=True), primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("utility", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("revision", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Index(None, "utility", "external_id"),
    comment="Changes that came before the order they change; applied in the transaction that creates it.",
)

quarantined_message = Table(
    "quarantined_message",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("cause", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("profile", Text, nullable=False, server_default=""),
    Column("utility", Text, nullable=False, server_default=""),
    Column("external_id", Text, nullable=False, server_default=""),
    Column("type", Text, nullable=False, server_default=""),
    Column("message_id", Text, nullable=False, server_default=""),
    Column("correlation_id", Text, nullable=False, server_default=""),
    Column("content_type", Text, nullable=False, server_default=""),
    Column("subject", Text, nullable=False, server_default=""),
    Column("properties", JSONB, nullable=False),
    Column("delivery_count", Integer, nullable=False, server_default="0"),
    Column("enqueued_at", DateTime(timezone=True), nullable=True),
    Column("quarantined_at", DateTime(timezone=True), nullable=False),
    Column("settled_at", DateTime(timezone=True), nullable=True),
    Column("body", LargeBinary, nullable=True),
    Column("original_body", LargeBinary, nullable=True),
    Column("version", Integer, nullable=False, server_default="1"),
    Index(None, "status", "quarantined_at"),
    comment="Messages that could not be used, until somebody corrects, replays or discards them. Bodies are personal data.",
)

quarantine_act = Table(
    "quarantine_act",
    metadata,
    Column("seq", BigInteger, Identity(always=True), primary_key=True),
    Column("quarantined_message_id", UUID(as_uuid=True), ForeignKey("quarantined_message.id"), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("actor_kind", Text, nullable=False),
    Column("actor_name", Text, nullable=False, server_default=""),
    Column("act", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("body_sha256", Text, nullable=False, server_default=""),
    Index(None, "quarantined_message_id", "seq"),
    comment="What was done to a quarantined message, by whom; only ever added to.",
)
