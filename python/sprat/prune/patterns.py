"""Which weights may go together: single ones, n of every m inputs, or blocks.

A weight is (out_features, in_features). Kernels that leave zeros out gain most where zeros come in a pattern:

==============  ======================================================================================================
pattern         what stays
==============  ======================================================================================================
"unstructured"  the weights of the highest scores, wherever they lie
"2:4", "3:32"   n of every m consecutive inputs of each output (Mishra et al. 2021, "Accelerating sparse deep neural
                networks"); a shorter last group of r inputs keeps ceil(n r / m)
"n:32"          the letter: as many of every 32 as the sparsity says, rounded to the nearest, at least one "panels"
in each panel of 16 consecutive outputs x 32 consecutive inputs all outputs keep equally many; how many, the
                scores decide: more where they are high. As fast as "n:32", and hardly worse than "unstructured"
"blocks"        blocks of 16 consecutive outputs x 1 input: one register of float32 weights "16x4"          blocks of 16
outputs x 4 consecutive inputs: one register of int8 weights; any "outputs x inputs" will do.
                Blocks at the last rows and columns may be smaller; a block counts by the mean score of what it has
==============  ======================================================================================================

Among equal scores the first in memory go, so that masks are a function of the scores alone.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .._check import check_number

__all__ = ["Balanced", "Blocks", "Panels", "Pattern", "Unstructured", "get"]

Mask = NDArray[np.uint8]
Scores = Mapping[str, NDArray[np.floating]]  # by name, (out, in): the higher the longer it stays; -inf is gone already


class Pattern(ABC):
    """A rule for what may be removed together.

    >>> import numpy as np
    >>> from sprat.prune import patterns
    >>> class FirstInputs(patterns.Pattern):
    ...     def keep(self, scores, sparsity):
    ...         count = {name: round(s.shape[1] * (1 - sparsity)) for name, s in scores.items()}
    ...         return {name: np.uint8(np.arange(s.shape[1]) < count[name]) * np.ones_like(s, np.uint8)
    ...                 for name, s in scores.items()}
    >>> patterns.get(FirstInputs()).keep({"w": np.ones((1, 4))}, 0.5)["w"]
    array([[1, 1, 0, 0]], dtype=uint8)
    """

    @abstractmethod
    def keep(self, scores: Scores, sparsity: float) -> dict[str, Mask]:
        """Masks (1 stays) that leave out the given share of all these scores, ranked together."""

    def limit(self, sparsity: float | None) -> float:
        """The sparsity to aim at when ``sparsity`` was asked for; ValueError where the pattern cannot reach it."""
        if sparsity is None:
            raise ValueError(
                "sparsity: wanted a number in [0, 1], got None; only a pattern such as '2:4' brings its own"
            )
        return check_number("sparsity", sparsity, 0, 1)

    def clamp(self, sparsity: float) -> float:
        """The most of ``sparsity`` that the pattern can reach."""
        return sparsity


@dataclass(frozen=True)
class Unstructured(Pattern):
    """Single weights.

    >>> import numpy as np
    >>> from sprat.prune import patterns
    >>> patterns.get("unstructured").keep({"w": np.array([[3.0, 1.0], [2.0, 1.0]])}, 0.25)["w"]
    array([[1, 0],
           [1, 1]], dtype=uint8)
    """

    def keep(self, scores: Scores, sparsity: float) -> dict[str, Mask]:
        flat = np.concatenate([values.reshape(-1) for values in scores.values()])
        stays = _all_but_lowest(flat, _core.prune_count(sparsity, flat.size)).astype(np.uint8)
        cuts = np.cumsum([values.size for values in scores.values()])[:-1]
        return {
            name: np.ascontiguousarray(part.reshape(values.shape))
            for (name, values), part in zip(scores.items(), np.split(stays, cuts), strict=True)
        }


@dataclass(frozen=True)
class Balanced(Pattern):
    """n of every m consecutive inputs of each output; ``n=None``: as many as the sparsity says.

    >>> import numpy as np
    >>> from sprat.prune import patterns
    >>> patterns.get("1:2").keep({"w": np.array([[3.0, 1.0, 2.0, 4.0, 5.0]])}, 0.5)["w"]
    array([[1, 0, 0, 1, 1]], dtype=uint8)
    """

    n: int | None
    m: int

    def keep(self, scores: Scores, sparsity: float) -> dict[str, Mask]:
        kept = self.count(sparsity)
        return {name: self._keep(values, kept) for name, values in scores.items()}

    def count(self, sparsity: float) -> int:
        """How many of every m stay at a sparsity."""
        return max(self.n or (sparsity < 1), round(self.m * (1 - sparsity)))

    def limit(self, sparsity: float | None) -> float:
        if sparsity is None and self.n is not None:
            return 1 - self.n / self.m
        share = super().limit(sparsity)
        if self.n is not None and round(self.m * (1 - share)) < self.n:
            raise ValueError(
                f"sparsity: wanted at most {1 - self.n / self.m:g} with pattern '{self.n}:{self.m}', got {share:g}"
            )
        return share

    def clamp(self, sparsity: float) -> float:
        return sparsity if self.n is None else min(sparsity, 1 - self.n / self.m)

    def _keep(self, scores: NDArray[np.floating], kept: int) -> Mask:
        rows, columns = scores.shape
        whole = columns // self.m * self.m
        mask = np.empty(scores.shape, np.uint8)
        groups = scores[:, :whole].reshape(rows, -1, self.m)
        mask[:, :whole] = _highest_of_each(groups, kept).reshape(rows, whole)
        mask[:, whole:] = _highest_of_each(scores[:, whole:], -(-kept * (columns - whole) // self.m))
        return mask


@dataclass(frozen=True)
class Blocks(Pattern):
    """Blocks of ``outputs`` x ``inputs`` weights that go or stay as one.

    >>> import numpy as np
    >>> from sprat.prune import patterns
    >>> patterns.get("2x1").keep({"w": np.array([[3.0, 1.0], [2.0, 1.0], [0.0, 9.0]])}, 0.5)["w"]
    array([[1, 0],
           [1, 0],
           [0, 1]], dtype=uint8)
    """

    outputs: int = 16
    inputs: int = 1

    def keep(self, scores: Scores, sparsity: float) -> dict[str, Mask]:
        means = {name: self._means(values) for name, values in scores.items()}
        stays = _all_but_cheapest(
            np.concatenate([mean.reshape(-1) for mean in means.values()]),
            np.concatenate([self._sizes(values.shape).reshape(-1) for values in scores.values()]),
            sparsity,
        )
        cuts = np.cumsum([mean.size for mean in means.values()])[:-1]
        parts = dict(zip(means, np.split(stays, cuts), strict=True))
        return {name: self._spread(parts[name].reshape(means[name].shape), scores[name].shape) for name in scores}

    def _means(self, scores: NDArray[np.floating]) -> NDArray[np.float64]:
        """Mean score of each block; what is gone already counts 0 beside what is there, -inf when alone."""
        there = np.isfinite(scores)
        if there.all():
            return self._sum(scores) / self._sizes(scores.shape)
        means = self._sum(np.where(there, scores, 0.0)) / self._sizes(scores.shape)
        means[self._sum(there) == 0] = -np.inf
        return means

    def _sizes(self, shape: tuple[int, ...]) -> NDArray[np.int64]:
        """Weights in each block."""
        rows, columns = (
            np.minimum(side, length - np.arange(0, length, side))
            for side, length in zip((self.outputs, self.inputs), shape, strict=True)
        )
        return rows[:, None] * columns

    def _sum(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Sum over each block, row after row: (block rows, block columns)."""
        rows, columns = values.shape
        counts = -(-rows // self.outputs), -(-columns // self.inputs)
        padded = np.zeros((counts[0] * self.outputs, counts[1] * self.inputs))
        padded[:rows, :columns] = values
        total: NDArray[np.float64] = padded.reshape(counts[0], self.outputs, -1).sum(axis=1)
        return total if self.inputs == 1 else total.reshape(*counts, self.inputs).sum(axis=2)

    def _spread(self, blocks: Mask, shape: tuple[int, ...]) -> Mask:
        whole = blocks.repeat(self.outputs, axis=0).repeat(self.inputs, axis=1)
        return np.ascontiguousarray(whole[: shape[0], : shape[1]])


@dataclass(frozen=True)
class Panels(Pattern):
    """In each panel of ``outputs`` x ``inputs`` weights every output keeps equally many.

    The k-th best weights of the outputs of a panel are one slot, that counts by its mean score; slots go or stay as
    one.

    >>> import numpy as np
    >>> from sprat.prune import patterns
    >>> scores = np.array([[9.0, 8.0, 0.0, 1.0], [7.0, 9.0, 1.0, 0.0]])
    >>> patterns.Panels(outputs=2, inputs=2).keep({"w": scores}, 0.5)["w"]
    array([[1, 1, 0, 0],
           [1, 1, 0, 0]], dtype=uint8)
    """

    outputs: int = 16
    inputs: int = 32

    def keep(self, scores: Scores, sparsity: float) -> dict[str, Mask]:
        groups = {name: self._groups(values) for name, values in scores.items()}
        ordered = {name: np.sort(values, axis=-1) for name, values in groups.items()}
        slots = {name: self._slots(ordered[name], values.shape) for name, values in scores.items()}
        stays = _all_but_cheapest(
            np.concatenate([means.reshape(-1) for means, _ in slots.values()]),
            np.concatenate([sizes.reshape(-1) for _, sizes in slots.values()]),
            sparsity,
        )
        masks, begin = {}, 0
        for name, (means, _) in slots.items():
            kept = stays[begin : begin + means.size].reshape(means.shape).sum(axis=-1, dtype=np.intp)
            begin += means.size
            masks[name] = self._mask(groups[name], ordered[name], kept, scores[name].shape)
        return masks

    def _groups(self, scores: NDArray[np.floating]) -> NDArray[np.floating]:
        """(rows, windows, inputs); what stands beyond the last column is gone."""
        rows, columns = scores.shape
        windows = -(-columns // self.inputs)
        padded = np.full((rows, windows * self.inputs), -np.inf, scores.dtype)
        padded[:, :columns] = scores
        return padded.reshape(rows, windows, self.inputs)

    def _slots(
        self, ordered: NDArray[np.floating], shape: tuple[int, ...]
    ) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """Mean score and number of weights of each slot, best first: (panels, windows, inputs)."""
        starts = np.arange(0, shape[0], self.outputs)
        rows = np.minimum(self.outputs, shape[0] - starts)[:, None, None]
        widths = np.minimum(self.inputs, shape[1] - np.arange(0, shape[1], self.inputs))[:, None]
        there = np.isfinite(ordered)
        means = np.add.reduceat(np.where(there, ordered, 0.0).astype(np.float64), starts, axis=0) / rows
        means[~np.logical_or.reduceat(there, starts, axis=0)] = -np.inf
        best_first: NDArray[np.float64] = np.minimum.accumulate(means[..., ::-1], axis=-1)
        return best_first, rows * (np.arange(self.inputs) < widths)

    def _mask(
        self,
        groups: NDArray[np.floating],
        ordered: NDArray[np.floating],
        kept: NDArray[np.intp],
        shape: tuple[int, ...],
    ) -> Mask:
        counts = kept.repeat(self.outputs, axis=0)[: shape[0], :, None]
        bound = np.take_along_axis(ordered, np.minimum(self.inputs - counts, self.inputs - 1), axis=-1)
        stays = _from_bound(groups, np.where(counts == 0, np.inf, bound), counts)
        return np.ascontiguousarray(stays.reshape(shape[0], -1)[:, : shape[1]].astype(np.uint8))


def get(pattern: str | Pattern) -> Pattern:
    """The pattern of a name.

    Raises
    ------
    ValueError
        For a name that is none, one line.

    Examples
    --------
    >>> from sprat.prune import patterns
    >>> patterns.get("3:32"), patterns.get("blocks")
    (Balanced(n=3, m=32), Blocks(outputs=16, inputs=1))
    """
    if isinstance(pattern, Pattern):
        return pattern
    if pattern == "unstructured":
        return Unstructured()
    if pattern == "panels":
        return Panels()
    if pattern == "blocks":
        return Blocks()
    if isinstance(pattern, str):
        if found := re.fullmatch(r"(\d{1,6}|n):(\d{1,6})", pattern):
            n, m = None if found[1] == "n" else int(found[1]), int(found[2])
            if m and (n is None or 1 <= n <= m):
                return Balanced(n, m)
        elif found := re.fullmatch(r"(\d{1,6})x(\d{1,6})", pattern):
            outputs, inputs = int(found[1]), int(found[2])
            if outputs and inputs:
                return Blocks(outputs, inputs)
    raise ValueError(f"pattern: wanted 'unstructured', 'panels', 'blocks', such as '2:4' or '16x4', got {pattern!r}")


def _all_but_lowest(values: NDArray[np.floating], count: int) -> NDArray[np.bool_]:
    """False for the ``count`` lowest; among equals the first."""
    if count == 0:
        return np.ones(values.shape, np.bool_)
    bound = np.partition(values, count - 1)[count - 1]
    stays: NDArray[np.bool_] = values > bound
    equal = np.flatnonzero(values == bound)
    below = values.size - int(np.count_nonzero(stays)) - equal.size
    stays[equal[count - below :]] = True
    return stays


def _highest_of_each(groups: NDArray[np.floating], kept: int) -> NDArray[np.bool_]:
    """True for the ``kept`` highest along the last axis; among equals the last."""
    size = groups.shape[-1]
    if kept >= size or groups.size == 0:
        return np.ones(groups.shape, np.bool_)
    if kept == 0:
        return np.zeros(groups.shape, np.bool_)
    if size <= _SMALL:
        return _by_comparison(groups, kept)
    bound = np.partition(groups, size - kept, axis=-1)[..., size - kept : size - kept + 1]
    return _from_bound(groups, bound, kept)


def _from_bound(groups: NDArray[np.floating], bound: NDArray[np.floating], kept: Any) -> NDArray[np.bool_]:
    """True above the bound; where more shall stay, the last of those that equal it."""
    stays: NDArray[np.bool_] = groups > bound
    equal = groups == bound
    missing = kept - stays.sum(axis=-1, keepdims=True)
    rank = equal[..., ::-1].cumsum(axis=-1)[..., ::-1]
    result: NDArray[np.bool_] = stays | (equal & (rank <= missing))
    return result


def _all_but_cheapest(values: NDArray[np.float64], sizes: NDArray[np.integer], sparsity: float) -> NDArray[np.uint8]:
    """1 but for the units of lowest value, of which as many go as come nearest to the wanted number of weights."""
    order = np.argsort(values, kind="stable")
    gone = np.concatenate([[0], np.cumsum(sizes[order])])
    wanted = sparsity * gone[-1]
    count = int(np.searchsorted(gone, wanted, "right")) - 1
    if count + 1 < len(gone) and gone[count + 1] - wanted < wanted - gone[count]:
        count += 1
    stays = np.ones(len(order), np.uint8)
    stays[order[:count]] = 0
    return stays


_SMALL = 8  # up to so many, comparing each with each is quicker than selecting


def _by_comparison(groups: NDArray[np.floating], kept: int) -> NDArray[np.bool_]:
    """As `_highest_of_each`: how many of its group come before an element."""
    columns = [np.ascontiguousarray(groups[..., i]) for i in range(groups.shape[-1])]
    before = np.zeros(groups.shape[-1:] + groups.shape[:-1], np.uint8)
    for i, first in enumerate(columns):
        for j in range(i + 1, len(columns)):
            later_wins = columns[j] >= first
            before[i] += later_wins
            before[j] += ~later_wins
    result: NDArray[np.bool_] = np.moveaxis(before < kept, 0, -1)
    return result
