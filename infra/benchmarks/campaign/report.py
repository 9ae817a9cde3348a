"""A campaign's figures: a table, JSON, and one picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from infra.benchmarks.campaign.buckets import RivalOutcome
from infra.benchmarks.campaign.campaign import Outcome
from infra.benchmarks.campaign.options import CampaignOptions


@dataclass(frozen=True)
class Line:
    """One way of booking: `broken` are promises that planning broke, `absent` those that an absence broke and that were named
    in time. `booked` are the promises that stood when their day came."""

    name: str
    booked: int
    broken: int
    absent: int | None
    first_choice_share: float
    travel_minutes_per_visit: float
    offer_seconds: tuple[float, float] | None


def lines(outcome: Outcome, rivals: Sequence[RivalOutcome]) -> list[Line]:
    """One line for Doorstep, one for each rival."""
    ours = Line(
        name="Doorstep",
        booked=len(outcome.promised) + outcome.absent - outcome.rebooked,
        # One broken day may show in several ways.
        broken=len({one.order for one in outcome.broken}),
        absent=outcome.absent,
        first_choice_share=outcome.first_choice / max(1, outcome.asked),
        travel_minutes_per_visit=outcome.travel_seconds / 60 / max(1, outcome.visits),
        offer_seconds=percentiles(outcome.offer_seconds),
    )
    return [ours] + [
        Line(
            name=one.name,
            booked=one.booked,
            broken=one.broken,
            absent=None,
            first_choice_share=one.first_choice / max(1, one.asked),
            travel_minutes_per_visit=one.travel_seconds / 60 / max(1, one.visits),
            offer_seconds=None,
        )
        for one in rivals
    ]


def percentiles(seconds: Sequence[float]) -> tuple[float, float]:
    """Median and 99th percentile; zeros when there is nothing."""
    if not seconds:
        return 0.0, 0.0
    low, high = np.percentile(np.array(seconds), [50, 99])
    return float(low), float(high)


def print_table(console: Console, some: Sequence[Line], outcome: Outcome) -> None:
    """The comparison, and a sentence on what the audits looked at."""
    table = Table(title="A campaign of bookings")
    for name in ("", "booked", "promises broken", "by absence, named", "first choice", "travel/visit", "offer p50/p99"):
        table.add_column(name, justify="left" if not name else "right")
    for one in some:
        offer = "" if one.offer_seconds is None else f"{one.offer_seconds[0]:.3f} / {one.offer_seconds[1]:.3f} s"
        table.add_row(
            one.name,
            str(one.booked),
            str(one.broken),
            "none happen" if one.absent is None else str(one.absent),
            f"{one.first_choice_share:.1%}",
            f"{one.travel_minutes_per_visit:.1f} min",
            offer,
        )
    console.print(table)
    console.print(
        f"{outcome.audits} audits, {len(outcome.publications)} publications while {outcome.asked} citizens booked; "
        f"{outcome.taken} slots were taken by somebody faster; {outcome.urgent_done} of {outcome.urgent} urgent orders done; "
        f"{outcome.seconds:.0f} s."
    )
    for fault in outcome.broken[:20]:
        console.print(f"BROKEN ({fault.rule}): {fault.text}, order {fault.order}")


def as_json(options: CampaignOptions, outcome: Outcome, rivals: Sequence[RivalOutcome]) -> dict[str, Any]:
    """Every figure, with seconds as measured on this machine."""
    publish = [one.publish_seconds for one in outcome.publications]
    return {
        "citizens": options.citizens,
        "technicians": options.technicians,
        "days": options.days,
        "seed": options.seed,
        "lines": [vars(one) for one in lines(outcome, rivals)],
        "doorstep": {
            "kept": outcome.kept,
            "broken_by_planning": [vars(one) | {"order": str(one.order)} for one in outcome.broken],
            "broken_by_absence_and_named": outcome.absent,
            "of_these_booked_again": outcome.rebooked,
            "broken_by_absence_never_named": outcome.unnamed,
            "urgent_orders": outcome.urgent,
            "urgent_orders_done": outcome.urgent_done,
            "audits": outcome.audits,
            "publications": len(outcome.publications),
            "visits_changed_by_publications": sum(one.applied for one in outcome.publications),
            "slots_taken_by_somebody_faster": outcome.taken,
            "errands": dict(sorted(outcome.ends.items())),
            "offer_seconds_p50_p99": percentiles(outcome.offer_seconds),
            "hold_seconds_p50_p99": percentiles(outcome.hold_seconds),
            "confirm_seconds_p50_p99": percentiles(outcome.confirm_seconds),
            "publish_seconds_p50_p99": percentiles(publish),
            "seconds": outcome.seconds,
        },
        "rivals": [
            {
                "name": one.name,
                "places_on_sale": one.places,
                "booked": one.booked,
                "broken": one.broken,
                "reasons": dict(Counter(one.reasons).most_common()),
            }
            for one in rivals
        ],
    }


_WIDTH, _ROW, _LEFT, _RIGHT = 760, 58, 150, 170


def draw(some: Sequence[Line]) -> str:
    """Bars of promises kept and broken, one for each way of booking, as SVG."""
    most = max(1, *(one.booked for one in some))
    room = _WIDTH - _LEFT - _RIGHT
    height = 70 + _ROW * len(some)
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
            'font-family="system-ui, sans-serif" font-size="14">'
        ),
        "<title>Promises kept and broken, by way of booking</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        '<text x="16" y="28" font-size="17" font-weight="600" fill="#1d2733">Promises made to citizens, and broken</text>',
    ]
    for number, one in enumerate(some):
        top = 52 + number * _ROW
        lost = one.broken
        kept = room * (one.booked - lost) / most
        parts += [
            f'<text x="{_LEFT - 12}" y="{top + 24}" text-anchor="end" fill="#1d2733">{escape(one.name)}</text>',
            f'<rect x="{_LEFT}" y="{top}" width="{kept:.1f}" height="36" fill="#2f6f8f"/>',
            f'<rect x="{_LEFT + kept:.1f}" y="{top}" width="{room * lost / most:.1f}" height="36" fill="#c8452f"/>',
            f'<text x="{_LEFT + 10}" y="{top + 23}" fill="#ffffff">{one.booked - lost} kept</text>',
            f'<text x="{_LEFT + room * one.booked / most + 10:.1f}" y="{top + 23}" fill="#1d2733">{lost} broken</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])
