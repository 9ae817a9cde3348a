"""How everything here is compiled: once per machine, kept on disk, and without holding Python's lock while it runs.

Two choices make the code fast. Nothing allocates, so numba's reference counting is off (`_nrt=False`); it took nine tenths
of the time. And what is called inside loops is inlined, because a call would copy every array header of its arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numba

_OPTIONS: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}


def compiled[F: Callable[..., object]](function: F) -> F:
    """The function as machine code. `make setup` compiles all of them, so that no user waits for it."""
    return cast("F", numba.njit(**_OPTIONS)(function))


def inlined[F: Callable[..., object]](function: F) -> F:
    """As `compiled`, and copied into whatever calls it."""
    return cast("F", numba.njit(**_OPTIONS, forceinline=True)(function))
