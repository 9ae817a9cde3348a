"""Drives that were asked for once: a table between fixed places, and the model for all others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hub.domain.places import Place
from scheduling.travel.model import Seconds, TravelModel, legs


@dataclass(frozen=True)
class Remembered:
    """Another model's answers between some places, kept for good: a new place costs one row and one column.

    Unlike `CachedTravel` it never changes, so a table of known places is one copy.
    """

    model: TravelModel
    at: Mapping[Place, int]
    table: Seconds

    @classmethod
    def of(cls, model: TravelModel, places: Sequence[Place]) -> Remembered:
        """Ask the model for all drives between these places."""
        base = model.model if isinstance(model, Remembered) else model
        distinct = list(dict.fromkeys(places))
        return cls(base, {place: index for index, place in enumerate(distinct)}, base.matrix(distinct, distinct))

    @property
    def name(self) -> str:
        """The model's: the answers are the same."""
        return self.model.name

    def matrix(self, origins: Sequence[Place], destinations: Sequence[Place]) -> Seconds:
        """See `TravelModel.matrix`."""
        rows = np.array([self.at.get(place, -1) for place in origins], np.intp)
        columns = np.array([self.at.get(place, -1) for place in destinations], np.intp)
        new_rows, new_columns = np.flatnonzero(rows < 0), np.flatnonzero(columns < 0)
        if len(new_rows) == len(rows) or len(new_columns) == len(columns):
            return self.model.matrix(origins, destinations)
        # `take` copies whole rows and is several times quicker than indexing by rows and columns at once.
        out = self.table.take(rows.clip(0), axis=0).take(columns.clip(0), axis=1)
        if len(new_rows):
            out[new_rows] = self.model.matrix([origins[at] for at in new_rows.tolist()], destinations)
        if len(new_columns):
            out[:, new_columns] = self.model.matrix(origins, [destinations[at] for at in new_columns.tolist()])
        return out

    def legs(self, places: Sequence[Place]) -> tuple[int, ...]:
        """Seconds of each drive along `places`."""
        at = [self.at.get(place, -1) for place in places]
        if min(at, default=0) < 0:
            return legs(self.model, places)
        return tuple(self.table[at[:-1], at[1:]].tolist()) if len(at) > 1 else ()
