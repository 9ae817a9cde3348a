"""after booking"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def _at(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def _id(name: str) -> sa.Column[object]:
    return sa.Column(name, postgresql.UUID(as_uuid=True), nullable=False)


def _text(name: str, server_default: str | None = None) -> sa.Column[object]:
    return sa.Column(name, sa.Text(), nullable=False, server_default=server_default)


def _version() -> sa.Column[object]:
    return sa.Column("version", sa.Integer(), server_default="1", nullable=False)


def upgrade() -> None:
    """What a citizen leaves with an order, and what is shown of the visit's day."""
    _what_the_citizen_leaves()
    op.create_table(
        "door_check",
        _id("visit_id"),
        _id("work_order_id"),
        _id("appointment_id"),
        _id("device_id"),
        _at("checked_at"),
        sa.PrimaryKeyConstraint("visit_id", name="pk_door_check"),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name="fk_door_check_visit_id_visit"),
        sa.ForeignKeyConstraint(["work_order_id"], ["work_order.id"], name="fk_door_check_work_order_id_work_order"),
        sa.ForeignKeyConstraint(
            ["appointment_id"], ["appointment.id"], name="fk_door_check_appointment_id_appointment"
        ),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name="fk_door_check_device_id_device"),
        comment="The citizen's door code was read by the technician's phone: proof that both were there.",
    )
    op.create_index("ix_door_check_work_order_id", "door_check", ["work_order_id"])
    op.create_table(
        "technician_place",
        _id("visit_id"),
        sa.Column("latitude", sa.Double(), nullable=False),
        sa.Column("longitude", sa.Double(), nullable=False),
        _at("reported_at"),
        sa.Column("reports", sa.BigInteger(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("visit_id", name="pk_technician_place"),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name="fk_technician_place_visit_id_visit"),
        sa.CheckConstraint(
            "latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180", name="ck_technician_place_on_earth"
        ),
        comment="Where the technician was when the phone last said so on the way to a visit; forgotten on arrival.",
    )
    # A citizen's page looks for earlier visits at the same address.
    op.create_index("ix_work_order_postcode_street", "work_order", ["postcode", "street"])


def _what_the_citizen_leaves() -> None:
    op.create_table(
        "access_details",
        _id("work_order_id"),
        _text("gate_code", server_default=""),
        _text("dog", server_default=""),
        _text("parking", server_default=""),
        _text("note", server_default=""),
        _at("changed_at"),
        _version(),
        sa.PrimaryKeyConstraint("work_order_id", name="pk_access_details"),
        sa.ForeignKeyConstraint(
            ["work_order_id"], ["work_order.id"], name="fk_access_details_work_order_id_work_order"
        ),
        sa.CheckConstraint("length(note) <= 500", name="ck_access_details_note_is_short"),
        comment="How the technician gets in, in the citizen's words; shown to the technician on the day only.",
    )
    op.create_table(
        "contact_preference",
        _id("work_order_id"),
        _text("channel"),
        _at("changed_at"),
        _version(),
        sa.PrimaryKeyConstraint("work_order_id", name="pk_contact_preference"),
        sa.ForeignKeyConstraint(
            ["work_order_id"], ["work_order.id"], name="fk_contact_preference_work_order_id_work_order"
        ),
        comment="By which channel a citizen would rather be written to; no row: no preference. The language is the order's.",
    )
    op.create_table(
        "citizen_file",
        _id("id"),
        _id("work_order_id"),
        _text("kind"),
        _text("name"),
        _text("path"),
        _text("sha256"),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        _text("scanned_by", server_default=""),
        _at("uploaded_at"),
        sa.PrimaryKeyConstraint("id", name="pk_citizen_file"),
        sa.UniqueConstraint("path", name="uq_citizen_file_path"),
        sa.ForeignKeyConstraint(["work_order_id"], ["work_order.id"], name="fk_citizen_file_work_order_id_work_order"),
        comment="Photos and documents a citizen sent. `name` is only shown; `path` is where the file store keeps it.",
    )
    op.create_index("ix_citizen_file_work_order_id", "citizen_file", ["work_order_id"])


def downgrade() -> None:
    """Forget all of it."""
    op.drop_index("ix_work_order_postcode_street", "work_order")
    for table in ("technician_place", "door_check", "citizen_file", "contact_preference", "access_details"):
        op.drop_table(table)
