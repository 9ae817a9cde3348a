"""What outlives the broker, in one SQLite file: messages that are not completed, also those that are scheduled or
deferred, the state of sessions, and the message ids that duplicate detection remembers.

All changes of one turn of the broker's loop are one transaction, committed before the turn's answers leave. So what a
sender was told is accepted is on disk, and many messages share one commit. Locks are not kept: after a restart every
message is free again, as after a lock that expired, only without counting as a failed delivery.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hub.domain.errors import DoorstepError, ErrorKind
from infra.local.message import MessageState, StoredMessage

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
# A folder of a broker that knew no sessions gets what it lacks; its messages stay.
_SECOND_VERSION = """
BEGIN;
ALTER TABLE message ADD COLUMN state INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN due_ms INTEGER;
ALTER TABLE message ADD COLUMN session_id TEXT NOT NULL DEFAULT '';
CREATE TABLE session_state (
    queue TEXT NOT NULL, session_id TEXT NOT NULL, state BLOB NOT NULL, changed_ms INTEGER NOT NULL,
    PRIMARY KEY (queue, session_id)
) STRICT;
CREATE TABLE taken_id (
    entity TEXT NOT NULL, message_id TEXT NOT NULL, forgotten_ms INTEGER NOT NULL, PRIMARY KEY (entity, message_id)
) STRICT, WITHOUT ROWID;
PRAGMA user_version = 2;
COMMIT;
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
        self._database = None if state is None else _open(state)
        self._is_changed = False
        self._kept: dict[int, tuple[str, StoredMessage]] = {}
        self._removed: set[int] = set()
        if self._database is not None:
            (self._last_sequence,) = self._database.execute("SELECT sequence FROM counter").fetchone()
        self._kept_sequence = self._last_sequence

    def next_sequence(self) -> int:
        """The next sequence number; never given twice, also not after a restart."""
        self._last_sequence += 1
        return self._last_sequence

    def messages(self) -> Iterator[tuple[str, StoredMessage]]:
        """Each kept message with the name of its queue, or of the entity that scheduled it, in order of arrival."""
        for queue, *fields, state, due_ms, session_id in self._rows(
            "SELECT queue, sequence, encoded, enqueued_ms, expires_ms, delivery_count, dead_letter_source,"
            " state, due_ms, session_id FROM message ORDER BY sequence"
        ):
            message = StoredMessage(*fields)
            message.state, message.due_ms, message.session_id = MessageState(state), due_ms, session_id
            yield queue, message

    def session_states(self) -> Iterator[tuple[str, str, bytes, int]]:
        """Queue, session, its state and when that was set, for each session that has one."""
        yield from self._rows("SELECT queue, session_id, state, changed_ms FROM session_state")

    def taken_ids(self, entity: str) -> Iterator[tuple[str, int]]:
        """The message ids this entity took, with the instant at which each is forgotten, the earliest first."""
        yield from self._rows(
            "SELECT message_id, forgotten_ms FROM taken_id WHERE entity = ? ORDER BY forgotten_ms", (entity,)
        )

    def keep(self, queue: str, message: StoredMessage) -> None:
        """The message is in this queue now, as it is now, whether it is new, changed or was in another queue."""
        if self._database is not None:
            self._is_changed = True
            self._removed.discard(message.sequence)
            self._kept[message.sequence] = (queue, message)

    def remove(self, message: StoredMessage) -> None:
        """The message is done."""
        if self._database is not None:
            self._is_changed = True
            self._kept.pop(message.sequence, None)
            self._removed.add(message.sequence)

    def set_session_state(self, queue: str, session_id: str, state: bytes | None, now_ms: int) -> None:
        """The session has this state now; None: it has none."""
        if state is None:
            self._change("DELETE FROM session_state WHERE queue = ? AND session_id = ?", (queue, session_id))
        else:
            self._change("REPLACE INTO session_state VALUES (?, ?, ?, ?)", (queue, session_id, state, now_ms))

    def remember_id(self, entity: str, message_id: str, forgotten_ms: int) -> None:
        """The entity took a message of this id."""
        self._change("REPLACE INTO taken_id VALUES (?, ?, ?)", (entity, message_id, forgotten_ms))

    def forget_id(self, entity: str, message_id: str) -> None:
        """The id is out of the window of duplicate detection."""
        self._change("DELETE FROM taken_id WHERE entity = ? AND message_id = ?", (entity, message_id))

    def commit(self) -> None:
        """Make all changes since the last commit last."""
        if self._database is None or not self._is_changed:
            return
        if self._removed:
            gone = ((sequence,) for sequence in self._removed)
            self._database.executemany("DELETE FROM message WHERE sequence = ?", gone)
        if self._kept:
            self._database.executemany(
                "REPLACE INTO message (sequence, queue, encoded, enqueued_ms, expires_ms, delivery_count,"
                " dead_letter_source, state, due_ms, session_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (_row(queue, message) for queue, message in self._kept.values()),
            )
        if self._last_sequence != self._kept_sequence:
            self._database.execute("UPDATE counter SET sequence = ?", (self._last_sequence,))
            self._kept_sequence = self._last_sequence
        self._database.commit()
        self._kept.clear()
        self._removed.clear()
        self._is_changed = False

    def close(self) -> None:
        """Let go of the file. What is not committed was never acknowledged."""
        if self._database is not None:
            self._database.close()

    def _rows(self, statement: str, values: tuple[str, ...] = ()) -> Iterator[Any]:
        if self._database is not None:
            yield from self._database.execute(statement, values)

    def _change(self, statement: str, values: tuple[object, ...]) -> None:
        if self._database is not None:
            self._is_changed = True
            self._database.execute(statement, values)


def _row(queue: str, message: StoredMessage) -> tuple[object, ...]:
    return (
        message.sequence,
        queue,
        message.encoded,
        message.enqueued_ms,
        message.expires_ms,
        message.delivery_count,
        message.dead_letter_source,
        int(message.state),
        message.due_ms,
        message.session_id,
    )


def _open(state: Path) -> sqlite3.Connection:
    try:
        # Messages hold names and addresses: no other account of this machine may look.
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = sqlite3.connect(state / FILE_NAME, timeout=0)
        database.execute("PRAGMA journal_mode = WAL")
        # Survives a killed broker; a power cut may cost the last moments, which is fine for a machine of one's own.
        database.execute("PRAGMA synchronous = NORMAL")
        # Moving the log into the file waits for the disk; a longer log (16 MB) does that more seldom.
        database.execute("PRAGMA wal_autocheckpoint = 4000")
        # One broker a state folder: the file stays locked until it is closed.
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.executescript(_SCHEMA)
        if database.execute("PRAGMA user_version").fetchone() == (0,):
            database.executescript(_SECOND_VERSION)
    except (OSError, sqlite3.Error) as error:
        raise StateRefused(
            f"The broker cannot keep its messages in {state} ({error})."
            " Name a folder that can be written and that no other broker uses."
        ) from error
    return database
