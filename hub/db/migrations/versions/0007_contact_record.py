"""contact record"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A chain of entries per order that the database itself refuses to change."""
    op.create_table(
        "contact_entry",
        sa.Column("work_order_id", postgresql.UUID(as_uuid=True), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("work_order_id", "number", name="pk_contact_entry"),
        sa.ForeignKeyConstraint(["work_order_id"], ["work_order.id"], name="fk_contact_entry_work_order_id_work_order"),
        sa.CheckConstraint("number >= 1", name="ck_contact_entry_counts_from_one"),
        comment="What was tried to reach a citizen and what came of it; each entry holds the hash of the one before.",
    )
    op.execute("""
        CREATE FUNCTION contact_entry_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'the contact record only grows: % is refused', TG_OP;
        END $$
    """)
    op.execute("""
        CREATE TRIGGER contact_entry_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON contact_entry
        FOR EACH STATEMENT EXECUTE FUNCTION contact_entry_only_grows()
    """)


def downgrade() -> None:
    """Forget the record."""
    op.drop_table("contact_entry")
    op.execute("DROP FUNCTION contact_entry_only_grows()")
