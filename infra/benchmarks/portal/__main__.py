"""`python -m infra.benchmarks.portal`: how fast citizens get their page and their appointment; a table and one JSON object."""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import sys
from pathlib import Path
from statistics import median, quantiles

from rich.console import Console

from hub.settings import Settings
from infra.benchmarks.campaign.options import CampaignOptions
from infra.benchmarks.portal.site import Site, bare_update_seconds, built_site
from infra.benchmarks.portal.visitor import Bookings, Looks, NotServedError, book, look
from infra.benchmarks.tables import Table, number
from infra.hosts.running import how_many_processes

PAGE_SHARE = 0.25
"""Of the bare page's rate, which the slot page must reach."""
BOOKING_TIMES = 10.0
"""The most that keeping and confirming may take at the 95th percentile, in bare updates."""

_FEWEST = 20
"""Bookings without which a 95th percentile says nothing."""


def main() -> int:
    """Run for a person; returns the exit code: 1 when a target was missed, 130 after an interrupt."""
    given = _arguments()
    logging.basicConfig(level=logging.ERROR)
    options = CampaignOptions(
        citizens=given.orders, technicians=given.technicians, days=given.days, seed=given.seed, processes=0
    )
    if given.bookings + given.pages > given.orders:
        print(
            "There are not so many orders: --bookings and --pages together must not exceed --orders.", file=sys.stderr
        )
        return 2
    load = os.getloadavg()[0]
    try:
        with built_site(options, given.processes) as site:
            result = _measure(site, given)
    except KeyboardInterrupt:
        print("Stopped by you; nothing is left running.", file=sys.stderr)
        return 130
    result["load_before"] = round(load, 1)
    _draw(result, given, load)
    written = json.dumps(result)
    print(written)
    if given.json is not None:
        given.json.write_text(written + "\n", encoding="utf-8")
    return int(result["page_of_bare"] < PAGE_SHARE or result["booking_in_updates"] > BOOKING_TIMES)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-portal BENCH=", description=__doc__)
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--technicians", type=int, default=200)
    parser.add_argument("--days", type=int, default=10)
    parser.add_argument("--bookings", type=int, default=2_000, help="citizens who book, before pages are measured")
    parser.add_argument("--pages", type=int, default=2_000, help="pages looked at in each run")
    parser.add_argument("--runs", type=int, default=5, help="of which the medians are given")
    parser.add_argument("--connections", type=int, default=4, help="citizens at a time")
    parser.add_argument(
        "--processes",
        type=int,
        default=how_many_processes(None, Settings()),
        help="of the site, and of the bare one; default: as an installation on this machine",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="a file for the figures, beside standard output")
    return parser.parse_args()


def _measure(site: Site, given: argparse.Namespace) -> dict[str, float]:
    bookers, lookers = site.tokens[: given.bookings], site.tokens[given.bookings :]
    paths = [f"/a/{token}" for token in random.Random(given.seed).sample(lookers, given.pages)]
    look(site.port, paths[:50], given.connections)
    updates = [bare_update_seconds(site.database)]
    booked = book(site.port, bookers, given.connections, given.seed)
    updates.append(bare_update_seconds(site.database))
    _say(f"{len(booked.both):,} booked in {booked.seconds:.0f} s")
    if len(booked.both) < _FEWEST:
        raise NotServedError(f"only {len(booked.both)} citizens found a time; give more technicians or days")
    ours, bare = list[Looks](), list[Looks]()
    for run in range(given.runs):
        bare.append(look(site.bare_port, ["/page"] * given.pages, given.connections))
        ours.append(look(site.port, paths, given.connections))
        _say(f"run {run + 1} of {given.runs}: bare page {bare[-1].rate:,.0f}/s, slot page {ours[-1].rate:,.0f}/s")
    return _figures(ours, bare, booked, median(updates))


def _figures(ours: list[Looks], bare: list[Looks], booked: Bookings, update: float) -> dict[str, float]:
    rate, bare_rate = median(one.rate for one in ours), median(one.rate for one in bare)
    return {
        "booked": len(booked.both),
        "beaten": booked.beaten,
        "without_times": booked.without_times,
        "bookings_per_second": round(len(booked.both) / booked.seconds, 1),
        "hold_p50_ms": _ms(median(booked.holds)),
        "hold_p95_ms": _ms(_p95(booked.holds)),
        "confirm_p50_ms": _ms(median(booked.confirms)),
        "confirm_p95_ms": _ms(_p95(booked.confirms)),
        "booking_p95_ms": _ms(_p95(booked.both)),
        "update_p50_ms": _ms(update),
        "booking_in_updates": round(_p95(booked.both) / update, 2),
        "pages_per_second": round(rate, 1),
        "page_p50_ms": _ms(median(median(one.each) for one in ours)),
        "page_p95_ms": _ms(median(_p95(one.each) for one in ours)),
        "page_bytes": ours[-1].page_bytes,
        "bare_per_second": round(bare_rate, 1),
        "bare_bytes": bare[-1].page_bytes,
        "page_of_bare": round(rate / bare_rate, 3),
    }


def _draw(result: dict[str, float], given: argparse.Namespace, load: float) -> None:
    rows = [
        ["slot page", number(result["page_p50_ms"], 1), number(result["page_p95_ms"], 1), number(result["pages_per_second"]),
         f"{result['page_of_bare']:.2f} of the bare page", f"{PAGE_SHARE}"],
        ["bare page", "", "", number(result["bare_per_second"]), "", ""],
        ["keep a time", number(result["hold_p50_ms"], 1), number(result["hold_p95_ms"], 1), "", "", ""],
        ["confirm it", number(result["confirm_p50_ms"], 1), number(result["confirm_p95_ms"], 1), "", "", ""],
        ["keep and confirm", "", number(result["booking_p95_ms"], 1), number(result["bookings_per_second"]),
         f"{result['booking_in_updates']:.1f} bare updates", f"{BOOKING_TIMES:.0f}"],
        ["bare update", number(result["update_p50_ms"], 2), "", "", "", ""],
    ]  # fmt: skip
    Table(
        f"{given.orders:,} orders, {given.technicians} technicians, {given.days} days; {given.connections} citizens at a time, {given.processes} web processes",
        ("what", "p50 ms", "p95 ms", "a second", "share", "wanted"),
        rows,
        (
            f"{result['booked']:,.0f} booked, {result['beaten']:,.0f} times somebody was faster; medians of {given.runs} runs of {given.pages:,} pages.",
            f"Server, database and visitors share the same cores. Load when it began: {load:.1f}; trust the shares, not the rates.",
        ),
    ).draw(Console())


def _p95(values: list[float]) -> float:
    return quantiles(values, n=20)[-1]


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
