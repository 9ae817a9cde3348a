"""The port through which everything asks how long a drive takes. Every stored travel time carries the model's name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from hub.domain.errors import DoorstepError, ErrorKind
from hub.domain.places import Place

type Seconds = NDArray[np.int32]

UNREACHABLE = 1 << 28
"""Stands in a table where no road leads: longer than any shift, and three of them still fit 32 bits."""

_PIECE = 12
"""Drives asked for at a time of a model that knows tables only: work stays in proportion to their number."""
_NAMED = 5


class TravelModel(Protocol):
    """Anything that can say how many seconds a drive takes."""

    @property
    def name(self) -> str:
        """Identifies the model and its settings; equal names mean equal answers."""
        ...

    def matrix(self, origins: Sequence[Place], destinations: Sequence[Place]) -> Seconds:
        """Whole seconds from each origin (row) to each destination (column), shape (origins, destinations); `UNREACHABLE` where there is no way.

        An answer depends on its two places alone, not on what else is asked with it.
        """
        ...


@runtime_checkable
class KnowsLegs(Protocol):
    """A model that has a shorter way to the drives of one route than a table."""

    def legs(self, places: Sequence[Place]) -> tuple[int, ...]:
        """What `legs` answers for this model."""
        ...


class TravelUnavailableError(DoorstepError):
    """The model of travel cannot answer now; the sentence says why and what to do."""

    kind = ErrorKind.UNAVAILABLE
    code = "travel-unavailable"


class UnreachablePlacesError(DoorstepError):
    """Some places cannot be driven to or from; `names` are theirs, in the order asked."""

    code = "unreachable-places"

    def __init__(self, names: Sequence[str], model: str) -> None:
        self.names = tuple(names)
        shown = ", ".join(names[:_NAMED])
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        super().__init__(
            f"No road leads to or from {shown}{more} by {model}. Correct the coordinates, or build roads that cover them."
        )


def legs(model: TravelModel, places: Sequence[Place]) -> tuple[int, ...]:
    """Seconds of each drive along `places` in their order: one fewer than there are places."""
    if len(places) < 2:
        return ()
    return model.legs(places) if isinstance(model, KnowsLegs) else legs_in_pieces(model, places, _PIECE)


def legs_in_pieces(model: TravelModel, places: Sequence[Place], piece: int) -> tuple[int, ...]:
    """`legs` from small tables of `piece` drives each."""
    drives: list[int] = []
    for at in range(0, len(places) - 1, piece):
        some = places[at : at + piece + 1]
        drives.extend(np.diagonal(model.matrix(some[:-1], some[1:])).tolist())
    return tuple(drives)


def unreachable_pairs(
    table: Seconds, origins: Sequence[Place], destinations: Sequence[Place]
) -> list[tuple[Place, Place]]:
    """The pairs (from, to) of a table between which no road leads, row by row."""
    return [(origins[row], destinations[column]) for row, column in np.argwhere(table >= UNREACHABLE).tolist()]


def cut_off(table: Seconds) -> list[int]:
    """Which places of a square table have no way to or from the best connected one; all of them when nobody reaches anybody.

    So one house in the sea is named, and not the whole country that it cannot be reached from.
    """
    if len(table) < 2:
        return []
    ways = table < UNREACHABLE
    np.fill_diagonal(ways, val=False)
    centre = int(np.argmax(ways.sum(axis=0) + ways.sum(axis=1)))
    lost = ~(ways[centre] & ways[:, centre])
    lost[centre] = not ways[centre].any() and not ways[:, centre].any()
    return [int(at) for at in np.flatnonzero(lost)]


def check_reachable(model: TravelModel, places: Mapping[str, Place]) -> None:
    """Raise UnreachablePlacesError with the names of the places that are cut off from most of the others."""
    names, where = list(places), list(places.values())
    lost = cut_off(model.matrix(where, where))
    if lost:
        raise UnreachablePlacesError([names[at] for at in lost], model.name)
