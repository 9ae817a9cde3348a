"""What was done for the protection of people's data: each export and erasure, and what is erased already.

`hub.db.tables` imports this, so that its metadata knows every table.
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, ForeignKey, Identity, Index, Table, Text
from sqlalchemy.dialects.postgresql import JSONB, UUID

from hub.db.tables import metadata

privacy_act = Table(
    "privacy_act",
    metadata,
    Column("seq", BigInteger, Identity(always=True), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("act", Text, nullable=False),
    Column("actor_kind", Text, nullable=False),
    Column("actor_name", Text, nullable=False, server_default=""),
    Column("reason", Text, nullable=False, server_default=""),
    Column("counts", JSONB, nullable=False),
    CheckConstraint("act IN ('export', 'erase', 'retain')", name="known"),
    Index(None, "at"),
    comment="Exports, erasures and retention runs: who, when, why and how much, without personal data; only ever added to.",
)

erased_data = Table(
    "erased_data",
    metadata,
    Column("work_order_id", UUID(as_uuid=True), ForeignKey("work_order.id"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("act_seq", BigInteger, ForeignKey("privacy_act.seq"), nullable=False),
    Index(None, "act_seq"),
    comment="Which kind of personal data of which order is erased, and by which act; so that it is not looked for again.",
)
