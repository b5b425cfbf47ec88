"""Tables: what they need travels with the model, through training, its file and back to the table's words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sprat
from sprat.tabular import Encoder
from support import assert_same_bits

RNG = np.random.default_rng(5)
N = 300
AGE = RNG.uniform(18, 80, N)
CITY = RNG.choice(["Oslo", "Rome", "Bern"], N)
BONUS = {"Oslo": 0.0, "Rome": 500.0, "Bern": -300.0}
PRICE = 1000 + 20 * AGE + np.array([BONUS[city] for city in CITY])
KIND = np.where(PRICE > 2000, "dear", np.where(PRICE > 1700, "fair", "cheap"))
MISSING = np.where(RNG.random(N) < 0.1, np.nan, AGE)


def columns(**more: Any) -> dict[str, Any]:
    return {"age": MISSING, "city": CITY, **more}


def frame(**more: Any) -> Any:
    return pytest.importorskip("pandas").DataFrame(columns(**more))


@pytest.mark.parametrize("table", [columns, frame])
@pytest.mark.parametrize("target", ["column", "values"])
def test_classes_by_name(tmp_path: Path, table: Any, target: str) -> None:
    rows = table(kind=KIND)
    model = sprat.nn.MLP([5, 16, 3], seed=0)
    if target == "column":
        history = sprat.fit(model, rows, "kind", epochs=60, lr=0.01, validation=rows)
    else:
        history = sprat.fit(model, table(), KIND, epochs=60, lr=0.01, validation=(table(), KIND))
    assert history["val_accuracy"][-1] > 0.85
    assert model.class_names == ("cheap", "dear", "fair")
    answers = model.predict(table())
    assert np.mean(answers == KIND) == pytest.approx(history["val_accuracy"][-1])
    sprat.save(model, tmp_path / "model")
    loaded = sprat.load(tmp_path / "model")
    assert_same_bits(loaded(table()), model(table()))
    assert list(loaded.predict(table())) == list(answers)
    if target == "column":
        assert sprat.evaluate(loaded, rows)["accuracy"] == history["val_accuracy"][-1]


@pytest.mark.parametrize("table", [columns, frame])
def test_values_come_back_in_their_units(table: Any) -> None:
    model = sprat.nn.MLP([5, 16, 1], activation="tanh", seed=0)
    history = sprat.fit(model, table(price=PRICE), "price", epochs=60, lr=0.01, validation_split=0.2)
    assert model.loss_name == "mse"
    assert history["val_rmse"][-1] == pytest.approx(PRICE.std() * np.sqrt(history["val_loss"][-1]), rel=1e-3)
    assert abs(model.predict(table()).mean() - PRICE.mean()) < 60
    scores = sprat.evaluate(model, table(), PRICE)
    assert scores["r2"] > 0.9
    assert scores["rmse"] == pytest.approx(np.sqrt(np.mean((model.predict(table()) - PRICE) ** 2)), rel=1e-5)


def test_a_table_trains_as_its_matrix_does() -> None:
    encoder = Encoder.fit(columns(), target=KIND)
    by_hand = sprat.nn.MLP([5, 4, 3], seed=0)
    sprat.fit(by_hand, encoder.transform(columns()), encoder.transform_target(KIND), epochs=2)
    model = sprat.nn.MLP([5, 4, 3], seed=0)
    sprat.fit(model, columns(), KIND, epochs=2)
    assert_same_bits(model.params, by_hand.params)
    model.encoder = encoder
    again = sprat.nn.MLP([5, 4, 3], seed=0)
    again.encoder = encoder  # a model that has an encoder keeps it
    sprat.fit(again, columns(), KIND, epochs=2)
    assert again.encoder is encoder
    assert_same_bits(again.params, model.params)


def test_few_whole_numbers_are_values_where_the_model_has_one_output() -> None:
    stars = RNG.integers(1, 6, N)
    model = sprat.nn.MLP([5, 4, 1], seed=0)
    sprat.fit(model, columns(), stars, epochs=1)
    assert model.loss_name == "mse"
    model = sprat.nn.MLP([5, 4, 5], seed=0)
    sprat.fit(model, columns(), stars, epochs=1)
    assert model.loss_name == "cross_entropy"
    assert set(model.predict(columns())) <= {1, 2, 3, 4, 5}


def test_two_classes_and_one_output() -> None:
    model = sprat.nn.MLP([5, 4, 1], seed=0)
    sprat.fit(model, columns(), PRICE > 1800, epochs=1)
    assert model.loss_name == "bce_with_logits"
    assert set(model.predict(columns())) <= {True, False}


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda m: sprat.fit(m, columns(), KIND[:-1]), "rows"),
        (lambda m: sprat.fit(m, columns(kind=KIND), "sort"), "no column 'sort'"),
        (lambda m: sprat.fit(m, columns(more=AGE), KIND), "gives 6 features, the model has in_features=5"),
        (lambda m: sprat.fit(m, columns(), np.arange(N).astype(str)), "classes from 0 to 2, got 0 to 299"),
        (lambda m: sprat.fit(m, columns(), None), "y: "),
    ],
)
def test_refusals_change_nothing(call: Any, problem: str) -> None:
    model = sprat.nn.MLP([5, 3], seed=0)
    before = model.params.copy()
    with pytest.raises((TypeError, ValueError), match=problem):
        call(model)
    assert_same_bits(model.params, before)
    assert model.encoder is None
    assert model.loss_name is None
