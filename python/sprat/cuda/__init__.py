"""CUDA devices: whether there are any.

Nothing here has run on hardware yet. The kernels are the formulas of the CPU library, compiled by nvcc; tests run the
same sources on the CPU and compare every bit.

>>> import sprat
>>> isinstance(sprat.cuda.is_available(), bool)
True
"""

from __future__ import annotations

from ._native import require

__all__ = ["device_count", "is_available"]


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
    """How many CUDA devices there are.

    Raises
    ------
    RuntimeError
        There can be none; the one line says why: built without CUDA, no driver, no device.

    Examples
    --------
    >>> import sprat
    >>> sprat.cuda.device_count() if sprat.cuda.is_available() else 0  # doctest: +SKIP
    0
    """
    return int(require().device_count())
