"""Road times from an OSRM server, by its table service."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np

from hub.domain.errors import ConfigurationError
from hub.domain.places import Place
from scheduling.travel.great_circle import GreatCircle
from scheduling.travel.model import Seconds, TravelUnavailableError, legs_in_pieces
from scheduling.travel.road_table import DEFAULT_SNAP_METRES, NoRoadNearError, RoadAnswer, RoadTable, numbered

DEFAULT_TABLE_SIZE = 100
"""What `osrm-routed` allows unless started with another `--max-table-size`: sources and destinations of one question."""
_TIMEOUT_SECONDS = 20.0
_WAITS = (0.2, 1.0)
"""Seconds before the second and the third attempt; there is no fourth."""
_AGAIN = {408, 429, 500, 502, 503, 504}

_METRES = GreatCircle(detour=1.0, metres_per_second=1.0)


class RemoteRoads:
    """Drive times of an OSRM server at `url`.

    Every call asks over the network: a question is given up after 20 s and asked at most three times, then
    TravelUnavailableError is raised; no time is ever made up. The name does not tell which map the server has: when that
    changes, start Doorstep again.
    """

    def __init__(
        self,
        url: str,
        *,
        profile: str = "car",
        snap_metres: int = DEFAULT_SNAP_METRES,
        table_size: int = DEFAULT_TABLE_SIZE,
        timeout_seconds: float = _TIMEOUT_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`table_size`: how many sources, and destinations, one question may have. Raises ConfigurationError for a wrong URL."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigurationError(
                "The address of the OSRM server must begin with http:// or https:// and name a host, for instance http://localhost:5000."
            )
        port = f":{parts.port}" if parts.port else ""
        # Without a user's name and password, if the address has them: the name is stored and shown.
        self._shown = f"{parts.scheme}://{parts.hostname}{port}{parts.path.rstrip('/')}"
        self._profile, self._snap_metres = profile, snap_metres
        desk = _RemoteDesk(url.rstrip("/"), self._shown, profile, table_size, timeout_seconds, sleep)
        self._roads = RoadTable(desk, snap_metres)
        self._piece = min(24, table_size)

    @property
    def name(self) -> str:
        """For instance `osrm car at http://localhost:5000, roads within 1000 m`."""
        return f"osrm {self._profile} at {self._shown}, roads within {self._snap_metres} m"

    def matrix(self, origins: Sequence[Place], destinations: Sequence[Place]) -> Seconds:
        """See `TravelModel.matrix`. Raises TravelUnavailableError."""
        return self._roads.matrix(origins, destinations)

    def legs(self, places: Sequence[Place]) -> tuple[int, ...]:
        """Seconds of each drive along `places`; one question for each couple of dozen."""
        return legs_in_pieces(self, places, self._piece)

    def metres_to_road(self, places: Sequence[Place]) -> list[float]:
        """How far each place lies from the road it is put on."""
        return self._roads.metres_to_road(places)


class _RemoteDesk:
    """Asks the server."""

    def __init__(
        self, url: str, shown: str, profile: str, table_size: int, timeout: float, sleep: Callable[[float], None]
    ) -> None:
        self.locations = table_size
        self._url, self._shown, self._profile = url, shown, profile
        self._timeout, self._sleep = timeout, sleep
        self._client: httpx.Client | None = None
        self._lock = threading.Lock()

    def ask(self, sources: Sequence[Place], destinations: Sequence[Place], anchor: Place | None) -> RoadAnswer:
        points, rows, columns = numbered(sources, destinations, anchor)
        where = ";".join(f"{one.lon:.6f},{one.lat:.6f}" for one in points)
        parameters = {
            "sources": ";".join(map(str, rows)),
            "destinations": ";".join(map(str, columns)),
            "annotations": "duration",
            "generate_hints": "false",
        }
        answer = self._get(f"{self._url}/table/v1/{self._profile}/{where}", parameters)
        try:
            return _read(answer, sources, destinations)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise self._failure("sent an answer that is not a table of drive times") from error

    def _get(self, address: str, parameters: dict[str, str]) -> Any:
        trouble = ""
        for wait in (*_WAITS, None):
            try:
                response = self._open().get(address, params=parameters)
            except httpx.HTTPError as error:
                trouble = f"did not answer ({type(error).__name__})"
            else:
                if response.status_code not in _AGAIN:
                    return self._judge(response)
                trouble = f"answered {response.status_code}"
            if wait is not None:
                self._sleep(wait)
        raise self._failure(f"{trouble}, three times")

    def _judge(self, response: httpx.Response) -> Any:
        try:
            answer = response.json()
            code = str(answer["code"])
        except (ValueError, KeyError, TypeError) as error:
            raise self._failure(f"answered {response.status_code}, not as OSRM does") from error
        if code == "Ok":
            return answer
        if code == "NoSegment":
            raise NoRoadNearError
        if code == "TooBig":
            raise self._failure(
                f"allows no tables of {self.locations}; set the table size to its --max-table-size, or start it with more"
            )
        raise self._failure(f"answered {code}: {answer.get('message', '')}")

    def _failure(self, what: str) -> TravelUnavailableError:
        return TravelUnavailableError(f"The OSRM server at {self._shown} {what}. Check that it runs and has a map.")

    def _open(self) -> httpx.Client:
        with self._lock:
            if self._client is None:
                self._client = httpx.Client(timeout=self._timeout, headers={"Accept": "application/json"})
            return self._client


def _read(answer: Any, sources: Sequence[Place], destinations: Sequence[Place]) -> RoadAnswer:
    """The answer, checked for its shape. A null is no way; anything else that is no time is an error."""
    seconds = np.array(
        [[math.nan if one is None else float(one) for one in row] for row in answer["durations"]], dtype=np.float64
    )
    ends = [*answer["sources"], *answer["destinations"]]
    if seconds.shape != (len(sources), len(destinations)) or len(ends) != len(sources) + len(destinations):
        raise ValueError("shape")
    if (seconds < 0).any():
        raise ValueError("negative")
    metres = [_metres(end, place) for end, place in zip(ends, [*sources, *destinations], strict=True)]
    lon, lat = answer["sources"][0]["location"]
    return RoadAnswer(seconds, np.array(metres), Place(float(lat), float(lon)))


def _metres(end: Any, place: Place) -> float:
    """From a place to the road it was put on; older servers tell only where that is."""
    if "distance" in end:
        return float(end["distance"])
    lon, lat = end["location"]
    return float(_METRES.legs([place, Place(float(lat), float(lon))])[0])
