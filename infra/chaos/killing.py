"""When what is killed: drawn by the seed from the course of the work, not from the clock, so that every kill hits work under way."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from infra.chaos.world import Target, World

_LONGEST_HESITATION = 0.25
_FIRST, _LAST = 0.01, 0.95
KINDS = ("worker", "broker", "database")


@dataclass(frozen=True)
class Kill:
    """One kill: after which share of the work, what, and how many seconds later than that."""

    at: float
    kind: str
    hesitation: float
    choice: float

    def target(self, world: World) -> Target:
        """Whom it hits."""
        if self.kind == "worker":
            return world.workers[int(self.choice * len(world.workers))]
        return world.broker if self.kind == "broker" else world.database


def draw_kills(count: int, seed: int) -> tuple[Kill, ...]:
    """`count` kills in the order of their moments. Every kind has its share, as exactly as whole numbers allow."""
    luck = random.Random(f"kills/{seed}/{count}")
    kinds = [KINDS[at % len(KINDS)] for at in range(count)]
    luck.shuffle(kinds)
    moments = sorted(luck.uniform(_FIRST, _LAST) for _ in kinds)
    return tuple(
        Kill(at, kind, luck.uniform(0, _LONGEST_HESITATION), luck.random())
        for at, kind in zip(moments, kinds, strict=True)
    )


class Killer:
    """Carries the kills out, one after the other, once the work is far enough and the target is up."""

    def __init__(self, world: World, kills: Sequence[Kill], work: int) -> None:
        self._world, self._waiting, self._work = world, list(kills), work
        self.done: list[str] = []

    @property
    def is_done(self) -> bool:
        """Whether all have been killed."""
        return not self._waiting

    def look(self, work_done: int) -> None:
        """Kill what is due; at most one each time."""
        if not self._waiting or work_done < self._waiting[0].at * self._work:
            return
        kill = self._waiting[0]
        target = kill.target(self._world)
        if not target.is_up:
            return
        time.sleep(kill.hesitation)
        target.kill()
        self.done.append(kill.kind)
        del self._waiting[0]
