"""planning searches"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """How far a planning is, told by the process that plans, so that every process can show it."""
    op.create_table(
        "planning_search",
        sa.Column("id", postgresql.UUID(as_uuid=True), nullable=False),
        sa.Column("territory", sa.Text(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("best", postgresql.JSONB(), nullable=True),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failure", postgresql.JSONB(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_planning_search"),
        comment="How far a planning is that somebody asked for on the board, for whichever process shows it; by the database's clock.",
    )


def downgrade() -> None:
    """Forget the plannings that run; their drafts stay."""
    op.drop_table("planning_search")
