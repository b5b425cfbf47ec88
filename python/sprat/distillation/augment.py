"""New rows without labels, for a teacher to label: the more rows a student sees its teacher judge, the closer it comes.

Each method makes one new row of every row that is there; ``augment_rows`` calls it as often as wanted. Numbers may take
values in between, categories are only ever exchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .._check import check_count, check_number, check_positive
from ._blocks import Block, Blocks
from .neighbours import nearest

Array = NDArray[Any]
_PHILOX_STREAM = 0xA6 << 56  # tells these random numbers from those of other uses of the same seed


class Method(Protocol):
    """Makes one new row of every row."""

    def __call__(self, blocks: Blocks, rng: np.random.Generator) -> Any: ...


@dataclass(frozen=True)
class Munge:
    """MUNGE (Bucila, Caruana & Niculescu-Mizil 2006, "Model compression"): rows between a row and its nearest neighbour.

    Each value of a row e is exchanged, with probability ``swap``, for that of its nearest neighbour e'; a number is
    drawn from a normal distribution around the neighbour's, of deviation |e - e'| / ``spread``. So new rows stay where
    data are.

    Parameters
    ----------
    swap : float
        In (0, 1]; 0.5 mixes most.
    spread : float
        The paper's s, above 0: the larger, the closer to the values that there are.
    pool : int
        The neighbour is the nearest of so many rows drawn at random: all rows would take time that grows with their
        square.

    Examples
    --------
    >>> from sprat.distillation import Munge, augment_rows
    >>> augment_rows({"size": [1.0, 2.0, 9.0], "kind": ["a", "a", "b"]}, 1, method=Munge(), seed=3)["kind"]
    array(['a', 'a', 'b'], dtype='<U1')
    """

    swap: float = 0.5
    spread: float = 1.0
    pool: int = 4096

    def __post_init__(self) -> None:
        check_number("swap", self.swap, 0, 1, open_low=True)
        check_positive("spread", self.spread)
        check_count("pool", self.pool, 2)

    def __call__(self, blocks: Blocks, rng: np.random.Generator) -> Any:
        rows = blocks.rows
        chosen = np.sort(rng.permutation(rows)[: self.pool])
        other = chosen[nearest(blocks.scaled(), chosen)]
        parts = []
        for block in blocks:
            mine, theirs = block.values, block.values[other]
            swap = _column(rng.random(rows) < self.swap, mine)
            if block.number:
                apart = np.abs(_numbers(mine) - _numbers(theirs)) / self.spread
                drawn = _numbers(theirs) + apart * _column(rng.standard_normal(rows), mine)
                theirs = np.where(np.isfinite(drawn), drawn, _numbers(theirs))
                mine = _numbers(mine)
            parts.append(np.where(swap, theirs, mine))
        return blocks.build(parts)


@dataclass(frozen=True)
class Smote:
    """SMOTE (Chawla et al. 2002): rows on the way from a row to its nearest neighbour, x + u (x' - x).

    u is drawn uniformly from 0 to ``reach`` for each row; a category is the neighbour's with probability u. Suits
    numbers that vary together, such as pixels, where Munge would draw each on its own.

    Parameters
    ----------
    reach : float
        In (0, 1]; beyond a half the neighbour's own new rows begin.
    pool : int
        As for :class:`Munge`.

    Examples
    --------
    >>> from sprat.distillation import Smote, augment_rows
    >>> bool((augment_rows([[0.0], [1.0], [4.0]], 9, method=Smote())[::3] <= 0.5).all())
    True
    """

    reach: float = 0.5
    pool: int = 4096

    def __post_init__(self) -> None:
        check_number("reach", self.reach, 0, 1, open_low=True)
        check_count("pool", self.pool, 2)

    def __call__(self, blocks: Blocks, rng: np.random.Generator) -> Any:
        rows = blocks.rows
        chosen = np.sort(rng.permutation(rows)[: self.pool])
        other = chosen[nearest(blocks.scaled(), chosen)]
        return _between(blocks, other, 1 - self.reach * rng.random(rows), rng)


@dataclass(frozen=True)
class SwapNoise:
    """Swap noise: each value is exchanged for that of another row, drawn at random, with probability ``share``.

    Every column keeps its distribution; what belongs together is torn apart a little (Jahrer 2017, in a winning
    solution of a competition on insurance data).

    Examples
    --------
    >>> from sprat.distillation import SwapNoise
    >>> SwapNoise(share=0.15)
    SwapNoise(share=0.15)
    """

    share: float = 0.1

    def __post_init__(self) -> None:
        check_number("share", self.share, 0, 1, open_low=True)

    def __call__(self, blocks: Blocks, rng: np.random.Generator) -> Any:
        parts = []
        for block in blocks:
            other = rng.integers(0, blocks.rows, blocks.rows)
            swap = _column(rng.random(blocks.rows) < self.share, block.values)
            parts.append(np.where(swap, block.values[other], block.values))
        return blocks.build(parts)


@dataclass(frozen=True)
class Mixup:
    """Mixup (Zhang et al. 2018): lambda x + (1 - lambda) x' of two rows, lambda drawn from Beta(alpha, alpha).

    A category comes from the first row with probability lambda. The label is the teacher's, not a mixture.

    Examples
    --------
    >>> from sprat.distillation import Mixup
    >>> Mixup(alpha=0.4)
    Mixup(alpha=0.4)
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        check_positive("alpha", self.alpha)

    def __call__(self, blocks: Blocks, rng: np.random.Generator) -> Any:
        rows = blocks.rows
        return _between(blocks, rng.permutation(rows), rng.beta(self.alpha, self.alpha, rows), rng)


@dataclass(frozen=True)
class Noise:
    """Normal noise on every number, ``scale`` times its column's deviation; categories stay.

    Examples
    --------
    >>> from sprat.distillation import Noise
    >>> Noise(scale=0.05)
    Noise(scale=0.05)
    """

    scale: float = 0.1

    def __post_init__(self) -> None:
        check_positive("scale", self.scale)

    def __call__(self, blocks: Blocks, rng: np.random.Generator) -> Any:
        return blocks.build([self._noisy(block, rng) if block.number else block.values for block in blocks])

    def _noisy(self, block: Block, rng: np.random.Generator) -> Array:
        numbers = _numbers(block.values)
        deviation = np.std(numbers, axis=0, where=np.isfinite(numbers))
        result: Array = numbers + self.scale * deviation * rng.standard_normal(numbers.shape)
        return result


METHODS: dict[str, type[Any]] = {
    "munge": Munge,
    "smote": Smote,
    "swap": SwapNoise,
    "mixup": Mixup,
    "noise": Noise,
}


def augment_rows(
    x: Any, factor: int = 3, *, method: Any = "munge", seed: int = 0, groups: Sequence[Sequence[int]] | None = None
) -> Any:
    """New rows like those of a table, without labels.

    Parameters
    ----------
    x : (rows, columns) array, dict of columns, structured array or pandas.DataFrame
        The rows there are. Missing values are carried over as they are.
    factor : int
        New rows for each row.
    method : str or object
        "munge", "smote", "swap", "mixup" or "noise" with their defaults; a :class:`Munge`, :class:`Smote`,
        :class:`SwapNoise`, :class:`Mixup` or :class:`Noise`; or a callable ``method(x, rng)`` that gives new rows like
        x.
    seed : int
        Same seed, same rows.
    groups : list of lists of int, optional
        For an array: columns that make one category, such as a one-hot code; they move together. Columns of two values
        count as categories, all others as numbers.

    Returns
    -------
    ``factor * rows`` new rows, of the kind and dtypes of x; the copies of the i-th row lie at i, i + rows, ...

    Raises
    ------
    TypeError, ValueError
        One line that names the argument.

    Examples
    --------
    >>> import numpy as np
    >>> from sprat.distillation import augment_rows
    >>> flats = {"size": np.array([40, 50, 90, 100]), "city": np.array(["Oslo", "Oslo", "Rome", "Rome"])}
    >>> new = augment_rows(flats, factor=2, seed=0)
    >>> len(new["size"]), sorted(set(new["city"].tolist()))
    (8, ['Oslo', 'Rome'])
    """
    check_count("factor", factor)
    check_count("seed", seed, 0)
    method = get(method)
    rng = np.random.Generator(np.random.Philox(key=[seed, _PHILOX_STREAM]))
    if type(method) not in METHODS.values():
        return join([method(x, rng) for _ in range(factor)])
    blocks = Blocks(x if hasattr(x, "columns") or isinstance(x, dict) else np.asarray(x), groups)
    if blocks.rows < 2:
        raise ValueError(f"x: wanted at least two rows to make new ones of, got {blocks.rows}")
    return join([method(blocks, rng) for _ in range(factor)])


def get(method: Any) -> Any:
    """The method of a name, or the method itself."""
    if isinstance(method, str):
        if method not in METHODS:
            raise ValueError(f"method: wanted one of {', '.join(METHODS)} or a callable, got {method!r}")
        return METHODS[method]()
    if not callable(method) or isinstance(method, type):
        raise TypeError(f"method: wanted a name or a callable, got {method!r}")
    return method


def join(parts: Sequence[Any]) -> Any:
    """Rows below rows, all of one kind.

    >>> join([{"a": np.array([1])}, {"a": np.array([2])}])
    {'a': array([1, 2])}
    """
    first = parts[0]
    if len(parts) == 1:
        return first
    if isinstance(first, dict):
        return {name: np.concatenate([np.asarray(part[name]) for part in parts]) for name in first}
    if hasattr(first, "iloc"):
        import pandas

        return pandas.concat(list(parts), ignore_index=True)
    return np.concatenate(parts)


def _between(blocks: Blocks, other: Array, share: Array, rng: np.random.Generator) -> Any:
    """share x + (1 - share) x' of each row and another one; a category is the row's own with probability share."""
    parts = []
    for block in blocks:
        mine, theirs = block.values, block.values[other]
        if block.number:
            weight = _column(share, mine)
            parts.append(weight * _numbers(mine) + (1 - weight) * _numbers(theirs))
        else:
            parts.append(np.where(_column(rng.random(blocks.rows) < share, mine), mine, theirs))
    return blocks.build(parts)


def _column(values: Array, like: Array) -> Array:
    """(rows,) as (rows, 1) where blocks have columns."""
    return values if like.ndim == 1 else values[:, None]


def _numbers(values: Array) -> Array:
    return values.astype(np.float64)
