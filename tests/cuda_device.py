"""Arrays of a CUDA device for tests: NumPy arrays there and back, for the emulation and for real hardware alike."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from tools import need

ROOT = Path(__file__).parents[1]


def build_module(folder: str, *options: str, target: str = "_cuda") -> Path:
    """Build cpp/cuda as a project of its own in build/``folder``; the path of its module, or of another target."""
    need("cmake", "ninja", "g++")
    where = ROOT / "build" / folder
    where.mkdir(parents=True, exist_ok=True)
    setup = [
        "cmake",
        "-S",
        str(ROOT / "cpp/cuda"),
        "-B",
        str(where),
        "-G",
        "Ninja",
        f"-DPython_EXECUTABLE={sys.executable}",
    ]
    with open(where / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes, one build
        for command in ([*setup, *options], ["cmake", "--build", str(where), "--target", target]):
            done = subprocess.run(command, capture_output=True, text=True)
            assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
    if target != "_cuda":
        return where / target
    (module,) = where.glob("_cuda*.so")
    return module


class Device:
    """Memory of the device, given back by ``close``. Each array is exactly as long as asked for."""

    def __init__(self, native: ModuleType) -> None:
        self.native = native
        self._memory: list[int] = []

    def empty(self, nbytes: int, offset: int = 0) -> int:
        """The address of new memory; ``offset`` bytes behind an aligned one."""
        memory = self.native.malloc(nbytes + offset)
        if memory == 0:
            return 0
        self._memory.append(memory)
        return memory + offset

    def put(self, array: Any, offset: int = 0) -> int:
        """The address of a copy of the array."""
        array = np.ascontiguousarray(array)
        address = self.empty(array.nbytes, offset)
        if array.nbytes:
            self.native.copy(address, array.ctypes.data, array.nbytes)
        return address

    def get(self, address: int, like: Any) -> np.ndarray:
        """What lies at the address, with the shape and dtype of ``like``."""
        out = np.empty_like(np.asarray(like), order="C")
        if out.nbytes:
            self.native.copy(out.ctypes.data, address, out.nbytes)
            self.native.synchronize()
        return out

    def close(self) -> None:
        for memory in self._memory:
            self.native.free(memory)
        self._memory.clear()
