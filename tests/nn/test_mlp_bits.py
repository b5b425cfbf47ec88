"""The same bits: on every instruction set, for every number of threads, and however a batch is cut."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sprat
from reference.mlp import Mlp
from sprat import nn, runtime
from support import assert_same_bits, assert_same_everywhere


def network(dtype: str = "float32", **options: object) -> nn.MLP:
    return nn.MLP([37, 70, 33, 10], activation=["gelu", "relu"], dtype=dtype, seed=5, **options)  # type: ignore[arg-type]


def inputs(rows: int, columns: int = 37, seed: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, columns)).astype(np.float32)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", [1, 5, 600])
def test_forward_everywhere(dtype: str, rows: int) -> None:
    model, x = network(dtype), inputs(rows)
    result = assert_same_everywhere(lambda: [model(x), model.hidden(x, 0), sprat.Predictor(model)(x)], (1, 2, 3, 4))
    assert_same_bits(result[0], result[2])
    assert np.abs(result[0] - Mlp(model).forward(x)).max() < 1e-4


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", [1, 64, 1100])  # 1100: three blocks of sums over rows
def test_training_everywhere(dtype: str, rows: int) -> None:
    model, x = network(dtype, dropout=0.3), inputs(rows)
    y = np.arange(rows) % 10

    def step() -> list[np.ndarray]:
        loss, gradients = model.loss_and_gradients(x, y, dropout_seed=7, step=3)
        return [np.array(loss), gradients.flat]

    assert_same_everywhere(step, (1, 2, 4))


def test_wide_layers_are_split_over_panels() -> None:
    model, x = nn.MLP([300, 1500, 700], seed=0), inputs(3, 300)
    result = assert_same_everywhere(lambda: [model(x), sprat.Predictor(model)(x[:1])], (1, 2, 4))
    assert_same_bits(result[0][:1], result[1])


@given(cuts=st.lists(st.integers(0, 90), max_size=5))
def test_cut_batches(cuts: list[int]) -> None:
    model, x = network(), inputs(90)
    edges = [0, *sorted(cuts), 90]
    parts = [model(x[begin:end]) for begin, end in itertools.pairwise(edges)]
    assert_same_bits(np.concatenate(parts), model(x))


def test_rows_one_by_one() -> None:
    model, x = network(), inputs(20)
    predict = sprat.Predictor(model)
    assert_same_bits(np.concatenate([predict(x[i : i + 1]) for i in range(20)]), model(x))


def test_where_an_array_lies_does_not_matter() -> None:
    model, x = network(), inputs(9)
    expected = model(x)
    for shift in range(1, 9):
        buffer, out = np.empty(x.size + 8, np.float32), np.empty(expected.size + 8, np.float32)
        moved = buffer[shift : shift + x.size].reshape(x.shape)
        moved[...] = x
        assert_same_bits(model(moved, out=out[shift : shift + expected.size].reshape(expected.shape)), expected)


def test_an_unused_input_can_be_left_out() -> None:
    model, x = nn.MLP([1200, 4], seed=0), inputs(6, 1200)
    weight = model.parameters()["layers.0.weight"]
    weight[:, 100:700] = 0
    smaller = nn.MLP([600, 4])
    keep = np.r_[0:100, 700:1200]
    smaller.parameters()["layers.0.weight"][...] = weight[:, keep]
    assert_same_bits(smaller(x[:, keep]), model(x))


def test_nan_stays_in_its_row() -> None:
    model, x = network(), inputs(12)
    expected = model(x)
    x[5, 3] = np.nan
    result = model(x)
    assert np.isnan(result[5]).all()
    assert_same_bits(np.delete(result, 5, 0), np.delete(expected, 5, 0))


def test_callers_floating_point_mode_does_not_matter() -> None:
    mode = runtime.float_mode()
    tiny = np.full((2, 3), 1e-30, np.float32)
    model = nn.MLP([3, 1], bias=False)
    model.params[:] = 1e-12  # products are denormal
    assert (model(tiny) > 0).all()
    assert runtime.float_mode() == mode
