"""When two transactions clash, one of them begins again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from psycopg.errors import DeadlockDetected, ExclusionViolation, SerializationFailure, UniqueViolation
from sqlalchemy.exc import DBAPIError

from hub.domain.errors import StaleVersionError

ATTEMPTS = 5
PAUSE_SECONDS = 0.02
_CLASHES = (DeadlockDetected, ExclusionViolation, SerializationFailure, UniqueViolation)


def is_clash(error: Exception) -> bool:
    """Whether another transaction was in the way: it changed a record first, took the time or the key, or held a lock."""
    return isinstance(error, StaleVersionError) or (isinstance(error, DBAPIError) and isinstance(error.orig, _CLASHES))


def until_settled[T](attempt: Callable[[], T]) -> T:
    """The answer of `attempt`, a whole use case with transactions of its own, begun again when it clashes with another.

    Each new attempt reads what the other one left, so it merges with it or refuses with the right error. The last clash is raised.
    """
    for number in range(1, ATTEMPTS):
        try:
            return attempt()
        except (StaleVersionError, DBAPIError) as error:
            if not is_clash(error):
                raise
        # Not all at once again.
        time.sleep(PAUSE_SECONDS * number * random.random())
    return attempt()
