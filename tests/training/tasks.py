"""Small learning tasks for the tests of training."""

from __future__ import annotations

from typing import Any

import numpy as np

import sprat


def blobs(rows: int = 200, classes: int = 3, features: int = 5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Gaussian clouds: float32 (rows, features), int64 (rows,)."""
    rng = np.random.default_rng(seed)
    centres = 3 * np.random.default_rng(99).normal(size=(classes, features))
    y = rng.integers(0, classes, rows)
    return (centres[y] + rng.normal(size=(rows, features))).astype(np.float32), y


def waves(rows: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A smooth function of two numbers: float32 (rows, 2), float32 (rows,)."""
    x = np.random.default_rng(seed).uniform(-1, 1, (rows, 2)).astype(np.float32)
    return x, np.sin(3 * x[:, 0]) * x[:, 1]


def classifier(dropout: float = 0.0, seed: int = 1) -> Any:
    return sprat.nn.MLP([5, 16, 3], dropout=dropout, seed=seed)


def digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """scikit-learn's digits in [0, 1]: x, y for training, x, y for testing."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(x))
    train, test = order[:1400], order[1400:]
    return x[train], y[train], x[test], y[test]
