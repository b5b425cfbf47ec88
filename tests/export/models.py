"""Networks of every kind that can be exported, small and of odd sizes: by name."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import sprat
from sprat.nn import activations
from sprat.nn.model import Model
from sprat.packing import PackedLayer, PackedMLP


def mlp(sizes: list[int], activation: str = "relu", output: str = "identity", seed: int = 1) -> sprat.nn.MLP:
    """A network whose biases are not zero."""
    model = sprat.nn.MLP(sizes, activation=activation, output_activation=output, seed=seed)
    rng = np.random.default_rng(seed)
    for name, values in model.parameters().items():
        if name.endswith("bias"):
            values[...] = rng.normal(0, 0.3, values.shape)
    return model


def inputs(model: Model, rows: int = 100, seed: int = 0) -> np.ndarray:
    """Normal numbers."""
    return np.random.default_rng(seed).standard_normal((rows, model.in_features)).astype(np.float32)


def packed(
    model: sprat.nn.MLP, weights: str | list[str], zeros: str | list[str] = "dense", *, static: bool = False
) -> PackedMLP:
    """The model with these weights, whatever is fast here."""
    calibration = inputs(model) if static else None
    return sprat.pack(model, weights, zeros=zeros, plan="as asked", calibration=calibration)


def _pruned(sizes: list[int], sparsity: float) -> sprat.nn.MLP:
    model = mlp(sizes)
    sprat.prune.magnitude(model, sparsity)
    return model


def _with_zero_blocks(sizes: list[int]) -> sprat.nn.MLP:
    model = mlp(sizes)
    for name, weight in model.parameters().items():
        if name.endswith("weight"):
            keep = np.random.default_rng(3).random((-(-weight.shape[0] // 4), -(-weight.shape[1] // 4))) < 0.3
            weight *= np.kron(keep, np.ones((4, 4)))[: weight.shape[0], : weight.shape[1]]
    return model


def _extremes() -> PackedMLP:
    """Codes and scales at their ends: sums that fill 31 bits, factors that overflow to the largest number."""
    rng = np.random.default_rng(5)
    ends = rng.choice([-128, -127, 0, 127], (5, 300)).astype(np.int8)
    first = PackedLayer(ends, np.float32([1e-3, 1e30, 1e-30, 1, 1e-3]), None, "relu", 0.01, 255)
    second = PackedLayer(
        np.int8([[127, -128, 1, 0, 5]] * 3), np.float32([1e-2, 1, 3]), np.float32([0, 1e9, -7]), "identity", 1e-5, 0
    )
    return PackedMLP(
        [first, second, PackedLayer(np.int8([[1, -1, 1]]), np.float32([0.5]), None, "identity", 0.02, 128)]
    )


def all_models() -> Iterator[tuple[str, Model]]:
    """Name and model."""
    for activation in activations.NAMES:
        model = mlp([13, 21, 7, 3], activation, activation, seed=2)
        yield f"float_{activation}", model
        yield f"int8_{activation}", packed(model, "int8", static=True)
    for sizes in ([1, 1], [3, 1], [2, 3, 2], [9, 8, 1], [64, 33, 10]):
        name = "_".join(map(str, sizes))
        yield f"sizes_{name}", mlp(sizes)
        for weights in ("int8", "int4"):
            yield f"{weights}_static_{name}", packed(mlp(sizes), weights, static=True)
    for sizes in ([1, 1], [1, 5, 1], [5, 16, 7]):
        name = "_".join(map(str, sizes))
        for weights in ("int8", "int4", "float16", "bfloat16"):
            yield f"{weights}_{name}", packed(mlp(sizes), weights)
    yield (
        "int4_groups",
        sprat.pack(mlp([100, 7, 70, 3]), "int4", group_size=64, plan="as asked", calibration=inputs(mlp([100, 2]))),
    )
    for zeros in ("unstructured", "blocks"):
        yield f"float_{zeros}", packed(_pruned([40, 37, 5], 0.9), "float32", zeros)
        yield f"float_{zeros}_all", packed(_pruned([3, 2], 1.0), "float32", zeros)
    yield "wide_unstructured", packed(_pruned([300, 9, 2], 0.8), "float32", "unstructured")
    yield "wide_blocks", packed(_pruned([300, 9, 2], 0.8), "float32", "blocks")
    for kind in ("static", "dynamic"):
        yield f"int8_blocks_{kind}", packed(_with_zero_blocks([70, 39, 6]), "int8", "blocks", static=kind == "static")
    yield "int8_blocks_none", packed(_pruned([5, 2], 1.0), "int8", "blocks")
    yield (
        "mixed",
        sprat.pack(
            mlp([20, 19, 18, 17, 3], "silu"),
            ["int8", "float16", "int4", "float32"],
            plan="as asked",
            calibration=inputs(mlp([20, 2])),
        ),
    )
    yield "mixed_relu", packed(mlp([20, 19, 18, 17, 3]), ["int8", "int4", "float32", "int8"], static=True)
    yield "mixed_dynamic", packed(mlp([6, 19, 18, 3], "tanh"), ["float32", "int8", "int4"])
    yield "extremes", _extremes()
    no_bias = sprat.nn.MLP([6, 9, 2], bias=False, seed=4)
    yield "no_bias", no_bias
    yield "no_bias_int8", packed(no_bias, "int8", static=True)
    yield "no_bias_int4", packed(no_bias, "int4")
