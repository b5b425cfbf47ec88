"""Arrays of other libraries on the device of the tests: what they look like from outside, and what they saw."""

from __future__ import annotations

from typing import Any

import numpy as np

import sprat


class Interface:
    """An array that offers ``__cuda_array_interface__`` alone, as Numba's and old CuPy's do."""

    def __init__(self, host: Any, **told: Any) -> None:
        self.memory = sprat.cuda.array(host)
        self.told = told

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        array = self.memory
        mine = {"shape": array.shape, "typestr": array.dtype.str, "data": (array.pointer, False), "version": 3}
        return {**mine, "strides": None, "stream": None, **self.told}

    def numpy(self) -> Any:
        return self.memory.numpy()


class Exchange:
    """An array that offers DLPack alone, as torch's and JAX's do on a GPU."""

    def __init__(self, host: Any, *, device: tuple[int, int] = (2, 0), versioned: bool = True) -> None:
        self.memory = sprat.cuda.array(host)
        self.device, self.versioned = device, versioned
        self.asked: list[int | None] = []  # the streams of those who asked

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.device

    def __dlpack__(self, *, stream: int | None = None, **options: Any) -> Any:
        if options and not self.versioned:
            raise TypeError(f"__dlpack__() got an unexpected keyword argument {next(iter(options))!r}")
        self.asked.append(stream)
        return self.memory.__dlpack__(stream=stream, **options)

    def numpy(self) -> Any:
        return self.memory.numpy()


KINDS = {
    "array": sprat.cuda.array,
    "interface": Interface,
    "dlpack": Exchange,
    "old dlpack": lambda host: Exchange(host, versioned=False),
}


def random(*shape: int, seed: int = 0, dtype: Any = np.float32) -> Any:
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)
