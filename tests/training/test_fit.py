"""fit: it learns, it repeats itself bit for bit, and it takes what users have."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sprat
from sprat.nn import losses
from sprat.optim import schedules
from sprat.training import NonFiniteError
from support import assert_same_bits, assert_same_everywhere, misaligned, unchanged
from training.tasks import blobs, classifier, digits, waves

X, Y = blobs()
XV, YV = blobs(80, seed=1)


def trained(x: Any = X, y: Any = Y, model: Any = None, **options: Any) -> Any:
    model = classifier() if model is None else model
    options.setdefault("epochs", 2)
    sprat.fit(model, x, y, **options)
    return model


# ---- it learns --------------------------------------------------------------------------------------------------


def test_digits_in_seconds() -> None:
    x, y, xt, yt = digits()
    model = sprat.nn.MLP([64, 64, 10], seed=0)
    history = sprat.fit(model, x, y, epochs=15, batch_size=32, lr=2e-3, validation=(xt, yt))
    assert history["val_accuracy"][-1] > 0.95
    assert history["val_accuracy"][-1] == pytest.approx(np.mean(model.predict(xt) == yt))
    assert history["loss"][-1] < 0.1 * history["loss"][0]


def test_regression() -> None:
    x, y = waves(400)
    model = sprat.nn.MLP([2, 32, 1], activation="tanh", seed=0)
    history = sprat.fit(model, x, y, epochs=60, batch_size=32, lr=0.01, validation=waves(100, 1))
    assert model.loss_name == "mse"
    assert history["val_r2"][-1] > 0.98
    assert history["val_rmse"][-1] ** 2 == pytest.approx(history["val_loss"][-1], rel=1e-5)


def test_a_torch_loop_on_the_same_batches_gives_the_same_losses() -> None:
    torch = pytest.importorskip("torch")
    from sprat.training.data import epoch_order

    model = sprat.nn.MLP([5, 16, 3], dtype="float64", seed=0)
    peer = torch.nn.Sequential(torch.nn.Linear(5, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3)).double()
    with torch.no_grad():
        for parameter, values in zip(peer.parameters(), model.parameters().values(), strict=True):
            parameter.copy_(torch.tensor(values))
    optimizer = torch.optim.Adam(peer.parameters(), lr=0.01)
    expected = []
    for epoch in range(3):
        order = epoch_order(len(X), 7, epoch)
        total = 0.0
        for begin in range(0, len(X), 32):
            index = order[begin : begin + 32]
            value = torch.nn.functional.cross_entropy(peer(torch.tensor(X[index]).double()), torch.tensor(Y[index]))
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            total += value.item() * len(index)
        expected.append(total / len(X))
    history = sprat.fit(model, X, Y, epochs=3, batch_size=32, lr=0.01, seed=7)
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-9)
    for parameter, values in zip(peer.parameters(), model.parameters().values(), strict=True):
        np.testing.assert_allclose(values, parameter.detach().numpy(), rtol=1e-7, atol=1e-9)


def test_history() -> None:
    history = sprat.fit(classifier(), X, Y, epochs=3, batch_size=64, validation=(XV, YV))
    assert list(history) == ["loss", "lr", "val_loss", "val_accuracy"]
    assert (history.epochs, history.steps, history.stopped_by) == (3, 12, "epochs")
    assert history.best_epoch == int(np.argmin(history["val_loss"]))
    assert history.seconds > 0
    assert len(repr(history).splitlines()) == 4


# ---- the same bits ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_same_bits_for_every_isa_and_number_of_threads(dropout: float) -> None:
    def run() -> list[np.ndarray]:
        model = classifier(dropout)
        history = sprat.fit(model, X, Y, epochs=2, batch_size=48, validation=(XV, YV), clip_norm=1.0, seed=5)
        return [model.params.copy(), np.array(list(history.values()))]

    assert_same_everywhere(run)


def test_seeds_differ() -> None:
    assert (trained(seed=0).params != trained(seed=1).params).any()
    assert_same_bits(trained(seed=3).params, trained(seed=3).params)
    a, b = (trained(model=classifier(0.5), seed=seed, shuffle=False).params for seed in (0, 1))
    assert (a != b).any()  # dropout follows the seed too


def test_a_ready_optimizer_gives_the_same_bits_as_one_made_here() -> None:
    model = classifier()
    sprat.fit(model, X, Y, epochs=2, optimizer=sprat.optim.Adam(model, lr=1e-3))
    assert_same_bits(model.params, trained().params)
    assert_same_bits(trained(optimizer="adam").params, model.params)
    assert_same_bits(trained(optimizer=sprat.optim.Adam).params, model.params)


def test_validation_does_not_touch_training() -> None:
    assert_same_bits(trained(validation=(XV, YV)).params, trained().params)


# ---- data -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["float64", "F", "strided", "misaligned", "swapped", "list"])
def test_layouts_of_x(kind: str) -> None:
    x = {
        "float64": lambda: X.astype(np.float64),
        "F": lambda: np.asfortranarray(X),
        "strided": lambda: np.repeat(X, 2, axis=1)[:, ::2],
        "misaligned": lambda: misaligned(X),
        "swapped": lambda: X.astype(">f4"),
        "list": lambda: X.tolist(),
    }[kind]()
    assert_same_bits(trained(x).params, trained().params)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", ">i4", "uint32", "uint64"])
def test_class_ids_of_any_integer_dtype(dtype: str) -> None:
    expected = trained().params
    assert_same_bits(trained(y=Y.astype(dtype)).params, expected)
    assert_same_bits(trained(y=Y.astype(dtype)[:, None]).params, expected)


def test_text_labels_become_class_names() -> None:
    names = np.array(["ant", "bee", "cat"])
    model = trained(y=names[Y], validation=(XV, names[YV]))
    assert_same_bits(model.params, trained().params)
    assert tuple(model.class_names) == ("ant", "bee", "cat")
    assert set(model.predict(X)) <= set(names)
    assert sprat.evaluate(model, X, names[Y])["accuracy"] == np.mean(model.predict(X) == names[Y])
    with pytest.raises(ValueError, match="'dog' is not one of the 3 classes"):
        sprat.evaluate(model, X[:1], ["dog"])


@pytest.mark.parametrize("kind", ["bool", "int", "text", "column"])
def test_one_output_and_two_classes(kind: str) -> None:
    y = Y > 0
    given = {"bool": y, "int": y.astype(int), "text": np.where(y, "yes", "no"), "column": y[:, None]}[kind]
    model = trained(y=given, model=sprat.nn.MLP([5, 8, 1], seed=0), epochs=5)
    assert model.loss_name == "bce_with_logits"
    expected = trained(y=y.astype(np.float32), model=sprat.nn.MLP([5, 8, 1], seed=0), epochs=5, loss="bce_with_logits")
    assert_same_bits(model.params, expected.params)


def test_soft_targets_and_columns_of_numbers() -> None:
    shares = np.eye(3)[Y]
    np.testing.assert_allclose(trained(y=shares, loss="cross_entropy").params, trained().params, atol=1e-5)
    model = trained(y=shares)
    assert model.loss_name == "mse"
    many = trained(y=shares > 0, loss="bce_with_logits")
    assert sprat.evaluate(many, X, shares)["accuracy"] > 0


def test_memory_maps(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", Y)
    x, y = (np.load(tmp_path / name, mmap_mode="r") for name in ("x.npy", "y.npy"))
    assert_same_bits(trained(x, y).params, trained().params)


def test_batches_of_the_users_own() -> None:
    def batches() -> Any:
        for begin in range(0, len(X), 64):
            yield X[begin : begin + 64], Y[begin : begin + 64]

    expected = trained(shuffle=False).params
    assert_same_bits(trained(batches, None, validation=lambda: iter([(XV, YV)])).params, expected)
    assert_same_bits(trained(_Loader(batches), None).params, expected)
    once = trained(shuffle=False, epochs=1).params
    assert_same_bits(trained(batches(), None, epochs=1).params, once)
    with pytest.raises(ValueError, match="an iterator lasts one epoch"):
        trained(batches(), None, epochs=2)


class _Loader:
    """What a data loader looks like: it can be iterated again and again."""

    def __init__(self, batches: Any) -> None:
        self._batches = batches

    def __iter__(self) -> Any:
        return self._batches()


def test_validation_split_keeps_its_rows_from_training() -> None:
    from sprat.training.data import split_rows

    rows, held_out = split_rows(len(X), 0.25, 11)
    x = X.copy()
    x[held_out] = np.nan  # training on any of them would show
    history = sprat.fit(classifier(), x, Y, validation_split=0.25, seed=11, epochs=1)
    assert math.isfinite(history["loss"][0])
    assert math.isnan(history["val_loss"][0])
    assert len(rows) == 150


# ---- weights and losses -----------------------------------------------------------------------------------------


def test_sample_weights_are_repetitions() -> None:
    counts = np.arange(len(X)) % 3
    repeated = trained(np.repeat(X, counts, 0), np.repeat(Y, counts), batch_size=10**6, shuffle=False)
    weighted = trained(sample_weight=counts, batch_size=10**6, shuffle=False)
    np.testing.assert_allclose(weighted.params, repeated.params, atol=2e-6)


def test_class_weights() -> None:
    weight = [1.0, 2.0, 0.5]
    expected = trained(loss=losses.CrossEntropy(class_weight=weight)).params
    assert_same_bits(trained(class_weight=weight).params, expected)
    assert_same_bits(trained(class_weight={1: 2.0, 2: 0.5}).params, expected)
    names = np.array(["a", "b", "c"])
    assert_same_bits(trained(y=names[Y], class_weight={"b": 2.0, "c": 0.5}).params, expected)
    balanced = len(Y) / (3 * np.bincount(Y))
    assert_same_bits(trained(class_weight="balanced").params, trained(class_weight=balanced).params)
    two = Y > 0
    model = sprat.nn.MLP([5, 4, 1], seed=0)
    by_sample = trained(y=two, model=model.copy(), sample_weight=np.where(two, 3.0, 1.0)).params
    assert_same_bits(trained(y=two, model=model.copy(), class_weight={1: 3.0}).params, by_sample)


def test_rows_of_weight_zero_change_nothing() -> None:
    weight = np.ones(len(X))
    weight[:64] = 0  # the whole first batch
    model = trained(sample_weight=weight, shuffle=False, epochs=1)
    assert_same_bits(model.params, trained(X[64:], Y[64:], shuffle=False, epochs=1).params)


def test_label_smoothing() -> None:
    assert (trained(loss=losses.CrossEntropy(label_smoothing=0.1)).params != trained().params).any()


def test_a_loss_of_the_users_own() -> None:
    native = losses.get("mse")

    def loss(output: np.ndarray, target: np.ndarray, sample_weight: Any = None) -> Any:
        assert target.shape == output.shape
        return native(output, target, sample_weight)

    x, y = waves()
    model = trained(x, y, sprat.nn.MLP([2, 8, 1], seed=0), loss=loss, validation=(x, y))
    assert_same_bits(model.params, trained(x, y, sprat.nn.MLP([2, 8, 1], seed=0), loss="mse").params)
    assert model.loss_name is None


# ---- optimizer options ------------------------------------------------------------------------------------------


def test_schedules_count_steps() -> None:
    schedule = schedules.Step(0.1, step_size=4, gamma=0.5)
    history = sprat.fit(classifier(), X, Y, lr=schedule, epochs=3)  # 4 steps an epoch
    assert history["lr"] == [schedule(step) for step in (3, 7, 11)]


def test_frozen_layers_and_a_new_head() -> None:
    model = trained()
    body = model.parameters()["layers.0.weight"].copy()
    model.freeze(0)
    model.replace_head(2, seed=4)
    history = sprat.fit(model, X, (Y > 0).astype(int), epochs=20, lr=0.01, optimizer=sprat.optim.AdamW)
    assert_same_bits(model.parameters()["layers.0.weight"], body)
    assert history["loss"][-1] < history["loss"][0]


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_an_optimizer_made_before_freezing(weight_decay: float) -> None:
    model = classifier()
    optimizer = sprat.optim.AdamW(model, lr=0.01, weight_decay=weight_decay)
    trained(model=model, optimizer=optimizer)
    body = model.params[: 5 * 16 + 16].copy()
    model.freeze(0)
    trained(model=model, optimizer=optimizer)
    assert_same_bits(model.params[: 5 * 16 + 16], body)


def test_an_optimizer_of_single_arrays() -> None:
    model = classifier()
    parameters = model.parameters()
    weights = [parameters["layers.1.weight"], parameters["layers.0.weight"]]
    biases = [parameters["layers.1.bias"], parameters["layers.0.bias"]]
    optimizer = sprat.optim.Adam([{"params": weights}, {"params": biases}], lr=1e-3)
    assert_same_bits(trained(model=model, optimizer=optimizer).params, trained().params)
    with pytest.raises(ValueError, match="updates other arrays"):
        trained(optimizer=sprat.optim.Adam([np.zeros(3, np.float32)]))


def test_masked_weights_stay_zero() -> None:
    model = classifier()
    optimizer = sprat.optim.Adam(model)  # made before the mask
    mask = (np.arange(80).reshape(16, 5) % 2).astype(np.uint8)
    model.set_mask("layers.0.weight", mask)
    trained(model=model, optimizer=optimizer)
    assert not model.parameters()["layers.0.weight"][mask == 0].any()
    assert model.parameters()["layers.0.weight"][mask == 1].all()


def test_the_average_is_measured_and_kept() -> None:
    model = classifier()
    optimizer = sprat.optim.Adam(model, lr=1e-2, ema_decay=0.9)
    raw = trained(lr=1e-2).params
    history = sprat.fit(model, X, Y, epochs=2, optimizer=optimizer, validation=(XV, YV))
    assert (model.params != raw).any()
    for name, values in optimizer.ema.items():
        assert_same_bits(model.parameters()[name], values)
    assert history["val_loss"][-1] == sprat.evaluate(model, XV, YV, batch_size=64)["loss"]
    assert_same_bits(trained(lr=1e-2, ema_decay=0.9).params, model.params)


# ---- numbers that are not finite --------------------------------------------------------------------------------


def test_nan_in_the_data_stops_with_the_weights_of_the_last_step() -> None:
    x = X.copy()
    x[70, 2] = np.nan  # in the second batch
    model = classifier()
    with pytest.raises(NonFiniteError, match=r"epoch 1, batch 2 .* NaN or infinity in x; .* step 1$") as caught:
        sprat.fit(model, x, Y, shuffle=False)
    assert caught.value.history.stopped_by == "nonfinite"
    assert_same_bits(model.params, trained(X[:64], Y[:64], epochs=1, shuffle=False).params)
    model = classifier()
    assert sprat.fit(model, x, Y, shuffle=False, on_nonfinite="stop").steps == 1


@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "RMSprop"])
def test_divergence_leaves_finite_weights(optimizer: str) -> None:
    x, y = waves()
    model = sprat.nn.MLP([2, 16, 1], seed=0)
    make = getattr(sprat.optim, optimizer)(model, lr=1e30)
    history = sprat.fit(model, x * 1e10, y * 1e10, optimizer=make, epochs=50, on_nonfinite="stop")
    assert history.stopped_by == "nonfinite"
    assert np.isfinite(model.params).all()
    state = make.state_dict()["state"]
    assert all(np.isfinite(value).all() for entry in state.values() for value in entry.values())


# ---- refusals ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"x": X[:, :4]}, r"x: wanted shape \(rows, 5\), got \(200, 4\)"),
        ({"x": X[:0], "y": Y[:0]}, "x: wanted at least one row"),
        ({"x": X.astype(complex)}, "x: wanted numbers, got complex"),
        ({"x": X.astype(str)}, "x: wanted numbers, got"),
        ({"y": None}, "y: wanted targets"),
        ({"y": Y[:-1]}, "y: wanted 200 rows as x has, got 199"),
        ({"y": Y + 1}, "y: wanted classes from 0 to 2, got 1 to 3"),
        ({"y": Y - 1}, "y: wanted classes from 0 to 2, got -1 to 1"),
        ({"y": Y.astype(float)}, r"y: wanted \(rows, 3\), got \(200,\)"),
        ({"y": Y.astype(complex)}, "y: wanted numbers"),
        ({"y": ["a", 1] * 100}, "y: "),
        ({"y": np.arange(200).astype(str)}, "y: 200 classes, but the model has out_features=3"),
        ({"y": np.eye(3)[Y] * 7, "loss": "cross_entropy"}, "targets from 0 to 1, got 0 to 7"),
        ({"loss": "hinge"}, "loss: wanted one of"),
        ({"epochs": 0}, "epochs: wanted a whole number of at least 1"),
        ({"batch_size": 0.5}, "batch_size: wanted a whole number"),
        ({"seed": -1}, "seed: wanted"),
        ({"validation_split": 1.0}, "validation_split: wanted"),
        ({"validation_split": 0.1, "validation": (XV, YV)}, "validation_split: validation data are given"),
        ({"validation": (XV,)}, "validation: wanted"),
        ({"validation": (XV[:, 1:], YV)}, "validation x: wanted shape"),
        ({"validation": (XV, YV + 5)}, "validation y: wanted classes"),
        ({"sample_weight": np.ones(3)}, "sample_weight: wanted shape"),
        ({"sample_weight": -np.ones(200)}, "sample_weight: wanted finite numbers >= 0"),
        ({"sample_weight": np.full(200, np.nan)}, "sample_weight: wanted finite"),
        ({"sample_weight": np.zeros(200)}, "sample_weight: all weights are zero"),
        ({"class_weight": [1, 2]}, "class_weight: wanted 3 weights"),
        ({"class_weight": {7: 1}}, "class_weight: there is no class 7"),
        ({"class_weight": "even"}, "class_weight: wanted"),
        ({"class_weight": [1, 1, 1], "loss": losses.CrossEntropy(class_weight=[1, 1, 1])}, "has its own already"),
        ({"optimizer": "adamax"}, "optimizer: there is no 'adamax'"),
        ({"callbacks": [3]}, "callbacks: wanted"),
        ({"progress": "dots"}, "progress: wanted"),
        ({"on_nonfinite": "ignore"}, "on_nonfinite: wanted"),
        ({"resume": True}, "resume: wanted checkpoint"),
    ],
)
def test_bad_arguments_change_nothing(options: dict[str, Any], problem: str) -> None:
    model = classifier()
    same = unchanged(model.params, X, Y)
    with pytest.raises((TypeError, ValueError), match=problem) as caught:
        sprat.fit(model, options.pop("x", X), options.pop("y", Y), **options)
    assert "\n" not in str(caught.value)
    same()
    assert model.loss_name is None
    assert model.encoder is None


def test_an_option_of_the_optimizer_beside_a_ready_one() -> None:
    model = classifier()
    with pytest.raises(ValueError, match="clip_norm: belongs to the optimizer"):
        sprat.fit(model, X, Y, optimizer=sprat.optim.SGD(model, lr=0.1), clip_norm=1.0)
