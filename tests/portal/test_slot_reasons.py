"""Why a free time is shown where it is: once for a day that shares one reason, else beside each time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from portal.slot_list import list_days
from scheduling.engine.slots import OfferReason
from scheduling.service import SlotOffer

MONDAY = datetime(2026, 5, 4, 6, 0, tzinfo=UTC)


def offer(hours: int, reason: OfferReason) -> SlotOffer:
    starts_at = MONDAY + timedelta(hours=hours)
    return SlotOffer(starts_at, starts_at + timedelta(hours=2), reason, 60)


def test_a_day_says_once_what_all_its_times_share() -> None:
    shared, mixed, plain = list_days(
        [
            offer(0, OfferReason.STREET), offer(6, OfferReason.STREET),
            offer(24, OfferReason.STREET), offer(26, OfferReason.NEARBY), offer(30, OfferReason.AVAILABLE),
            offer(48, OfferReason.AVAILABLE),
        ],
        "Europe/Brussels",
        "en",
    )  # fmt: skip
    assert shared.why == "in_street"
    assert mixed.why == ""
    assert [one.why for one in (*mixed.morning, *mixed.afternoon)] == ["in_street", "nearby", ""]
    assert plain.why == ""
