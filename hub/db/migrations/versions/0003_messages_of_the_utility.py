"""messages of the utility"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Orders have revisions, changes may wait for their order, and what cannot be used is kept to be worked on."""
    op.add_column("work_order", sa.Column("revision", sa.Text(), server_default="", nullable=False))
    op.create_table(
        "part_revision",
        sa.Column("work_order_id", sa.UUID(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["work_order_id"], ["work_order.id"], name=op.f("fk_part_revision_work_order_id_work_order")
        ),
        sa.PrimaryKeyConstraint("work_order_id", "part", name=op.f("pk_part_revision")),
        comment="For orders that were changed: the revision that each part of them was last told with.",
    )
    op.create_table(
        "early_message",
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("utility", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_early_message")),
        sa.UniqueConstraint("key", name=op.f("uq_early_message_key")),
        comment="Changes that came before the order they change; applied in the transaction that creates it.",
    )
    op.create_index(op.f("ix_early_message_utility_external_id"), "early_message", ["utility", "external_id"])
    _create_quarantine()


def _create_quarantine() -> None:
    texts = ("profile", "utility", "external_id", "type", "message_id", "correlation_id", "content_type", "subject")
    op.create_table(
        "quarantined_message",
        sa.Column("id", sa.UUID(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("key", "cause", "status", "reason")),
        *(sa.Column(name, sa.Text(), server_default="", nullable=False) for name in texts),
        sa.Column("properties", postgresql.JSONB(), nullable=False),
        sa.Column("delivery_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("enqueued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("quarantined_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("original_body", sa.LargeBinary(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantined_message")),
        sa.UniqueConstraint("key", name=op.f("uq_quarantined_message_key")),
        comment="Messages that could not be used, until somebody corrects, replays or discards them. "
        "Bodies are personal data.",
    )
    op.create_index(
        op.f("ix_quarantined_message_status_quarantined_at"), "quarantined_message", ["status", "quarantined_at"]
    )
    op.create_table(
        "quarantine_act",
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("quarantined_message_id", sa.UUID(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_name", sa.Text(), server_default="", nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("body_sha256", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["quarantined_message_id"],
            ["quarantined_message.id"],
            name=op.f("fk_quarantine_act_quarantined_message_id_quarantined_message"),
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_quarantine_act")),
        comment="What was done to a quarantined message, by whom; only ever added to.",
    )
    op.create_index(
        op.f("ix_quarantine_act_quarantined_message_id_seq"), "quarantine_act", ["quarantined_message_id", "seq"]
    )


def downgrade() -> None:
    """Forget them."""
    for table in ("quarantine_act", "quarantined_message", "early_message", "part_revision"):
        op.drop_table(table)
    op.drop_column("work_order", "revision")
