"""sprat.distill with rows made besides those there are, for arrays and tables, classes, names and numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

import sprat
from sprat import nn
from sprat.distillation import Noise, augment_rows, teacher_outputs
from support import assert_same_bits, unchanged

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 4)).astype(np.float32)
Y = (X[:, 0] * X[:, 1] > 0).astype(int)
NEW = RNG.normal(size=(2000, 4)).astype(np.float32)
NEW_Y = (NEW[:, 0] * NEW[:, 1] > 0).astype(int)


def flats(rows: int = 600, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    size = rng.uniform(20, 120, rows)
    city = rng.choice(["Bergen", "Oslo", "Rome"], rows)
    price = size * np.select([city == "Oslo", city == "Rome"], [9.0, 6.0], 4.0) + rng.normal(0, 20, rows)
    return pd.DataFrame({"size": size, "city": pd.Categorical(city), "price": price})


def test_more_rows_bring_the_student_closer_to_its_teacher() -> None:
    class Truth:
        def predict_proba(self, x: Any) -> np.ndarray:
            p = 1 / (1 + np.exp(-4 * np.asarray(x, float)[:, 0] * np.asarray(x, float)[:, 1]))
            return np.column_stack([1 - p, p])

    def agreement(**options: Any) -> float:
        pupil = nn.MLP([4, 24, 2], seed=0)
        sprat.distill(Truth(), pupil, X[:100], Y[:100], alpha=1.0, temperature=1.0, lr=0.01, **options)
        return float((pupil.predict(NEW) == NEW_Y).mean())

    assert agreement(epochs=20, augment="mixup", augment_factor=15) > agreement(epochs=320) + 0.01


def test_the_lesson_is_the_rows_given_and_the_rows_made_with_the_teachers_answers() -> None:
    teacher = nn.MLP([4, 32, 2], seed=0)
    sprat.fit(teacher, X, Y, epochs=10, lr=0.01)
    made = augment_rows(X, 2, method="swap", seed=7)
    rows = np.concatenate([X, made])
    by_hand, pupil = nn.MLP([4, 8, 2], seed=1), nn.MLP([4, 8, 2], seed=1)
    targets = np.concatenate([Y, teacher(made).argmax(axis=1)])
    sprat.distill(teacher, by_hand, rows, targets, epochs=3, seed=7)
    history = sprat.distill(teacher, pupil, X, Y, augment="swap", augment_factor=2, epochs=3, seed=7)
    assert_same_bits(pupil.params, by_hand.params)
    agree = teacher(X).argmax(axis=1) == pupil(X).argmax(axis=1)
    assert history.agreement == pytest.approx(agree.mean())


def test_names_weights_and_no_targets() -> None:
    teacher = nn.MLP([4, 32, 2], seed=0)
    sprat.fit(teacher, X, Y, epochs=10, lr=0.01)
    ids, names, alone = (nn.MLP([4, 8, 2], seed=1) for _ in range(3))
    options: dict[str, Any] = {"augment": Noise(0.2), "epochs": 2, "sample_weight": np.arange(400.0)}
    sprat.distill(teacher, ids, X, Y, **options)
    sprat.distill(teacher, names, X, np.array(["no", "yes"])[Y], **options)
    assert_same_bits(ids.params, names.params)
    assert names.class_names == ("no", "yes")
    assert sprat.distill(teacher, alone, X, augment="munge", epochs=20, lr=0.01).agreement > 0.8


def test_trees_teach_a_network_about_a_table_in_its_own_units() -> None:
    table, test = flats(), flats(300, seed=1)
    trees = HistGradientBoostingRegressor(max_iter=60, categorical_features="from_dtype", random_state=0)
    trees.fit(table[["size", "city"]], table["price"])
    pupil = nn.MLP([4, 16, 1], seed=0)
    history = sprat.distill(trees, pupil, table, "price", augment="munge", epochs=30, lr=0.01, alpha=1.0)
    assert history.agreement > 0.97
    assert pupil.encoder.target_name == "price"
    error = np.abs(pupil.predict(test).reshape(-1) - test["price"]).mean()
    assert error < 0.15 * test["price"].std()


def test_without_augmentation_a_table_is_told_in_the_students_units_as_well() -> None:
    table = flats()
    trees = HistGradientBoostingRegressor(max_iter=60, categorical_features="from_dtype", random_state=0)
    features = table[["size", "city"]]
    trees.fit(features, table["price"])
    encoder = sprat.tabular.Encoder.fit(table, target="price")
    outputs = teacher_outputs(trees, features, 1, classification=False, encoder=encoder)
    np.testing.assert_allclose(encoder.inverse_target(outputs)[:, 0], trees.predict(features), rtol=1e-5)


def test_dict_tables_with_classes() -> None:
    table = {"a": X[:, 0], "b": X[:, 1], "kind": np.where(X[:, 2] > 0, "x", "y"), "buys": np.array(["no", "yes"])[Y]}
    teacher = nn.MLP([4, 32, 2], seed=0)
    sprat.fit(teacher, table, "buys", epochs=40, lr=0.01)
    pupil = nn.MLP([4, 12, 2], seed=1)
    history = sprat.distill(teacher, pupil, table, "buys", augment="smote", epochs=20, lr=0.01)
    assert history.agreement > 0.85
    assert pupil.class_names == ("no", "yes")


def test_encoded_rows_keep_their_one_hot_columns_whole() -> None:
    table = {"size": X[:, 0], "city": np.array(["a", "b", "c"])[RNG.integers(0, 3, len(X))], "y": Y}
    encoder = sprat.tabular.Encoder.fit(table, target="y")
    seen: list[np.ndarray] = []

    def teacher(rows: np.ndarray) -> np.ndarray:
        seen.append(rows)
        return np.zeros((len(rows), 2))

    pupil = nn.MLP([4, 8, 2], seed=0)
    pupil.encoder = encoder
    sprat.distill(teacher, pupil, encoder.transform(table), Y, augment="mixup", epochs=1)
    assert len(seen[0]) == 4 * len(X)
    assert (seen[0][:, 1:].sum(axis=1) == 1).all()
    assert set(np.unique(seen[0][:, 1:])) == {0.0, 1.0}


def test_boosted_trees_as_classifier_and_in_an_ensemble() -> None:
    trees = HistGradientBoostingClassifier(max_iter=40, random_state=0).fit(X, Y)
    other = nn.MLP([4, 32, 2], seed=0)
    sprat.fit(other, X, Y, epochs=20, lr=0.01)
    pupil = nn.MLP([4, 16, 2], seed=1)
    assert sprat.distill([trees, other], pupil, X, Y, augment="munge", epochs=20, lr=0.01).agreement > 0.9


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"augment": "magic"}, "method: wanted one of munge"),
        ({"augment": "munge", "augment_factor": 0}, "augment_factor: wanted"),
        ({"augment": "munge", "validation_split": 0.2}, "validation_split: would measure on rows made up by augment"),
    ],
)
def test_refused_calls_change_nothing(options: dict[str, Any], line: str) -> None:
    pupil = nn.MLP([4, 8, 2], seed=0)
    check = unchanged(pupil.params)
    with pytest.raises(ValueError, match=f"^{line}"):
        sprat.distill(nn.MLP([4, 8, 2]), pupil, X, Y, **options)
    with pytest.raises(ValueError, match="^augment: wanted a teacher that can be asked about new rows"):
        sprat.distill(np.zeros((400, 2)), pupil, X, Y, augment="munge")
    with pytest.raises(ValueError, match="^y: wanted 400 rows as x has, got 399"):
        sprat.distill(nn.MLP([4, 8, 2]), pupil, X, Y[:-1], augment="munge")
    check()
    assert pupil.loss_name is None
