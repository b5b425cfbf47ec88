"""``sprat.explain``: what is counted is right; how long it takes is the machine's business."""

from __future__ import annotations

import numpy as np
import pytest

import sprat
from sprat.inference.explain import _left
from sprat.packing import PackedLayer


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_float_model(dtype: str) -> None:
    model = sprat.nn.MLP([12, 20, 5], seed=0, dtype=dtype, dropout=0.2)
    found = sprat.explain(model, np.ones((33, 12)), seconds=0.01)
    first, last = found.layers
    assert (first.shape, last.shape) == ((20, 12), (5, 20))
    assert first.bytes + last.bytes == model.params.nbytes
    assert first.multiply_adds == 33 * 12 * 20
    assert first.format == dtype
    assert found.rows == 33
    for layer in found.layers:
        assert layer.limited_by in ("arithmetic", "reading")
        assert layer.limit is not None
        assert layer.seconds > 0
        assert layer.share == layer.limit / layer.seconds
        assert layer.kernel
    text = str(found)
    assert text.startswith("33 rows, one thread, ")
    assert "layers.1" in text
    assert sprat.runtime.isa() == found.isa


def test_packed_model() -> None:
    model = sprat.nn.MLP([12, 20, 5], seed=0)
    packed = sprat.pack(model, ["int8", "float32"], plan="as asked", zeros="dense")
    found = sprat.explain(packed, np.ones((1, 12)), seconds=0.01)
    assert [layer.format for layer in found.layers] == ["int8", "float32"]
    assert [layer.reason for layer in found.layers] == ["int8, as asked", "float32, as asked"]
    assert sum(layer.bytes for layer in found.layers) == packed.nbytes


def test_multiply_adds_that_zeros_do_not_save() -> None:
    weight = np.zeros((20, 9), np.float32)
    weight[3, 2] = weight[17, 2] = weight[4, 8] = 1
    assert _left(PackedLayer(weight, weights="float32")) == 180
    assert _left(PackedLayer(weight, weights="float32", zeros="unstructured")) == 3
    assert _left(PackedLayer(weight, weights="float32", zeros="blocks")) == 3 * 16
    codes = weight.astype(np.int8)
    assert _left(PackedLayer(codes, np.ones(20, np.float32), zeros="blocks")) == 3 * 64


def test_bad_arguments() -> None:
    model = sprat.nn.MLP([4, 2])
    with pytest.raises(TypeError, match=r"^model: wanted an nn.MLP or a PackedMLP, got Predictor"):
        sprat.explain(sprat.Predictor(model), np.ones((1, 4)))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^seconds: wanted a finite number above 0"):
        sprat.explain(model, np.ones((1, 4)), seconds=-1)
    with pytest.raises(ValueError, match=r"^batch: wanted at least one row"):
        sprat.explain(model, np.ones((0, 4)))
    with pytest.raises(ValueError, match=r"^x: wanted shape"):
        sprat.explain(model, np.ones((1, 5)))
