"""The device as the place where a network lies: see ``sprat._device.Place``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..nn.losses import CrossEntropy, Distillation
from ._array import Array, array, as_view, empty
from ._network import Network, Workspace
from ._predictor import freeze


class Cuda:
    """Device memory: arrays are sprat.cuda's, networks those of its kernels."""

    name = "cuda"
    network = staticmethod(Network)
    workspace = staticmethod(Workspace)
    freeze = staticmethod(freeze)

    @staticmethod
    def empty(shape: Sequence[int], dtype: np.dtype[Any]) -> Array:
        """A new array, not initialised."""
        return empty(shape, dtype)

    @staticmethod
    def aligned_empty(length: int, dtype: np.dtype[Any]) -> Array:
        """A new flat array; the device aligns to 256 bytes."""
        return empty(length, dtype)

    @staticmethod
    def runner(native: Any, params: Any) -> None:
        """None: calls go by way of Python."""

    @staticmethod
    def put(x: Any) -> Array | None:
        """A copy of a host array."""
        return None if x is None else array(x)

    @staticmethod
    def matrix(name: str, x: Any, columns: int, dtype: np.dtype[Any], rows: int | None = None) -> Array:
        """``x``, on the device and of this dtype, as (rows, columns)."""
        found = as_view(name, x)
        if found.dtype != dtype:
            raise TypeError(f"{name}: wanted {dtype}, got {found.dtype}")
        if found.ndim != 2 or found.shape[1] != columns or (rows is not None and found.shape[0] != rows):
            wanted = f"({'rows' if rows is None else rows}, {columns})"
            raise ValueError(f"{name}: wanted shape {wanted}, got {found.shape}")
        return found

    @staticmethod
    def vector(name: str, x: Any, length: int, dtype: np.dtype[Any]) -> Array:
        """``x``, on the device and of this dtype, as (length,)."""
        found = as_view(name, x)
        if found.dtype != dtype:
            raise TypeError(f"{name}: wanted {dtype}, got {found.dtype}")
        if found.shape != (length,):
            raise ValueError(f"{name}: wanted shape ({length},), got {found.shape}")
        return found

    @classmethod
    def target(cls, loss: Any, y: Any, rows: int, columns: int, dtype: np.dtype[Any]) -> Array:
        """Class ids, int64 (rows,), for cross-entropy; numbers of ``dtype`` (rows, columns), or (rows,) for a column."""
        found = as_view("target", y)
        hard = loss.hard if isinstance(loss, Distillation) else loss
        if isinstance(hard, CrossEntropy) and found.dtype == np.int64 and found.shape in ((rows,), (rows, 1)):
            return found.reshape(rows)
        if columns == 1 and found.shape == (rows,):
            found = found.reshape(rows, 1)
        return cls.matrix("target", found, columns, dtype, rows)


CUDA = Cuda()
