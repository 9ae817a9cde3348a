"""One question to the compiled slot search: the windows, who must not be asked, and the answer."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from scheduling.engine.kernel.slot_places import Ask
from scheduling.engine.kernel.tables import Flags
from scheduling.engine.problem import Amounts
from scheduling.engine.slots.standing import amounts
from scheduling.engine.spans import Span

_NO_PARTS = np.zeros(0, np.int64)


class Find(NamedTuple):
    """The cheapest place for a window: `cost` is added travel and the price of a route that was empty, in seconds."""

    cost: int
    route: int
    position: int


class Question(NamedTuple):
    """An `Ask`, and where each of its windows stands among those that were given."""

    ask: Ask
    order: Sequence[int]

    @classmethod
    def of(cls, windows: Sequence[Span], service: int, barred: Flags, taken: Amounts, parts: Sequence[str]) -> Question:
        """The windows may come in any order and overlap; `parts` names the columns that `taken` is counted in."""
        opens = [window.start for window in windows]
        closes = [window.end - 1 for window in windows]
        order: Sequence[int] = range(len(windows))
        if any(before > after for before, after in pairwise(opens)):
            order = sorted(order, key=opens.__getitem__)
            opens, closes = [opens[at] for at in order], [closes[at] for at in order]
        cost, route, position = np.empty((3, len(windows)), np.int64)
        ask = Ask(
            service=service,
            opens=np.array(opens, np.int64),
            closes=np.array(closes, np.int64),
            barred=barred,
            parts=amounts(taken, parts).astype(np.int64) if parts else _NO_PARTS,
            cost=cost,
            route=route,
            position=position,
        )
        return cls(ask, order)

    def answer(self) -> list[Find | None]:
        """For each window, in the order given, the place that was found."""
        out: list[Find | None] = [None] * len(self.order)
        found = zip(
            self.order, self.ask.cost.tolist(), self.ask.route.tolist(), self.ask.position.tolist(), strict=True
        )
        for at, cost, route, position in found:
            if route >= 0:
                out[at] = Find(cost, route, position)
        return out
