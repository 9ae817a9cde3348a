"""privacy"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The record of exports and erasures, which the database itself refuses to change, and what is erased already."""
    op.create_table(
        "privacy_act",
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False, server_default=""),
        sa.Column("reason", sa.Text(), nullable=False, server_default=""),
        sa.Column("counts", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_privacy_act"),
        sa.CheckConstraint("act IN ('export', 'erase', 'retain')", name="ck_privacy_act_known"),
        comment="Exports, erasures and retention runs: who, when, why and how much, without personal data; only ever added to.",
    )
    op.create_index("ix_privacy_act_at", "privacy_act", ["at"])
    op.create_table(
        "erased_data",
        sa.Column("work_order_id", postgresql.UUID(as_uuid=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("act_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("work_order_id", "kind", name="pk_erased_data"),
        sa.ForeignKeyConstraint(["work_order_id"], ["work_order.id"], name="fk_erased_data_work_order_id_work_order"),
        sa.ForeignKeyConstraint(["act_seq"], ["privacy_act.seq"], name="fk_erased_data_act_seq_privacy_act"),
        comment="Which kind of personal data of which order is erased, and by which act; so that it is not looked for again.",
    )
    op.create_index("ix_erased_data_act_seq", "erased_data", ["act_seq"])
    op.execute("""
        CREATE FUNCTION privacy_act_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'the record of exports and erasures only grows: % is refused', TG_OP;
        END $$
    """)
    op.execute("""
        CREATE TRIGGER privacy_act_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON privacy_act
        FOR EACH STATEMENT EXECUTE FUNCTION privacy_act_only_grows()
    """)
    # What people wrote can be taken out of history, in a transaction that says it erases; nothing can be put in or changed.
    op.execute("""
        CREATE OR REPLACE FUNCTION refuse_change_of_history() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'UPDATE' AND current_setting('doorstep.erasing', true) = 'on'
                AND to_jsonb(NEW) - 'reason' - 'data' = to_jsonb(OLD) - 'reason' - 'data'
                AND NEW.reason IN ('', OLD.reason) AND NEW.data <@ OLD.data
            THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION 'status events are never changed';
        END $$
    """)


def downgrade() -> None:
    """Forget what was exported and erased."""
    op.execute("""
        CREATE OR REPLACE FUNCTION refuse_change_of_history() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'status events are never changed';
        END $$
    """)
    op.drop_table("erased_data")
    op.drop_table("privacy_act")
    op.execute("DROP FUNCTION privacy_act_only_grows()")
