"""`make lighthouse`: how Lighthouse judges the citizen's pages on a phone; exit code 1 when a page stays below 98 points."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from statistics import median_low

from rich.console import Console

from infra.benchmarks.tables import Table
from infra.hosts.processes import HostDiedError
from infra.lighthouse.site import CitizenPage, opened_site
from infra.lighthouse.tool import CATEGORIES, LighthouseFailedError, Report, look_at, prepare_lighthouse
from infra.setup.prepare import ROOT
from infra.setup.steps import SetupFailedError

FEWEST_POINTS = 98
"""What each page must reach in each category."""
_FOLDER = ROOT / "build" / "lighthouse"


def main() -> int:
    """Run for a person; returns the exit code: 1 when a page stays below the points or could not be judged, 130 after an interrupt."""
    given = _arguments()
    try:
        prepare_lighthouse()
        shutil.rmtree(_FOLDER, ignore_errors=True)
        _FOLDER.mkdir(parents=True)
        with opened_site() as pages:
            reports = {page: _judge(page, given.runs) for page in pages}
    except (SetupFailedError, LighthouseFailedError, HostDiedError) as failure:
        print(f"\nThe pages could not be judged. {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped by you; nothing is left running.", file=sys.stderr)
        return 130
    _draw(reports)
    return int(not all(is_good(runs) for runs in reports.values()))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make lighthouse LIGHTHOUSE=", description=__doc__)
    parser.add_argument(
        "--runs", type=int, default=3, choices=range(1, 12), metavar="1-11", help="of which medians count"
    )
    return parser.parse_args()


def _judge(page: CitizenPage, runs: int) -> list[Report]:
    reports = []
    for run in range(1, runs + 1):
        reports.append(look_at(page.address, _FOLDER / f"{page.name}-{run}"))
        print(f"{page.name}, run {run} of {runs}: {reports[-1].points}", file=sys.stderr, flush=True)
    return reports


def is_good(runs: list[Report]) -> bool:
    """Whether the median of a page's runs reaches the points in every category; of an even number the lower one counts."""
    return all(_middle(runs, name) >= FEWEST_POINTS for name in CATEGORIES)


def _middle(runs: list[Report], category: str) -> int:
    return median_low([one.points[category] for one in runs])


def _draw(reports: dict[CitizenPage, list[Report]]) -> None:
    rows = [[page.name, *(str(_middle(runs, name)) for name in CATEGORIES)] for page, runs in reports.items()]
    lost = [
        f"{page.name}: {one}" for page, runs in reports.items() for one in min(runs, key=lambda run: run.least).lost
    ]
    notes = [
        f"Medians, {FEWEST_POINTS} wanted. Load of the machine: {os.getloadavg()[0]:.1f}. Reports: {_FOLDER.relative_to(ROOT)}",
        *lost,
    ]
    Table("Lighthouse, on a phone", ["page", *CATEGORIES], rows, notes).draw(Console())


if __name__ == "__main__":
    sys.exit(main())
