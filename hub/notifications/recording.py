"""The provider of the demo and of tests: writes each message to a table that the outbox page shows."""

from sqlalchemy import Engine
from sqlalchemy.dialects.postgresql import insert

from hub.clock import Clock
from hub.db.tables import recorded_message
from hub.notifications.ports import Message


class RecordingSender:
    """Records instead of sending. The same notification is recorded once, however often it is handed over."""

    name = "recording"

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def send(self, message: Message) -> str:
        """Write `message` down and return an id made of the notification's."""
        with self._engine.begin() as connection:
            connection.execute(
                insert(recorded_message)
                .values(
                    notification_id=message.notification_id,
                    work_order_id=message.work_order_id,
                    channel=message.channel,
                    recipient=message.recipient,
                    subject=message.subject,
                    body=message.body,
                    recorded_at=self._clock.now(),
                )
                .on_conflict_do_nothing(index_elements=["notification_id"])
            )
        return f"recorded-{message.notification_id}"
