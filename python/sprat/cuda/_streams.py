"""On which stream a call runs: the caller's."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from ._native import module as native

LEGACY, PER_THREAD = 1, 2  # cudaStreamLegacy and cudaStreamPerThread: what 0, "the default", stands for is one of them

_chosen: ContextVar[int | None] = ContextVar("sprat.cuda.stream", default=None)


@contextmanager
def stream(handle: Any) -> Iterator[int]:
    """Inside the ``with`` block this thread's (and this task's) calls run on the given stream.

    Parameters
    ----------
    handle : int, or a stream of CuPy, torch or cuda.core
        A ``cudaStream_t`` as a number (0: the default stream), or an object that has one: ``__cuda_stream__``, CuPy's
        ``ptr``, torch's ``cuda_stream``. It stays the caller's, who keeps it alive as long as arrays that were last used
        on it.

    Yields
    ------
    int
        The handle.

    Notes
    -----
    Without a block a call runs on the stream on which the library of its first array works at that moment, else on the
    default stream; so what torch or CuPy enqueue before and after comes in order. Calls return when their work is
    enqueued; those that give a number back wait for it.

    Examples
    --------
    >>> import sprat
    >>> with sprat.cuda.stream(0) as handle:
    ...     handle
    1
    """
    token = _chosen.set(handle_of(handle))
    try:
        yield handle_of(handle)
    finally:
        _chosen.reset(token)


def handle_of(value: Any) -> int:
    """The ``cudaStream_t`` of a stream, 1 (legacy) for the default one."""
    if hasattr(value, "__cuda_stream__"):
        value = value.__cuda_stream__()[1]
    for name in ("ptr", "cuda_stream"):
        value = getattr(value, name, value)
    if isinstance(value, bool) or not hasattr(value, "__index__") or value.__index__() < 0:
        raise TypeError(f"stream: wanted a cudaStream_t as a number or a stream object, got {type(value).__name__}")
    return value.__index__() or LEGACY


def stream_of(*arrays: Any) -> int:
    """The stream of a call with these arrays: see `stream`."""
    chosen = _chosen.get()
    if chosen is not None:
        return chosen
    for array in arrays:
        owner = getattr(array, "owner", None)
        producer = getattr(owner, "producer", array)  # of an array of ours: whose memory it is
        if producer is not None:
            return _works_on(producer)
    return LEGACY


def _works_on(producer: Any) -> int:
    """The stream on which the library of an array works now."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(producer, torch.Tensor) and producer.is_cuda:
        return int(torch.cuda.current_stream(producer.device).cuda_stream) or LEGACY
    interface = getattr(producer, "__cuda_array_interface__", None) or {}
    return interface.get("stream") or LEGACY


def wait_for_producer(stream: int, array: Any) -> None:
    """Let ``stream`` wait for what another library does with its array now; nothing for None and our own arrays."""
    if array is not None and not hasattr(array, "owner"):
        wait(stream, _works_on(array))


def wait(stream: int, other: int | None) -> None:
    """Let ``stream`` begin what comes next when ``other`` has done what it was given so far; the host does not wait."""
    if other is None or other == stream:
        return
    module = native()
    event = module.event_create()
    try:
        module.event_record(event, other)
        module.stream_wait(stream, event)
    finally:
        module.event_destroy(event)
