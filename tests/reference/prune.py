"""Pruning in plain NumPy."""

from __future__ import annotations

import numpy as np


def threshold(x: np.ndarray, t: float) -> tuple[np.ndarray, np.ndarray]:
    """x * mask with mask = not (|x| < t). Returns the pruned array and the mask (1 keeps)."""
    keep = ~(np.abs(x) < x.dtype.type(t))
    return np.where(keep, x, x.dtype.type(0)), keep.astype(np.uint8)


def smallest(arrays: list[np.ndarray], count: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Zeros in the ``count`` places that a stable sort by magnitude puts first."""
    flat = np.concatenate([a.ravel() for a in arrays])
    order = np.argsort(np.abs(flat), kind="stable")
    keep = np.ones(flat.size, np.uint8)
    keep[order[:count]] = 0
    flat = np.where(keep, flat, flat.dtype.type(0))
    splits = np.cumsum([a.size for a in arrays])[:-1]
    shapes = [a.shape for a in arrays]
    return (
        [part.reshape(shape) for part, shape in zip(np.split(flat, splits), shapes, strict=True)],
        [part.reshape(shape) for part, shape in zip(np.split(keep, splits), shapes, strict=True)],
    )
