"""utility api"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Programs of utilities with their tokens, what they asked for, and where they want to be called."""
    op.add_column("outbox_event", _at("shared_at", null=True))
    # Nobody subscribed yet: what lies there is not for anybody's callback.
    op.execute("UPDATE outbox_event SET shared_at = at")
    unshared = sa.text("shared_at IS NULL")
    op.create_index("ix_outbox_event_unshared", "outbox_event", ["seq"], postgresql_where=unshared)
    _create_clients()
    _create_requests()
    _create_event_subscription()
    _create_callback_delivery()


def downgrade() -> None:
    """Forget them."""
    for name in ("callback_delivery", "event_subscription", "slot_search", "cancel_task"):
        op.drop_table(name)
    for name in ("utility_token", "utility_client"):
        op.drop_table(name)
    op.drop_index("ix_outbox_event_unshared", "outbox_event")
    op.drop_column("outbox_event", "shared_at")


def _at(name: str, *, null: bool = False) -> "sa.Column[object]":
    return sa.Column(name, sa.DateTime(timezone=True), nullable=null)


def _text(name: str) -> "sa.Column[object]":
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def _create_clients() -> None:
    op.create_table(
        "utility_client",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("utility", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.Text(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        _at("created_at"),
        _at("revoked_at", null=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_utility_client")),
        comment="A program of a utility that may use the API; `utility` is the source of that utility's orders.",
    )
    op.create_table(
        "utility_token",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        _at("created_at"),
        _at("expires_at"),
        sa.ForeignKeyConstraint(["client_id"], ["utility_client.id"], name=op.f("fk_utility_token_client_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_utility_token")),
    )
    op.create_index(op.f("ix_utility_token_expires_at"), "utility_token", ["expires_at"])


def _create_requests() -> None:
    op.create_table(
        "cancel_task",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("work_order_id", sa.UUID(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        _text("reason"),
        _text("outcome"),
        _at("requested_at"),
        _at("effective_at", null=True),
        sa.ForeignKeyConstraint(["work_order_id"], ["work_order.id"], name=op.f("fk_cancel_task_work_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cancel_task")),
        comment="A utility's wish, over the API, that an order be cancelled, and what became of it.",
    )
    op.create_index(op.f("ix_cancel_task_work_order_id"), "cancel_task", ["work_order_id"])
    op.create_table(
        "slot_search",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("work_order_id", sa.UUID(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("requested", postgresql.JSONB(), nullable=False),
        sa.Column("available", postgresql.JSONB(), nullable=False),
        _text("outcome"),
        _at("searched_at"),
        sa.ForeignKeyConstraint(["work_order_id"], ["work_order.id"], name=op.f("fk_slot_search_work_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_slot_search")),
        comment="What was free when a utility asked, kept for a day: free times change.",
    )
    op.create_index(op.f("ix_slot_search_work_order_id"), "slot_search", ["work_order_id"])
    op.create_index(op.f("ix_slot_search_searched_at"), "slot_search", ["searched_at"])


def _create_event_subscription() -> None:
    op.create_table(
        "event_subscription",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("utility", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("api", sa.Text(), nullable=False),
        sa.Column("callback", sa.Text(), nullable=False),
        _text("query"),
        sa.Column("event_types", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        _at("created_at"),
        _at("due_at"),
        _at("failing_since", null=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        _at("ended_at", null=True),
        _text("end_reason"),
        sa.ForeignKeyConstraint(["client_id"], ["utility_client.id"], name=op.f("fk_event_subscription_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_subscription")),
        comment="Where a utility wants to be called. `secret` signs the calls, so it is kept as it is and shown once.",
    )
    live = sa.text("ended_at IS NULL")
    op.create_index("ix_event_subscription_live", "event_subscription", ["utility", "api"], postgresql_where=live)


def _create_callback_delivery() -> None:
    subscription, order = "fk_callback_delivery_subscription_id", "fk_callback_delivery_work_order_id"
    op.create_table(
        "callback_delivery",
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("subscription_id", sa.UUID(), nullable=False),
        sa.Column("work_order_id", sa.UUID(), nullable=False),
        sa.Column("event_id", sa.UUID(), nullable=False),
        sa.Column("event_type", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        _at("created_at"),
        _at("due_at"),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        _at("delivered_at", null=True),
        _at("dead_at", null=True),
        _text("problem"),
        sa.ForeignKeyConstraint(["subscription_id"], ["event_subscription.id"], name=op.f(subscription)),
        sa.ForeignKeyConstraint(["work_order_id"], ["work_order.id"], name=op.f(order)),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_callback_delivery")),
        sa.UniqueConstraint("subscription_id", "event_id", name=op.f("uq_callback_delivery_subscription_id_event_id")),
        comment="One event for one subscriber: waiting, delivered, or dead with the reason.",
    )
    waiting = sa.text("delivered_at IS NULL AND dead_at IS NULL")
    key = ["subscription_id", "work_order_id", "seq"]
    op.create_index("ix_callback_delivery_waiting", "callback_delivery", key, postgresql_where=waiting)
    op.create_index("ix_callback_delivery_created_at", "callback_delivery", ["created_at"])
