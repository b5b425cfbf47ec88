"""sprat, as a user calls it."""

from __future__ import annotations

from typing import Any

import numpy as np

import sprat

from ..arrays import aligned
from ..cases import REFERENCE
from ..networks import BETAS, EPS, LR, Network
from ..problems import ArrayStep, Pruning, Quantizing, Training
from ..tasks import Prepared, offers


def model_of(network: Network) -> sprat.nn.MLP:
    """The network as a model."""
    model = sprat.nn.MLP(network.sizes, dtype=network.dtype)
    for index, (weight, bias) in enumerate(network.weights):
        model.parameters()[f"layers.{index}.weight"][...] = weight
        model.parameters()[f"layers.{index}.bias"][...] = bias
    return model


@offers("predict", "sprat")
def predict(network: Network, threads: int) -> Prepared:
    """A Predictor with `out`."""
    predictor = sprat.Predictor(model_of(network))
    x, out = network.x, aligned(np.empty((network.rows, network.sizes[-1]), network.dtype))
    return Prepared(lambda: predictor(x, out=out), lambda: out)


def _packed(network: Network, weights: str, **options: Any) -> Prepared:
    """A Predictor of the packed network."""
    packed = sprat.pack(model_of(network), weights, **options)
    predictor = sprat.Predictor(packed)
    x, out = network.x, aligned(np.empty((network.rows, network.sizes[-1]), network.dtype))
    return Prepared(lambda: predictor(x, out=out), lambda: out)


@offers("predict int8", "sprat static")
def predict_static(network: Network, threads: int) -> Prepared:
    """What is faster in float32 stays in it."""
    return _packed(network, "int8", calibration=network.x, rows=network.rows)


@offers("predict int8", "sprat dynamic")
def predict_dynamic(network: Network, threads: int) -> Prepared:
    """Each row by its own range."""
    return _packed(network, "int8", rows=network.rows)


@offers("predict bf16", "sprat")
def predict_bfloat16(network: Network, threads: int) -> Prepared:
    """The CPU's own products; for one row weights widened, if that is faster."""
    return _packed(network, "bfloat16", products="bfloat16", plan="as asked")


@offers("predict bf16", "sprat widened")
def predict_widened(network: Network, threads: int) -> Prepared:
    """Weights of two bytes, products in float32: the same bits everywhere."""
    return _packed(network, "bfloat16", plan="as asked")


@offers("predict sparse", "sprat")
def predict_sparse(network: Network, threads: int) -> Prepared:
    """Zeros left out where that pays."""
    return _packed(network, "float32", rows=network.rows)


for _task in ("predict int8", "predict bf16", "predict sparse"):
    offers(_task, REFERENCE)(predict)


@offers("train", "sprat")
def train(network: Network, threads: int) -> Prepared:
    """training.Step"""
    model = model_of(network)
    optimizer = sprat.optim.Adam(model, lr=LR, betas=BETAS, eps=EPS)
    loss = "cross_entropy" if network.classifies else "mse"
    x, y, step = network.x, network.y, sprat.training.Step(model, optimizer, loss=loss)
    return Prepared(lambda: step(x, y), lambda: list(model.parameters().values()))


@offers("train stretch", "sprat fit")
def train_many(network: Network, threads: int) -> Prepared:
    """sprat.fit over the same rows again and again: many steps in one call."""
    times = network.stretch
    model = model_of(network)
    optimizer = sprat.optim.Adam(model, lr=LR, betas=BETAS, eps=EPS)
    x, y = np.concatenate([network.x] * times), np.concatenate([network.y] * times)
    loss, rows = "cross_entropy" if network.classifies else "mse", network.rows

    def fit(steps: int) -> None:
        sprat.fit(
            model, x[: steps * rows], y[: steps * rows], loss=loss, optimizer=optimizer, epochs=1, batch_size=rows,
            shuffle=False, progress=False,
        )  # fmt: skip

    return Prepared(lambda: fit(times), lambda: list(model.parameters().values()), times=times, rehearse=fit)


@offers("array step", "sprat")
def array_step(problem: ArrayStep, threads: int) -> Prepared:
    """An optimizer bound to the gradients' arrays."""
    params, grads = problem.arrays()
    optimizer = getattr(sprat.optim, problem.optimizer)(params, lr=problem.lr, **problem.options)
    optimizer.bind(grads)
    return Prepared(optimizer.step, lambda: params)


@offers("quantize", "sprat")
def quantize(problem: Quantizing, threads: int) -> Prepared:
    """Into `out`."""
    x, out = problem.x, np.empty(problem.x.shape, np.int8)
    scale, zero_point, axis, call = problem.scale, problem.zero_point, problem.axis, sprat.quantization.quantize
    return Prepared(lambda: call(x, scale, zero_point, axis=axis, out=out), lambda: out)


@offers("dequantize", "sprat")
def dequantize(problem: Quantizing, threads: int) -> Prepared:
    """Into `out`."""
    q, out = problem.codes, aligned(np.empty(problem.x.shape, np.float32))
    scale, zero_point, axis, call = problem.scale, problem.zero_point, problem.axis, sprat.quantization.dequantize
    return Prepared(lambda: call(q, scale, zero_point, axis=axis, out=out), lambda: out)


@offers("threshold", "sprat")
def threshold(problem: Pruning, threads: int) -> Prepared:
    """In place; the mask is new each time, as in every peer that makes one."""
    x, t = aligned(problem.x), problem.threshold
    result = {}

    def call() -> None:
        mask = sprat.prune.threshold(x, t)
        result["mask"], result["count"] = mask, int(np.count_nonzero(mask.view(np.bool_)))

    return Prepared(call, lambda: (x, result["mask"], result["count"]), lambda: np.copyto(x, problem.x))


@offers("magnitude", "sprat")
def magnitude(problem: Pruning, threads: int) -> Prepared:
    """In place, exactly `problem.count` elements."""
    x = aligned(problem.x)
    return Prepared(lambda: sprat.prune.magnitude(x, problem.sparsity), lambda: x, lambda: np.copyto(x, problem.x))


@offers("epochs", "sprat")
def epochs(problem: Training, threads: int) -> Prepared:
    """sprat.fit."""
    kept = {}

    def call() -> None:
        model = model_of(problem.network)
        sprat.fit(
            model, *problem.train, loss="cross_entropy", lr=problem.lr, epochs=problem.epochs,
            batch_size=problem.batch, seed=0, progress=False,
        )  # fmt: skip
        kept["model"] = model

    return Prepared(call, lambda: list(kept["model"].parameters().values()))
