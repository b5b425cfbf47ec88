"""Losses: against the float64 reference, gradients by finite differences, and bit-equal everywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from reference import losses as reference
from sprat import _core
from sprat.nn import losses
from support import assert_same_bits, assert_same_everywhere

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
COLUMNS = [1, 2, 3, 4, 5, 7, 8, 9, 10, 15, 16, 17, 31, 32, 33, 64, 65]
HARD = ["cross_entropy", "bce_with_logits", "mse", "mae", "huber"]

# Every option of every loss, and the reference's arguments for it; "soft" targets are shares of classes.
W = np.array([0.5, 2.0, 1.0, 0.0, 3.0])
CASES: dict[str, tuple[losses.Loss, dict[str, Any]]] = {
    "cross_entropy": (losses.CrossEntropy(), {}),
    "cross_entropy smoothed": (losses.CrossEntropy(label_smoothing=0.2), {"label_smoothing": 0.2}),
    "cross_entropy weighted": (losses.CrossEntropy(class_weight=W.tolist()), {"class_weight": W}),
    "cross_entropy both": (
        losses.CrossEntropy(0.1, tuple(W.tolist())),
        {"label_smoothing": 0.1, "class_weight": W},
    ),
    "bce_with_logits": (losses.BCEWithLogits(), {}),
    "bce_with_logits weighted": (losses.BCEWithLogits(pos_weight=W.tolist()), {"pos_weight": W}),
    "mse": (losses.MSE(), {}),
    "mae": (losses.MAE(), {}),
    "huber": (losses.Huber(), {}),
    "huber wide": (losses.Huber(delta=2.5), {"delta": 2.5}),
}
cases = pytest.mark.parametrize("case", CASES)
weighted = pytest.mark.parametrize("weighted", [False, True], ids=["", "sample_weight"])


def batch(name: str, rows: int, columns: int, rng: np.random.Generator, soft: bool = False) -> tuple[Any, Any, Any]:
    """Outputs, targets as the loss takes them, and the same targets as (rows, columns) numbers; all float32 values."""
    z = rng.normal(size=(rows, columns)).astype(np.float32) * 3
    if name.startswith("cross_entropy") and not soft:
        ids = rng.integers(0, columns, rows)
        ids[: min(rows, 3)] = 0  # a class with weight
        return z, ids, reference.one_hot(ids, columns)
    if name.startswith("cross_entropy"):
        t = rng.dirichlet(np.ones(columns), rows).astype(np.float32)
    elif name.startswith("bce"):
        t = rng.choice(np.float32([0, 1, 0.25]), (rows, columns))
    else:
        t = rng.normal(size=(rows, columns)).astype(np.float32)
    return z, t, t


def expected(name: str, z: Any, t: Any, ids: Any, u: Any, options: dict[str, Any]) -> tuple[float, Any]:
    """The reference's mean; class weights enter the denominator for class ids alone."""
    hard = name.split()[0]
    z, t = z.astype(np.float64), t.astype(np.float64)
    by = None
    if ids.dtype.kind == "i" and "class_weight" in options:
        by = ((np.ones(len(z)) if u is None else u) * options["class_weight"][ids]).sum()
    return reference.mean(getattr(reference, hard)(z, t, **options), u, by)


def assert_close(actual: tuple[float, Any], wanted: tuple[float, Any], dtype: Any, scale: float = 1.0) -> None:
    """Within a few roundings: of the terms of a row (up to about 10 here) for the value, of its parts for the gradient.

    exp and log err by an ULP or two and their argument is rounded once; the sums are in float64. 32 eps covers it.
    """
    eps = np.finfo(dtype).eps
    assert actual[1].dtype == dtype
    assert abs(actual[0] - wanted[0]) <= 32 * eps * max(1.0, abs(wanted[0])) * scale
    np.testing.assert_allclose(
        actual[1], wanted[1], rtol=0, atol=32 * eps * max(np.abs(wanted[1]).max(), 1e-30) * scale
    )


@cases
@weighted
@dtypes
@pytest.mark.parametrize("soft", [False, True], ids=["ids", "shares"])
def test_value_and_gradient(case: str, weighted: bool, dtype: type, soft: bool, rng: np.random.Generator) -> None:
    loss, options = CASES[case]
    z, target, t = batch(case, 300, 5, rng, soft)
    u = rng.uniform(0, 2, 300).astype(np.float32) if weighted else None
    wanted = expected(case, z, t, np.asarray(target), None if u is None else u.astype(np.float64), options)
    assert_close(loss(z.astype(dtype), target, u), wanted, dtype)


@dtypes
@pytest.mark.parametrize("name", HARD)
def test_all_numbers_of_columns(isa: str, name: str, dtype: type, rng: np.random.Generator) -> None:
    for columns in COLUMNS[name == "cross_entropy" :]:  # which refuses a single column
        for rows in (1, 2, 19):
            z, target, t = batch(name, rows, columns, rng)
            wanted = expected(name, z, t, np.asarray(target), None, {})
            assert_close(losses.get(name)(z.astype(dtype), target), wanted, dtype)


@pytest.mark.parametrize("hard", HARD)
@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
@dtypes
def test_distillation(hard: str, alpha: float, temperature: float, dtype: type, rng: np.random.Generator) -> None:
    z, target, t = batch(hard, 200, 5, rng)
    y = (rng.normal(size=z.shape) * 3).astype(np.float32)
    u = rng.uniform(0, 2, 200).astype(np.float32)
    loss = losses.Distillation(temperature, alpha, hard)
    hard_value, hard_grad = expected(hard, z, t, np.asarray(target), u.astype(np.float64), {})
    soft_value, soft_grad = reference.mean(
        reference.soft(hard, z.astype(np.float64), y.astype(np.float64), temperature), u.astype(np.float64)
    )
    wanted = alpha * soft_value + (1 - alpha) * hard_value, alpha * soft_grad + (1 - alpha) * hard_grad
    # T^2 multiplies a difference of logarithms of about 10 / T
    assert_close(loss(z.astype(dtype), target, u, teacher=y), wanted, dtype, scale=max(1.0, temperature))


def test_distillation_of_one_column_is_that_of_two(rng: np.random.Generator) -> None:
    """sigmoid(z) = softmax((z, 0))."""
    z, y = rng.normal(size=(50, 1)) * 4, rng.normal(size=(50, 1)) * 4
    one = losses.Distillation(3.0, 1.0, "bce_with_logits")(z, None, teacher=y)
    two = losses.Distillation(3.0, 1.0)(np.hstack([z, 0 * z]), None, teacher=np.hstack([y, 0 * y]))
    assert one[0] == pytest.approx(two[0], rel=1e-13)
    np.testing.assert_allclose(one[1], two[1][:, :1], rtol=0, atol=1e-15)


def test_student_that_equals_its_teacher_has_learned_all(rng: np.random.Generator) -> None:
    for hard, columns in [("cross_entropy", 7), ("bce_with_logits", 3), ("mse", 2)]:
        z = (rng.normal(size=(20, columns)) * 5).astype(np.float32)
        value, grad = losses.Distillation(2.0, 1.0, hard)(z, None, teacher=z)
        assert value == 0
        assert not grad.any()


@cases
@weighted
def test_gradient_by_finite_differences(case: str, weighted: bool, rng: np.random.Generator) -> None:
    loss, _ = CASES[case]
    for soft in (False, True):
        z, target, _ = batch(case, 4, 5, rng, soft)
        z = z.astype(np.float64)
        u = rng.uniform(0.1, 2, 4) if weighted else None
        numeric, h = np.empty_like(z), 1e-6
        for i in np.ndindex(z.shape):
            up, down = z.copy(), z.copy()
            up[i] += h
            down[i] -= h
            numeric[i] = (loss(up, target, u)[0] - loss(down, target, u)[0]) / (2 * h)
        # Rounding of the value (about 10 eps) divided by 2 h; h^2 is below it.
        np.testing.assert_allclose(loss(z, target, u)[1], numeric, rtol=0, atol=5e-9)


@pytest.mark.parametrize("hard", HARD)
def test_gradient_of_distillation_by_finite_differences(hard: str, rng: np.random.Generator) -> None:
    z, target, _ = batch(hard, 3, 4, rng)
    z, y, h = z.astype(np.float64), rng.normal(size=z.shape) * 3, 1e-6
    loss = losses.Distillation(2.0, 0.7, hard)
    numeric = np.empty_like(z)
    for i in np.ndindex(z.shape):
        up, down = z.copy(), z.copy()
        up[i] += h
        down[i] -= h
        numeric[i] = (loss(up, target, teacher=y)[0] - loss(down, target, teacher=y)[0]) / (2 * h)
    np.testing.assert_allclose(loss(z, target, teacher=y)[1], numeric, rtol=0, atol=5e-9)


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("shape", [(1, 3), (7, 17), (300, 2), (9000, 10), (40_000, 1), (5, 9000)])
@dtypes
def test_same_bits(name: str, shape: tuple[int, int], dtype: type, rng: np.random.Generator) -> None:
    """On every instruction set and number of threads: value and gradient, with and without a teacher."""
    if name == "cross_entropy" and shape[1] == 1:
        shape = (20_000, 2)
    z, target, _ = batch(name, *shape, rng)
    z, y = z.astype(dtype), (rng.normal(size=shape) * 3).astype(dtype)
    u = rng.uniform(0, 2, shape[0])

    def compute() -> list[Any]:
        value, grad = losses.get(name)(z, target, u)
        soft_value, soft_grad = losses.Distillation(2.0, 0.4, name)(z, target, u, teacher=y)
        return [np.float64(value), grad, np.float64(soft_value), soft_grad]

    assert_same_everywhere(compute)


@pytest.mark.parametrize("name", HARD)
@dtypes
def test_the_gradient_of_a_row_does_not_depend_on_its_place(name: str, dtype: type, rng: np.random.Generator) -> None:
    z, target, _ = batch(name, 500, 6, rng)
    z = z.astype(dtype)
    order = rng.permutation(500)
    grad, moved = losses.get(name)(z, target)[1], losses.get(name)(z[order], target[order])[1]
    assert_same_bits(moved, grad[order])


@cases
@dtypes
def test_in_place_and_value_only(isa: str, case: str, dtype: type, rng: np.random.Generator) -> None:
    loss, _ = CASES[case]
    for soft in (False, True):
        z, target, _ = batch(case, 23, 5, rng, soft)
        z = z.astype(dtype)
        value, grad = loss(z, target)
        t, options = loss.native_target(target, 23, 5, z.dtype), loss.native_options(z.dtype)
        assert _core.loss(z, t, None, None, None, **options) == value
        assert _core.loss(z, t, None, None, z, **options) == value
        assert_same_bits(z, grad)


def test_batches_beyond_the_blocks_of_the_sum(rng: np.random.Generator) -> None:
    """64 blocks at most: a batch of many rows makes them longer."""
    z = rng.normal(size=(300_001, 1)).astype(np.float32)
    t = rng.normal(size=(300_001, 1)).astype(np.float32)
    wanted, _ = reference.mean(reference.mse(z.astype(np.float64), t.astype(np.float64)))
    assert losses.MSE()(z, t)[0] == pytest.approx(wanted, rel=1e-7)
