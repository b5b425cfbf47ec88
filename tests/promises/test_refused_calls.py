"""A refused call says in one line which argument was wrong, and changes nothing."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import sprat
from sprat import optim, prune, quantization
from sprat.nn import MLP, activations, functional

X = np.linspace(-1, 1, 64, dtype=np.float32).reshape(16, 4)
Y = np.arange(16) % 2
MASKED = np.ma.masked_array(X, X > 0)


def model() -> MLP:
    return MLP([4, 8, 2], seed=0)


def fit(x: Any = X, y: Any = Y, **options: Any) -> None:
    sprat.fit(options.pop("model", None) or model(), x, y, epochs=1, progress=False, **options)


def input_quant(value: Any) -> None:
    made = model()
    made.input_quant = value
    made(X)


REFUSED = {
    "fit, masked x": (lambda: fit(MASKED), "x: wanted a plain array"),
    "fit, masked y": (lambda: fit(y=np.ma.masked_array(Y, Y > 0)), "y: wanted a plain array"),
    "fit, masked weight": (
        lambda: fit(sample_weight=np.ma.masked_array(np.ones(16), Y > 0)),
        "sample_weight: wanted a plain array",
    ),
    "loss, masked y": (
        lambda: model().loss_and_gradients(X, np.ma.masked_array(Y, Y > 0)),
        "y: wanted a plain array",
    ),
    "quantize, masked": (lambda: quantization.quantize(MASKED, 0.1, 0), "x: wanted a plain array"),
    "softmax, masked": (lambda: functional.softmax(MASKED), "x: wanted a plain array"),
    "activation, masked": (lambda: activations.apply("relu", MASKED), "x: wanted a plain array"),
    "fit, ragged x": (lambda: fit([[1, 2, 3, 4], [1]], [0, 1]), "x: wanted a"),
    "fit, no model": (lambda: fit(model="model"), "model: wanted an nn.MLP"),
    "fit, no optimizer": (lambda: fit(optimizer=3), "optimizer: wanted an optimizer"),
    "fit, no callbacks": (lambda: fit(callbacks=3), "callbacks: wanted a list"),
    "fit, no config": (lambda: fit(qat=3), "qat: wanted a quantization.QATConfig"),
    "fit, no share": (lambda: fit(validation_split="half"), "validation_split: wanted a number"),
    "MLP, no sizes": (lambda: MLP(3), "sizes: wanted a list"),  # type: ignore[arg-type]
    "MLP, sizes beyond 64 bits": (lambda: MLP([10**12, 10**12]), "layers: wanted at most"),
    "MLP, sizes beyond memory": (lambda: MLP([2**31, 2**31]), "layers: wanted at most"),
    "MLP, seed beyond 64 bits": (lambda: MLP([4, 2], seed=2**64), "seed: wanted a whole number of at most"),
    "input_quant, text": (lambda: input_quant("none"), "input_quant: wanted"),
    "input_quant, number": (lambda: input_quant(3), "input_quant: wanted"),
    "quantize, quant_min": (lambda: quantization.quantize(X, 1.0, 0, quant_min="a"), "quant_min: wanted"),  # type: ignore[call-overload]
    "quantize, axis": (lambda: quantization.quantize(X, 1.0, 0, axis="a"), "axis: wanted"),  # type: ignore[call-overload]
    "threshold, no number": (lambda: prune.threshold(model(), "x"), "t: wanted a number"),  # type: ignore[call-overload]
    "magnitude, layers": (lambda: prune.magnitude(model(), 0.5, layers=0), "layers: wanted a list"),  # type: ignore[call-overload]
    "magnitude, a layer": (lambda: prune.magnitude(model(), 0.5, layers=[0.0]), "layers: wanted a list"),  # type: ignore[list-item]
    "neurons, a layer": (lambda: prune.neurons(model(), 1, layers=["a"]), "layers: wanted a list"),  # type: ignore[list-item]
}


@pytest.mark.parametrize("name", REFUSED)
def test_one_line_names_the_argument(name: str) -> None:
    call, message = REFUSED[name]
    with pytest.raises((TypeError, ValueError), match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "make", [lambda _: "adam", lambda made: optim.Adam(list(made.parameters().values())), lambda _: optim.Adam(model())]
)
def test_neurons_are_not_removed_when_the_optimizer_cannot_follow(make: Any) -> None:
    made = model()
    before = made.params.copy()
    with pytest.raises(ValueError, match="optimizer: wanted one that was made with this model"):
        prune.neurons(made, 0.5, optimizer=make(made))
    np.testing.assert_array_equal(made.params, before)


def test_a_copy_has_masks_of_its_own() -> None:
    made = model()
    made.set_mask("layers.0.weight", np.ones((8, 4)))
    twin = copy.copy(made)
    twin.set_mask("layers.0.weight", np.zeros((8, 4)))
    twin.set_mask("layers.0.bias", np.zeros(8))
    assert made.masks.keys() == {"layers.0.weight"}
    assert made.masks["layers.0.weight"].all()


def test_a_column_matrix_is_a_column() -> None:
    with pytest.warns(PendingDeprecationWarning):
        column = np.matrix(Y).T
    fit(y=column)
