"""Dropout: who stays is counted, not drawn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference import philox
from sprat import nn
from support import assert_same_bits


def ones_network(columns: int, probability: float, dtype: str = "float32") -> nn.MLP:
    """Its output is what dropout makes of ones."""
    layers = [
        nn.LayerSpec(1, columns, "identity", True, probability),
        nn.LayerSpec(columns, columns, "identity", False),
    ]
    params = {
        "layers.0.weight": np.zeros((columns, 1)),
        "layers.0.bias": np.ones(columns),
        "layers.1.weight": np.eye(columns),
    }
    return nn.MLP.from_layers(layers, params, dtype)


@given(
    columns=st.sampled_from([1, 3, 4, 5, 63, 64, 65, 130]),
    rows=st.integers(1, 5),
    probability=st.sampled_from([1e-9, 0.1, 0.5, 0.9, 1 - 2**-20]),
    seed=st.integers(0, 2**64 - 1),
    step=st.integers(0, 2**40 - 1),
    first_row=st.integers(0, 2**40),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_counts_as_documented(
    columns: int, rows: int, probability: float, seed: int, step: int, first_row: int, dtype: str
) -> None:
    model = ones_network(columns, probability, dtype)
    x = np.zeros((rows, 1))
    result = model.forward(x, training=True, dropout_seed=seed, step=step, first_row=first_row)
    keep = philox.kept(probability, rows, columns, seed=seed, step=step, layer=0, first_row=first_row)
    assert_same_bits(result, np.where(keep, np.dtype(dtype).type(1 / (1 - probability)), 0).astype(dtype))


def test_share_and_mean() -> None:
    result = ones_network(200, 0.3).forward(np.zeros((500, 1)), training=True)
    assert abs((result == 0).mean() - 0.3) < 0.005
    assert abs(result.mean() - 1) < 0.01
    assert np.unique(result).tolist() == [0, np.float32(1 / 0.7)]


def test_parts_of_a_batch() -> None:
    model = nn.MLP([6, 20, 20, 3], dropout=0.5, seed=0)
    x = np.random.default_rng(0).standard_normal((17, 6))
    whole = model.forward(x, training=True, dropout_seed=1, step=2)
    parts = [model.forward(x[i : i + 5], True, dropout_seed=1, step=2, first_row=i) for i in range(0, 17, 5)]
    assert_same_bits(np.concatenate(parts), whole)


def test_each_seed_step_and_layer_has_its_own() -> None:
    model = ones_network(64, 0.5)
    x = np.zeros((4, 1))
    results = [model.forward(x, True, dropout_seed=s, step=t) for s in (0, 1) for t in (0, 1)]
    assert len({r.tobytes() for r in results}) == 4
    layers = [nn.LayerSpec(8, 8, "identity", False, 0.5)] * 2 + [nn.LayerSpec(8, 8, "identity", False)]
    twice = nn.MLP.from_layers(layers, {f"layers.{i}.weight": np.eye(8) for i in range(3)})
    result = twice.forward(np.ones((200, 8)), True)
    assert abs((result != 0).mean() - 0.25) < 0.03  # independent: both keep a quarter


def test_only_training_drops() -> None:
    model, x = ones_network(50, 0.5), np.zeros((3, 1))
    assert (model(x) == 1).all()
    assert (model.forward(x) == 1).all()
    dropped, _ = model.loss_and_gradients(x, np.ones((3, 50)), loss="mse")
    kept, _ = model.loss_and_gradients(x, np.ones((3, 50)), loss="mse", training=False)
    assert kept == 0 < dropped


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"step": -1}, r"options.step: wanted \[0, 2\^40\), got -1"),
        ({"step": 2**40}, r"options.step: wanted \[0, 2\^40\), got 1099511627776"),
        ({"first_row": -1}, "options.first_row: wanted at least 0, got -1"),
    ],
)
def test_out_of_range(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        ones_network(4, 0.5).forward([[0.0]], True, **arguments)
