"""Which model of travel an installation uses, from a few plain values."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hub.domain.errors import ConfigurationError
from scheduling.travel.cache import CachedTravel
from scheduling.travel.factors import FactoredTravel, read_factors
from scheduling.travel.great_circle import GreatCircle
from scheduling.travel.model import TravelModel
from scheduling.travel.osrm import RoadTravel
from scheduling.travel.remote import DEFAULT_TABLE_SIZE, RemoteRoads
from scheduling.travel.road_data import read_road_data
from scheduling.travel.road_table import DEFAULT_SNAP_METRES

type TravelKind = Literal["great-circle", "roads", "osrm"]


@dataclass(frozen=True, slots=True)
class TravelSpec:
    """What decides drive times.

    `kind`: as the crow flies (`detour`, `metres_per_second`), by roads built here (`roads`, their folder), or by an OSRM server
    (`osrm_url`, `osrm_table_size`). `snap_metres`: how far from a road a place may lie. `factors`: a file of speed factors.
    """

    kind: TravelKind = "great-circle"
    detour: float = 1.3
    metres_per_second: float = 12.5
    roads: Path | None = None
    osrm_url: str = ""
    osrm_table_size: int = DEFAULT_TABLE_SIZE
    snap_metres: int = DEFAULT_SNAP_METRES
    factors: Path | None = None


_made: dict[TravelSpec, TravelModel] = {}
_making = threading.Lock()


def travel_model(spec: TravelSpec) -> TravelModel:
    """The model that `spec` asks for; the same one for equal specs, so that its memory serves the whole process.

    Answers that come from roads or a server are remembered by coordinate. Files are read here, road data at the first
    question, and no server is asked yet. Raises ConfigurationError.
    """
    with _making:
        if spec not in _made:
            model = _base(spec)
            _made[spec] = model if spec.factors is None else FactoredTravel(model, read_factors(spec.factors))
        return _made[spec]


def _base(spec: TravelSpec) -> TravelModel:
    if spec.kind == "roads":
        if spec.roads is None:
            raise ConfigurationError(
                "DOORSTEP_TRAVEL is 'roads', but no roads are named. Set DOORSTEP_TRAVEL_ROADS to a folder of `doorstep roads show`."
            )
        return CachedTravel(RoadTravel(read_road_data(spec.roads), spec.snap_metres))
    if spec.kind == "osrm":
        if not spec.osrm_url:
            raise ConfigurationError(
                "DOORSTEP_TRAVEL is 'osrm', but no server is named. Set DOORSTEP_TRAVEL_OSRM_URL, for instance to http://localhost:5000."
            )
        return CachedTravel(RemoteRoads(spec.osrm_url, snap_metres=spec.snap_metres, table_size=spec.osrm_table_size))
    try:
        return GreatCircle(spec.detour, spec.metres_per_second)
    except ValueError as error:
        raise ConfigurationError(
            f"The setting of DOORSTEP_TRAVEL_DETOUR or DOORSTEP_TRAVEL_SPEED is wrong: {error}"
        ) from error
