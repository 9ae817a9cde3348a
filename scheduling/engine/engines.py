"""Which engine plans; a file of its own, so that who only offers the choice loads no solver."""

from __future__ import annotations

from enum import StrEnum


class Engine(StrEnum):
    """Who searches for a plan. Whoever it is, the plan in force is laid first and the timeline simulates what comes out."""

    PORTFOLIO = "portfolio"
    """The compiled search on all cores and the pool of routes; in small problems OR-Tools' routing has a turn."""
    KERNEL = "kernel"
    """The compiled search and the pool of routes alone."""
    ROUTING = "routing"
    """OR-Tools' routing alone, from a greedy plan: a second opinion by code that shares no search with ours."""
