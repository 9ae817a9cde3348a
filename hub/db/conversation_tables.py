"""Tables of what citizens say to us: threads, what was said in them, and the times that were offered by number.

`hub.db.tables` imports this, so that its metadata knows every table.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import UUID

from hub.db.columns import CodeTuple, EnumText
from hub.db.tables import metadata
from hub.domain.conversations import ConversationStatus, Direction, Meaning, Topic

conversation = Table(
    "conversation",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True),
    Column("topic", EnumText(Topic), nullable=False),
    Column("work_order_id", UUID(as_uuid=True), ForeignKey("work_order.id"), nullable=True),
    Column("sender", Text, nullable=False),
    Column("status", EnumText(ConversationStatus), nullable=False),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("waiting_since", DateTime(timezone=True), nullable=True),
    Column("assigned_to", UUID(as_uuid=True), ForeignKey("staff_account.id"), nullable=True),
    Column("dropped", Integer, nullable=False, server_default="0"),
    Column("note", Text, nullable=False, server_default=""),
    Column("closed_at", DateTime(timezone=True), nullable=True),
    Column("version", Integer, nullable=False, server_default="1"),
    CheckConstraint("(status = 'open') = (waiting_since IS NOT NULL)", name="open_waits"),
    Index(
        "uq_conversation_of_order",
        "work_order_id",
        "sender",
        unique=True,
        postgresql_where=text("topic = 'messages' AND work_order_id IS NOT NULL"),
    ),
    Index(
        "uq_conversation_of_stranger",
        "sender",
        unique=True,
        postgresql_where=text("topic = 'messages' AND work_order_id IS NULL"),
    ),
    Index("ix_conversation_waiting", "waiting_since", postgresql_where=text("status = 'open'")),
    Index("ix_conversation_status_changed_at", "status", "changed_at"),
    Index("ix_conversation_work_order_id", "work_order_id"),
    Index("ix_conversation_sender", "sender"),
    comment="A thread with one number about one order, or about none that is known. The number is personal data.",
)

conversation_message = Table(
    "conversation_message",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True),
    Column("seq", BigInteger, Identity(always=True), nullable=False, unique=True),
    Column("conversation_id", UUID(as_uuid=True), ForeignKey("conversation.id"), nullable=False),
    Column("direction", EnumText(Direction), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("text", Text, nullable=False),
    Column("provider_id", Text, nullable=True, unique=True),
    Column("meaning", EnumText(Meaning), nullable=True),
    Column("cut", Boolean, nullable=False, server_default=text("false")),
    Column("settled", Boolean, nullable=False, server_default=text("false")),
    Column("handled", Boolean, nullable=False, server_default=text("false")),
    Column("answer", Text, nullable=False, server_default=""),
    Column("staff_id", UUID(as_uuid=True), ForeignKey("staff_account.id"), nullable=True),
    Column("notification_id", UUID(as_uuid=True), ForeignKey("notification.id"), nullable=True),
    Column("version", Integer, nullable=False, server_default="1"),
    Index("ix_conversation_message_conversation_id_seq", "conversation_id", "seq"),
    Index(
        "ix_conversation_message_notification_id",
        "notification_id",
        postgresql_where=text("notification_id IS NOT NULL"),
    ),
    comment="What was said, as it came. The texts are personal data.",
)

slot_list_offer = Table(
    "slot_list_offer",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True),
    Column("work_order_id", UUID(as_uuid=True), ForeignKey("work_order.id"), nullable=False),
    Column("made_at", DateTime(timezone=True), nullable=False),
    Column("times", CodeTuple, nullable=False),
    Column("notification_id", UUID(as_uuid=True), ForeignKey("notification.id"), nullable=True),
    Index("ix_slot_list_offer_work_order_id_made_at", "work_order_id", "made_at"),
    comment="Times listed to a citizen by number: what '3' means in an answer.",
)
