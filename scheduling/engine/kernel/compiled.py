"""How everything here is compiled: once per machine, kept on disk, and without holding Python's lock while it runs.

Two choices make the code fast. Nothing allocates, so numba's reference counting is off (`_nrt=False`); it took nine tenths
of the time. And what is called inside loops is inlined, because a call would copy every array header of its arguments.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, cast

import numba

_log = logging.getLogger(__name__)
_warned: list[bool] = []
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False}


def compiled[F: Callable[..., object]](function: F) -> F:
    """The function as machine code. `make setup` compiles all of them, so that no user waits for it."""
    return cast("F", _njit(function, {}))


def inlined[F: Callable[..., object]](function: F) -> F:
    """As `compiled`, and copied into whatever calls it."""
    return cast("F", _njit(function, {"forceinline": True}))


def _njit(function: Callable[..., object], more: dict[str, Any]) -> object:
    """Compile, and keep the machine code on disk where some folder can be written; elsewhere each process compiles anew."""
    try:
        return numba.njit(**_OPTIONS, **more, cache=True)(function)
    except RuntimeError:
        if not _warned:
            _warned.append(True)
            _log.warning(
                "The engine compiles for some minutes in each process: no folder for its cache can be written. "
                "Name one in NUMBA_CACHE_DIR."
            )
        return numba.njit(**_OPTIONS, **more, cache=False)(function)
