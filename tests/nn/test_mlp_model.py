"""What a model is and how it changes: parameters, configuration, masks, frozen parts, head, predictions."""

from __future__ import annotations

import copy
import json
import pickle
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sprat import nn
from support import assert_same_bits


def test_parameters_are_views_of_one_aligned_array() -> None:
    model = nn.MLP([5, 7, 2], seed=0)
    assert model.params.ctypes.data % 64 == 0
    assert model.num_parameters == model.params.size == 5 * 7 + 7 + 7 * 2 + 2
    shapes = {name: view.shape for name, view in model.parameters().items()}
    assert shapes == {
        "layers.0.weight": (7, 5),
        "layers.0.bias": (7,),
        "layers.1.weight": (2, 7),
        "layers.1.bias": (2,),
    }
    for view in model.parameters().values():
        assert np.shares_memory(view, model.params)
    before = model(np.ones((1, 5)))
    model.parameters()["layers.1.bias"] += 1
    assert_same_bits(model(np.ones((1, 5))), before + np.float32(1))
    assert (nn.MLP([5, 7, 2], seed=0).params[:35] == model.params[:35]).all()
    assert (nn.MLP([5, 7, 2], seed=1).params[:35] != model.params[:35]).all()


def test_options_of_each_layer() -> None:
    model = nn.MLP(
        [4, 6, 5, 3], activation=["relu", "tanh"], dropout=[0.5, 0.0], output_activation="sigmoid", bias=False
    )
    assert model.layers == (
        nn.LayerSpec(4, 6, "relu", False, 0.5),
        nn.LayerSpec(6, 5, "tanh", False, 0.0),
        nn.LayerSpec(5, 3, "sigmoid", False, 0.0),
    )
    assert repr(model) == "MLP(4-6-5-3, relu/tanh, 69 parameters, float32)"


def test_configuration_and_copies() -> None:
    model = nn.MLP([4, 6, 3], activation="elu", dropout=0.1, dtype="float64", seed=3)
    model.set_mask("layers.0.weight", np.arange(24).reshape(6, 4) % 2)
    model.freeze("layers.1.bias")
    model.loss_name = "mse"
    x = np.ones((2, 4))
    rebuilt = nn.MLP.from_config(json.loads(json.dumps(model.config())), model.params)
    assert rebuilt.config() == model.config()
    assert_same_bits(rebuilt(x), model(x))
    for other in (model.copy(), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert other.config() == model.config()
        assert other.frozen == {"layers.1.bias"}
        assert (other.masks["layers.0.weight"] == model.masks["layers.0.weight"]).all()
        assert other.params.ctypes.data % 64 == 0
        assert_same_bits(other(x), model(x))
        assert "layers.1.bias" not in other.loss_and_gradients(x, np.ones((2, 3)), loss="mse")[1]
        other.params[:] = 0
        other.masks["layers.0.weight"][:] = 0
    assert model.params.any()
    assert model.masks["layers.0.weight"].any()


def test_from_layers_takes_parameters_by_name_or_flat() -> None:
    model = nn.MLP([4, 6, 3], seed=3)
    for params in (model.parameters(), model.params, model.params.tolist()):
        assert_same_bits(nn.MLP.from_layers(model.layers, params).params, model.params)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers.0.weight": np.ones((4, 6))}, r"params: wanted shape \(6, 4\) for layers.0.weight, got \(4, 6\)"),
        ({"layers.7.weight": np.ones(3)}, "params: there is no 'layers.7.weight'; wanted layers.0.weight, .*"),
        ({"layers.1.bias": None}, "params: 'layers.1.bias' is missing; wanted layers.0.weight, .*"),
    ],
)
def test_parameters_that_do_not_fit(change: dict[str, Any], message: str) -> None:
    model = nn.MLP([4, 6, 3])
    params = {name: value for name, value in (model.parameters() | change).items() if value is not None}
    with pytest.raises(ValueError, match=f"^{message}$"):
        nn.MLP.from_layers(model.layers, params)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sizes": [4]}, r"sizes: wanted at least the features of input and output, got \[4\]"),
        ({"sizes": [4, 0, 2]}, "sizes: wanted a whole number of at least 1, got 0"),
        ({"sizes": [4, 2], "dtype": "int8"}, "dtype: wanted 'float32' or 'float64', got 'int8'"),
        ({"sizes": [4, 3, 2], "activation": "rely"}, "activation: wanted one of identity, relu, .*, got 'rely'"),
        (
            {"sizes": [4, 3, 2], "activation": ["relu"] * 2},
            "activation: wanted one for each of the 1 hidden layers, got 2",
        ),
        ({"sizes": [4, 3, 2], "dropout": 1.0}, r"dropout: wanted a number in \[0, 1\), got 1.0"),
        ({"sizes": [4, 3, 2], "init": "zeros"}, "init: wanted one of he_normal, .*, got 'zeros'"),
        ({"sizes": [4, 3, 2], "seed": -1}, "seed: wanted a whole number of at least 0, got -1"),
    ],
)
def test_bad_structure(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        nn.MLP(**arguments)


def test_layers_must_chain() -> None:
    with pytest.raises(ValueError, match="^layers: layer 0 gives 3 features, layer 1 takes 5$"):
        nn.MLP.from_layers([nn.LayerSpec(4, 3), nn.LayerSpec(5, 2)])
    with pytest.raises(ValueError, match="^layers: wanted at least one$"):
        nn.MLP.from_layers([])


def test_masks() -> None:
    model = nn.MLP([3, 2], seed=0)
    weight = model.parameters()["layers.0.weight"]
    model.set_mask("layers.0.weight", [[1, 0, 1], [0, 1, 1]])
    assert model.masks["layers.0.weight"].dtype == np.uint8
    assert ((weight == 0) == (model.masks["layers.0.weight"] == 0)).all()
    before = model.params.copy()
    for mask, message in (
        ([[1, 0]], r"mask: wanted shape \(2, 3\) like layers.0.weight, got \(1, 2\)"),
        (np.full((2, 3), 2), "mask: wanted 0 and 1 only"),
    ):
        with pytest.raises(ValueError, match=f"^{message}$"):
            model.set_mask("layers.0.weight", mask)
    with pytest.raises(
        ValueError, match="^there is no parameter 'weight'; wanted one of layers.0.weight, layers.0.bias$"
    ):
        model.set_mask("weight", [1])
    assert_same_bits(model.params, before)
    model.set_mask("layers.0.weight", None)
    assert model.masks == {}


def test_freezing() -> None:
    model = nn.MLP([3, 4, 2])
    model.freeze(-1, "layers.0.bias")
    assert model.frozen == {"layers.0.bias", "layers.1.weight", "layers.1.bias"}
    model.unfreeze(1)
    assert model.frozen == {"layers.0.bias"}
    model.unfreeze()
    assert model.frozen == frozenset()
    with pytest.raises(ValueError, match="^layer: wanted 0 to 1, got 2$"):
        model.freeze(2)


def test_replace_head() -> None:
    model = nn.MLP([3, 4, 2], seed=0)
    model.freeze(0, "layers.1.bias")
    model.set_mask("layers.0.weight", np.ones((4, 3)))
    model.set_mask("layers.1.weight", np.ones((2, 4)))
    model.loss_name = "cross_entropy"
    below = model.parameters()["layers.0.weight"].copy()
    version = model._structure_version
    model.replace_head(6, activation="tanh", seed=9)
    assert model.layers[-1] == nn.LayerSpec(4, 6, "tanh")
    assert_same_bits(model.parameters()["layers.0.weight"], below)
    assert model.frozen == {"layers.0.weight", "layers.0.bias"}
    assert set(model.masks) == {"layers.0.weight"}
    assert model.loss_name is None
    assert model._structure_version == version + 1
    assert model(np.ones((1, 3))).shape == (1, 6)
    with pytest.raises(ValueError, match="^backward: call forward"):
        model.backward(np.ones((1, 6)))


def test_rebuild_changes_nothing_on_an_error() -> None:
    model = nn.MLP([3, 4, 2], seed=0)
    before = model.params.copy()
    layers = [nn.LayerSpec(3, 5), nn.LayerSpec(5, 2, "identity")]
    with pytest.raises(ValueError, match="^params: wanted shape"):
        model._rebuild(layers, model.parameters(), {})
    assert model._structure_version == 0
    assert_same_bits(model.params, before)
    assert model.layers[0].out_features == 4


def test_predictions_by_loss() -> None:
    model = nn.MLP([2, 2], bias=False)
    model.params[:] = [1, 0, 0, 1]
    x = [[3.0, 1.0], [-1.0, 2.0]]
    with pytest.raises(ValueError, match="^predict: the model does not know what its outputs mean"):
        model.predict(x)
    model.loss_name = "mse"
    assert model.predict(x).tolist() == x
    with pytest.raises(ValueError, match="^predict_proba: the model was trained with mse, its outputs are values$"):
        model.predict_proba(x)
    model.loss_name = "cross_entropy"
    assert model.predict(x).tolist() == [0, 1]
    np.testing.assert_allclose(model.predict_proba(x).sum(axis=1), 1, rtol=1e-6)
    model.loss_name = "bce_with_logits"
    assert model.predict(x).tolist() == [[1, 1], [0, 1]]
    np.testing.assert_allclose(model.predict_proba(x), 1 / (1 + np.exp(-np.array(x))), rtol=1e-6)


def test_one_output() -> None:
    model = nn.MLP([2, 1], bias=False)
    model.params[:] = [1, 1]
    x = [[30.0, 1.0], [-1.0, 0.5]]
    model.loss_name = "huber"
    assert model.predict(x).tolist() == [31.0, -0.5]
    model.loss_name = "bce_with_logits"
    assert model.predict(x).tolist() == [1, 0]
    proba = model.predict_proba(x)
    assert proba.shape == (2, 2)
    assert 0 < proba[0, 0] < 1e-13  # not 1 - 1


def test_an_encoder_names_classes_and_undoes_scaling() -> None:
    model = nn.MLP([2, 2], bias=False)
    model.params[:] = [1, 0, 0, 1]
    model.encoder = SimpleNamespace(
        task="classification",
        class_names=("cat", "dog"),
        transform=lambda table: np.stack([table["a"], table["b"]], axis=1),
        inverse_target=lambda values: values * 10,
    )
    table = {"a": np.array([1.0, 0.0]), "b": np.array([0.0, 3.0])}
    assert model(table).tolist() == [[1.0, 0.0], [0.0, 3.0]]
    model.loss_name = "cross_entropy"
    assert model.predict(table).tolist() == ["cat", "dog"]
    model.loss_name, model.encoder.task = "mse", "regression"
    assert model.predict(table).tolist() == [[10.0, 0.0], [0.0, 30.0]]
    with pytest.raises(TypeError, match="^x: wanted an array; columns by name need a model with an encoder"):
        nn.MLP([2, 2])(table)
