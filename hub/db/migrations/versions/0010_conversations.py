"""conversations"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Threads with citizens, what was said in them, and what a number in an answer means."""
    _create_conversation()
    _create_message()
    op.create_table(
        "slot_list_offer",
        _id("id", null=False),
        _id("work_order_id", null=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("times", postgresql.ARRAY(sa.Text()), nullable=False),
        _id("notification_id"),
        sa.PrimaryKeyConstraint("id", name="pk_slot_list_offer"),
        sa.ForeignKeyConstraint(
            ["work_order_id"], ["work_order.id"], name="fk_slot_list_offer_work_order_id_work_order"
        ),
        sa.ForeignKeyConstraint(
            ["notification_id"], ["notification.id"], name="fk_slot_list_offer_notification_id_notification"
        ),
        comment="Times listed to a citizen by number: what '3' means in an answer.",
    )
    op.create_index("ix_slot_list_offer_work_order_id_made_at", "slot_list_offer", ["work_order_id", "made_at"])


def downgrade() -> None:
    """Forget what was said."""
    op.drop_table("slot_list_offer")
    op.drop_table("conversation_message")
    op.drop_table("conversation")


def _id(name: str, *, null: bool = True) -> sa.Column[object]:
    return sa.Column(name, postgresql.UUID(as_uuid=True), nullable=null)


def _create_conversation() -> None:
    op.create_table(
        "conversation",
        _id("id", null=False),
        sa.Column("topic", sa.Text(), nullable=False),
        _id("work_order_id"),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("waiting_since", sa.DateTime(timezone=True), nullable=True),
        _id("assigned_to"),
        sa.Column("dropped", sa.Integer(), server_default="0", nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_conversation"),
        sa.ForeignKeyConstraint(["work_order_id"], ["work_order.id"], name="fk_conversation_work_order_id_work_order"),
        sa.ForeignKeyConstraint(
            ["assigned_to"], ["staff_account.id"], name="fk_conversation_assigned_to_staff_account"
        ),
        sa.CheckConstraint("(status = 'open') = (waiting_since IS NOT NULL)", name="ck_conversation_open_waits"),
        comment="A thread with one number about one order, or about none that is known. The number is personal data.",
    )
    op.create_index(
        "uq_conversation_of_order",
        "conversation",
        ["work_order_id", "sender"],
        unique=True,
        postgresql_where=sa.text("topic = 'messages' AND work_order_id IS NOT NULL"),
    )
    op.create_index(
        "uq_conversation_of_stranger",
        "conversation",
        ["sender"],
        unique=True,
        postgresql_where=sa.text("topic = 'messages' AND work_order_id IS NULL"),
    )
    op.create_index(
        "ix_conversation_waiting", "conversation", ["waiting_since"], postgresql_where=sa.text("status = 'open'")
    )
    op.create_index("ix_conversation_status_changed_at", "conversation", ["status", "changed_at"])
    op.create_index("ix_conversation_work_order_id", "conversation", ["work_order_id"])
    op.create_index("ix_conversation_sender", "conversation", ["sender"])


def _create_message() -> None:
    op.create_table(
        "conversation_message",
        _id("id", null=False),
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        _id("conversation_id", null=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=True),
        sa.Column("meaning", sa.Text(), nullable=True),
        sa.Column("cut", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("settled", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("handled", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("answer", sa.Text(), server_default="", nullable=False),
        _id("staff_id"),
        _id("notification_id"),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_conversation_message"),
        sa.UniqueConstraint("seq", name="uq_conversation_message_seq"),
        sa.UniqueConstraint("provider_id", name="uq_conversation_message_provider_id"),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name="fk_conversation_message_conversation_id_conversation"
        ),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff_account.id"], name="fk_conversation_message_staff_id_staff_account"
        ),
        sa.ForeignKeyConstraint(
            ["notification_id"], ["notification.id"], name="fk_conversation_message_notification_id_notification"
        ),
        comment="What was said, as it came. The texts are personal data.",
    )
    op.create_index("ix_conversation_message_conversation_id_seq", "conversation_message", ["conversation_id", "seq"])
    op.create_index(
        "ix_conversation_message_notification_id",
        "conversation_message",
        ["notification_id"],
        postgresql_where=sa.text("notification_id IS NOT NULL"),
    )
