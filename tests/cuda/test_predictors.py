"""Predictors on the device: the bits of the CPU's, for every number format, as long as sums are exact or in order."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from cuda_device import Device
from sprat import _core
from support import assert_same_bits


@dataclass
class Layer:
    """A layer as both modules take it: arrays for the CPU, addresses of the same arrays for the device."""

    kind: tuple[str, str, str, str]  # weights, zeros, input, activation
    weight: np.ndarray
    scale: np.ndarray | None = None
    bias: np.ndarray | None = None
    in_features: int = 0
    group_size: int = 0
    numbers: tuple[float, int] = field(default=(0.0, 0))

    def for_cpu(self) -> Any:
        return self.kind, (self.weight, self.scale, self.bias), (self.in_features, self.group_size), self.numbers

    def for_device(self) -> Any:
        arrays = tuple(0 if a is None else a.ctypes.data for a in (self.weight, self.scale, self.bias))
        return self.kind, arrays, (self.in_features, len(self.weight), self.group_size), self.numbers


def make_layer(kind: tuple[str, str, str, str], inputs: int, outputs: int, seed: int, group_size: int = 0) -> Layer:
    weights, zeros, mode, _ = kind
    rng = np.random.default_rng([seed, inputs, outputs])
    bias = None if seed % 3 == 2 else rng.standard_normal(outputs).astype(np.float32)
    layer = Layer(kind, np.empty(0), None, bias, inputs, group_size)
    if mode == "static":
        layer.numbers = (float(np.float32(0.03 + 0.01 * (seed % 5))), int(rng.integers(0, 256)))
    if weights in ("int8", "int4"):
        groups = -(-inputs // group_size) if group_size else 1
        scales = (rng.random((outputs, groups)) * 0.02 + 0.001).astype(np.float32)
        layer.scale = scales if group_size else scales.ravel()
    if weights == "int4":
        layer.weight = rng.integers(0, 256, (outputs, (inputs + 1) // 2), np.uint8)
        return layer
    if weights == "int8":
        layer.weight = rng.integers(-128, 128, (outputs, inputs), np.int8)
    else:
        layer.weight = (rng.standard_normal((outputs, inputs)) * 0.3).astype(np.float32)
    if zeros == "unstructured":
        layer.weight[rng.random(layer.weight.shape) < 0.7] = 0
    if zeros == "blocks":
        layer.weight[:, : inputs // 2 // 4 * 4] = 0
    if weights == "float16":
        layer.weight[0, 0] = 3e-7  # subnormal
        layer.weight = layer.weight.astype(np.float16).view(np.uint16)
    if weights == "bfloat16":
        layer.weight = (layer.weight.view(np.uint32) >> 16).astype(np.uint16)
    return layer


def check(device: Device, layers: list[Layer], rows: int, x: np.ndarray | None = None, offset: int = 0) -> None:
    inputs, outputs = layers[0].in_features, len(layers[-1].weight)
    if x is None:
        x = (np.random.default_rng(rows).standard_normal((rows, inputs)) * 2).astype(np.float32)
    wanted = np.empty((rows, outputs), np.float32)
    _core.predictor_packed([layer.for_cpu() for layer in layers]).run(x, wanted)
    predictor = device.native.predictor_packed([layer.for_device() for layer in layers])
    guarded = np.full(wanted.nbytes + 64, 0xA5, np.uint8)
    out = device.put(guarded, offset)
    predictor.run(device.put(x, offset), rows, out)
    got = device.get(out, guarded)
    assert (got[wanted.nbytes :] == 0xA5).all()
    assert_same_bits(got[: wanted.nbytes].view(np.float32).reshape(wanted.shape), wanted)


REAL = [
    (w, z)
    for w, z in itertools.product(["float32", "float16", "bfloat16"], ["dense", "unstructured", "blocks"])
    if w == "float32" or z == "dense"
]
INTEGER = [("int8", "dense", 0), ("int8", "blocks", 0), ("int4", "dense", 32), ("int4", "dense", 96)]


@pytest.mark.parametrize(("weights", "zeros"), REAL)
def test_real_weights(device: Device, weights: str, zeros: str) -> None:
    for activation, rows in (("relu", 5), ("gelu", 33), ("identity", 1)):
        kinds = [(weights, zeros, "float", activation), (weights, zeros, "float", "identity")]
        sizes = [37, 65, 10]
        layers = [make_layer(kind, *size, seed=3) for kind, size in zip(kinds, itertools.pairwise(sizes), strict=True)]
        check(device, layers, rows)


@pytest.mark.parametrize("mode", ["static", "dynamic"])
@pytest.mark.parametrize(("weights", "zeros", "group_size"), INTEGER)
def test_integer_weights(device: Device, weights: str, zeros: str, group_size: int, mode: str) -> None:
    for seed, (inputs, outputs) in enumerate(
        [(1, 1), (3, 2), (4, 16), (31, 33), (65, 17), (129, 5), (513, 3), (32, 129)]
    ):
        for rows in (1, 3, 33, 65):
            kind = (weights, zeros, mode, "relu" if seed % 2 else "identity")
            check(device, [make_layer(kind, inputs, outputs, seed, group_size)], rows)


@pytest.mark.slow
def test_large_tiles(device: Device) -> None:
    """From 128 tiles of 64 x 64 on, int8 takes larger ones."""
    check(device, [make_layer(("int8", "dense", "dynamic", "relu"), 37, 513, 1)], 1001)


@pytest.mark.parametrize("inputs", [4096, 65793])
def test_sums_as_long_as_int32_allows(device: Device, inputs: int) -> None:
    for weights, group_size in (("int8", 0), ("int4", 64)):
        layer = make_layer((weights, "dense", "static", "identity"), inputs, 2, 1, group_size)
        layer.numbers = (0.01, 0)
        if weights == "int8":
            layer.weight[:] = -128
        check(device, [layer], 3, np.full((3, inputs), 1e9, np.float32))  # every code is 255


@pytest.mark.parametrize("weights", ["int8", "int4"])
@pytest.mark.parametrize("activation", ["relu", "identity", "silu"])
def test_codes_between_static_layers(device: Device, weights: str, activation: str) -> None:
    group_size = 32 if weights == "int4" else 0
    for modes in (["static"] * 3, ["static", "dynamic", "static"], ["dynamic", "static", "static"]):
        sizes = [33, 70, 19, 4]
        layers = [
            make_layer((weights, "dense", mode, activation), *size, seed=index, group_size=group_size)
            for index, (mode, size) in enumerate(zip(modes, itertools.pairwise(sizes), strict=True))
        ]
        for rows in (1, 40):
            check(device, layers, rows)
            check(device, layers, rows, offset=4)


def test_formats_may_follow_each_other(device: Device) -> None:
    kinds = [
        (("int8", "dense", "static", "relu"), 0),
        (("int4", "dense", "static", "relu"), 64),
        (("float16", "dense", "float", "tanh"), 0),
        (("int8", "dense", "dynamic", "relu"), 0),
        (("float32", "unstructured", "float", "identity"), 0),
    ]
    sizes = itertools.pairwise([20, 130, 33, 18, 9, 3])
    layers = [make_layer(kind, *size, 4, group) for (kind, group), size in zip(kinds, sizes, strict=True)]
    for rows in (1, 7, 66):
        check(device, layers, rows)


def test_what_is_no_number(device: Device) -> None:
    x = np.array([[np.nan, np.inf, -np.inf, 1], [0, -0.0, 0, 0], [1e38, -1e38, 3, 1e-40]], np.float32)
    for mode in ("static", "dynamic"):
        check(device, [make_layer(("int8", "dense", mode, "identity"), 4, 3, 1)], 3, x)


@pytest.mark.parametrize("scale", [1e-42, 1e-38, 1e30])
def test_input_scales_of_every_size(device: Device, scale: float) -> None:
    layer = make_layer(("int8", "dense", "static", "identity"), 40, 3, 1)
    layer.numbers = (scale, 100)
    check(device, [layer], 9, (np.random.default_rng(1).standard_normal((9, 40)) * scale * 60).astype(np.float32))


def test_thread_orders(device: Device, order: str) -> None:
    sizes = itertools.pairwise([33, 70, 5])
    for weights, mode, group in (("int8", "static", 0), ("int8", "dynamic", 0), ("int4", "static", 32)):
        sizes = itertools.pairwise([33, 70, 5])
        check(device, [make_layer((weights, "dense", mode, "relu"), *size, 1, group) for size in sizes], 40)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_networks(device: Device, dtype: Any) -> None:
    layers = [(7, 33, "gelu", True, 0.5, 0, 231), (33, 3, "identity", True, 0.0, 264, 363)]
    params = np.random.default_rng(0).standard_normal(366).astype(dtype)
    x, wanted = np.random.default_rng(1).standard_normal((50, 7)).astype(dtype), np.empty((50, 3), dtype)
    name = np.dtype(dtype).name
    _core.Mlp(layers, 366, name).forward(params, x, 1, wanted)
    at = device.put(params)
    predictor = device.native.predictor_mlp(device.native.Mlp(layers, 366, name), at)
    zeros = np.zeros_like(params)
    device.native.copy(at, zeros.ctypes.data, zeros.nbytes)  # the predictor has its own
    out = device.put(np.zeros_like(wanted))
    predictor.run(device.put(x), 50, out)
    assert_same_bits(device.get(out, wanted), wanted)
    assert (predictor.in_features, predictor.out_features, predictor.dtype) == (7, 3, name)


def test_the_device_refuses_what_the_cpu_refuses(device: Device) -> None:
    def refusals(*layers: Layer) -> list[str]:
        said = []
        for make, form in ((_core.predictor_packed, "for_cpu"), (device.native.predictor_packed, "for_device")):
            with pytest.raises(ValueError) as error:
                make([getattr(layer, form)() for layer in layers])
            said.append(str(error.value))
        return said

    wide = make_layer(("int8", "dense", "static", "relu"), 4, 3, 1)
    wide.numbers = (0.0, 0)
    bias = make_layer(("float32", "dense", "float", "relu"), 4, 3, 1)
    assert bias.bias is not None
    bias.bias[1] = np.nan
    chain = [make_layer(("float32", "dense", "float", "relu"), 4, 3, 1)] * 2
    for layers in ([wide], [bias], chain):
        cpu, gpu = refusals(*layers)
        assert cpu == gpu
    with pytest.raises(
        RuntimeError, match=r"^layers\[0\].input: products of bfloat16 are not offered on CUDA devices$"
    ):
        device.native.predictor_packed([make_layer(("bfloat16", "dense", "bfloat16", "relu"), 4, 3, 1).for_device()])
