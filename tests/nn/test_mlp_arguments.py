"""Arrays that are not what the kernels read: converted where they are inputs, refused in one line where written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import sprat
from guarded import guarded
from sprat import nn
from support import assert_same_bits, misaligned, unchanged

MODEL = nn.MLP([3, 5, 2], seed=0)
PREDICTOR = sprat.Predictor(MODEL)
X = np.arange(12, dtype=np.float32).reshape(4, 3) / 7

INPUTS: dict[str, Callable[[], Any]] = {
    "list": X.tolist,
    "float64": lambda: X.astype(np.float64),
    "float16": lambda: X.astype(np.float16).astype(np.float16),
    "Fortran order": lambda: np.asfortranarray(X),
    "every second row": lambda: np.repeat(X, 2, axis=0)[::2],
    "columns backwards": lambda: X[:, ::-1].copy()[:, ::-1],
    "misaligned": lambda: misaligned(X),
    "byte-swapped": lambda: X.astype(X.dtype.newbyteorder()),
    "read-only": lambda: np.frombuffer(X.tobytes(), np.float32).reshape(4, 3),
    "subclass": lambda: X.view(np.recarray),
}


@pytest.mark.parametrize("run", [MODEL, PREDICTOR], ids=["model", "predictor"])
@pytest.mark.parametrize("kind", INPUTS)
def test_inputs_are_converted(run: nn.Model, kind: str) -> None:
    x = INPUTS[kind]()
    if kind == "float16":
        assert_same_bits(run(x), run(np.asarray(x, np.float32)))
    else:
        assert_same_bits(run(x), MODEL(X.copy()))


def test_integers_and_booleans_are_numbers() -> None:
    ids = np.array([[1, 0, 3]])
    assert_same_bits(MODEL(ids), MODEL(ids.astype(np.float32)))
    assert_same_bits(MODEL(ids > 0), MODEL((ids > 0).astype(np.float32)))


def test_nothing_is_read_or_written_beyond_the_arrays() -> None:
    for rows in (1, 4, 9):
        for at_end in (True, False):
            x = guarded(rows * 3, np.float32, at_end).reshape(rows, 3)
            x[...] = np.random.default_rng(0).standard_normal((rows, 3))
            out = guarded(rows * 2, np.float32, at_end).reshape(rows, 2)
            assert_same_bits(PREDICTOR(x, out=out), MODEL(x.copy()))
            MODEL.forward(x, training=True)
            grad = guarded(rows * 2, np.float32, at_end).reshape(rows, 2)
            grad[...] = 1
            MODEL.backward(grad, grad_x=guarded(rows * 3, np.float32, at_end).reshape(rows, 3))


@pytest.mark.parametrize("run", [MODEL, PREDICTOR], ids=["model", "predictor"])
@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (np.ones((2, 4)), ValueError, r"x: wanted shape \(rows, 3\), got \(2, 4\)"),
        (np.ones(3, np.float32), ValueError, r"x: wanted shape \(rows, 3\), got \(3,\)"),
        (5.0, ValueError, r"x: wanted shape \(rows, 3\), got \(\)"),
        (np.ones((2, 3), complex), TypeError, "x: wanted an array of numbers, got dtype complex128"),
        ([["a", "b", "c"]], TypeError, "x: wanted an array of numbers, got dtype <U1"),
        ([[1.0], [1.0, 2.0]], ValueError, r"x: wanted an array of numbers, got list \(.*\)"),
        (None, TypeError, "x: wanted an array of numbers, got dtype object"),
        (np.ma.masked_array(X), TypeError, "x: wanted a plain array, got a masked one; fill its gaps first"),
    ],
)
def test_inputs_that_do_not_fit(run: nn.Model, x: Any, error: type[Exception], message: str) -> None:
    out = np.zeros((4, 2), np.float32)
    check = unchanged(out)
    with pytest.raises(error, match=f"^{message}$"):
        run(x, out=out)
    check()


def frozen_array() -> np.ndarray:
    out = np.zeros((4, 2), np.float32)
    out.flags.writeable = False
    return out


@pytest.mark.parametrize("run", [MODEL, PREDICTOR], ids=["model", "predictor"])
@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: np.zeros((3, 2), np.float32), ValueError, r"out: wanted shape \(4, 2\), got \(3, 2\)"),
        (lambda: np.zeros((4, 2)), TypeError, "out: wanted float32, got float64"),
        (lambda: np.zeros((2, 4), np.float32).T, ValueError, "out: wanted a C-contiguous array, .*"),
        (lambda: misaligned(np.zeros((4, 2), np.float32)), ValueError, "out: wanted an aligned array, .*"),
        (lambda: np.zeros((4, 2), ">f4"), (ValueError, TypeError), "out: wanted native byte order, .*"),
        (frozen_array, ValueError, "out: wanted a writable array, got a read-only one"),
        (lambda: [[0.0] * 2] * 4, TypeError, "out: wanted a NumPy array in CPU memory, got list"),
    ],
)
def test_outputs_that_do_not_fit(run: nn.Model, make: Callable[[], Any], error: Any, message: str) -> None:
    out = make()
    check = unchanged(out) if isinstance(out, np.ndarray) else lambda: None
    with pytest.raises(error, match=f"^{message}$"):
        run(X, out=out)
    check()


def test_overlap_is_refused() -> None:
    memory = np.zeros(20, np.float32)
    x, out = memory[:12].reshape(4, 3), memory[8:16].reshape(4, 2)
    for run in (MODEL, PREDICTOR):
        with pytest.raises(ValueError, match="^out: overlaps x$"):
            run(x, out=out)
    params = MODEL.params[:8].reshape(4, 2)
    check = unchanged(MODEL.params)
    with pytest.raises(ValueError, match="^out: overlaps params$"):
        MODEL(X, out=params)
    check()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"y": [0, 1, 2, 0]}, ValueError, ".*"),
        ({"y": [0, 1]}, ValueError, "target: cross_entropy wants .*"),
        ({"y": [0, 1, 0, 1], "loss": "cosine"}, ValueError, "loss: wanted one of .*, got 'cosine'"),
        ({"y": [0, 1, 0, 1], "sample_weight": [1, 2]}, ValueError, r"sample_weight: wanted shape \(4,\), got \(2,\)"),
        ({"y": [0, 1, 0, 1], "sample_weight": [1, 2, 3, -1]}, ValueError, "sample_weight.*"),
        ({"y": [0, 1, 0, 1], "teacher": X[:, :2]}, TypeError, "teacher: wanted None, as .* learns without"),
        (
            {"y": [0, 1, 0, 1], "loss": nn.losses.Distillation()},
            TypeError,
            "teacher: wanted the teacher's raw outputs, which .* needs, got None",
        ),
        ({"y": [0, 1, 0, 1], "out": {}}, TypeError, "out: wanted Gradients of an earlier call, got dict"),
        (
            {"y": [0, 1, 0, 1], "params": np.ones(3, np.float32)},
            ValueError,
            r"params: wanted shape \(32,\), got \(3,\)",
        ),
    ],
)
def test_losses_that_do_not_fit(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    check = unchanged(MODEL.params)
    with pytest.raises(error, match=f"^{message}$"):
        MODEL.loss_and_gradients(X, **arguments)
    check()


def test_backward_needs_a_forward_pass() -> None:
    model = nn.MLP([3, 5, 2])
    with pytest.raises(ValueError, match=r"^backward: call forward\(x, training=True\) first$"):
        model.backward(np.ones((4, 2)))
    model.forward(X, training=True)
    with pytest.raises(ValueError, match=r"^grad_output: wanted shape \(4, 2\), got \(3, 2\)$"):
        model.backward(np.ones((3, 2)))
    with pytest.raises(ValueError, match="^hidden_gradients: the keys are layers before the last one$"):
        model.backward(np.ones((4, 2)), {1: np.ones((4, 2))})
    model.loss_and_gradients(X, [0, 1, 0, 1])
    with pytest.raises(ValueError, match="^backward: call forward"):
        model.backward(np.ones((4, 2)))
