"""How far a run is, asked of the database, which may be away."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.exc import SQLAlchemyError

from hub.bootstrap import Hub

_COUNTS = text("""
    SELECT (SELECT count(*) FROM inbox_message) AS settled,
           (SELECT count(*) FROM outbox_event WHERE sent_at IS NOT NULL) AS told,
           (SELECT count(*) FROM recorded_message) AS invited
""")
_LEFT = text("""
    SELECT (SELECT count(*) FROM outbox_event WHERE sent_at IS NULL) AS unsent,
           (SELECT count(*) FROM contact_case WHERE status = 'open' AND next_due_at <= :now) AS ladder_steps,
           (SELECT count(*) FROM notification WHERE status IN ('queued', 'sending')) AS undelivered,
           (SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')) AS jobs
""")


@dataclass(frozen=True)
class Counts:
    """Messages in the inbox, events handed to the bus, invitations with the provider."""

    settled: int = 0
    told: int = 0
    invited: int = 0

    @property
    def done(self) -> int:
        """Everything together: what the moments of the kills are drawn from."""
        return self.settled + self.told + self.invited


class Progress:
    """The last answer of the database; while it is away the one before stands."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.counts = Counts()
        self.left = "nothing is known yet"

    def look(self) -> Counts:
        """Ask again."""
        if (row := self._ask(_COUNTS, {})) is not None:
            self.counts = Counts(row.settled, row.told, row.invited)
        return self.counts

    def is_quiet(self) -> bool:
        """Whether the database answers and nothing waits in it for a worker."""
        row = self._ask(_LEFT, {"now": self._hub.clock.now()})
        if row is None:
            self.left = "the database does not answer"
            return False
        self.left = ", ".join(f"{name} {number}" for name, number in row._asdict().items() if number)
        return not self.left

    def _ask(self, query: Any, values: dict[str, Any]) -> Row[Any] | None:
        try:
            with self._hub.reading() as connection:
                return connection.execute(query, values).one()
        except SQLAlchemyError:
            return None
