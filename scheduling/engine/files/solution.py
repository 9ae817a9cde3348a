"""Plans of benchmark instances in JSON: `{"routes": {vehicle id: [order ids in their order]}}`, `"nobreak"` for the variant."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scheduling.engine.files.fields import BadFileError, Fields, one_line, read_object
from scheduling.engine.files.instance import Instance
from scheduling.engine.plan import Plan
from scheduling.engine.problem import Task

_SHOWN = 60


def write_plan(path: Path, instance: Instance, plan: Plan) -> None:
    """Write which orders each vehicle serves, vehicles without any too. Raises `BadFileError` when it cannot be written."""
    routes = {item.route.id: [instance.order_ids[stop.task.id] for stop in item.timeline.stops] for item in plan.routes}
    content: dict[str, Any] = {"instance": instance.name, "routes": routes}
    if instance.breaks_ignored:
        content["nobreak"] = True
    write_json(path, content)


def write_json(path: Path, content: object) -> None:
    """Write a JSON file; see `write_text`."""
    write_text(path, json.dumps(content) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all: nobody reads half of it. Raises `BadFileError` when it cannot be written."""
    try:
        # The file that a link names is written; the link stays.
        whole = path.resolve()
        beside = whole.with_name(f".{os.getpid()}.part")
        try:
            beside.write_text(text, encoding="utf-8")
            beside.replace(whole)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from error


def refuse_unwritable(path: Path) -> None:
    """Raise `BadFileError` when the file could not be written, before time goes into what it is to hold.

    A device or a pipe is refused: a whole file put in its place would take it away from everybody.
    """
    try:
        kind = path.stat().st_mode if path.exists() else None
        folder = path.resolve().parent
    except OSError as error:
        raise _unwritable(path, error) from error
    if kind is not None and not stat.S_ISREG(kind):
        what = "a folder" if stat.S_ISDIR(kind) else "a device or a pipe"
        raise BadFileError(path.name or str(path), "", "write", f"is {what}. Name a file.")
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise BadFileError(path.name, "", "write", f"there is no folder {path.parent} that can be written to. Make it.")


def _unwritable(path: Path, error: OSError) -> BadFileError:
    name = path.name if len(path.name) <= _SHOWN else f"{path.name[:_SHOWN]}…"
    return BadFileError(name, "", "write", f"cannot be written ({error.strerror}). Choose another place.")


def is_variant(path: Path) -> bool:
    """Whether the plan in the file was made without breaks. Raises `BadFileError` when it is no plan."""
    return read_object(path).flag("nobreak")


def read_sequences(path: Path, instance: Instance) -> list[list[Task]]:
    """The tasks of each of the problem's routes in their order; a vehicle the file does not name has none.

    Raises:
        BadFileError: the file is no plan of this instance; it names what is unknown or given twice.
    """
    content = read_object(path)
    written = content.inner("routes")
    known = {route.id for route in instance.problem.routes}
    for vehicle in written.values:
        if vehicle not in known:
            raise content.refuse("routes", f"it has a route for the unknown vehicle {one_line(vehicle[:60])}.")
    seen: set[str] = set()
    return [_sequence(written, route.id, instance, seen) for route in instance.problem.routes]


def _sequence(written: Fields, vehicle: str, instance: Instance, seen: set[str]) -> list[Task]:
    if vehicle not in written.values:
        return []
    owner = Fields(written.file, f"vehicle {vehicle}", written.values)
    orders: Sequence[Any] = owner.items(vehicle)
    found = []
    for value in orders:
        name = str(owner.as_name("order", value))
        if name not in instance.problem.task_at:
            raise owner.refuse("order", f"it serves the unknown order {name}.")
        if name in seen:
            raise owner.refuse("order", f"it serves order {name}, which is served already.")
        seen.add(name)
        found.append(instance.problem.tasks[instance.problem.task_at[name]])
    return found
