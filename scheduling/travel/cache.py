"""Drive times remembered by coordinate, for models whose answers are dear (roads, a server) and asked for again and again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hub.domain.places import Place
from scheduling.travel.model import Seconds, TravelModel, legs

DEFAULT_PLACES = 3_000
"""36 MB when full."""


class CachedTravel:
    """Another model's answers, kept for the places asked for last.

    Between remembered places nothing is asked again; a new place costs one row and one column. The memory is bounded: 4
    bytes for each pair of `places`; the place not asked for the longest gives way. A question with more places than that goes
    past the cache. Safe to use from several threads; the model itself is asked outside the lock.
    """

    def __init__(self, base: TravelModel, places: int = DEFAULT_PLACES) -> None:
        """`places`: how many are remembered, at least 1."""
        if places < 1:
            raise ValueError(f"A cache must hold at least 1 place, not {places}.")
        self._base = base
        self._most = places
        self._lock = threading.Lock()
        self._slots: OrderedDict[Place, int] = OrderedDict()
        # Holds seconds + 1, so that 0 is "not known": memory the system need not give before it is written to.
        self._kept: NDArray[np.int32] = np.zeros((places, places), dtype=np.int32)

    @property
    def name(self) -> str:
        """The base model's: the answers are the same."""
        return self._base.name

    def __len__(self) -> int:
        return len(self._slots)

    def matrix(self, origins: Sequence[Place], destinations: Sequence[Place]) -> Seconds:
        """See `TravelModel.matrix`."""
        rows, columns = list(dict.fromkeys(origins)), list(dict.fromkeys(destinations))
        if not rows or not columns or len(set(rows) | set(columns)) > self._most:
            return self._base.matrix(origins, destinations)
        with self._lock:
            table = self._kept[self._where(rows, columns)] - 1
        unknown = table < 0
        if unknown.any():
            self._ask(table, unknown, rows, columns)
            with self._lock:
                # Another thread may have taken the slots meanwhile, so they are looked up again.
                self._kept[self._where(rows, columns)] = table + 1
        if len(rows) == len(origins) and len(columns) == len(destinations):
            return table
        at_row, at_column = _index(rows), _index(columns)
        return table[np.ix_([at_row[one] for one in origins], [at_column[one] for one in destinations])]

    def legs(self, places: Sequence[Place]) -> tuple[int, ...]:
        """Seconds of each drive along `places`; the model is asked for those that are not known."""
        if len(places) < 2:
            return ()
        distinct = list(dict.fromkeys(places))
        if len(distinct) > self._most:
            return legs(self._base, places)
        at = _index(distinct)
        here, there = [at[one] for one in places[:-1]], [at[one] for one in places[1:]]
        with self._lock:
            slots = np.array(self._places(distinct), dtype=np.intp)
            drives = self._kept[slots[here], slots[there]] - 1
        if (drives < 0).any():
            drives = np.array(legs(self._base, places), dtype=np.int32)
            with self._lock:
                slots = np.array(self._places(distinct), dtype=np.intp)
                self._kept[slots[here], slots[there]] = drives + 1
        return tuple(int(one) for one in drives)

    def _ask(self, table: Seconds, unknown: NDArray[np.bool_], rows: list[Place], columns: list[Place]) -> None:
        """Fill what is not known: the new rows whole, then the new columns of the other rows."""
        new = np.flatnonzero(unknown.all(axis=1))
        if len(new):
            table[new] = self._base.matrix([rows[at] for at in new], columns)
        rest = unknown.copy()
        rest[new] = False
        some, others = np.flatnonzero(rest.any(axis=1)), np.flatnonzero(rest.any(axis=0))
        if len(some):
            answer = self._base.matrix([rows[at] for at in some], [columns[at] for at in others])
            table[np.ix_(some, others)] = answer

    def _where(self, rows: list[Place], columns: list[Place]) -> tuple[NDArray[np.intp], ...]:
        """Where a table lies among what is kept. The lock is the caller's."""
        distinct = list(dict.fromkeys([*rows, *columns]))
        slot = dict(zip(distinct, self._places(distinct), strict=True))
        return np.ix_([slot[one] for one in rows], [slot[one] for one in columns])

    def _places(self, places: list[Place]) -> list[int]:
        """The slot of each of some distinct places, the oldest slots given to those that have none. The lock is the caller's.

        Those that have one become the youngest first, and there are no more places than slots: none takes another's.
        """
        for place in places:
            if place in self._slots:
                self._slots.move_to_end(place)
        return [self._slot(place) for place in places]

    def _slot(self, place: Place) -> int:
        known = self._slots.get(place)
        if known is not None:
            return known
        if len(self._slots) < self._most:
            slot = len(self._slots)
        else:
            _, slot = self._slots.popitem(last=False)
            self._kept[slot, :] = 0
            self._kept[:, slot] = 0
        self._slots[place] = slot
        return slot


def _index(places: list[Place]) -> dict[Place, int]:
    return {place: at for at, place in enumerate(places)}
