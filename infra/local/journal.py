"""What outlives the broker: every message that is not completed, in one SQLite file.

All changes of one turn of the broker's loop are one transaction, committed before the turn's answers leave. So what a
sender was told is accepted is on disk, and many messages share one commit. Locks are not kept: after a restart every
message is free again, as after a lock that expired, only without counting as a failed delivery.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from hub.domain.errors import DoorstepError, ErrorKind
from infra.local.message import StoredMessage

_SCHEMA = """
CREATE TABLE IF NOT EXISTS message (
    sequence INTEGER PRIMARY KEY,
    queue TEXT NOT NULL,
    encoded BLOB NOT NULL,
    enqueued_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    delivery_count INTEGER NOT NULL,
    dead_letter_source TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS counter (only INTEGER PRIMARY KEY CHECK (only = 1), sequence INTEGER NOT NULL) STRICT;
INSERT OR IGNORE INTO counter VALUES (1, 0);
"""
FILE_NAME = "broker.sqlite3"


class StateRefused(DoorstepError):
    """The state folder cannot be used; the text says why and what to do."""

    kind = ErrorKind.UNAVAILABLE
    code = "broker-state-refused"


class Journal:
    """The queues' memory: on disk in a state folder, or nowhere when `state` is None."""

    def __init__(self, state: Path | None) -> None:
        self._last_sequence = 0
        self._changed = False
        self._database = _open(state)
        (self._last_sequence,) = self._database.execute("SELECT sequence FROM counter").fetchone()

    def next_sequence(self) -> int:
        """The next sequence number; never given twice, also not after a restart."""
        self._last_sequence += 1
        return self._last_sequence

    def messages(self) -> Iterator[tuple[str, StoredMessage]]:
        """Each kept message with the name of its queue, in the order of arrival."""
        for queue, *fields in self._database.execute(
            "SELECT queue, sequence, encoded, enqueued_ms, expires_ms, delivery_count, dead_letter_source"
            " FROM message ORDER BY sequence"
        ):
            yield queue, StoredMessage(*fields)

    def put(self, queue: str, message: StoredMessage) -> None:
        """The message is in this queue now, whether it is new or was in another."""
        self._changed = True
        self._database.execute(
            "INSERT OR REPLACE INTO message VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                message.sequence,
                queue,
                message.encoded,
                message.enqueued_ms,
                message.expires_ms,
                message.delivery_count,
                message.dead_letter_source,
            ),
        )

    def count_delivery(self, message: StoredMessage) -> None:
        """Keep the message's delivery count."""
        self._changed = True
        self._database.execute(
            "UPDATE message SET delivery_count = ? WHERE sequence = ?", (message.delivery_count, message.sequence)
        )

    def remove(self, message: StoredMessage) -> None:
        """The message is done."""
        self._changed = True
        self._database.execute("DELETE FROM message WHERE sequence = ?", (message.sequence,))

    def commit(self) -> None:
        """Make all changes since the last commit last."""
        if self._changed:
            self._database.execute("UPDATE counter SET sequence = ?", (self._last_sequence,))
            self._database.commit()
            self._changed = False

    def close(self) -> None:
        """Let go of the file. What is not committed was never acknowledged."""
        self._database.close()


def _open(state: Path | None) -> sqlite3.Connection:
    if state is None:
        database = sqlite3.connect(":memory:")
        database.executescript(_SCHEMA)
        return database
    try:
        # Messages hold names and addresses: no other account of this machine may look.
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = sqlite3.connect(state / FILE_NAME, timeout=0)
        database.execute("PRAGMA journal_mode = WAL")
        # Survives a killed broker; a power cut may cost the last moments, which is fine for a machine of one's own.
        database.execute("PRAGMA synchronous = NORMAL")
        # One broker a state folder: the file stays locked until it is closed.
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.executescript(_SCHEMA)
    except (OSError, sqlite3.Error) as error:
        raise StateRefused(
            f"The broker cannot keep its messages in {state} ({error})."
            " Name a folder that can be written and that no other broker uses."
        ) from error
    return database
