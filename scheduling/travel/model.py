"""The port through which everything asks how long a drive takes. Every stored travel time carries the model's name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hub.domain.places import Place

type Seconds = NDArray[np.int32]

UNREACHABLE = 1 << 28
"""Stands in a table where no road leads: longer than any shift, and three of them still fit 32 bits."""


class TravelModel(Protocol):
    """Anything that can say how many seconds a drive takes."""

    @property
    def name(self) -> str:
        """Identifies the model and its settings; equal names mean equal answers."""
        ...

    def matrix(self, origins: Sequence[Place], destinations: Sequence[Place]) -> Seconds:
        """Whole seconds from each origin (row) to each destination (column), shape (origins, destinations); `UNREACHABLE` where there is no way."""
        ...


def legs(model: TravelModel, places: Sequence[Place]) -> tuple[int, ...]:
    """Seconds of each drive along `places` in their order: one fewer than there are places."""
    if len(places) < 2:
        return ()
    table = model.matrix(places[:-1], places[1:])
    return tuple(int(table[i, i]) for i in range(len(places) - 1))
