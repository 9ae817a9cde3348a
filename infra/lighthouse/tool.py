"""Lighthouse itself: installed from npm into `.tools/lighthouse` when it is first needed, and run against one page.

It is apart from the other npm packages because it brings more of them than all the rest; whoever only runs Doorstep is spared them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.setup.chromium import MISSING, find_chromium
from infra.setup.machine import missing_node
from infra.setup.prepare import TOOLS, node_environment
from infra.setup.steps import SetupFailedError, fingerprint, is_current, run, shown

CATEGORIES = ("performance", "accessibility", "best-practices")
"""Not "seo": these pages are kept out of search engines by design."""
_FOLDER = TOOLS / "lighthouse"
_HERE = Path(__file__).resolve().parent
_PACKAGES = ("package.json", "package-lock.json")
_RUN_SECONDS = 240.0
_LOST_TRACE = "NO_NAVSTART"
"""The browser lost the beginning of what it recorded, which says nothing of the page; Lighthouse itself asks to be run again."""
_TRIES = 3
_BROWSER = "--headless=new --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update"


class LighthouseFailedError(RuntimeError):
    """Lighthouse gave no report; the sentence ends with what it said."""


@dataclass(frozen=True)
class Report:
    """What one run found: points from 0 to 100 by category, and what cost points."""

    points: dict[str, int]
    lost: tuple[str, ...]

    @property
    def least(self) -> int:
        """The points of the worst category."""
        return min(self.points.values())


def prepare_lighthouse() -> None:
    """Install Lighthouse unless it is there as the lock has it. Raises `SetupFailedError`, also when the browser is missing."""
    lacks = missing_node() or (None if find_chromium() else MISSING)
    if lacks:
        raise SetupFailedError(lacks)
    stamp = _FOLDER / ".doorstep-stamp"
    wanted = fingerprint([_HERE / name for name in _PACKAGES])
    if is_current(stamp, wanted):
        return
    _FOLDER.mkdir(parents=True, exist_ok=True)
    for name in _PACKAGES:
        shutil.copyfile(_HERE / name, _FOLDER / name)
    with shown("Lighthouse (npm)"):
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(_FOLDER)]
        run(command, environment=node_environment())
    stamp.write_text(wanted)


def look_at(address: str, target: Path) -> Report:
    """Run once against the page at `address`, as on a middling phone with a slow connection, and write `target`.html and .json.

    The connection and the processor are simulated from what was seen, so a busy machine disturbs less than with a real throttle.
    Raises LighthouseFailedError.
    """
    for _ in range(_TRIES - 1):
        try:
            return _look(address, target)
        except LighthouseFailedError as failed:
            if _LOST_TRACE not in str(failed):
                raise
    return _look(address, target)


def _look(address: str, target: Path) -> Report:
    command = [
        str(_FOLDER / "node_modules" / ".bin" / "lighthouse"),
        address,
        f"--only-categories={','.join(CATEGORIES)}",
        "--throttling-method=simulate",
        "--no-enable-error-reporting",
        "--locale=en",
        "--quiet",
        "--output=html",
        "--output=json",
        f"--output-path={target}",
        f"--chrome-flags={_BROWSER}",
    ]
    environment = {**os.environ, "CHROME_PATH": find_chromium() or ""}
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_RUN_SECONDS,
            check=False,
            env=environment,
        )
    except subprocess.TimeoutExpired as late:
        raise LighthouseFailedError(f"Lighthouse did not end within {_RUN_SECONDS:.0f} s.") from late
    written = target.with_name(f"{target.name}.report.json")
    if done.returncode != 0 or not written.is_file():
        raise LighthouseFailedError(f"Lighthouse gave no report of {target.name}. It said:\n{done.stderr[-1500:]}")
    return read_report(json.loads(written.read_text(encoding="utf-8")))


def read_report(found: dict[str, Any]) -> Report:
    """What a report in JSON says; raises LighthouseFailedError when it judged nothing."""
    error = found.get("runtimeError")
    points = {name: found["categories"][name]["score"] for name in CATEGORIES}
    if error or None in points.values():
        raise LighthouseFailedError(f"Lighthouse could not judge the page: {error or points}")
    lost = []
    for category in (found["categories"][name] for name in CATEGORIES):
        for part in category["auditRefs"]:
            audit = found["audits"][part["id"]]
            if part["weight"] and audit["score"] is not None and audit["score"] < 1:
                lost.append(f"{audit['title']}: {audit.get('displayValue') or 'not right'}")
    return Report({name: round(100 * share) for name, share in points.items()}, tuple(lost))
