"""How everything here is compiled: once per machine, kept on disk, and without holding Python's lock while it runs.

Two choices make the code fast. Nothing allocates, so numba's reference counting is off (`_nrt=False`); it took nine tenths
of the time. And what is called inside loops is inlined, because a call would copy every array header of its arguments.

Two more keep the compiling short, which is a matter of how often the same function is compiled. Whole numbers are passed
as 64 bits wherever they come from, so each function is compiled once and not for every mixture of widths and constants.
Python can call only what it must (`compiled`, not `inner`): taking hundreds of array headers out of Python's objects
took longer to compile than most functions themselves.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from numba.core import types
from numba.core.caching import FunctionCache
from numba.core.registry import CPUDispatcher

_log = logging.getLogger(__name__)
_warned: list[bool] = []
_OPTIONS: dict[str, Any] = {
    "nopython": True,
    "nogil": True,
    "error_model": "numpy",
    "boundscheck": None,
    "_nrt": False,
    "no_cfunc_wrapper": True,
}


def compiled[F: Callable[..., object]](function: F) -> F:
    """The function as machine code. `make setup` compiles all of them, so that no user waits for it.

    It is kept on disk where some folder can be written; elsewhere each process compiles anew.
    """
    compiler = _compiler(function)
    try:
        compiler.enable_caching()
    except RuntimeError:
        if not _warned:
            _warned.append(True)
            _log.warning(
                "The engine compiles for some minutes in each process: no folder for its cache can be written. "
                "Name one in NUMBA_CACHE_DIR."
            )
    return cast("F", compiler)


def inner[F: Callable[..., object]](function: F) -> F:
    """The function as machine code that only machine code can call; it is kept on disk inside its callers."""
    return cast("F", _compiler(function, no_cpython_wrapper=True))


def inlined[F: Callable[..., object]](function: F) -> F:
    """As `inner`, and copied into whatever calls it."""
    return cast("F", _compiler(function, no_cpython_wrapper=True, forceinline=True))


class _Cache(FunctionCache):
    """Machine code on disk that is out of date as soon as any file of the kernel changes, since functions contain others."""

    def _index_key(self, sig: object, codegen: object) -> tuple[object, ...]:
        return (*super()._index_key(sig, codegen), _SOURCES)  # type: ignore[no-untyped-call]


class _Compiler(CPUDispatcher):
    """numba's compiler of one function, which sees all whole numbers as 64 bits and no constants."""

    def enable_caching(self) -> None:
        self._cache = _Cache(self.py_func)  # type: ignore[no-untyped-call]

    def get_call_template(self, args: Any, kws: Any) -> Any:
        named = {name: _wide(seen) for name, seen in dict(kws).items()}
        return super().get_call_template([_wide(seen) for seen in args], named)


def _wide(seen: types.Type) -> types.Type:
    """The type as which an argument is passed."""
    plain: types.Type = types.unliteral(seen)  # type: ignore[no-untyped-call]
    return types.int64 if isinstance(plain, types.Integer) else plain


def _fingerprint() -> str:
    """Of all that is compiled here."""
    found = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        found.update(source.read_bytes())
    return found.hexdigest()


_SOURCES = _fingerprint()


def _compiler(function: Callable[..., object], **more: bool) -> _Compiler:
    """What compiles the function when it is first called."""
    return _Compiler(function, targetoptions={**_OPTIONS, **more})
