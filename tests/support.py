"""Helpers of the tests: exact comparison, every instruction set, misplaced arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from sprat import runtime


def available_isas() -> list[str]:
    return [name for name, supported in runtime.isas().items() if supported]


@contextmanager
def use_isa(name: str) -> Iterator[None]:
    before = runtime.isa()
    runtime.set_isa(name)
    try:
        yield
    finally:
        runtime.set_isa(before)


def assert_same_bits(a: Any, b: Any) -> None:
    """Same dtype, same shape, same bytes: -0.0 differs from 0.0, and a NaN equals only the same NaN."""
    a, b = np.asarray(a), np.asarray(b)
    assert a.dtype == b.dtype, f"dtype {a.dtype} and {b.dtype}"
    assert a.shape == b.shape, f"shape {a.shape} and {b.shape}"
    if a.tobytes() == b.tobytes():
        return
    different = np.flatnonzero(
        np.frombuffer(a.tobytes(), f"V{a.itemsize}") != np.frombuffer(b.tobytes(), f"V{b.itemsize}")
    )
    i = int(different[0])
    raise AssertionError(f"{different.size} of {a.size} elements differ, first at {i}: {a.flat[i]!r} and {b.flat[i]!r}")


def assert_same_everywhere(compute: Callable[[], Any], threads: tuple[int, ...] = (1, 2, 3)) -> Any:
    """``compute()`` gives the same bits on every instruction set and number of threads. Returns them.

    The result is an array, or a list, tuple or dict of arrays.
    """

    def flat(result: Any) -> list[Any]:
        if isinstance(result, dict):
            return [x for value in result.values() for x in flat(value)]
        if isinstance(result, (list, tuple)):
            return [x for value in result for x in flat(value)]
        return [result]

    expected = compute()
    for name in available_isas():
        for count in threads:
            with use_isa(name), runtime.threads(count):
                for a, b in zip(flat(compute()), flat(expected), strict=True):
                    assert_same_bits(a, b)
    return expected


def misaligned(array: np.ndarray) -> np.ndarray:
    """A copy whose data does not start at a multiple of its item size."""
    buffer = np.empty(array.nbytes + array.itemsize + 1, np.uint8)
    start = 1 if buffer.ctypes.data % array.itemsize == 0 else 0
    view = buffer[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    if array.itemsize > 1:
        assert not view.flags.aligned
    view[...] = array
    return view


def unchanged(*arrays: np.ndarray) -> Callable[[], None]:
    """Remembers the bytes of the arrays; the returned function asserts that they are the same still."""
    before = [a.tobytes() for a in arrays]

    def check() -> None:
        for a, b in zip(arrays, before, strict=True):
            assert a.tobytes() == b, "a refused call changed an array"

    return check
