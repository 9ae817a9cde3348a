"""What a chaos run is asked to show."""

from dataclasses import dataclass
from datetime import UTC, datetime

START = datetime(2026, 5, 4, 7, 0, tzinfo=UTC)
"""09:00 in Brussels on a Monday without a holiday: no quiet hours keep an invitation back for the length of a run."""


@dataclass(frozen=True)
class ChaosOptions:
    """How large a run is and how hard it is hit. The same options send the same messages and draw the same kills.

    `kills` are SIGKILLs in all, drawn among the workers, the broker and PostgreSQL. The shares are of `orders`: messages that cannot be
    used, messages sent twice, and orders whose changes come in another order than they were made. `minutes` bounds the run: what is not
    settled by then is counted as lost. `guarded` False starts workers that do not know what they have already done; see `unguarded`.
    """

    orders: int = 10_000
    kills: int = 50
    seed: int = 1
    workers: int = 2
    minutes: float = 30.0
    broken: float = 0.03
    duplicated: float = 0.05
    out_of_order: float = 0.05
    guarded: bool = True
    keep: bool = False

    def __post_init__(self) -> None:
        for name, least, most in (
            ("orders", 10, 200_000),
            ("kills", 0, 1_000),
            ("workers", 1, 8),
            ("minutes", 0.5, 600),
        ):
            if not least <= getattr(self, name) <= most:
                raise ValueError(f"--{name} must be between {least:,} and {most:,}.")
        for name in ("broken", "duplicated", "out_of_order"):
            if not 0 <= getattr(self, name) <= 0.3:
                raise ValueError(f"The share --{name.replace('_', '-')} must be between 0 and 0.3.")
