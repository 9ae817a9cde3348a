"""inbox tally"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Count the messages of the inbox once, so that monitoring need not read them all."""
    op.create_table(
        "inbox_tally",
        sa.Column("only", sa.Boolean(), primary_key=True),
        sa.Column("counted_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("messages", postgresql.JSONB(), nullable=False),
        comment="One row: messages by outcome received before an instant, so that nobody has to count them again.",
    )
    op.create_index("ix_inbox_message_received_at", "inbox_message", ["received_at"], postgresql_using="brin")


def downgrade() -> None:
    """Forget the tally."""
    op.drop_index("ix_inbox_message_received_at", "inbox_message")
    op.drop_table("inbox_tally")
