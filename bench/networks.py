"""The five networks of the benchmarks, and what they compute in float64.

Hidden layers are relu, the output is identity: every candidate does the same work. Networks with one output learn by
mean squared error, the others by cross-entropy of integer classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .arrays import aligned
from .cases import Array, Work

SIZES = {
    "A": (10, 16, 1),
    "B": (64, 64, 64, 10),
    "C": (784, 256, 128, 10),
    "D": (784, 1024, 1024, 10),
    "E": (32, 512, 512, 512, 1),
}

# Adam with so small a rate stays about where it is, however many steps the timing takes. At 1e-6 some thousand steps
# learnt the batch by heart: gradients became denormal, and whoever does not look after these ten times as slow.
LR = 2e-7
BETAS, EPS = (0.9, 0.999), 1e-8


@dataclass(frozen=True)
class Network:
    """Weights (out, in), biases, rows of inputs and targets; all candidates of a case are given the same."""

    sizes: tuple[int, ...]
    rows: int
    dtype: str = "float32"

    @property
    def classifies(self) -> bool:
        """Cross-entropy over classes; otherwise squared error of one value."""
        return self.sizes[-1] > 1

    @property
    def layers(self) -> list[tuple[int, int]]:
        """(in_features, out_features) of each."""
        return list(zip(self.sizes, self.sizes[1:], strict=False))

    @cached_property
    def weights(self) -> list[tuple[Array, Array]]:
        """(weight (out, in), bias (out,)) of each layer: He's normal weights, small biases."""
        rng = np.random.default_rng(1)
        return [
            (
                aligned((rng.standard_normal((outs, ins)) * np.sqrt(2 / ins)).astype(self.dtype)),
                aligned((0.1 * rng.standard_normal(outs)).astype(self.dtype)),
            )
            for ins, outs in self.layers
        ]

    @cached_property
    def x(self) -> Array:
        """(rows, in_features)"""
        return aligned(np.random.default_rng(2).standard_normal((self.rows, self.sizes[0])).astype(self.dtype))

    @cached_property
    def y(self) -> Array:
        """Classes (rows,) of int64, or values (rows, 1)."""
        rng = np.random.default_rng(3)
        if self.classifies:
            return rng.integers(0, self.sizes[-1], self.rows)
        return aligned(rng.standard_normal((self.rows, 1)).astype(self.dtype))

    @cached_property
    def output(self) -> Array:
        """What a prediction must be, in float64."""
        return forward([(w.astype(np.float64), b.astype(np.float64)) for w, b in self.weights], self.x)[-1]

    @cached_property
    def trained(self) -> list[Array]:
        """Weight, bias, weight, ... after `STEPS` steps of Adam, in float64."""
        params = [array.astype(np.float64) for layer in self.weights for array in layer]
        averages = [(np.zeros_like(p), np.zeros_like(p)) for p in params]
        for step in range(1, STEPS + 1):
            gradients = _gradients(params, self.x.astype(np.float64), self.y, self.classifies)
            for p, g, (m, v) in zip(params, gradients, averages, strict=True):
                m += (1 - BETAS[0]) * (g - m)
                v += (1 - BETAS[1]) * (g * g - v)
                p -= LR * (m / (1 - BETAS[0] ** step)) / (np.sqrt(v / (1 - BETAS[1] ** step)) + EPS)
        return params

    @property
    def stretch(self) -> int:
        """Steps of a run that makes many in one call: inputs of some 8 MB, 4 to 1000 steps."""
        return max(4, min(1000, 2**23 // self.x.nbytes))

    @property
    def num_parameters(self) -> int:
        """Weights and biases."""
        return sum(ins * outs + outs for ins, outs in self.layers)

    @property
    def predict_work(self) -> Work:
        """Two operations for each weight and row; one row must at least read all weights."""
        products = sum(ins * outs for ins, outs in self.layers)
        size = np.dtype(self.dtype).itemsize * self.num_parameters
        return Work(flops=2.0 * products * self.rows, flop_kind=self.dtype, read=size, working_set=size)

    @property
    def train_work(self) -> Work:
        """Forward, gradient of the weights, and gradient of the inputs of all layers but the first."""
        products = [ins * outs for ins, outs in self.layers]
        flops = 2.0 * self.rows * (3 * sum(products) - products[0])
        size = np.dtype(self.dtype).itemsize * self.num_parameters
        # Adam reads parameter, gradient and two averages, and writes three of them. Weights change in every step.
        return Work(flops=flops, flop_kind=self.dtype, read=4 * size, written=3 * size, working_set=4 * size)


STEPS = 2


def forward(layers: list[tuple[Array, Array]], x: Array) -> list[Array]:
    """The input and the output of each layer."""
    values = [x.astype(np.float64)]
    for index, (weight, bias) in enumerate(layers):
        output = values[-1] @ weight.T + bias
        values.append(output if index == len(layers) - 1 else np.maximum(output, 0))
    return values


def _gradients(params: list[Array], x: Array, y: Array, classifies: bool) -> list[Array]:
    layers = list(zip(params[::2], params[1::2], strict=True))
    values = forward(layers, x)
    output, rows = values[-1], len(x)
    if classifies:
        exponents = np.exp(output - output.max(axis=1, keepdims=True))
        delta = exponents / exponents.sum(axis=1, keepdims=True)
        delta[np.arange(rows), y] -= 1
        delta /= rows
    else:
        delta = 2 * (output - y) / rows
    gradients: list[Array] = []
    for index in reversed(range(len(layers))):
        gradients[:0] = [delta.T @ values[index], delta.sum(axis=0)]
        delta = (delta @ layers[index][0]) * (values[index] > 0)
    return gradients
