"""Whether what a process remembers of the database may still be believed.

Every change is numbered: each commit of this process, and each time that somebody finds that another process changed something. Who
remembers what a transaction read, remembers with it the number of the latest change before that transaction began. As long as a later
transaction begins with no higher number, nothing was changed here in between.
"""

import itertools

_NUMBERS = itertools.count(1)


class _Latest:
    """Threads may leave their numbers in another order than they drew them: a number is drawn after its change, so a lower one in the
    place of a higher one only lets somebody read again in vain."""

    number = 0


def note_change() -> None:
    """Something was committed, or proved to have been changed elsewhere: what was read until now may be old."""
    _Latest.number = next(_NUMBERS)


def latest_change() -> int:
    """The number of the latest change."""
    return _Latest.number
