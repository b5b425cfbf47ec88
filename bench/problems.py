"""Problems on arrays: an optimizer's step, quantization, pruning, with their answers in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from .arrays import aligned, normal
from .cases import Array, Work
from .networks import Network, forward
from .tasks import Prepared, close, codes_close

CHANNELS = 100  # of per-channel quantization: rows of (100, n / 100), as the weights of a layer


@dataclass(frozen=True)
class ArrayStep:
    """The first step of an optimizer on arrays of some sizes."""

    optimizer: str  # "Adam" or "SGD"
    sizes: list[int]
    options: dict[str, Any] = field(default_factory=dict)
    lr: float = 1e-3

    def arrays(self) -> tuple[list[Array], list[Array]]:
        """Parameters and gradients, new ones for each candidate."""
        params = [normal(size, seed) for seed, size in enumerate(self.sizes)]
        grads = [normal(size, seed + 1_000_000) for seed, size in enumerate(self.sizes)]
        return params, grads

    def check(self, prepared: Prepared) -> None:
        """One step must be that of float64."""
        params, grads = self.arrays()
        prepared.call()
        for got, w, g in zip(prepared.result(), params, grads, strict=True):
            g = g.astype(np.float64)
            want = w - self.lr * (g / (np.abs(g) + 1e-8) if self.optimizer == "Adam" else g)
            np.testing.assert_allclose(np.asarray(got), want, rtol=2e-5, atol=1e-6)

    @property
    def work(self) -> Work:
        """Adam reads four arrays and writes three, SGD with momentum reads three and writes two."""
        size, count = 4 * sum(self.sizes), sum(self.sizes)
        if self.optimizer == "Adam":
            return Work(read=4 * size, written=3 * size, working_set=4 * size, roots=count)
        return Work(read=3 * size, written=2 * size, working_set=3 * size)


@dataclass(frozen=True)
class Quantizing:
    """Real numbers to int8 codes and back, per tensor or with one scale for each row."""

    n: int
    per_channel: bool

    @property
    def axis(self) -> int | None:
        """Of the channels."""
        return 0 if self.per_channel else None

    @cached_property
    def x(self) -> Array:
        """(n,), or (CHANNELS, n / CHANNELS)"""
        return normal((CHANNELS, self.n // CHANNELS) if self.per_channel else self.n)

    @cached_property
    def scale(self) -> Any:
        """A float, or (CHANNELS,)."""
        if not self.per_channel:
            return 0.031
        return np.linspace(0.02, 0.05, CHANNELS, dtype=np.float32)

    @cached_property
    def zero_point(self) -> Any:
        """Of affine quantization, or zeros: weights per channel are quantized symmetrically."""
        return np.zeros(CHANNELS, np.int8) if self.per_channel else 3

    @cached_property
    def codes(self) -> Array:
        """The right codes, from float64."""
        scale = np.float64(np.float32(self.scale)) if not self.per_channel else self.scale.astype(np.float64)[:, None]
        zero = self.zero_point[:, None] if self.per_channel else self.zero_point
        return aligned(np.clip(np.rint(self.x / scale) + zero, -128, 127).astype(np.int8))

    def check_codes(self, prepared: Prepared) -> None:
        """The codes must be right."""
        prepared.call()
        codes_close(np.asarray(prepared.result()).reshape(self.x.shape), self.codes)

    def check_numbers(self, prepared: Prepared) -> None:
        """The numbers must be right."""
        prepared.call()
        scale = self.scale.astype(np.float64)[:, None] if self.per_channel else self.scale
        zero = self.zero_point[:, None].astype(np.int32) if self.per_channel else self.zero_point
        want = (self.codes.astype(np.float64) - zero) * scale
        close(np.asarray(prepared.result()).reshape(self.x.shape), want, 1e-6)

    @property
    def work(self) -> Work:
        """Of quantization: four bytes in, one out."""
        return Work(read=4 * self.n, written=self.n, working_set=5 * self.n)

    @property
    def work_back(self) -> Work:
        """Of dequantization: one byte in, four out."""
        return Work(read=self.n, written=4 * self.n, working_set=5 * self.n)


@dataclass(frozen=True)
class Pruning:
    """Small numbers to zero, in place. `sparsity` of normal numbers lie below `threshold`."""

    n: int
    sparsity: float = 0.9
    threshold: float = 1.645

    @cached_property
    def x(self) -> Array:
        """(n,); no two of its magnitudes that matter are equal for the sizes used here."""
        return normal(self.n)

    @property
    def count(self) -> int:
        """Zeros that magnitude pruning must make."""
        return round(self.sparsity * self.n)

    def check_threshold(self, prepared: Prepared) -> None:
        """Array, mask (1 keeps) and number of kept elements."""
        _fresh(prepared)
        got, mask, count = prepared.result()
        keep = np.abs(self.x.astype(np.float64)) >= np.float32(self.threshold)
        np.testing.assert_array_equal(np.asarray(mask).astype(bool), keep)
        np.testing.assert_array_equal(np.asarray(got), np.where(keep, self.x, 0))
        assert int(count) == np.count_nonzero(keep)

    def check_magnitude(self, prepared: Prepared) -> None:
        """The smallest are zero, the others as they were."""
        _fresh(prepared)
        got = np.asarray(prepared.result())
        magnitudes = np.abs(self.x.astype(np.float64))
        kth = np.partition(magnitudes, self.count - 1)[self.count - 1]
        np.testing.assert_array_equal(got[magnitudes > kth], self.x[magnitudes > kth])
        assert np.all(got[magnitudes < kth] == 0)
        assert np.count_nonzero(got == 0) == self.count

    @property
    def threshold_work(self) -> Work:
        """Reads and writes the array, writes a byte of mask for each element."""
        return Work(read=4 * self.n, written=5 * self.n, working_set=5 * self.n)

    @property
    def magnitude_work(self) -> Work:
        """Reads all once to rank it, then as a threshold."""
        return Work(read=8 * self.n, written=5 * self.n, working_set=5 * self.n)


def _fresh(prepared: Prepared) -> None:
    reset: Callable[[], object] | None = prepared.reset
    if reset is not None:
        reset()
    prepared.call()


@dataclass(frozen=True)
class Training:
    """Some epochs of mini-batches over images, with Adam at its usual rate; the time to finish, and the accuracy."""

    sizes: tuple[int, ...]
    train: tuple[Array, Array]
    test: tuple[Array, Array]
    epochs: int
    batch: int
    accuracy: float  # on the test rows, that every candidate must reach
    lr: float = 1e-3

    @property
    def network(self) -> Network:
        """With the weights that all begin with."""
        return Network(self.sizes, self.batch)

    def order(self, epoch: int) -> Array:
        """The rows of an epoch, shuffled."""
        return np.random.default_rng(epoch).permutation(len(self.train[0]))

    def batches(self, epoch: int) -> Iterator[Array]:
        """Row numbers; the last batch may be smaller."""
        order = self.order(epoch)
        for start in range(0, len(order), self.batch):
            yield order[start : start + self.batch]

    def check(self, prepared: Prepared) -> None:
        """The weights (out, in) and biases of the run, judged in float64."""
        prepared.call()
        arrays = [np.asarray(array, np.float64) for array in prepared.result()]
        output = forward(list(zip(arrays[::2], arrays[1::2], strict=True)), self.test[0])[-1]
        accuracy = float(np.mean(output.argmax(axis=1) == self.test[1]))
        assert accuracy >= self.accuracy, f"accuracy {accuracy:.2%}, wanted {self.accuracy:.2%}"
