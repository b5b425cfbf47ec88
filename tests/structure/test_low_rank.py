"""Low-rank layers against the decomposition itself."""

from __future__ import annotations

import numpy as np
import pytest

from sprat import nn, prune, structure


def model(**options: object) -> nn.MLP:
    return nn.MLP([20, 30, 12, 4], activation="tanh", dtype="float64", seed=1, **options)


def test_full_rank_keeps_the_outputs(rng: np.random.Generator) -> None:
    m = model()
    x = rng.normal(size=(9, 20))
    before = m(x)
    done = structure.low_rank(m, 1, rank=12)
    assert done.energy == pytest.approx(1)
    # Tolerance: the factors are rounded, and their products summed in another order.
    np.testing.assert_allclose(m(x), before, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("rank", [1, 3, 11])
def test_is_the_best_approximation_of_its_rank(rank: int) -> None:
    m = model()
    weight = m.parameters()["layers.1.weight"].copy()
    bias = m.parameters()["layers.1.bias"].copy()
    s = np.linalg.svd(weight, compute_uv=False)
    done = structure.low_rank(m, 1, rank=rank)
    p = m.parameters()
    product = p["layers.2.weight"] @ p["layers.1.weight"]
    assert np.linalg.norm(weight - product) == pytest.approx(np.sqrt((s[rank:] ** 2).sum()), rel=1e-10)
    assert done.energy == pytest.approx((s[:rank] ** 2).sum() / (s**2).sum())
    assert (p["layers.2.bias"] == bias).all()
    assert "layers.1.bias" not in p
    assert [spec.activation for spec in m.layers] == ["tanh", "identity", "tanh", "identity"]


def test_energy_takes_the_smallest_rank_that_reaches_it() -> None:
    for energy in (0.2, 0.5, 0.9, 0.99, 1.0):
        m = model()
        s2 = np.linalg.svd(m.parameters()["layers.0.weight"], compute_uv=False) ** 2
        done = structure.low_rank(m, 0, energy=energy)
        assert done.energy >= energy - 1e-12
        assert done.rank == 1 or s2[: done.rank - 1].sum() / s2.sum() < energy


def test_other_layers_keep_masks_and_frozen_names() -> None:
    m = model()
    prune.magnitude(m, 0.5, layers=[0, 2])
    masks = {name: mask.copy() for name, mask in m.masks.items()}
    m.freeze(2)
    structure.low_rank(m, 1, rank=5)
    assert set(m.masks) == {"layers.0.weight", "layers.3.weight"}
    assert (m.masks["layers.3.weight"] == masks["layers.2.weight"]).all()
    assert m.frozen == {"layers.3.weight", "layers.3.bias"}


def test_fine_tuning_recovers(rng: np.random.Generator) -> None:
    from sprat import optim

    m = model()
    x = rng.normal(size=(200, 20))
    y = m(x)
    structure.low_rank(m, 1, rank=4)
    optimizer = optim.Adam(m, lr=0.01)
    first, grads = m.loss_and_gradients(x, y, loss="mse")
    for _ in range(200):
        loss, grads = m.loss_and_gradients(x, y, loss="mse")
        optimizer.step(grads)
    assert loss < first / 5


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"layer": 3, "rank": 1}, "layer: the model has layers 0 to 2, got 3"),
        ({"layer": 0}, "rank, energy: wanted exactly one of the two"),
        ({"layer": 0, "rank": 2, "energy": 0.5}, "rank, energy: wanted exactly one of the two"),
        ({"layer": 0, "rank": 21}, "rank: wanted a number from 1 to 20, got 21"),
        ({"layer": 0, "rank": 0}, "rank: wanted a number from 1 to 20, got 0"),
        ({"layer": 0, "energy": 0.0}, "energy: wanted a number in (0, 1], got 0.0"),
    ],
)
def test_refused_calls_change_nothing(options: dict[str, object], line: str) -> None:
    m = model()
    before = m.params.tobytes()
    with pytest.raises(ValueError) as caught:
        structure.low_rank(m, **options)  # type: ignore[arg-type]
    assert str(caught.value) == line
    assert m.params.tobytes() == before
    assert len(m.layers) == 3


def test_a_masked_layer_is_refused() -> None:
    m = model()
    prune.magnitude(m, 0.5)
    with pytest.raises(ValueError, match=r"^layer: layers\.0\.weight is masked"):
        structure.low_rank(m, 0, rank=3)
