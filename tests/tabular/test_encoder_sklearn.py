"""The encoder beside scikit-learn's on a mixed data frame."""

from __future__ import annotations

import numpy as np
import pytest

from sprat.tabular import Encoder, split

pd = pytest.importorskip("pandas")
pytest.importorskip("sklearn")

from sklearn.compose import make_column_transformer  # noqa: E402
from sklearn.datasets import load_digits, load_iris  # noqa: E402
from sklearn.impute import SimpleImputer  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import LabelEncoder, OneHotEncoder, StandardScaler  # noqa: E402


def mixed_frame(rows: int, seed: int):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "normal": rng.normal(50, 7, rows),
            "skewed": rng.lognormal(3, 2, rows),
            "constant": np.full(rows, 3.25),
            "whole": rng.integers(-5, 100, rows),
            "flag": rng.random(rows) < 0.3,
            "city": rng.choice(["Oslo", "Rome", "Ürümqi"], rows),
            "grade": pd.Categorical(rng.choice(list("cab"), rows)),
        }
    )


def test_standard_scaler_and_one_hot_encoder() -> None:
    train, test = mixed_frame(500, 0), mixed_frame(200, 1)
    test.loc[:9, "city"] = "Atlantis"
    peer = make_column_transformer(
        (StandardScaler(), ["normal", "skewed", "constant", "whole", "flag"]),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["city", "grade"]),
    ).fit(train)
    encoder = Encoder.fit(train, dtype="float64")
    np.testing.assert_allclose(encoder.transform(train), peer.transform(train), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(encoder.transform(test), peer.transform(test), rtol=1e-11, atol=1e-12)
    assert not encoder.transform(test)[:10, 5:8].any()


def test_mean_imputer_with_indicator() -> None:
    frame = mixed_frame(300, 2)[["normal", "skewed"]]
    frame.loc[5:40, "skewed"] = np.nan
    peer = make_pipeline(SimpleImputer(), StandardScaler()).fit(frame)
    encoder = Encoder.fit(frame, dtype="float64")
    coded = encoder.transform(frame)
    # The peer's deviation counts the imputed means as values; ours is that of the values themselves.
    shrink = np.sqrt(frame["skewed"].notna().mean())
    np.testing.assert_allclose(coded[:, 0], peer.transform(frame)[:, 0], rtol=1e-11)
    np.testing.assert_allclose(coded[:, 1], peer.transform(frame)[:, 1] * shrink, rtol=1e-11, atol=1e-12)
    np.testing.assert_array_equal(coded[:, 2], frame["skewed"].isna())


@pytest.mark.parametrize("load", [load_iris, load_digits])
def test_bundled_data(load) -> None:
    data = load()
    encoder = Encoder.fit(data.data, data.target, dtype="float64")
    np.testing.assert_allclose(
        encoder.transform(data.data), StandardScaler().fit_transform(data.data), rtol=1e-11, atol=1e-12
    )
    np.testing.assert_array_equal(encoder.transform_target(data.target), data.target)
    names = np.array([f"class {i:02}" for i in range(10)])[data.target]
    np.testing.assert_array_equal(
        Encoder.fit(data.data, names).transform_target(names), LabelEncoder().fit_transform(names)
    )


def test_stratified_split_keeps_the_shares() -> None:
    target = load_digits().target
    train, test = split(len(target), 0.25, seed=3, stratify=target)
    share = np.bincount(target[test]) / np.bincount(target)
    assert np.all(np.abs(share - 0.25) < 1 / np.bincount(target).min())
    assert len(train) + len(test) == len(target)
