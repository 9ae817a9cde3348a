"""The record of what was tried to reach each citizen: a chain of entries that only grows.

`hub.db.tables` imports this, so that its metadata knows every table.
"""

from sqlalchemy import CheckConstraint, Column, DateTime, ForeignKey, Integer, Table, Text
from sqlalchemy.dialects.postgresql import UUID

from hub.db.tables import metadata

contact_entry = Table(
    "contact_entry",
    metadata,
    Column("work_order_id", UUID(as_uuid=True), ForeignKey("work_order.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("kind", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False),
    CheckConstraint("number >= 1", name="counts_from_one"),
    comment="What was tried to reach a citizen and what came of it; each entry holds the hash of the one before.",
)
"""`content` is canonical JSON text and not JSONB: the database would write it anew, and the hash is over these very characters."""
