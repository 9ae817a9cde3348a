"""Road times from roads built on this machine, by OSRM inside this process."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hub.domain.places import Place
from scheduling.travel.model import Seconds, TravelUnavailableError, legs_in_pieces
from scheduling.travel.road_data import RoadData
from scheduling.travel.road_table import DEFAULT_SNAP_METRES, RoadAnswer, RoadTable, numbered

_LOCATIONS = 512
"""Places in one question: Python stands still while OSRM works on it (a quarter of a second by `mld`, a fifth of that by `ch`)."""
_PIECE = 12

_engines: dict[Path, Any] = {}
_loading = threading.Lock()


class RoadTravel:
    """Drive times on built roads. The data is loaded at the first question, once for the whole process."""

    def __init__(self, data: RoadData, snap_metres: int = DEFAULT_SNAP_METRES) -> None:
        """`snap_metres`: a place farther from any road is unreachable."""
        self.data = data
        self._snap_metres = snap_metres
        self._roads = RoadTable(_LocalDesk(data), snap_metres)

    @property
    def name(self) -> str:
        """For instance `osrm car on liechtenstein-latest of 2015-07-27 (3c9f6e0a12b4), roads within 1000 m`."""
        return f"osrm {self.data.title}, roads within {self._snap_metres} m"

    @property
    def attribution(self) -> str:
        """Whose data it is; must be shown wherever its answers are."""
        return self.data.attribution

    def matrix(self, origins: Sequence[Place], destinations: Sequence[Place]) -> Seconds:
        """See `TravelModel.matrix`. Raises TravelUnavailableError when the data cannot be read."""
        return self._roads.matrix(origins, destinations)

    def legs(self, places: Sequence[Place]) -> tuple[int, ...]:
        """Seconds of each drive along `places`."""
        return legs_in_pieces(self, places, _PIECE)

    def metres_to_road(self, places: Sequence[Place]) -> list[float]:
        """How far each place lies from the road it is put on."""
        return self._roads.metres_to_road(places)


class _LocalDesk:
    """Asks the OSRM library."""

    locations = _LOCATIONS

    def __init__(self, data: RoadData) -> None:
        self._data = data

    def ask(self, sources: Sequence[Place], destinations: Sequence[Place], anchor: Place | None) -> RoadAnswer:
        import osrm

        engine = _engine(self._data)
        points, rows, columns = numbered(sources, destinations, anchor)
        question = osrm.TableParameters(
            # OSRM keeps millionths of a degree; a server is told no more either.
            coordinates=[(round(one.lon, 6), round(one.lat, 6)) for one in points],
            sources=rows,
            destinations=columns,
            annotations=["duration"],
            generate_hints=False,
        )
        try:
            answer = engine.Table(question)
        except RuntimeError as error:
            raise TravelUnavailableError(f"The roads in {self._data.folder} gave no answer: {error}.") from error
        lon, lat = answer["sources"][0]["location"]
        return RoadAnswer(
            seconds=np.array([list(row) for row in answer["durations"]], dtype=np.float64),
            metres=np.array([at["distance"] for side in ("sources", "destinations") for at in answer[side]]),
            first=Place(lat, lon),
        )


def _engine(data: RoadData) -> Any:
    """The loaded data; threads that come while it loads wait for it."""
    known = _engines.get(data.folder)
    if known is not None:
        return known
    import osrm

    with _loading:
        if data.folder not in _engines:
            if not _engines:
                # The library complains on standard error of whatever is still loaded when Python has ended.
                atexit.register(_engines.clear)
            try:
                # Mapped files are shared by all processes of the machine.
                _engines[data.folder] = osrm.OSRM(
                    storage_config=str(data.base),
                    algorithm=data.method.upper(),
                    use_shared_memory=False,
                    use_mmap=True,
                    max_locations_distance_table=_LOCATIONS,
                )
            except RuntimeError as error:
                message = f"The roads in {data.folder} cannot be read: {error}. Build them again with `doorstep roads build --force`."
                raise TravelUnavailableError(message) from error
        return _engines[data.folder]
