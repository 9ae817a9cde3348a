"""The engines and how each is called. All take the same arguments and write the same files."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PEERS_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
_PEERS = "infra.benchmarks.peers"


@dataclass(frozen=True)
class Engine:
    """One engine in one setting.

    `program` starts it. With `no_breaks` it is asked for the variant without breaks and bound orders. `most_orders` is
    the size above which it is not tried, and `why_not` says why (memory, or never a solution).
    """

    name: str
    title: str
    program: tuple[str, ...]
    no_breaks: bool = False
    most_orders: int = 1_000_000
    why_not: str = ""

    def command(self, file: Path, seconds: float, seed: int, output: Path) -> Sequence[str]:
        """The command line for one instance."""
        given = [str(file), "--seconds", f"{seconds:g}", "--seed", str(seed), "--output", str(output)]
        return [*self.program, *given, *(["--no-breaks"] if self.no_breaks else [])]


def _doorstep(verb: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "infra.hosts", "plan", verb)


def _peer(name: str, python: Path | str = PEERS_PYTHON) -> tuple[str, ...]:
    return (str(python), "-m", f"{_PEERS}.{name}")


_ROUTING_STOPS = "OR-Tools needs gigabytes and minutes before its first solution above 2,500 orders"
_PYVRP_STOPS = "PyVRP keeps a table for each set of skills, 0.9 GB each at 10,000 orders"

FIELD = (
    Engine("ours", "Doorstep", _doorstep("solve")),
    Engine("vroom", "VROOM x5", _peer("vroom_peer")),
    Engine("routing", "OR-Tools", _peer("routing_peer", sys.executable), most_orders=2_500, why_not=_ROUTING_STOPS),
)
"""The engines on the whole problem."""

VARIANT = (
    Engine("ours-nb", "Doorstep", _doorstep("solve"), no_breaks=True),
    Engine("pyvrp-nb", "PyVRP", _peer("pyvrp_peer"), no_breaks=True, most_orders=5_000, why_not=_PYVRP_STOPS),
    Engine("vroom-nb", "VROOM x5", _peer("vroom_peer"), no_breaks=True),
)
"""The engines on the variant without breaks and bound orders, which is all that PyVRP knows."""

VRPTW = (
    Engine("ours", "Doorstep", _doorstep("solve-vrptw")),
    Engine("pyvrp", "PyVRP", _peer("pyvrp_vrptw_peer")),
)
"""The engines on Solomon's and Homberger's files."""
