"""waitlist and requests"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def _uuid(name: str, *, null: bool = False) -> sa.Column[object]:
    return sa.Column(name, postgresql.UUID(as_uuid=True), nullable=null)


def _text(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def _words(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.Text(), nullable=False)


def _at(name: str, *, null: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=null)


def _version() -> sa.Column[object]:
    return sa.Column("version", sa.Integer(), server_default="1", nullable=False)


def upgrade() -> None:
    """When citizens are at home, who waits for an earlier time, and what was asked for without an order."""
    _create_preferences()
    _create_waitlist()
    _create_offers()
    _create_requests()
    op.create_index("ix_work_order_reference", "work_order", [sa.text("upper(replace(external_id, ' ', ''))")])
    # A message about a request is recorded before there is an order.
    op.alter_column("recorded_message", "work_order_id", nullable=True)


def _create_preferences() -> None:
    op.create_table(
        "time_preference",
        _uuid("work_order_id"),
        sa.Column("weekdays", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("dayparts", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("away", postgresql.ARRAY(sa.Text()), nullable=False),
        _at("updated_at"),
        _version(),
        sa.PrimaryKeyConstraint("work_order_id", name="pk_time_preference"),
        sa.ForeignKeyConstraint(
            ["work_order_id"], ["work_order.id"], name="fk_time_preference_work_order_id_work_order"
        ),
        comment="When an order's citizen can be at home, as the citizen said.",
    )


def _create_waitlist() -> None:
    op.create_table(
        "waitlist_entry",
        _uuid("id"),
        _uuid("work_order_id"),
        _words("status"),
        sa.Column("until", sa.Date(), nullable=True),
        _at("asked_at"),
        _at("looked_at", null=True),
        _at("ended_at", null=True),
        _text("outcome"),
        _version(),
        sa.PrimaryKeyConstraint("id", name="pk_waitlist_entry"),
        sa.ForeignKeyConstraint(
            ["work_order_id"], ["work_order.id"], name="fk_waitlist_entry_work_order_id_work_order"
        ),
        comment="Who waits for an earlier time; one live wish per order.",
    )
    live, waiting = sa.text("status <> 'ended'"), sa.text("status = 'waiting'")
    op.create_index(
        "uq_waitlist_entry_one_live", "waitlist_entry", ["work_order_id"], unique=True, postgresql_where=live
    )
    op.create_index("ix_waitlist_entry_waiting", "waitlist_entry", ["looked_at"], postgresql_where=waiting)


def _create_offers() -> None:
    op.create_table(
        "waitlist_offer",
        _uuid("id"),
        _uuid("entry_id"),
        _uuid("work_order_id"),
        _uuid("appointment_id"),
        _at("starts_at"),
        _at("ends_at"),
        sa.Column("saved_travel_seconds", sa.Integer(), nullable=False),
        _words("status"),
        _at("offered_at"),
        _at("lease_until"),
        _at("settled_at", null=True),
        _version(),
        sa.PrimaryKeyConstraint("id", name="pk_waitlist_offer"),
        sa.UniqueConstraint("appointment_id", name="uq_waitlist_offer_appointment_id"),
        sa.ForeignKeyConstraint(["entry_id"], ["waitlist_entry.id"], name="fk_waitlist_offer_entry_id_waitlist_entry"),
        sa.ForeignKeyConstraint(
            ["work_order_id"], ["work_order.id"], name="fk_waitlist_offer_work_order_id_work_order"
        ),
        sa.ForeignKeyConstraint(
            ["appointment_id"], ["appointment.id"], name="fk_waitlist_offer_appointment_id_appointment"
        ),
        comment="An earlier time that was kept for one citizen, and what became of it.",
    )
    is_open = sa.text("status = 'open'")
    op.create_index("uq_waitlist_offer_one_open", "waitlist_offer", ["entry_id"], unique=True, postgresql_where=is_open)
    op.create_index("ix_waitlist_offer_entry_id", "waitlist_offer", ["entry_id"])
    op.create_table(
        "freed_place",
        _uuid("id"),
        _words("territory"),
        _at("starts_at"),
        _at("ends_at"),
        _at("freed_at"),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
        _at("settled_at", null=True),
        _text("outcome"),
        _version(),
        sa.PrimaryKeyConstraint("id", name="pk_freed_place"),
        comment="Technicians' time that became free and is to be offered to somebody who waits.",
    )
    op.create_index("ix_freed_place_open", "freed_place", ["freed_at"], postgresql_where=sa.text("settled_at IS NULL"))


def _create_requests() -> None:
    op.create_table(
        "citizen_request",
        _uuid("id"),
        *(_words(name) for name in ("reference", "status", "work_type", "language")),
        *(_text(name) for name in ("citizen_name", "citizen_email", "citizen_phone")),
        *(_text(name) for name in ("street", "postcode", "town", "notes")),
        _at("consented_at"),
        _at("created_at"),
        sa.Column("token_hash", sa.Text(), nullable=True),
        _at("link_expires_at", null=True),
        _at("confirmed_at", null=True),
        _at("decided_at", null=True),
        _text("decided_by"),
        _text("reason"),
        _uuid("work_order_id", null=True),
        _at("erased_at", null=True),
        _version(),
        sa.PrimaryKeyConstraint("id", name="pk_citizen_request"),
        sa.UniqueConstraint("reference", name="uq_citizen_request_reference"),
        sa.UniqueConstraint("token_hash", name="uq_citizen_request_token_hash"),
        sa.ForeignKeyConstraint(
            ["work_order_id"], ["work_order.id"], name="fk_citizen_request_work_order_id_work_order"
        ),
        comment="What citizens asked for of their own accord; a dispatcher accepts or declines.",
    )
    op.create_index("ix_citizen_request_status_created_at", "citizen_request", ["status", "created_at"])
    op.create_table(
        "request_message",
        _uuid("id"),
        _uuid("request_id"),
        *(_words(name) for name in ("kind", "channel", "status")),
        _at("created_at"),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        *(_at(name, null=True) for name in ("sending_at", "retry_at", "settled_at")),
        *(_text(name) for name in ("provider", "provider_id", "error")),
        _version(),
        sa.PrimaryKeyConstraint("id", name="pk_request_message"),
        sa.ForeignKeyConstraint(
            ["request_id"], ["citizen_request.id"], name="fk_request_message_request_id_citizen_request"
        ),
        comment="Messages about requests that have no order yet.",
    )
    op.create_index("ix_request_message_request_id", "request_message", ["request_id"])
    is_open = sa.text("status IN ('queued', 'sending')")
    op.create_index("ix_request_message_open", "request_message", ["status"], postgresql_where=is_open)


def downgrade() -> None:
    """Forget all of it."""
    op.drop_index("ix_work_order_reference", "work_order")
    op.execute("DELETE FROM recorded_message WHERE work_order_id IS NULL")
    op.alter_column("recorded_message", "work_order_id", nullable=False)
    for name in (
        "request_message",
        "citizen_request",
        "freed_place",
        "waitlist_offer",
        "waitlist_entry",
        "time_preference",
    ):
        op.drop_table(name)
