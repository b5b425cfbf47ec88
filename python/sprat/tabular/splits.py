"""Rows for training and rows for testing, the same on every machine."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._check import check_count, check_number
from ._columns import as_column


def split(
    n: int, test_fraction: float = 0.2, seed: int = 0, stratify: Any = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw rows for a test set, without replacement.

    Parameters
    ----------
    n : int
        Number of rows.
    test_fraction : float
        Share of the rows in the test set, 0 <= test_fraction < 1. At least one row stays on each side unless
        it is 0.
    seed : int
        The same seed gives the same rows on every machine, with every NumPy (a counter-based generator,
        Philox).
    stratify : (n,) column, optional
        Labels whose shares are kept in both sets, to within one row of each label.

    Returns
    -------
    train, test : int64 arrays
        Row numbers, each ascending.

    Raises
    ------
    TypeError, ValueError
        For arguments out of range, or labels of another length.

    Examples
    --------
    >>> train, test = split(10, test_fraction=0.3, seed=1)
    >>> len(train), len(test), sorted([*train, *test]) == list(range(10))
    (7, 3, True)
    >>> labels = ["a"] * 50 + ["b"] * 10
    >>> train, test = split(60, 0.2, stratify=labels)
    >>> sum(test < 50), sum(test >= 50)
    (np.int64(10), np.int64(2))
    """
    check_count("n", n, 0)
    check_count("seed", seed, 0, most=2**128 - 1)
    check_number("test_fraction", test_fraction, 0, 1, open_high=True)
    groups = np.zeros(n, np.int64) if stratify is None else _groups(n, stratify)
    size = round(n * float(test_fraction))
    if test_fraction > 0 and n > 1:
        size = min(max(size, 1), n - 1)
    counts = np.bincount(groups, minlength=1)
    quotas = _shares(counts, size)
    keys = np.random.Philox(int(seed)).random_raw(n)
    order = np.lexsort((keys, groups))  # by label, then at random
    rank = np.empty(n, np.int64)  # of each row among those of its label
    rank[order] = np.arange(n) - np.repeat(np.cumsum(counts) - counts, counts)
    chosen = rank < quotas[groups]
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def _groups(n: int, stratify: Any) -> NDArray[np.int64]:
    """Label of each row as 0, 1, ... in sorted order; missing labels are one more."""
    labels = as_column("stratify", stratify).as_text()
    if len(labels) != n:
        raise ValueError(f"stratify: wanted n = {n} labels, got {len(labels)}")
    index = {label: i for i, label in enumerate(sorted(set(labels.tolist()) - {None}))}
    return np.array([index.get(label, len(index)) for label in labels.tolist()], np.int64)


def _shares(counts: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """`size` places in proportion to `counts`: whole parts, then the largest remainders (ties: first)."""
    total = max(int(counts.sum()), 1)
    quotas = counts * size // total
    remainders = counts * size - quotas * total
    quotas[np.argsort(-remainders, kind="stable")[: size - int(quotas.sum())]] += 1
    return quotas
