"""The promise of honest arrays: docs/arrays.md, row by row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import sprat
from sprat import nn, optim, prune, quantization
from support import assert_same_bits, misaligned, unchanged

X = np.arange(8, dtype=np.float32).reshape(2, 4)
FLAT = np.arange(8, dtype=np.float32)


class OnAnotherDevice:
    """What CuPy and torch arrays on a GPU look like from outside."""

    shape, dtype = (8,), np.dtype(np.float32)
    __cuda_array_interface__ = {"shape": (8,), "typestr": "<f4", "data": (1, False), "version": 3}  # noqa: RUF012

    def __dlpack_device__(self) -> tuple[int, int]:
        return (2, 0)


def strided(a: np.ndarray) -> np.ndarray:
    twice = np.empty((*a.shape, 2), a.dtype)
    twice[..., 0] = a
    return twice[..., 0]


def read_only(a: np.ndarray) -> np.ndarray:
    a = a.copy()
    a.flags.writeable = False
    return a


LAYOUTS: dict[str, Callable[[np.ndarray], Any]] = {
    "strided": strided,
    "misaligned": misaligned,
    "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder()),
}
DTYPES: dict[str, Callable[[np.ndarray], Any]] = {
    name: (lambda a, name=name: a.astype(name)) for name in ("float16", "int64", "bool", "complex64", "object", "str")
}
STRANGERS: dict[str, Callable[[np.ndarray], Any]] = {
    "list": lambda a: a.tolist(),
    "other device": lambda a: OnAnotherDevice(),
}


def model() -> nn.MLP:
    return nn.MLP([4, 3, 2], seed=0)


IN_PLACE: dict[str, tuple[Callable[[Any], Any], np.ndarray]] = {
    "model(x, out=)": (lambda a: model()(X, out=a), np.zeros((2, 2), np.float32)),
    "Predictor(x, out=)": (lambda a: sprat.Predictor(model())(X, out=a), np.zeros((2, 2), np.float32)),
    "prune.threshold": (lambda a: prune.threshold(a, 3.0), FLAT),
    "prune.magnitude": (lambda a: prune.magnitude(a, 0.5), FLAT),
    "optim parameters": (lambda a: optim.Adam([a], lr=0.1), FLAT),
    "quantize out=": (lambda a: quantization.quantize(FLAT, 0.1, 0, out=a), np.zeros(8, np.int8)),
    "dequantize out=": (lambda a: quantization.dequantize(np.zeros(8, np.int8), 0.1, 0, out=a), FLAT),
}
READ: dict[str, tuple[Callable[[Any], Any], np.ndarray]] = {
    "model(x)": (lambda a: model()(a), X),
    "Predictor(x)": (lambda a: sprat.Predictor(model())(a), X),
    "loss_and_gradients": (lambda a: model().loss_and_gradients(a, [0, 1])[1].flat, X),
    "quantize": (lambda a: quantization.quantize(a, 0.1, 0), FLAT),
}


@pytest.mark.parametrize("use", IN_PLACE)
@pytest.mark.parametrize("kind", [*LAYOUTS, *DTYPES, *STRANGERS, "read-only"])
def test_in_place_arguments_are_refused_in_one_line(use: str, kind: str) -> None:
    call, base = IN_PLACE[use]
    if base.dtype == np.int8 and kind in ("misaligned", "byte-swapped"):
        return  # a byte has neither alignment nor order
    make = {**LAYOUTS, **DTYPES, **STRANGERS, "read-only": read_only}[kind]
    array = make(base)
    check = unchanged(array) if isinstance(array, np.ndarray) else lambda: None
    with pytest.raises((TypeError, ValueError)) as caught:
        call(array)
    assert "\n" not in str(caught.value)
    assert "wanted" in str(caught.value)
    check()


@pytest.mark.parametrize("kind", [*LAYOUTS, *DTYPES, *STRANGERS])
def test_gradients_are_refused_in_one_line(kind: str) -> None:
    param = FLAT.copy()
    optimizer = optim.Adam([param], lr=0.1)
    state = {k: np.copy(v) for k, v in optimizer.state_dict()["state"].get(0, {}).items()}
    check = unchanged(param)
    with pytest.raises((TypeError, ValueError), match=r"^grads\[0\]: wanted .*$") as caught:
        optimizer.step([{**LAYOUTS, **DTYPES, **STRANGERS}[kind](FLAT)])
    assert "\n" not in str(caught.value)
    check()
    assert optimizer.step_count == 0
    for key, value in optimizer.state_dict()["state"].get(0, {}).items():
        assert_same_bits(value, state[key])


@pytest.mark.parametrize("use", READ)
@pytest.mark.parametrize("kind", [*LAYOUTS, "read-only", "list", "float64", "float16", "int64"])
def test_inputs_are_converted(use: str, kind: str) -> None:
    call, base = READ[use]
    if use == "quantize" and kind in ("float16", "int64"):
        with pytest.raises(TypeError, match="^x: wanted float32 or float64, got"):
            call(DTYPES[kind](base))
        return
    make = {**LAYOUTS, **DTYPES, **STRANGERS, "read-only": read_only, "float64": lambda a: a.astype(np.float64)}[kind]
    if use == "quantize" and kind in ("float64", "list"):
        return  # has its own arithmetic in float64: tests/quantization compares it with the reference
    assert_same_bits(call(make(base)), call(base))


@pytest.mark.parametrize("use", READ)
@pytest.mark.parametrize("kind", ["complex64", "object", "str", "other device", "None"])
def test_what_is_no_number_is_refused(use: str, kind: str) -> None:
    call, base = READ[use]
    array = None if kind == "None" else {**DTYPES, **STRANGERS}[kind](base)
    with pytest.raises(TypeError, match="^x: wanted") as caught:
        call(array)
    assert "\n" not in str(caught.value)


def test_zero_rows_give_zero_rows() -> None:
    assert model()(X[:0]).shape == (0, 2)
    assert sprat.Predictor(model())(X[:0]).shape == (0, 2)
    assert quantization.quantize(FLAT[:0], 0.1, 0).shape == (0,)
    assert prune.threshold(FLAT[:0].copy(), 1.0).shape == (0,)
    empty = FLAT[:0].copy()
    optim.SGD([empty], lr=0.1).step([empty.copy()])


@pytest.mark.parametrize("shape", [(8,), (2, 3), (2, 5), (1, 2, 4)])
def test_wrong_shapes_name_what_was_wanted(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="^x: wanted") as caught:
        model()(np.zeros(shape, np.float32))
    assert "\n" not in str(caught.value)


def test_overlap_is_refused() -> None:
    buffer = np.arange(16, dtype=np.float32)
    check = unchanged(buffer)
    with pytest.raises(ValueError, match="overlap|share"):
        optim.SGD([buffer[:8], buffer[4:12]], lr=0.1)
    optimizer = optim.SGD([buffer[:8]], lr=0.1)
    with pytest.raises(ValueError, match="overlap|share"):
        optimizer.step([buffer[4:12]])
    check()


def test_a_nan_stays_in_its_row() -> None:
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    clean = model()(x)
    x[2, 1] = np.nan
    got = model()(x)
    assert np.isnan(got[2]).all()
    assert_same_bits(np.delete(got, 2, 0), np.delete(clean, 2, 0))
