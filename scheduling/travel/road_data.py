"""Built roads on disk: a folder each, with what they were made from and whose data it is."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hub.domain.errors import ConfigurationError

ATTRIBUTION = "© OpenStreetMap contributors, ODbL 1.0 (https://www.openstreetmap.org/copyright)"
"""What the licence of OpenStreetMap's data asks to be shown with whatever is made from it."""

BASE_NAME = "roads.osrm"
_DESCRIPTION = "roads.json"
_ATTRIBUTION_FILE = "ATTRIBUTION.txt"


@dataclass(frozen=True, slots=True)
class RoadData:
    """One set of built roads.

    `extract` is the name of the file it was made from and `sha256` that file's hash; `dated` the day of the map (YYYY-MM-DD,
    empty when the file does not say); `profile` says for whom the roads are (`car`); `method` is `ch` or `mld`; `engine`
    OSRM's version; `key` tells apart everything that can change an answer.
    """

    folder: Path
    key: str
    extract: str
    sha256: str
    dated: str
    profile: str
    method: str
    engine: str
    attribution: str = ATTRIBUTION

    @property
    def base(self) -> Path:
        """What OSRM is told: its files begin with this path."""
        return self.folder / BASE_NAME

    @property
    def title(self) -> str:
        """For instance `car on liechtenstein-latest of 2015-07-27 (3c9f6e0a12b4)`."""
        dated = f" of {self.dated}" if self.dated else ""
        return f"{self.profile} on {self.extract.removesuffix('.osm.pbf')}{dated} ({self.key})"


def read_road_data(folder: Path) -> RoadData:
    """The roads built in `folder`. Raises ConfigurationError when there are none."""
    folder = folder.absolute()
    try:
        fields: dict[str, Any] = json.loads((folder / _DESCRIPTION).read_text(encoding="utf-8"))
        return RoadData(folder=folder, **fields)
    except (OSError, ValueError, TypeError) as error:
        message = f"{folder} holds no built roads. Make them with `doorstep roads build FILE.osm.pbf`, or choose one of `doorstep roads show`."
        raise ConfigurationError(message) from error


def write_road_data(data: RoadData) -> None:
    """Lay the description and the attribution beside the data."""
    fields = {name: value for name, value in asdict(data).items() if name != "folder"}
    (data.folder / _DESCRIPTION).write_text(json.dumps(fields, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (data.folder / _ATTRIBUTION_FILE).write_text(f"{data.attribution}\n", encoding="utf-8")


def built_roads(folder: Path) -> list[RoadData]:
    """Every set of roads below `folder`, by name; half-made ones are not among them."""
    if not folder.is_dir():
        return []
    made = sorted(one for one in folder.iterdir() if (one / _DESCRIPTION).is_file())
    return [read_road_data(one) for one in made]
