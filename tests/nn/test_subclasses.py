"""Classes of a user's own that change what a model or a loss does: native code steps aside for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import sprat
from sprat.nn import losses


class Doubled(losses.MSE):
    def __call__(self, output: Any, target: Any, sample_weight: Any = None) -> Any:
        value, gradient = super().__call__(output, target, sample_weight)
        return 2 * value, 2 * gradient


def test_a_loss_that_is_called_in_its_own_way_is_what_trains() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 6)).astype(np.float32), rng.normal(size=(64, 2)).astype(np.float32)
    model = sprat.nn.MLP([6, 9, 2], seed=0)
    value, gradients = model.loss_and_gradients(x, y, loss="mse")
    doubled, twice = model.loss_and_gradients(x, y, loss=Doubled())
    assert doubled == 2 * value
    np.testing.assert_array_equal(twice.flat, 2 * gradients.flat)
    history = sprat.fit(model, x, y, loss=Doubled(), epochs=1, batch_size=64, lr=0.0, validation=(x, y), progress=False)
    assert history["loss"] == pytest.approx(history["val_loss"])


@pytest.mark.parametrize("part", ["_run", "_inputs"])
def test_a_part_of_a_call_may_be_replaced_whatever_the_input_is(part: str) -> None:
    def changed(self: Any, x: Any, *out: Any) -> Any:
        result = getattr(sprat.nn.MLP, part)(self, x, *out)
        if out:
            out[0][...] *= 2
            return result
        return result + 1

    model = type("Own", (sprat.nn.MLP,), {part: changed})([4, 8, 3], seed=0)
    x = np.ones((6, 4), np.float32)
    np.testing.assert_array_equal(model(x), model(x.tolist()))
    assert not np.array_equal(model(x), sprat.nn.MLP([4, 8, 3], seed=0)(x))


def test_a_mask_that_moves_to_another_parameter_is_followed() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(16, 6)).astype(np.float32), rng.normal(size=(16, 2)).astype(np.float32)
    model = sprat.nn.MLP([6, 6, 6, 2], seed=0)
    keep = (rng.random((6, 6)) > 0.5).astype(np.uint8)
    model.set_mask("layers.0.weight", keep)
    step = sprat.training.Step(model, sprat.optim.SGD(model, lr=0.1), loss="mse")
    step(x, y)
    model.masks["layers.1.weight"] = model.masks.pop("layers.0.weight")
    model.parameters()["layers.1.weight"][keep == 0] = 0
    step(x, y)
    assert not model.parameters()["layers.1.weight"][keep == 0].any()
