"""Roads are built from an OpenStreetMap extract, once for each content of the file.

OSRM's own programs do the work, in a folder beside the final one that takes its name only when all of it is there: a build
that was broken off leaves nothing that looks finished.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from hub.domain.errors import DoorstepError
from scheduling.travel.road_data import BASE_NAME, RoadData, read_road_data, write_road_data

PROFILES = ("car", "bicycle", "foot")
STEPS = {"mld": ("extract", "partition", "customize"), "ch": ("extract", "contract")}
"""What each method runs. `mld` builds fast on any map. `ch` answers large tables some four times as fast, but takes longer
to build, and for ever on a regular grid of streets that are all alike: there is no main road to make shortcuts along."""

type Progress = Callable[[str, int], None]
"""Told the step (`extract`) and how many per cent of the present stage of it are done."""

_DISK_TIMES = 5
"""Free disk wanted, in sizes of the extract: what is built takes two to four, and some of it twice for a while."""
_MEMORY_TIMES = 2
"""Memory wanted, in sizes of the extract: less than this has never been enough; more may be needed."""
_TAIL_LINES = 40
_PERCENT = re.compile(r"\.*\s*(\d{1,3})%")
_TIMESTAMP = re.compile(r"timestamp: (\d{4}-\d{2}-\d{2})")
_FAILURE = re.compile(r"error|what\(\)|bad_alloc|No space left", re.IGNORECASE)


class RoadsNotBuiltError(DoorstepError):
    """Roads could not be built; the sentence says why and what to do."""

    code = "roads-not-built"


@dataclass(frozen=True, slots=True)
class Room:
    """What a machine has to spare, in bytes; None where it does not say."""

    disk: int | None
    memory: int | None

    @classmethod
    def of(cls, folder: Path) -> Room:
        """This machine's: free disk under `folder`, and memory with swap where /proc tells it."""
        return cls(shutil.disk_usage(folder).free, _free_memory())


def build_roads(
    extract: Path,
    into: Path,
    *,
    profile: str = "car",
    method: str = "mld",
    force: bool = False,
    progress: Progress = lambda step, percent: None,
    room: Callable[[Path], Room] = Room.of,
) -> tuple[RoadData, bool]:
    """Build roads from `extract` in a folder of their own below `into`; returns them, and whether they were made now.

    When the same content was built before with the same profile and method, that is the answer, unless `force` is set.
    Raises RoadsNotBuiltError.
    """
    if profile not in PROFILES:
        raise RoadsNotBuiltError(f"There is no profile '{profile}'. Choose one of {', '.join(PROFILES)}.")
    if method not in STEPS:
        raise RoadsNotBuiltError(f"There is no method '{method}'. Choose one of {', '.join(STEPS)}.")
    size = _check_extract(extract)
    sha256, engine = _sha256(extract), importlib.metadata.version("osrm-bindings")
    script = _tools() / "share" / "profiles" / f"{profile}.lua"
    key = _key(sha256, script, method, engine)
    final = into.absolute() / f"{_stem(extract)}-{profile}-{key}"
    if final.is_dir() and not force:
        return read_road_data(final), False
    into.mkdir(parents=True, exist_ok=True)
    _check_room(size, into, room(into))
    work = Path(tempfile.mkdtemp(prefix=".building-", dir=into))
    try:
        dated = _run_steps(extract.absolute(), work, script, STEPS[method], progress)
        data = RoadData(work, key, extract.name, sha256, dated, profile, method, engine)
        write_road_data(data)
        _swap(work, final)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return read_road_data(final), True


def _run_steps(extract: Path, work: Path, script: Path, steps: tuple[str, ...], progress: Progress) -> str:
    """Run OSRM's programs one after the other; returns the day of the map as the first one tells it."""
    dated = ""
    base = work / BASE_NAME
    for step in steps:
        command = [str(_tools() / "bin" / f"osrm-{step}")]
        if step == "extract":
            command += ["--profile", str(script), "--data_version", "osmosis", "--output", str(base), str(extract)]
        else:
            command.append(str(base))
        progress(step, 0)
        tail: deque[str] = deque(maxlen=_TAIL_LINES)
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        ) as run:
            assert run.stdout is not None
            try:
                for line in _lines(run.stdout):
                    tail.append(line)
                    if found := _PERCENT.fullmatch(line):
                        progress(step, min(100, int(found[1])))
                    if found := _TIMESTAMP.search(line):
                        dated = found[1]
            except BaseException:
                run.kill()
                raise
        if run.returncode != 0:
            raise RoadsNotBuiltError(_why(step, extract, run.returncode, tail))
        progress(step, 100)
    return dated


def _lines(stream: IO[bytes]) -> Iterator[str]:
    """What a program prints, cut at line ends of any kind and after each per cent sign, as it comes."""
    rest = b""
    while piece := os.read(stream.fileno(), 4096):
        *whole, rest = re.split(rb"[\r\n]+|(?<=%)", rest + piece)
        yield from (one.decode(errors="replace").strip() for one in whole if one.strip())
    if rest.strip():
        yield rest.decode(errors="replace").strip()


def _why(step: str, extract: Path, code: int, tail: deque[str]) -> str:
    """A sentence for a program that failed."""
    said = next((line for line in reversed(tail) if _FAILURE.search(line)), tail[-1] if tail else "it said nothing")
    said = re.sub(r"^\[[^\]]*\] \[[^\]]*\] |^what\(\):\s*", "", said)
    if "bad_alloc" in said or code in {-9, 137}:
        return f"The roads of {extract.name} did not fit this machine's memory ({step}). Use a smaller extract, or more memory."
    if "No space left" in said:
        return f"The disk is full: the roads of {extract.name} did not fit ({step}). Make room, or choose another folder with --to."
    if "PBF" in said:
        return f"{extract} is damaged or only a part of a file ({said}). Download it again."
    return f"The roads of {extract.name} could not be built: {step} ended with {code} ({said})."


def _check_extract(extract: Path) -> int:
    """The size of the file in bytes, when it looks like an extract."""
    try:
        with extract.open("rb") as file:
            head = file.read(64)
        size = extract.stat().st_size
    except OSError as error:
        raise RoadsNotBuiltError(
            f"{extract} cannot be read: {error.strerror}. Name an OpenStreetMap extract (.osm.pbf)."
        ) from error
    # A PBF file begins with the length of its first header, which is of the type OSMHeader.
    if b"OSMHeader" not in head:
        raise RoadsNotBuiltError(
            f"{extract} is not an OpenStreetMap extract in PBF format. Download a file that ends in .osm.pbf."
        )
    return size


def _check_room(size: int, folder: Path, room: Room) -> None:
    for what, free, times, remedy in (
        ("disk", room.disk, _DISK_TIMES, "Make room, or choose another folder with --to."),
        ("memory", room.memory, _MEMORY_TIMES, "Use a smaller extract, or a machine with more memory."),
    ):
        if free is not None and free < size * times:
            raise RoadsNotBuiltError(
                f"Too little {what} to build roads in {folder}: {_megabytes(free)} free, at least {_megabytes(size * times)} needed. {remedy}"
            )


def _megabytes(amount: int) -> str:
    return f"{amount / 1e6:,.0f} MB"


def _free_memory() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    amounts = {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines)}
    return amounts.get("MemAvailable", 0) + amounts.get("SwapFree", 0)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _key(sha256: str, script: Path, method: str, engine: str) -> str:
    """Twelve characters that change with anything that can change an answer."""
    return hashlib.sha256(f"{sha256} {_sha256(script)} {method} {engine}".encode()).hexdigest()[:12]


def _stem(extract: Path) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", extract.name.removesuffix(".pbf").removesuffix(".osm"))


def _swap(work: Path, final: Path) -> None:
    """Give a finished build its name; of two builds of the same content at the same time, the first one stays."""
    if final.is_dir():
        # Whoever reads the old files keeps them open until the process ends.
        shutil.rmtree(final)
    try:
        work.rename(final)
    except OSError:
        if not final.is_dir():
            raise


def _tools() -> Path:
    """The folder of the `osrm` package, which brings the programs and the profiles."""
    found = importlib.util.find_spec("osrm")
    if found is None or found.origin is None:
        raise RoadsNotBuiltError("OSRM is not installed. Install it with `pip install osrm-bindings`.")
    return Path(found.origin).parent
