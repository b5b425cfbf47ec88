"""NumPy, in place and with temporaries that are made once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..arrays import aligned
from ..cases import Array
from ..networks import BETAS, EPS, LR, Network
from ..problems import ArrayStep, Pruning, Quantizing
from ..tasks import Prepared, offers


def _zeros(like: Array) -> Array:
    return aligned(np.zeros_like(like))


@offers("predict", "numpy")
def predict(network: Network, threads: int) -> Prepared:
    """One product, sum and maximum a layer."""
    layers = [(aligned(weight.T), bias) for weight, bias in network.weights]
    outputs = [aligned(np.empty((network.rows, outs), network.dtype)) for _, outs in network.layers]

    def call() -> None:
        value = network.x
        for (weight, bias), output in zip(layers, outputs, strict=True):
            np.dot(value, weight, out=output)
            output += bias
            if output is not outputs[-1]:
                np.maximum(output, 0, out=output)
            value = output

    return Prepared(call, lambda: outputs[-1])


@offers("train", "numpy")
def train(network: Network, threads: int) -> Prepared:
    """Backpropagation by hand, one flat Adam step."""
    shapes = [array.shape for layer in network.weights for array in layer]
    flat = aligned(np.concatenate([array.ravel() for layer in network.weights for array in layer]))
    gradient = _zeros(flat)
    params, grads, update = _views(flat, shapes), _views(gradient, shapes), _adam(flat, gradient, LR)
    hidden = [np.empty((network.rows, outs), network.dtype) for _, outs in network.layers]
    deltas = [np.empty_like(output) for output in hidden]
    x, y, rows, last = network.x, network.y, np.arange(network.rows), len(hidden) - 1

    def step() -> None:
        for index, output in enumerate(hidden):
            np.dot(hidden[index - 1] if index else x, params[2 * index].T, out=output)
            output += params[2 * index + 1]
            if index < last:
                np.maximum(output, 0, out=output)
        delta = deltas[last]
        if network.classifies:
            np.subtract(hidden[last], hidden[last].max(axis=1, keepdims=True), out=delta)
            np.exp(delta, out=delta)
            delta /= delta.sum(axis=1, keepdims=True)
            delta[rows, y] -= 1
            delta /= len(x)
        else:
            np.subtract(hidden[last], y, out=delta)
            delta *= 2 / len(x)
        for index in range(last, -1, -1):
            np.dot(deltas[index].T, hidden[index - 1] if index else x, out=grads[2 * index])
            np.sum(deltas[index], axis=0, out=grads[2 * index + 1])
            if index:
                np.dot(deltas[index], params[2 * index], out=deltas[index - 1])
                deltas[index - 1] *= hidden[index - 1] > 0
        update()

    return Prepared(step, lambda: params)


def _views(flat: Array, shapes: list[tuple[int, ...]]) -> list[Array]:
    """Arrays of these shapes, one behind the other in `flat`."""
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    return [part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), shapes, strict=True)]


def _adam(w: Array, g: Array, lr: float) -> Callable[[], None]:
    m, v, a, b = (_zeros(w) for _ in range(4))
    step = 0

    def update() -> None:
        nonlocal step
        step += 1
        c1, c2 = 1 - BETAS[0] ** step, 1 - BETAS[1] ** step
        np.multiply(m, BETAS[0], out=m)
        np.multiply(g, 1 - BETAS[0], out=a)
        np.add(m, a, out=m)
        np.multiply(v, BETAS[1], out=v)
        np.multiply(g, g, out=a)
        np.multiply(a, 1 - BETAS[1], out=a)
        np.add(v, a, out=v)
        np.divide(v, c2, out=a)
        np.sqrt(a, out=a)
        np.add(a, EPS, out=a)
        np.divide(m, a, out=b)
        np.multiply(b, lr / c1, out=b)
        np.subtract(w, b, out=w)

    return update


def _sgd(w: Array, g: Array, lr: float, momentum: float) -> Callable[[], None]:
    m, a = _zeros(w), _zeros(w)

    def update() -> None:
        np.multiply(m, momentum, out=m)
        np.add(m, g, out=m)
        np.multiply(m, lr, out=a)
        np.subtract(w, a, out=w)

    return update


@offers("array step", "numpy")
def array_step(problem: ArrayStep, threads: int) -> Prepared:
    """The usual lines."""
    params, grads = problem.arrays()
    pairs = list(zip(params, grads, strict=True))
    if problem.optimizer == "Adam":
        updates = [_adam(w, g, problem.lr) for w, g in pairs]
    else:
        updates = [_sgd(w, g, problem.lr, problem.options["momentum"]) for w, g in pairs]

    def call() -> None:
        for update in updates:
            update()

    return Prepared(updates[0] if len(updates) == 1 else call, lambda: params)


@offers("quantize", "numpy")
def quantize(problem: Quantizing, threads: int) -> Prepared:
    """Divide, round, add, clip, narrow."""
    x, work, out = problem.x, _zeros(problem.x), np.empty(problem.x.shape, np.int8)
    scale, zero = (np.float32(v) if problem.axis is None else v.astype(np.float32)[:, None] for v in _qparams(problem))

    def call() -> None:
        np.divide(x, scale, out=work)
        np.rint(work, out=work)
        np.add(work, zero, out=work)
        np.clip(work, -128, 127, out=work)
        np.copyto(out, work, casting="unsafe")

    return Prepared(call, lambda: out)


@offers("dequantize", "numpy")
def dequantize(problem: Quantizing, threads: int) -> Prepared:
    """Widen, subtract, multiply."""
    q, out = problem.codes, _zeros(problem.x)
    scale, zero = (np.float32(v) if problem.axis is None else v.astype(np.float32)[:, None] for v in _qparams(problem))

    def call() -> None:
        np.subtract(q, zero, out=out)
        np.multiply(out, scale, out=out)

    return Prepared(call, lambda: out)


def _qparams(problem: Quantizing) -> tuple[Array, Array]:
    return problem.scale, problem.zero_point


@offers("threshold", "numpy")
def threshold(problem: Pruning, threads: int) -> Prepared:
    """Absolute value, comparison, product, count."""
    x, a, mask, t = aligned(problem.x), _zeros(problem.x), np.empty(problem.n, np.bool_), np.float32(problem.threshold)
    count = 0

    def call() -> None:
        nonlocal count
        np.abs(x, out=a)
        np.greater_equal(a, t, out=mask)
        np.multiply(x, mask, out=x)
        count = int(np.count_nonzero(mask))

    return Prepared(call, lambda: (x, mask, count), lambda: np.copyto(x, problem.x))


@offers("magnitude", "numpy")
def magnitude(problem: Pruning, threads: int) -> Prepared:
    """np.partition, then a threshold."""
    x, a, b = aligned(problem.x), _zeros(problem.x), _zeros(problem.x)

    def call() -> None:
        np.abs(x, out=a)
        np.copyto(b, a)
        b.partition(problem.count)
        np.multiply(x, a >= b[problem.count], out=x)

    return Prepared(call, lambda: x, lambda: np.copyto(x, problem.x))
