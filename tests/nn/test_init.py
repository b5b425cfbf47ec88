"""Initial weights: the distributions of the papers, and the same bits everywhere."""

from __future__ import annotations

import numpy as np
import pytest

from sprat import _core, nn
from sprat.nn import init
from support import assert_same_everywhere

STD = {"he": (2 / 300) ** 0.5, "glorot": (2 / 500) ** 0.5}


@pytest.mark.parametrize("name", init.NAMES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_distribution(name: str, dtype: str) -> None:
    weight = np.empty((200, 300), dtype)
    init.fill(weight, name, seed=1)
    std = STD[name.split("_")[0]]
    assert abs(float(weight.mean(dtype=np.float64))) < 4 * std / 60000**0.5
    assert float(weight.std(dtype=np.float64)) == pytest.approx(std, rel=0.01)
    if name.endswith("uniform"):
        limit = 3**0.5 * std
        assert np.abs(weight).max() <= np.nextafter(np.float32(limit), np.float32(1))
        assert np.abs(weight).max() > 0.999 * limit
    else:
        assert 3.5 * std < np.abs(weight).max() < 6 * std


def test_same_bits_everywhere() -> None:
    def weights() -> list[np.ndarray]:
        return [nn.MLP([70, 90, 5], init=name, dtype=d, seed=3).params for name in init.NAMES for d in ("f4", "f8")]

    assert_same_everywhere(weights)


def test_layers_and_seeds_have_streams_of_their_own() -> None:
    one, other = nn.MLP([16, 16, 16], seed=0).parameters(), nn.MLP([16, 40, 16], seed=0).parameters()
    assert (one["layers.0.weight"] != one["layers.1.weight"]).any()
    assert (one["layers.0.weight"] == other["layers.0.weight"][:16]).all()
    assert (one["layers.0.weight"] != nn.MLP([16, 16, 16], seed=1).parameters()["layers.0.weight"]).any()
    assert not one["layers.0.bias"].any()


@pytest.mark.parametrize("fill", [_core.fill_uniform, _core.fill_normal])
def test_bad_fills(fill: object) -> None:
    with pytest.raises(TypeError, match="^out: wanted float32 or float64, got int32$"):
        fill(np.zeros(3, np.int32), 0, 0, 0.0, 1.0)  # type: ignore[operator]
    with pytest.raises(ValueError, match="wanted finite numbers, got 0 and inf$"):
        fill(np.zeros(3), 0, 0, 0.0, np.inf)  # type: ignore[operator]
