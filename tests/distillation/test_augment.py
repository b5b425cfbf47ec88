"""New rows for a teacher to label: like those there are, of the same kind, categories whole, the same for the same seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from sprat.distillation import Mixup, Munge, Noise, Smote, SwapNoise, augment_rows
from sprat.distillation.neighbours import nearest
from support import assert_same_bits

METHODS = ["munge", "smote", "swap", "mixup", "noise"]
ROWS = 400


def encoded(seed: int = 0) -> np.ndarray:
    """Two related numbers, a one-hot code of three columns, a flag: float32 (ROWS, 6)."""
    rng = np.random.default_rng(seed)
    number = rng.normal(size=ROWS)
    code = np.eye(3)[rng.integers(0, 3, ROWS)]
    flag = rng.random(ROWS) < 0.5
    return np.column_stack([number, 2 * number + 0.1 * rng.normal(size=ROWS), code, flag]).astype(np.float32)


def table() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    size = rng.normal(70, 20, ROWS)
    size[::10] = np.nan
    return {"size": size, "rooms": rng.integers(1, 6, ROWS), "city": rng.choice(["Oslo", "Rome"], ROWS)}


@pytest.mark.parametrize("method", METHODS)
def test_same_seed_same_rows_and_the_rows_given_stay(method: str) -> None:
    x = encoded()
    before = x.copy()
    first, second = (augment_rows(x, 2, method=method, seed=5) for _ in range(2))
    assert_same_bits(first, second)
    assert_same_bits(x, before)
    assert first.shape == (2 * ROWS, 6)
    assert first.dtype == x.dtype
    assert not np.array_equal(first, augment_rows(x, 2, method=method, seed=6))
    assert not np.array_equal(first[:ROWS], first[ROWS:])


@pytest.mark.parametrize("method", METHODS)
def test_one_hot_codes_and_flags_stay_whole(method: str) -> None:
    new = augment_rows(encoded(), 3, method=method, groups=[[2, 3, 4]])
    assert set(map(tuple, new[:, 2:5])) == set(map(tuple, np.eye(3, dtype=np.float32)))
    assert set(new[:, 5]) == {0.0, 1.0}
    assert np.isfinite(new).all()
    assert len(np.unique(new[:, 0])) > ROWS / 4


@pytest.mark.parametrize("method", METHODS)
def test_tables_keep_kinds_words_whole_numbers_and_gaps(method: str) -> None:
    given = table()
    new = augment_rows(given, 2, method=method)
    assert list(new) == list(given)
    assert all(new[name].dtype == given[name].dtype for name in given)
    assert set(new["city"]) == {"Oslo", "Rome"}
    assert new["rooms"].min() >= -5
    assert 0 < np.isnan(new["size"]).mean() < 0.3


@pytest.mark.parametrize("method", METHODS)
def test_data_frames_keep_their_dtypes(method: str) -> None:
    frame = pd.DataFrame(table())
    frame["city"] = frame["city"].astype("category")
    frame["rooms"] = frame["rooms"].astype("Int32")
    new = augment_rows(frame, 2, method=method)
    assert isinstance(new, pd.DataFrame)
    assert (new.dtypes == frame.dtypes).all()
    assert len(new) == 2 * ROWS
    assert set(new["city"]) == {"Oslo", "Rome"}


def test_structured_arrays() -> None:
    given = np.zeros(ROWS, [("size", "f4"), ("city", "U4")])
    given["size"], given["city"] = table()["size"], table()["city"]
    new = augment_rows(given, 1, method="swap")
    assert new.dtype == given.dtype
    assert set(new["city"]) == {"Oslo", "Rome"}


def test_munge_stays_where_the_data_are_and_mixup_between_them() -> None:
    x = encoded()
    off = lambda rows: float(np.abs(rows[:, 1] - 2 * rows[:, 0]).mean())  # noqa: E731
    groups = [[2, 3, 4]]
    munged, swapped = (augment_rows(x, 2, method=m, groups=groups) for m in (Munge(), SwapNoise(share=0.5)))
    assert off(munged) < 0.25 * off(swapped)
    assert off(augment_rows(x, 2, method=Mixup(), groups=groups)) < 1.2 * off(x)
    close, wide = (augment_rows(x, 2, method=Munge(spread=s), groups=groups) for s in (100.0, 1.0))
    assert off(close) < off(wide)


def test_smote_lies_between_a_row_and_its_neighbour() -> None:
    x = np.array([[0.0, 0.0], [1.0, 2.0], [9.0, 9.0], [9.5, 8.0]])
    new = augment_rows(x, 100, method=Smote(reach=0.5)).reshape(100, 4, 2)
    share = (new[:, 0] - x[0]) / (x[1] - x[0])
    np.testing.assert_allclose(share[:, 0], share[:, 1], atol=1e-12)
    assert 0 <= share.min() < 0.1
    assert 0.4 < share.max() <= 0.5


def test_shares_and_scales_are_kept() -> None:
    x = np.random.default_rng(0).normal(size=(20_000, 3)).astype(np.float32)
    moved = augment_rows(x, 1, method=SwapNoise(share=0.2)) != x
    assert moved.mean() == pytest.approx(0.2, abs=0.01)
    added = augment_rows(10 * x, 1, method=Noise(scale=0.3)) - 10 * x
    assert added.std() == pytest.approx(3.0, rel=0.02)


def test_mixup_is_a_mean_of_two_rows_with_one_share_for_the_row() -> None:
    x = np.array([[0.0, 0.0], [1.0, 10.0], [2.0, 20.0], [5.0, 50.0]])
    new = augment_rows(x, 50, method=Mixup(alpha=0.5))
    np.testing.assert_allclose(new[:, 1], 10 * new[:, 0], atol=1e-12)
    assert new[:, 0].min() >= 0
    assert new[:, 0].max() <= 5


def test_nearest_is_what_all_distances_say() -> None:
    x = np.random.default_rng(0).normal(size=(300, 7)).astype(np.float32)
    pool = np.arange(0, 300, 3)
    distances = ((x[:, None, :].astype(np.float64) - x[pool][None]) ** 2).sum(axis=2)
    distances[pool, np.arange(len(pool))] = np.inf
    assert np.array_equal(nearest(x, pool), distances.argmin(axis=1))


def test_a_function_of_the_users_own() -> None:
    x = encoded()
    new = augment_rows(x, 2, method=lambda rows, rng: rows[rng.permutation(len(rows))])
    assert sorted(map(tuple, new[:ROWS])) == sorted(map(tuple, x))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"method": "magic"}, ValueError, "method: wanted one of munge, smote, swap, mixup, noise"),
        ({"method": Munge}, TypeError, "method: wanted a name or a callable"),
        ({"factor": 0}, ValueError, "factor: wanted"),
        ({"seed": -1}, ValueError, "seed: wanted"),
        ({"groups": [[0, 1], [1]]}, ValueError, "groups: wanted columns that are in one group each"),
        ({"groups": [[6]]}, ValueError, "groups: wanted a whole number of at most 5"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        augment_rows(encoded(), **arguments)


def test_rows_that_cannot_be_augmented() -> None:
    with pytest.raises(ValueError, match="x: wanted at least two rows"):
        augment_rows(np.zeros((1, 3)))
    with pytest.raises(ValueError, match="x: wanted .rows, columns. of numbers"):
        augment_rows(np.zeros(3))
    with pytest.raises(ValueError, match="groups: only columns of an array"):
        augment_rows(table(), groups=[[0]])
    for make in (lambda: Munge(swap=0), lambda: Munge(spread=0), lambda: Mixup(alpha=0), lambda: Noise(scale=-1)):
        with pytest.raises(ValueError, match="wanted a"):
            make()
