"""Arrays, networks and optimizers on CUDA devices, with the bits of the CPU.

Nothing here has run on hardware yet. The kernels are the formulas of the CPU library, compiled by nvcc; tests run the
same sources on the CPU and compare every bit.

>>> import sprat
>>> isinstance(sprat.cuda.is_available(), bool)
True
"""

from __future__ import annotations

from typing import Any

from ._array import Array, array, asarray, empty
from ._native import module, require
from ._streams import handle_of, stream, stream_of

__all__ = [
    "Array",
    "array",
    "asarray",
    "device_count",
    "device_name",
    "empty",
    "info",
    "is_available",
    "is_emulated",
    "stream",
    "synchronize",
]


def is_available() -> bool:
    """Whether a CUDA device can be used: this sprat has the module, and the machine a driver and a device.

    Examples
    --------
    >>> import sprat
    >>> device = "cuda" if sprat.cuda.is_available() else "cpu"
    """
    try:
        return device_count() > 0
    except RuntimeError:
        return False


def device_count() -> int:
    """How many CUDA devices there are. Calls use the current one of the calling thread, device 0 unless the program has
    chosen another.

    Raises
    ------
    RuntimeError
        There can be none; the one line says why: built without CUDA, no driver, no device.

    Examples
    --------
    >>> import sprat
    >>> if sprat.cuda.is_available():
    ...     assert sprat.cuda.device_count() >= 1
    """
    return int(require().device_count())


def device_name(device: int = 0) -> str:
    """What a device is called.

    Examples
    --------
    >>> import sprat
    >>> if sprat.cuda.is_available():
    ...     assert sprat.cuda.device_name()
    """
    return str(require().device_info(device)["name"])


def is_emulated() -> bool:
    """Whether the "device" is this CPU: the module was built for tests (cpp/cuda/emulation).

    Examples
    --------
    >>> import sprat
    >>> if sprat.cuda.is_available():
    ...     assert sprat.cuda.is_emulated() in (True, False)
    """
    return bool(require().is_emulated)


def info() -> dict[str, Any]:
    """What ``sprat info`` shows: whether there is a module, whether it is emulated, and the names of the devices.

    Returns
    -------
    dict
        ``built`` and ``emulated`` (bool), ``devices`` (list of names), ``problem`` (one line, or None where a device can be
        used).

    Examples
    --------
    >>> import sprat
    >>> sorted(sprat.cuda.info())
    ['built', 'devices', 'emulated', 'problem']
    """
    found: dict[str, Any] = {"built": False, "emulated": False, "devices": [], "problem": None}
    try:
        found["emulated"] = bool(module().is_emulated)
        found["built"] = True
        found["devices"] = [device_name(index) for index in range(device_count())]
    except RuntimeError as error:
        found["problem"] = str(error)
    return found


def place() -> Any:
    """The device as the place where networks lie; RuntimeError, with one line, if there is none."""
    require()
    from ._place import CUDA

    return CUDA


def synchronize(stream: Any = None) -> None:
    """Wait until everything that was enqueued is done.

    Parameters
    ----------
    stream : int or stream object, optional
        See `sprat.cuda.stream`; by default that of the ``with`` block, else the default stream.

    Raises
    ------
    RuntimeError
        For what went wrong on the device meanwhile.

    Examples
    --------
    >>> import sprat
    >>> if sprat.cuda.is_available():
    ...     sprat.cuda.synchronize()
    """
    require().synchronize(stream_of() if stream is None else handle_of(stream))
