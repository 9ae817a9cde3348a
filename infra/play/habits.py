"""How the citizens of a play behave. The same seed gives the same person the same habits, whatever else happens."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from infra.play.options import ZONE


class Change(StrEnum):
    """What somebody does after booking."""

    NONE = "none"
    MOVE = "move"
    CANCEL = "cancel"
    CANCEL_AND_REBOOK = "cancel and rebook"


class AtTheDoor(StrEnum):
    """What the technician finds."""

    OPENS = "opens"
    ABSENT_ONCE = "absent once"
    ABSENT = "absent"
    REFUSES = "refuses"


@dataclass(frozen=True)
class Habits:
    """One citizen.

    `answers_message` is the message of a round that moves them to act, None for somebody who never answers. `delay` lies between a
    message and the act. `eagerness` 0 takes the first slot offered, 1 the last. `rating` None answers no survey.
    """

    answers_message: int | None
    delay: timedelta
    change: Change
    change_delay: timedelta
    at_the_door: AtTheDoor
    eagerness: float
    clicks_twice: bool
    mistypes: bool
    forgets_to_confirm: bool
    opens_old_links: bool
    rating: int | None
    nps: int | None
    comment: str


_ANSWERS: tuple[tuple[int | None, int], ...] = ((None, 11), (1, 62), (2, 15), (3, 9), (4, 3))
_DELAYS = ((5, 20), (15, 20), (40, 20), (90, 14), (180, 12), (300, 10), (4 * 1440, 4))
"""Minutes. Four days later the ladder of an urgent order has ended: the link still opens, and late answers are welcome."""
_CHANGES = ((Change.NONE, 82), (Change.MOVE, 9), (Change.CANCEL, 3), (Change.CANCEL_AND_REBOOK, 6))
_DOORS = (
    (AtTheDoor.OPENS, 90),
    (AtTheDoor.ABSENT_ONCE, 5),
    (AtTheDoor.ABSENT, 2),
    (AtTheDoor.REFUSES, 3),
)
_RATINGS: tuple[tuple[int | None, int], ...] = ((None, 42), (5, 28), (4, 18), (3, 7), (2, 3), (1, 2))
_COMMENTS = ("", "", "Vlot en vriendelijk.", "Très bien, merci !", "<b>Pünktlich</b> & sauber", "On time. Thanks 👍")


def draw_habits(seed: int, external_id: str) -> Habits:
    """The habits of the citizen of order `external_id`."""
    luck = random.Random(f"{seed}/{external_id}")

    def pick[T](shares: tuple[tuple[T, int], ...]) -> T:
        return luck.choices([one for one, _ in shares], weights=[share for _, share in shares])[0]

    rating = pick(_RATINGS)
    return Habits(
        answers_message=pick(_ANSWERS),
        delay=timedelta(minutes=pick(_DELAYS)),
        change=pick(_CHANGES),
        change_delay=timedelta(minutes=luck.choice((10, 60, 300, 1440))),
        at_the_door=pick(_DOORS),
        eagerness=min(1.0, luck.expovariate(2.5)),
        clicks_twice=luck.random() < 0.12,
        mistypes=luck.random() < 0.05,
        forgets_to_confirm=luck.random() < 0.05,
        opens_old_links=luck.random() < 0.1,
        rating=rating,
        nps=None if rating is None or luck.random() < 0.2 else min(10, max(0, rating * 2 + luck.choice((-1, 0, 0)))),
        comment=luck.choice(_COMMENTS),
    )


def when_awake(instant: datetime) -> datetime:
    """`instant`, or the next morning when people sleep (22:00 to 07:00 by the wall clock)."""
    local = instant.astimezone(ZONE)
    if 7 <= local.hour < 22:
        return instant
    morning = local.date() + timedelta(days=1) if local.hour >= 22 else local.date()
    return datetime(morning.year, morning.month, morning.day, 7, 10, tzinfo=ZONE)
