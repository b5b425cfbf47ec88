"""Device memory: allocated and given back in the order of a stream, so that neither waits."""

from __future__ import annotations

import contextlib
from typing import Any

from ._native import module as native


class Borrowed:
    """Memory of another library's array, which is held as long as this is."""

    __slots__ = ("device_id", "held", "producer", "stream")

    def __init__(self, held: Any, producer: Any, device_id: int, stream: int) -> None:
        self.held, self.producer, self.device_id = held, producer, device_id
        self.stream = stream  # of the last call that used it


class Memory:
    """So many bytes on the current device, until nobody holds them; then their last stream gives them back."""

    producer = None  # it is our own

    __slots__ = ("_free", "device_id", "pointer", "stream")

    def __init__(self, num_bytes: int, stream: int) -> None:
        self.pointer = 0
        module = native()
        self._free = module.free  # at the end of the process the module may be gone before its memory
        self.device_id: int = module.current_device()
        self.stream = stream
        self.pointer = module.malloc(num_bytes, stream)

    def __del__(self) -> None:
        if self.pointer:
            # A stream that its owner has destroyed, or a driver that is gone at the end of the process: nobody can be told.
            with contextlib.suppress(RuntimeError, ValueError):
                self._free(self.pointer, self.stream)
