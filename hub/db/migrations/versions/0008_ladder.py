"""ladder"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What follows while an order is on hold."""
    op.create_table(
        "follow_up",
        sa.Column("work_order_id", postgresql.UUID(as_uuid=True), nullable=False),
        sa.Column("review_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reinvites", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("team", sa.Text(), server_default="", nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("work_order_id", name="pk_follow_up"),
        sa.ForeignKeyConstraint(["work_order_id"], ["work_order.id"], name="fk_follow_up_work_order_id_work_order"),
        comment="Counts only while the order is on hold: when to look again, whether the citizen is invited again then, and whose it is.",
    )
    op.create_index(
        "ix_follow_up_review_at",
        "follow_up",
        ["review_at"],
        unique=False,
        postgresql_where=sa.text("review_at IS NOT NULL"),
    )


def downgrade() -> None:
    """Forget what follows."""
    op.drop_table("follow_up")
