"""Every table of the product. Each column of a record's table has the name of the dataclass field it remembers.

What the database itself referees, so that no bug above can break it: one work order per utility and external id; one
live appointment per work order; no two live visits of a technician at one time (an exclusion constraint, deferred so that
a route can be re-timed as a whole); one answer per idempotency key; one effect per message and handler.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Time,
    UniqueConstraint,
    func,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from hub.db.columns import AmountPairs, CodeTuple, EnumText, JsonMapping
from hub.domain.contact import CaseStatus, Channel, LinkPurpose, NotificationStatus
from hub.domain.lifecycle import AbortReason, AppointmentStatus, HoldReason, VisitStatus, WorkOrderStatus
from hub.domain.places import PlaceQuality
from hub.domain.plans import PlanStatus
from hub.domain.references import JOINTS

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id(name: str = "id") -> Column[object]:
    return Column(name, UUID(as_uuid=True), primary_key=True)


def _ref(name: str, target: str, *, null: bool = False) -> Column[object]:
    return Column(name, UUID(as_uuid=True), ForeignKey(f"{target}.id"), nullable=null)


def _text(name: str, *, null: bool = False) -> Column[object]:
    return Column(name, Text, nullable=null, server_default=None if null else "")


def _at(name: str, *, null: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=null)


def _version() -> Column[object]:
    return Column("version", Integer, nullable=False, server_default="1")


work_order = Table(
    "work_order",
    metadata,
    _id(),
    Column("utility", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("work_type", Text, nullable=False),
    Column("status", EnumText(WorkOrderStatus), nullable=False),
    _text("territory"),
    Column("weight", Integer, nullable=False),
    _text("citizen_name"),
    _text("citizen_email"),
    _text("citizen_phone"),
    Column("language", Text, nullable=False),
    _text("street"),
    _text("postcode"),
    _text("town"),
    Column("latitude", Double, nullable=True),
    Column("longitude", Double, nullable=True),
    Column("zone", Text, nullable=False),
    _at("not_before", null=True),
    _at("due_at", null=True),
    _text("notes"),
    _text("correlation_id"),
    _at("imported_at"),
    Column("hold_reason", EnumText(HoldReason), nullable=True),
    _text("reject_reason"),
    Column("place_quality", EnumText(PlaceQuality), nullable=False, server_default="given"),
    _text("place_note"),
    _text("revision"),
    _version(),
    UniqueConstraint("utility", "external_id"),
    # An order without a point must not reach planning, whatever a bug above says.
    CheckConstraint(
        "(latitude IS NOT NULL AND longitude IS NOT NULL) OR status IN ('needs location', 'rejected', 'cancelled')",
        name="placed",
    ),
    Index(None, "status", "territory"),
    # As people type it: in any case, whatever stands between its parts. The operators find a beginning too, in any collation.
    Index("ix_work_order_reference", text(f"translate(upper(external_id), '{JOINTS}', '') text_pattern_ops")),
    Index(None, "postcode", "street"),
)
joined_reference: ColumnElement[str] = func.translate(
    func.upper(work_order.c.external_id), literal_column(f"'{JOINTS}'"), literal_column("''")
)
"""The order's reference as `hub.domain.references.joined` writes it; written out, so that the index knows it."""

technician = Table(
    "technician",
    metadata,
    _id(),
    Column("name", Text, nullable=False),
    Column("territory", Text, nullable=False),
    Column("skills", CodeTuple, nullable=False),
    Column("start_latitude", Double, nullable=False),
    Column("start_longitude", Double, nullable=False),
    Column("end_latitude", Double, nullable=False),
    Column("end_longitude", Double, nullable=False),
    Column("zone", Text, nullable=False),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("levels", AmountPairs, nullable=False, server_default=text("'{}'::jsonb")),
    Column("max_travel_seconds", Integer, nullable=True),
    Column("overtime_seconds", Integer, nullable=False, server_default="0"),
    Column("van", AmountPairs, nullable=True),
    _version(),
)

route = Table(
    "route",
    metadata,
    _id(),
    _ref("technician_id", "technician"),
    Column("territory", Text, nullable=False),
    Column("day", Date, nullable=False),
    Column("zone", Text, nullable=False),
    Column("starts", Time, nullable=False),
    Column("ends", Time, nullable=False),
    Column("break_from", Time, nullable=False),
    Column("break_until", Time, nullable=False),
    Column("break_seconds", Integer, nullable=False),
    _at("published_at", null=True),
    _version(),
    UniqueConstraint("technician_id", "day"),
    Index(None, "territory", "day"),
)

absence = Table(
    "absence",
    metadata,
    _id(),
    _ref("technician_id", "technician"),
    _at("starts_at"),
    _at("ends_at"),
    _text("reason"),
    CheckConstraint("ends_at > starts_at", name="ends_after_start"),
    Index(None, "technician_id"),
)

appointment = Table(
    "appointment",
    metadata,
    _id(),
    _ref("work_order_id", "work_order"),
    Column("sequence", Integer, nullable=False),
    Column("status", EnumText(AppointmentStatus), nullable=False),
    _at("starts_at"),
    _at("ends_at"),
    _at("lease_until", null=True),
    _at("created_at"),
    _at("confirmed_at", null=True),
    _ref("replaces", "appointment", null=True),
    _version(),
    UniqueConstraint("work_order_id", "sequence"),
    CheckConstraint("ends_at > starts_at", name="ends_after_start"),
    Index("uq_appointment_one_held", "work_order_id", unique=True, postgresql_where=text("status = 'held'")),
    Index("uq_appointment_one_confirmed", "work_order_id", unique=True, postgresql_where=text("status = 'confirmed'")),
    Index("ix_appointment_lease", "lease_until", postgresql_where=text("status = 'held'")),
)

visit = Table(
    "visit",
    metadata,
    _id(),
    _ref("work_order_id", "work_order"),
    _ref("appointment_id", "appointment", null=True),
    _ref("route_id", "route"),
    _ref("technician_id", "technician"),
    Column("status", EnumText(VisitStatus), nullable=False),
    _at("starts_at"),
    _at("ends_at"),
    Column("travel_seconds", Integer, nullable=False),
    Column("travel_model", Text, nullable=False),
    Column("pinned", Boolean, nullable=False, server_default=text("false")),
    _at("promised_arrival", null=True),
    _at("set_off_at", null=True),
    _at("arrived_at", null=True),
    _at("started_at", null=True),
    _at("ended_at", null=True),
    Column("abort_reason", EnumText(AbortReason), nullable=True),
    _version(),
    CheckConstraint("ends_at > starts_at", name="ends_after_start"),
    Index(None, "route_id"),
    Index(None, "work_order_id"),
    Index(None, "appointment_id"),
)
VISIT_NO_OVERLAP = "visit_no_overlap"
"""The exclusion constraint over (technician, service time) of visits that are neither cancelled nor aborted; made in the migration."""

plan = Table(
    "plan",
    metadata,
    _id(),
    Column("territory", Text, nullable=False),
    Column("first_day", Date, nullable=False),
    Column("last_day", Date, nullable=False),
    Column("status", EnumText(PlanStatus), nullable=False),
    Column("seed", Integer, nullable=False),
    Column("engine", Text, nullable=False),
    _at("created_at"),
    Column("solve_seconds", Double, nullable=False),
    Column("travel_seconds", Integer, nullable=False),
    Column("planned_count", Integer, nullable=False),
    Column("unplanned_count", Integer, nullable=False),
    _at("published_at", null=True),
    _version(),
    Index(None, "territory", "created_at"),
)

plan_assignment = Table(
    "plan_assignment",
    metadata,
    Column("plan_id", UUID(as_uuid=True), ForeignKey("plan.id"), primary_key=True),
    Column("work_order_id", UUID(as_uuid=True), ForeignKey("work_order.id"), primary_key=True),
    _ref("visit_id", "visit", null=True),
    _ref("route_id", "route"),
    _at("starts_at"),
    _at("ends_at"),
    Column("travel_seconds", Integer, nullable=False),
    Column("travel_model", Text, nullable=False),
)

plan_unplanned = Table(
    "plan_unplanned",
    metadata,
    Column("plan_id", UUID(as_uuid=True), ForeignKey("plan.id"), primary_key=True),
    Column("work_order_id", UUID(as_uuid=True), ForeignKey("work_order.id"), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
)

status_event = Table(
    "status_event",
    metadata,
    Column("seq", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("entity", Text, nullable=False),
    Column("entity_id", UUID(as_uuid=True), nullable=False),
    _ref("work_order_id", "work_order"),
    _at("at"),
    Column("actor_kind", Text, nullable=False),
    _text("actor_name"),
    Column("action", Text, nullable=False),
    _text("before"),
    _text("after"),
    _text("reason"),
    Column("data", JsonMapping, nullable=False, server_default=text("'{}'::jsonb")),
    Index(None, "work_order_id", "seq"),
    Index(None, "name", "at"),
)

citizen_link = Table(
    "citizen_link",
    metadata,
    _id(),
    _ref("work_order_id", "work_order"),
    Column("purpose", EnumText(LinkPurpose), nullable=False),
    Column("token_hash", Text, nullable=False, unique=True),
    _at("created_at"),
    _at("expires_at"),
    Index(None, "work_order_id"),
)

contact_case = Table(
    "contact_case",
    metadata,
    Column("work_order_id", UUID(as_uuid=True), ForeignKey("work_order.id"), primary_key=True),
    Column("policy", Text, nullable=False),
    Column("round", Integer, nullable=False),
    Column("next_step", Integer, nullable=False),
    _at("next_due_at", null=True),
    Column("status", EnumText(CaseStatus), nullable=False),
    _text("outcome"),
    _at("opened_at"),
    _at("ended_at", null=True),
    _version(),
    Index("ix_contact_case_due", "next_due_at", postgresql_where=text("status = 'open'")),
)

notification = Table(
    "notification",
    metadata,
    _id(),
    _ref("work_order_id", "work_order"),
    Column("kind", Text, nullable=False),
    Column("channel", EnumText(Channel), nullable=False),
    Column("recipient", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("status", EnumText(NotificationStatus), nullable=False),
    _at("created_at"),
    Column("round", Integer, nullable=True),
    Column("step", Integer, nullable=True),
    Column("parameters", JsonMapping, nullable=False, server_default=text("'{}'::jsonb")),
    _text("provider"),
    _text("provider_id"),
    _text("error"),
    Column("tries", Integer, nullable=False, server_default="0"),
    _at("sending_at", null=True),
    _at("retry_at", null=True),
    _at("settled_at", null=True),
    Column("fallback", CodeTuple, nullable=False, server_default=text("'{}'::text[]")),
    Column("hop", Integer, nullable=False, server_default="0"),
    _ref("failover_of", "notification", null=True),
    _text("subject"),
    _text("body"),
    _text("receipt"),
    _at("receipt_at", null=True),
    _at("turn_at", null=True),
    _version(),
    Index(
        "uq_notification_attempt",
        "work_order_id",
        "round",
        "step",
        "hop",
        unique=True,
        postgresql_where=text("step IS NOT NULL"),
    ),
    Index("ix_notification_recipient", "recipient", "created_at"),
    Index("ix_notification_provider_id", "provider_id", postgresql_where=text("provider_id <> ''")),
    Index("ix_notification_open", "status", postgresql_where=text("status IN ('queued', 'sending')")),
)

recorded_message = Table(
    "recorded_message",
    metadata,
    Column("seq", BigInteger, Identity(always=True), primary_key=True),
    Column("notification_id", UUID(as_uuid=True), nullable=False, unique=True),
    # Absent in messages about a request that is no order yet.
    _ref("work_order_id", "work_order", null=True),
    Column("channel", EnumText(Channel), nullable=False),
    Column("recipient", Text, nullable=False),
    _text("subject"),
    Column("body", Text, nullable=False),
    _at("recorded_at"),
    comment="The demo's outbox: filled by the recording provider only, which production never configures.",
)

device = Table(
    "device",
    metadata,
    _id(),
    _ref("technician_id", "technician"),
    _text("label"),
    Column("token_hash", Text, nullable=False, unique=True),
    _at("enrolled_at"),
    _at("revoked_at", null=True),
)

enrolment_code = Table(
    "enrolment_code",
    metadata,
    Column("code_hash", Text, primary_key=True),
    _ref("technician_id", "technician"),
    _at("expires_at"),
    _at("used_at", null=True),
)

failed_attempt = Table(
    "failed_attempt",
    metadata,
    Column("seq", BigInteger, Identity(always=True), primary_key=True),
    Column("scope", Text, nullable=False),
    _at("at"),
    Index(None, "scope", "at"),
    comment="Wrong codes and passwords, counted to slow guessing down; forgotten after some hours.",
)

photo = Table(
    "photo",
    metadata,
    _id(),
    _ref("visit_id", "visit"),
    _ref("work_order_id", "work_order"),
    Column("path", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    _text("caption"),
    _at("taken_at"),
    Index(None, "visit_id"),
)

work_report = Table(
    "work_report",
    metadata,
    _id(),
    _ref("visit_id", "visit"),
    _ref("work_order_id", "work_order"),
    Column("summary", Text, nullable=False),
    _at("reported_at"),
    Index(None, "visit_id"),
)

confirmation = Table(
    "confirmation",
    metadata,
    _id(),
    _ref("visit_id", "visit"),
    _ref("work_order_id", "work_order"),
    Column("kind", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("quantity", Integer, nullable=False),
    _at("recorded_at"),
    Index(None, "work_order_id"),
)

survey_answer = Table(
    "survey_answer",
    metadata,
    Column("work_order_id", UUID(as_uuid=True), ForeignKey("work_order.id"), primary_key=True),
    Column("rating", SmallInteger, nullable=False),
    Column("nps", SmallInteger, nullable=True),
    _text("comment"),
    _at("answered_at"),
    CheckConstraint("rating BETWEEN 1 AND 5", name="rating"),
    CheckConstraint("nps BETWEEN 0 AND 10", name="nps"),
)

staff_account = Table(
    "staff_account",
    metadata,
    _id(),
    Column("email", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("roles", CodeTuple, nullable=False),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    _version(),
)

staff_session = Table(
    "staff_session",
    metadata,
    Column("token_hash", Text, primary_key=True),
    _ref("staff_id", "staff_account"),
    Column("csrf_token", Text, nullable=False),
    _at("created_at"),
    _at("expires_at"),
)

idempotency_record = Table(
    "idempotency_record",
    metadata,
    Column("actor", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_hash", Text, nullable=False),
    Column("status_code", Integer, nullable=False),
    Column("response", JSONB, nullable=False),
    _at("created_at"),
)

outbox_event = Table(
    "outbox_event",
    metadata,
    Column("seq", BigInteger, Identity(always=True), primary_key=True),
    Column("id", UUID(as_uuid=True), nullable=False, unique=True),
    _ref("work_order_id", "work_order"),
    Column("type", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("subject", Text, nullable=False),
    _at("at"),
    Column("data", JSONB, nullable=False),
    _text("correlation_id"),
    _at("sent_at", null=True),
    _at("shared_at", null=True),
    Index("ix_outbox_event_unsent", "seq", postgresql_where=text("sent_at IS NULL")),
    Index("ix_outbox_event_unshared", "seq", postgresql_where=text("shared_at IS NULL")),
    Index(None, "work_order_id", "seq"),
)

inbox_message = Table(
    "inbox_message",
    metadata,
    Column("message_id", Text, primary_key=True),
    Column("handler", Text, primary_key=True),
    Column("outcome", Text, nullable=False),
    _text("detail"),
    _at("received_at"),
    comment="A claim, in the same transaction as the effect: a message that comes again finds it and does nothing.",
)

timer_run = Table(
    "timer_run",
    metadata,
    Column("timer", Text, primary_key=True),
    Column("due", DateTime(timezone=True), primary_key=True),
    _at("ran_at"),
    Column("done_count", Integer, nullable=False),
    comment="The run ledger of timers: what ran, for which due time, and how much it did.",
)

worker_beat = Table(
    "worker_beat",
    metadata,
    Column("worker", Text, primary_key=True),
    _at("caught_up_to"),
    _at("beat_at"),
    comment="Each worker's word that everything due up to an instant of hub.clock was done.",
)

planning_search = Table(
    "planning_search",
    metadata,
    _id(),
    Column("territory", Text, nullable=False),
    Column("first_day", Date, nullable=False),
    Column("last_day", Date, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("best", JSONB),
    _at("began_at"),
    _at("heard_at"),
    _at("ended_at", null=True),
    Column("failure", JSONB),
    comment="How far a planning is that somebody asked for on the board, for whichever process shows it; by the database's clock.",
)

# What monitoring counts.

inbox_tally = Table(
    "inbox_tally",
    metadata,
    Column("only", Boolean, primary_key=True),
    _at("counted_until", null=True),
    Column("messages", JSONB, nullable=False),
    comment="One row: messages by outcome received before an instant, so that nobody has to count them again.",
)

# A block range index costs nothing at each insert, and rows lie in the order of time.
Index("ix_inbox_message_received_at", inbox_message.c.received_at, postgresql_using="brin")

# Places: what geocoders were asked (ingest/places).
place_search = Table(
    "place_search",
    metadata,
    Column("work_order_id", UUID(as_uuid=True), ForeignKey("work_order.id"), primary_key=True),
    _at("began_at"),
    Column("tries", Integer, nullable=False, server_default="0"),
    _at("tried_at", null=True),
    _at("retry_at", null=True),
    Index("ix_place_search_retry", "retry_at", postgresql_where=text("retry_at IS NOT NULL")),
    comment="How far the search for an order's place is: begun when the order needed one, tried again at retry_at, over when that is null.",
)

geocoded_address = Table(
    "geocoded_address",
    metadata,
    Column("geocoder", Text, primary_key=True),
    Column("address_hash", Text, primary_key=True),
    Column("latitude", Double, nullable=True),
    Column("longitude", Double, nullable=True),
    Column("quality", EnumText(PlaceQuality), nullable=False),
    _text("note"),
    _at("found_at"),
    comment="Answers of geocoders, so that none is asked twice; the address itself is not kept.",
)

geocoder_pace = Table(
    "geocoder_pace",
    metadata,
    Column("geocoder", Text, primary_key=True),
    _at("free_at"),
    comment="When a geocoder may be asked next, by the database's clock: all workers together keep its limit.",
)

# The utility's own access: its programs, what they asked for, and where they want to be called.

utility_client = Table(
    "utility_client",
    metadata,
    Column("id", Text, primary_key=True),
    Column("utility", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("secret_hash", Text, nullable=False),
    Column("scopes", CodeTuple, nullable=False),
    _at("created_at"),
    _at("revoked_at", null=True),
    comment="A program of a utility that may use the API; `utility` is the source of that utility's orders.",
)

utility_token = Table(
    "utility_token",
    metadata,
    Column("token_hash", Text, primary_key=True),
    Column("client_id", Text, ForeignKey("utility_client.id"), nullable=False),
    Column("scopes", CodeTuple, nullable=False),
    _at("created_at"),
    _at("expires_at"),
    Index(None, "expires_at"),
)

cancel_task = Table(
    "cancel_task",
    metadata,
    _id(),
    _ref("work_order_id", "work_order"),
    Column("state", Text, nullable=False),
    _text("reason"),
    _text("outcome"),
    _at("requested_at"),
    _at("effective_at", null=True),
    Index(None, "work_order_id"),
    comment="A utility's wish, over the API, that an order be cancelled, and what became of it.",
)

slot_search = Table(
    "slot_search",
    metadata,
    _id(),
    _ref("work_order_id", "work_order"),
    Column("state", Text, nullable=False),
    Column("requested", JSONB, nullable=False),
    Column("available", JSONB, nullable=False),
    _text("outcome"),
    _at("searched_at"),
    Index(None, "work_order_id"),
    Index(None, "searched_at"),
    comment="What was free when a utility asked, kept for a day: free times change.",
)

event_subscription = Table(
    "event_subscription",
    metadata,
    _id(),
    Column("utility", Text, nullable=False),
    Column("client_id", Text, ForeignKey("utility_client.id"), nullable=False),
    Column("api", Text, nullable=False),
    Column("callback", Text, nullable=False),
    _text("query"),
    Column("event_types", CodeTuple, nullable=False),
    Column("secret", Text, nullable=False),
    _at("created_at"),
    _at("due_at"),
    _at("failing_since", null=True),
    Column("failures", Integer, nullable=False, server_default="0"),
    _at("ended_at", null=True),
    _text("end_reason"),
    Index("ix_event_subscription_live", "utility", "api", postgresql_where=text("ended_at IS NULL")),
    comment="Where a utility wants to be called. `secret` signs the calls, so it is kept as it is and shown once.",
)

callback_delivery = Table(
    "callback_delivery",
    metadata,
    Column("seq", BigInteger, Identity(always=True), primary_key=True),
    _ref("subscription_id", "event_subscription"),
    _ref("work_order_id", "work_order"),
    Column("event_id", UUID(as_uuid=True), nullable=False),
    Column("event_type", Text, nullable=False),
    Column("body", Text, nullable=False),
    _at("created_at"),
    _at("due_at"),
    Column("tries", Integer, nullable=False, server_default="0"),
    _at("delivered_at", null=True),
    _at("dead_at", null=True),
    _text("problem"),
    UniqueConstraint("subscription_id", "event_id"),
    Index(
        "ix_callback_delivery_waiting",
        "subscription_id",
        "work_order_id",
        "seq",
        postgresql_where=text("delivered_at IS NULL AND dead_at IS NULL"),
    ),
    Index("ix_callback_delivery_created_at", "created_at"),
    comment="One event for one subscriber: waiting, delivered, or dead with the reason.",
)

# These have modules of their own, which need the metadata above as the metadata needs their tables.
from hub.db import (  # noqa: E402
    channel_tables,  # noqa: F401
    citizen_tables,  # noqa: F401
    conversation_tables,  # noqa: F401
    ladder_tables,  # noqa: F401
    message_tables,  # noqa: F401
    portal_tables,  # noqa: F401
    privacy_tables,  # noqa: F401
    record_tables,  # noqa: F401
)
