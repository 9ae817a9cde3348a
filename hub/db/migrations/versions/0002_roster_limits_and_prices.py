"""roster limits and prices"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What the planner must know of a technician besides skills: levels, limits and the van."""
    levels = postgresql.JSONB(none_as_null=True)
    op.add_column("technician", sa.Column("levels", levels, nullable=False, server_default=sa.text("'{}'::jsonb")))
    op.add_column("technician", sa.Column("max_travel_seconds", sa.Integer(), nullable=True))
    op.add_column("technician", sa.Column("overtime_seconds", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("technician", sa.Column("van", postgresql.JSONB(none_as_null=True), nullable=True))


def downgrade() -> None:
    """Forget them."""
    for name in ("van", "overtime_seconds", "max_travel_seconds", "levels"):
        op.drop_column("technician", name)
