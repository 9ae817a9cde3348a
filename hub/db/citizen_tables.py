"""What a citizen leaves with an order after booking, and what is shown of the visit's day.

`hub.db.tables` imports this, so that its metadata knows every table.
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Double, ForeignKey, Index, Integer, Table, Text
from sqlalchemy.dialects.postgresql import UUID

from hub.db.columns import EnumText
from hub.db.tables import metadata
from hub.domain.citizen_records import FileKind
from hub.domain.contact import Channel

access_details = Table(
    "access_details",
    metadata,
    Column("work_order_id", UUID(as_uuid=True), ForeignKey("work_order.id"), primary_key=True),
    Column("gate_code", Text, nullable=False, server_default=""),
    Column("dog", Text, nullable=False, server_default=""),
    Column("parking", Text, nullable=False, server_default=""),
    Column("note", Text, nullable=False, server_default=""),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),
    CheckConstraint("length(note) <= 500", name="note_is_short"),
    comment="How the technician gets in, in the citizen's words; shown to the technician on the day only.",
)

contact_preference = Table(
    "contact_preference",
    metadata,
    Column("work_order_id", UUID(as_uuid=True), ForeignKey("work_order.id"), primary_key=True),
    Column("channel", EnumText(Channel), nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),
    comment="By which channel a citizen would rather be written to; no row: no preference. The language is the order's.",
)

citizen_file = Table(
    "citizen_file",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True),
    Column("work_order_id", UUID(as_uuid=True), ForeignKey("work_order.id"), nullable=False),
    Column("kind", EnumText(FileKind), nullable=False),
    Column("name", Text, nullable=False),
    Column("path", Text, nullable=False, unique=True),
    Column("sha256", Text, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("scanned_by", Text, nullable=False, server_default=""),
    Column("uploaded_at", DateTime(timezone=True), nullable=False),
    Index(None, "work_order_id"),
    comment="Photos and documents a citizen sent. `name` is only shown; `path` is where the file store keeps it.",
)

door_check = Table(
    "door_check",
    metadata,
    Column("visit_id", UUID(as_uuid=True), ForeignKey("visit.id"), primary_key=True),
    Column("work_order_id", UUID(as_uuid=True), ForeignKey("work_order.id"), nullable=False),
    Column("appointment_id", UUID(as_uuid=True), ForeignKey("appointment.id"), nullable=False),
    Column("device_id", UUID(as_uuid=True), ForeignKey("device.id"), nullable=False),
    Column("checked_at", DateTime(timezone=True), nullable=False),
    Index(None, "work_order_id"),
    comment="The citizen's door code was read by the technician's phone: proof that both were there.",
)

technician_place = Table(
    "technician_place",
    metadata,
    Column("visit_id", UUID(as_uuid=True), ForeignKey("visit.id"), primary_key=True),
    Column("latitude", Double, nullable=False),
    Column("longitude", Double, nullable=False),
    Column("reported_at", DateTime(timezone=True), nullable=False),
    Column("reports", BigInteger, nullable=False, server_default="1"),
    CheckConstraint("latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180", name="on_earth"),
    comment="Where the technician was when the phone last said so on the way to a visit; forgotten on arrival.",
)
