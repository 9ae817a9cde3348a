"""What is known of addresses and providers, and which of a provider's calls were already heard.

`hub.db.tables` imports this, so that its metadata knows every table.
"""

from sqlalchemy import CheckConstraint, Column, DateTime, Index, Integer, Table, Text

from hub.db.columns import EnumText
from hub.db.tables import metadata
from hub.domain.contact import AddressState, Channel

contact_address = Table(
    "contact_address",
    metadata,
    Column("address_hash", Text, primary_key=True),
    Column("channel", EnumText(Channel), primary_key=True),
    Column("state", EnumText(AddressState), nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("since", DateTime(timezone=True), nullable=False),
    comment="Addresses that are not to be written to by a channel, under a keyed hash: it outlives the person's erasure.",
)

address_key = Table(
    "address_key",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False, server_default="1"),
    Column("fingerprint", Text, nullable=False),
    CheckConstraint("number = 1", name="one_row"),
    comment="One row: which key the addresses were hashed with, so that a program with another key cannot overlook an opt-out.",
)

provider_rate = Table(
    "provider_rate",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("next_free_at", DateTime(timezone=True), nullable=False),
    Column("closed_until", DateTime(timezone=True), nullable=True),
    comment="When a provider may be handed its next message, shared by all workers, and until when it asked for none.",
)

webhook_call = Table(
    "webhook_call",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("call_id", Text, primary_key=True),
    Column("heard_at", DateTime(timezone=True), nullable=False),
    Index("ix_webhook_call_heard_at", "heard_at"),
    comment="A claim, in the same transaction as the effect: a call that comes again finds it and does nothing.",
)
