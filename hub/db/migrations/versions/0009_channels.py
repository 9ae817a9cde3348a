"""channels"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_ATTEMPT = ["work_order_id", "round", "step"]


def upgrade() -> None:
    """Receipts and the words of messages; what is known of addresses and providers."""
    op.add_column(
        "notification",
        sa.Column("fallback", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
    )
    op.add_column("notification", sa.Column("hop", sa.Integer(), server_default="0", nullable=False))
    op.add_column("notification", sa.Column("failover_of", postgresql.UUID(as_uuid=True), nullable=True))
    for name in ("subject", "body", "receipt"):
        op.add_column("notification", sa.Column(name, sa.Text(), server_default="", nullable=False))
    for name in ("receipt_at", "turn_at"):
        op.add_column("notification", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.create_foreign_key(op.f("fk_notification_failover_of"), "notification", "notification", ["failover_of"], ["id"])
    op.create_index("ix_notification_recipient", "notification", ["recipient", "created_at"])
    op.create_index(
        "ix_notification_provider_id",
        "notification",
        ["provider_id"],
        postgresql_where=sa.text("provider_id <> ''"),
    )
    _count_attempts_by([*_ATTEMPT, "hop"])
    _create_address_tables()
    _create_provider_tables()


def downgrade() -> None:
    """Forget receipts, opt-outs and rates; messages that followed a failed one are forgotten with them."""
    for table in ("webhook_call", "provider_rate", "address_key", "contact_address"):
        op.drop_table(table)
    op.execute("UPDATE notification SET failover_of = NULL, step = NULL WHERE failover_of IS NOT NULL")
    op.execute("UPDATE notification SET status = 'sent' WHERE status = 'delivered'")
    op.execute("UPDATE notification SET status = 'failed' WHERE status = 'undelivered'")
    _count_attempts_by(_ATTEMPT)
    op.drop_index("ix_notification_provider_id", "notification")
    op.drop_index("ix_notification_recipient", "notification")
    op.drop_constraint(op.f("fk_notification_failover_of"), "notification", type_="foreignkey")
    for name in ("turn_at", "receipt_at", "receipt", "body", "subject", "failover_of", "hop", "fallback"):
        op.drop_column("notification", name)


def _count_attempts_by(columns: list[str]) -> None:
    op.drop_index("uq_notification_attempt", "notification")
    op.create_index(
        "uq_notification_attempt", "notification", columns, unique=True, postgresql_where=sa.text("step IS NOT NULL")
    )


def _create_address_tables() -> None:
    op.create_table(
        "contact_address",
        sa.Column("address_hash", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("address_hash", "channel", name=op.f("pk_contact_address")),
        comment="Addresses that are not to be written to by a channel, under a keyed hash: it outlives the person's erasure.",
    )
    op.create_table(
        "address_key",
        sa.Column("number", sa.Integer(), server_default="1", autoincrement=False, nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.CheckConstraint("number = 1", name=op.f("ck_address_key_one_row")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_address_key")),
        comment="One row: which key the addresses were hashed with, so that a program with another key cannot overlook an "
        "opt-out.",
    )


def _create_provider_tables() -> None:
    op.create_table(
        "provider_rate",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("next_free_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("provider", name=op.f("pk_provider_rate")),
        comment="When a provider may be handed its next message, shared by all workers, and until when it asked for none.",
    )
    op.create_table(
        "webhook_call",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("provider", "call_id", name=op.f("pk_webhook_call")),
        comment="A claim, in the same transaction as the effect: a call that comes again finds it and does nothing.",
    )
    op.create_index("ix_webhook_call_heard_at", "webhook_call", ["heard_at"])
