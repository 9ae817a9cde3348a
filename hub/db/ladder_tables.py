"""What follows while an order is on hold: when it is looked at again, what happens then, and which team has it.

`hub.db.tables` imports this, so that its metadata knows every table.
"""

from sqlalchemy import Boolean, Column, DateTime, ForeignKey, Index, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import UUID

from hub.db.tables import metadata

follow_up = Table(
    "follow_up",
    metadata,
    Column("work_order_id", UUID(as_uuid=True), ForeignKey("work_order.id"), primary_key=True),
    Column("review_at", DateTime(timezone=True), nullable=True),
    Column("reinvites", Boolean, nullable=False, server_default=text("false")),
    Column("team", Text, nullable=False, server_default=""),
    Column("set_at", DateTime(timezone=True), nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),
    Index("ix_follow_up_review_at", "review_at", postgresql_where=text("review_at IS NOT NULL")),
    comment="Counts only while the order is on hold: when to look again, whether the citizen is invited again then, and whose it is.",
)
