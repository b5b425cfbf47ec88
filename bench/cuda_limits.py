"""What a CUDA device can do at most: bytes a second by its own copy, operations a second by its clock."""

from __future__ import annotations

import functools
from typing import Any

import sprat
from sprat.cuda import _native

_COPIES = 20
# Lanes of a multiprocessor that each begin a float32 multiply-add in a clock, by compute capability (CUDA C++ Programming
# Guide, "Throughput of Native Arithmetic Instructions").
_LANES = {(7, 5): 64, (8, 0): 64}
_LANES_ELSEWHERE = 128
_DP4A_LANES = 64  # of four multiply-adds of bytes each, on all of them


def about() -> dict[str, Any]:
    """Name, compute capability and what bounds the speed of the current device."""
    native = _native.require()
    found: dict[str, Any] = native.device_info(native.current_device())
    return found


@functools.cache
def bandwidth(num_bytes: int = 1 << 28) -> float:
    """Bytes a second, read and written, of a copy within the device's memory: the best of some."""
    native = _native.require()
    source, target = (sprat.cuda.empty(num_bytes, "uint8") for _ in range(2))
    start, end = (native.event_create(timing=True) for _ in range(2))
    best = 0.0
    try:
        for _ in range(_COPIES):
            native.event_record(start)
            native.copy(target.pointer, source.pointer, num_bytes)
            native.event_record(end)
            best = max(best, 2 * num_bytes / max(native.elapsed(start, end), 1e-9))
    finally:
        native.event_destroy(start)
        native.event_destroy(end)
    return best


def peak(kind: str) -> float | None:
    """Operations a second, "float32" or "int8" by dp4a; None where the device does not tell its clock."""
    device = about()
    clocks = device["multiprocessors"] * device["clock_khz"] * 1e3
    if not clocks:
        return None
    lanes = _LANES.get(tuple(device["capability"]), _LANES_ELSEWHERE)
    return clocks * (2 * lanes if kind == "float32" else 8 * _DP4A_LANES)


def shortest(flops: float = 0.0, num_bytes: float = 0.0, kind: str = "float32") -> tuple[float | None, str]:
    """Seconds that the device needs at least for so much work, and what needs them."""
    bounds = {}
    if num_bytes:
        bounds["copy bandwidth"] = num_bytes / bandwidth()
    rate = peak(kind) if flops else None
    if rate:
        bounds[f"{kind} peak"] = flops / rate
    if not bounds:
        return None, ""
    words = max(bounds, key=lambda name: bounds[name])
    return bounds[words], words
