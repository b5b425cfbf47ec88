"""Networks in other formats than float32: int8, half-width weights, zeros in patterns; and what they must compute."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from .arrays import aligned
from .cases import Array, Work
from .networks import Network, forward
from .tasks import Prepared, relative

PATTERNS = ("unstructured", "balanced", "blocks")
WINDOW, BLOCK = 32, 16


@dataclass(frozen=True)
class Sparse(Network):
    """A network whose hidden layers are zero in a pattern; the last layer, with its few outputs, stays dense."""

    sparsity: float = 0.9
    pattern: str = "unstructured"

    @cached_property
    def weights(self) -> list[tuple[Array, Array]]:
        """As of the dense network, with zeros; scaled up, so that outputs keep their size."""
        dense = Network(self.sizes, self.rows, self.dtype).weights
        rng = np.random.default_rng(7)
        scale = np.float32(1 / np.sqrt(1 - self.sparsity))
        pruned = [(aligned(np.where(self._kept(w.shape, rng), w * scale, 0)), b) for w, b in dense[:-1]]
        return [*pruned, dense[-1]]

    def _kept(self, shape: tuple[int, int], rng: np.random.Generator) -> Array:
        outs, ins = shape
        if self.pattern == "unstructured":
            return rng.random(shape) >= self.sparsity
        if self.pattern == "blocks":  # 16 outputs share the fate of an input
            return np.repeat(rng.random((-(-outs // BLOCK), ins)) >= self.sparsity, BLOCK, axis=0)[:outs]
        windows = -(-ins // WINDOW)  # as many of every 32 inputs for each output
        ranks = rng.random((outs, windows, WINDOW)).argsort(axis=2)
        return (ranks < round((1 - self.sparsity) * WINDOW)).reshape(outs, -1)[:, :ins]

    @property
    def predict_work(self) -> Work:
        """Two operations for each weight that is not zero, which must be read; in blocks nothing says where it is."""
        nonzeros = sum(np.count_nonzero(w) for w, _ in self.weights)
        size = (4 if self.pattern == "blocks" else 5) * nonzeros
        return Work(flops=2.0 * nonzeros * self.rows, read=size, working_set=size)


@dataclass(frozen=True)
class Quantized(Network):
    """A network to be multiplied in eight bits: inputs of layers uint8, weights int8, by ranges of the rows themselves."""

    @cached_property
    def ranges(self) -> list[tuple[float, float]]:
        """Smallest and largest input of each layer, widened to hold 0; and of the output."""
        return [(min(float(v.min()), 0.0), max(float(v.max()), 0.0)) for v in forward(self.weights, self.x)]

    @property
    def predict_work(self) -> Work:
        """A multiply-add for each weight and row; one row must at least read all weights."""
        products = sum(ins * outs for ins, outs in self.layers)
        return Work(flops=2.0 * products * self.rows, flop_kind="int8", read=products, working_set=products)


@dataclass(frozen=True)
class Half(Network):
    """A network whose weights are bfloat16; products in bfloat16 too, where the library offers that."""

    @property
    def predict_work(self) -> Work:
        """Half of the bytes; an instruction makes two multiply-adds of bfloat16 where float32 makes one."""
        products = sum(ins * outs for ins, outs in self.layers)
        return Work(flops=1.0 * products * self.rows, read=2 * products, working_set=2 * products)


def check_close(network: Network, tolerance: float) -> Callable[[Prepared], None]:
    """Outputs that deviate by no more than a share of their own size, root of mean squares."""

    def check(prepared: Prepared) -> None:
        for _ in range(3):
            prepared.call()
        got = np.asarray(prepared.result(), np.float64).reshape(network.output.shape)
        size = np.mean(replace(network, rows=256).output ** 2)  # one row's output may be near zero
        error = float(np.sqrt(np.mean((got - network.output) ** 2) / size))
        assert error <= tolerance, f"off by {error:.2%} of the outputs' size, allowed {tolerance:.2%}"

    return check


def tolerance_of(network: Network) -> float:
    """What rounding to the format may cost: eight bits leave about 1 % in each of some layers."""
    if isinstance(network, Quantized):
        return 0.08
    return 0.02 if isinstance(network, Half) else relative(network.dtype)
