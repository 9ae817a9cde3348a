"""places"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Orders may wait for a place; what geocoders answered is kept."""
    op.add_column("work_order", sa.Column("place_quality", sa.Text(), server_default="given", nullable=False))
    op.add_column("work_order", sa.Column("place_note", sa.Text(), server_default="", nullable=False))
    op.alter_column("work_order", "latitude", nullable=True)
    op.alter_column("work_order", "longitude", nullable=True)
    op.create_check_constraint(
        op.f("ck_work_order_placed"),
        "work_order",
        "(latitude IS NOT NULL AND longitude IS NOT NULL) OR status IN ('needs location', 'rejected', 'cancelled')",
    )
    op.create_table(
        "place_search",
        sa.Column("work_order_id", sa.UUID(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["work_order_id"], ["work_order.id"], name=op.f("fk_place_search_work_order_id")),
        sa.PrimaryKeyConstraint("work_order_id", name=op.f("pk_place_search")),
        comment="How far the search for an order's place is: begun when the order needed one, tried again at retry_at, "
        "over when that is null.",
    )
    op.create_index(
        "ix_place_search_retry", "place_search", ["retry_at"], postgresql_where=sa.text("retry_at IS NOT NULL")
    )
    op.create_table(
        "geocoded_address",
        sa.Column("geocoder", sa.Text(), nullable=False),
        sa.Column("address_hash", sa.Text(), nullable=False),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.Column("quality", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("geocoder", "address_hash", name=op.f("pk_geocoded_address")),
        comment="Answers of geocoders, so that none is asked twice; the address itself is not kept.",
    )
    op.create_table(
        "geocoder_pace",
        sa.Column("geocoder", sa.Text(), nullable=False),
        sa.Column("free_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("geocoder", name=op.f("pk_geocoder_pace")),
        comment="When a geocoder may be asked next, by the database's clock: all workers together keep its limit.",
    )


def downgrade() -> None:
    """Forget places; orders without one are refused by the old schema, so give them one first."""
    op.drop_table("geocoder_pace")
    op.drop_table("geocoded_address")
    op.drop_table("place_search")
    op.drop_constraint(op.f("ck_work_order_placed"), "work_order", type_="check")
    op.alter_column("work_order", "longitude", nullable=False)
    op.alter_column("work_order", "latitude", nullable=False)
    op.drop_column("work_order", "place_note")
    op.drop_column("work_order", "place_quality")
