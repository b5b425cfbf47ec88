"""Which instruction set and how many threads the kernels use. Neither changes a bit of any result.

Environment variables, read at first use:

==================  ==========================================================================
``SPRAT_ISA``       instruction set to use, e.g. ``avx2``; see :func:`isas`
``SPRAT_NUM_THREADS``  threads at most; before ``OMP_NUM_THREADS``, before affinity and cgroup quota
``SPRAT_THREADING``  ``pool`` (default) or ``openmp``
==================  ==========================================================================
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from . import _check, _core

__all__ = [
    "float_mode",
    "info",
    "isa",
    "isas",
    "num_threads",
    "num_threads_source",
    "register_threadpoolctl",
    "set_isa",
    "set_num_threads",
    "set_threading",
    "threading",
    "threads",
]


def isas() -> dict[str, bool]:
    """Instruction sets of this build, weakest first, and whether this CPU can run them.

    >>> from sprat import runtime
    >>> runtime.isas()["baseline"]
    True
    """
    return {name: _core.isa_supported(name) for name in _core.isas()}


def isa() -> str:
    """The instruction set in use: the strongest that the CPU can run, unless chosen otherwise.

    >>> from sprat import runtime
    >>> runtime.isa() in runtime.isas()
    True
    """
    return _core.isa()


def set_isa(name: str) -> None:
    """Use another instruction set from now on, in every thread.

    Raises ``ValueError`` when this build does not have it or this CPU cannot run it; nothing changes then.

    >>> from sprat import runtime
    >>> before = runtime.isa()
    >>> runtime.set_isa("baseline")
    >>> runtime.isa()
    'baseline'
    >>> runtime.set_isa(before)
    """
    _core.set_isa(name)


def num_threads() -> int:
    """Threads that a call may use at most. Small work stays on one thread.

    >>> from sprat import runtime
    >>> runtime.num_threads() >= 1
    True
    """
    return _core.num_threads()


def num_threads_source() -> str:
    """What decided :func:`num_threads`: a call, an environment variable, the cgroup quota or affinity.

    >>> from sprat import runtime
    >>> with runtime.threads(1):
    ...     runtime.num_threads_source()
    'thread-local'
    """
    return _core.num_threads_source()


def set_num_threads(count: int) -> None:
    """Set the number of threads for the whole process; 0 returns to the automatic number.

    >>> from sprat import runtime
    >>> runtime.set_num_threads(1)
    >>> runtime.num_threads()
    1
    >>> runtime.set_num_threads(0)
    """
    _core.set_num_threads(count)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Use ``count`` threads inside the ``with`` block, for calls made by this Python thread alone.

    >>> from sprat import runtime
    >>> with runtime.threads(2):
    ...     runtime.num_threads()
    2
    """
    _check.check_count("count", count)
    previous = _core.set_thread_num_threads(count)
    try:
        yield
    finally:
        _core.set_thread_num_threads(previous)


def threading() -> str:
    """Who runs the threads: ``"pool"``, sprat's own, or ``"openmp"``.

    >>> from sprat import runtime
    >>> runtime.threading() in ("pool", "openmp")
    True
    """
    return _core.threading()


def set_threading(name: str) -> None:
    """Choose ``"pool"`` or ``"openmp"``.

    The pool is the default: it sleeps when idle, works after a fork and does no harm beside another library's
    OpenMP threads. Raises ``ValueError`` when the build has no OpenMP.

    >>> from sprat import runtime
    >>> runtime.set_threading("pool")
    """
    _core.set_threading(name)


def float_mode() -> dict[str, Any]:
    """Floating-point mode of the calling thread. Kernels run in the IEEE default and leave this mode alone.

    >>> from sprat import runtime
    >>> runtime.float_mode()["rounding"]
    'nearest even'
    """
    return dict(_core.float_mode())


def info() -> dict[str, Any]:
    """What ``sprat info`` prints: version, instruction sets, threads, floating-point mode, CUDA devices.

    >>> import sprat
    >>> sprat.runtime.info()["version"] == sprat.__version__
    True
    """
    from . import cuda

    return {
        "version": _core.version(),
        "abi_version": _core.abi_version(),
        "isas": isas(),
        "isa": isa(),
        "num_threads": num_threads(),
        "num_threads_source": num_threads_source(),
        "threading": threading(),
        "float_mode": float_mode(),
        "cuda": cuda.info(),
    }


def register_threadpoolctl() -> None:
    """Let ``threadpoolctl.threadpool_limits`` govern sprat's threads too.

    Called by ``import sprat`` when threadpoolctl is already imported; call it yourself otherwise. Needs
    threadpoolctl 3.2 or newer.

    >>> from sprat import runtime
    >>> runtime.register_threadpoolctl()
    """
    import threadpoolctl

    class SpratController(threadpoolctl.LibController):  # type: ignore[misc]
        user_api = "sprat"
        internal_api = "sprat"
        filename_prefixes = ("libsprat",)

        def get_num_threads(self) -> int:
            return int(_core.num_threads())

        def set_num_threads(self, num_threads: int) -> None:
            _core.set_num_threads(num_threads)

        def get_version(self) -> str:
            return str(_core.version())

        def set_additional_attributes(self) -> None:
            self.threading_layer = _core.threading()

    known = threadpoolctl._ALL_USER_APIS if hasattr(threadpoolctl, "_ALL_USER_APIS") else ()
    if SpratController.user_api not in known:
        threadpoolctl.register(SpratController)


def _warn_about_environment() -> None:
    """One warning for each environment variable that could not be followed."""
    wanted = os.environ.get("SPRAT_ISA")
    if wanted and wanted != _core.isa():
        reason = "this CPU cannot run it" if wanted in _core.isas() else "this build does not have it"
        warnings.warn(f"SPRAT_ISA={wanted}: {reason}; using {_core.isa()}", RuntimeWarning, stacklevel=3)
    message = _core.num_threads_warning()
    if message:
        warnings.warn(message, RuntimeWarning, stacklevel=3)
