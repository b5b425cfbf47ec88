"""Every optimizer with every option against the plain float64 reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.optim import CASES, OPTIONS, UPDATES, case_id, run
from sprat import _core, optim

STEPS = 6
SHAPES = [(3, 5), (1,), (37,), (2, 1, 8)]


def problem(rng: np.random.Generator, dtype: Any = np.float64) -> tuple[list[Any], list[list[Any]]]:
    params = [rng.standard_normal(shape).astype(dtype) for shape in SHAPES]
    grads = [[rng.standard_normal(shape).astype(dtype) for shape in SHAPES] for _ in range(STEPS)]
    return params, grads


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize(("name", "options"), CASES, ids=case_id)
def test_float64(name: str, options: dict[str, Any], maximize: bool, rng: np.random.Generator) -> None:
    params, grads = problem(rng)
    wanted, states = run(name, params, grads, maximize=maximize, **options)
    optimizer = getattr(optim, name)(params, maximize=maximize, **options)
    for step in grads:
        assert optimizer.step(step)
    # Both round each operation to 2^-53, but group the factors of the step size differently.
    for got, want in zip(params, wanted, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-14)
    for got_state, state in zip(optimizer.state, states, strict=True):
        for key, values in got_state.items():
            np.testing.assert_allclose(values, state[key], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("name", "options"), CASES, ids=case_id)
def test_float32(name: str, options: dict[str, Any], rng: np.random.Generator) -> None:
    params, grads = problem(rng, np.float32)
    wanted, _ = run(name, params, grads, **options)
    optimizer = getattr(optim, name)(params, **options)
    for step in grads:
        assert optimizer.step(step)
    # A step rounds about ten operations to 2^-24; centered RMSprop subtracts two numbers that are nearly equal.
    tolerance = 2e-4 if options.get("centered") else 4e-6
    for got, want in zip(params, wanted, strict=True):
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


def test_every_kernel_is_tested() -> None:
    """The lists of optimizers, of references and of options name the same ones, and reach every native kernel."""
    public = {name for name in optim.__all__ if isinstance(getattr(optim, name), type)} - {"Optimizer"}
    assert set(OPTIONS) == set(UPDATES) == public
    reached = {getattr(optim, name)([np.zeros(1)], **options)._kernels[0] for name, options in CASES}
    assert reached == set(_core.optimizers())


@pytest.mark.parametrize("name", OPTIONS)
def test_no_gradient_moves_nothing(name: str) -> None:
    """A gradient of zero leaves fresh parameters without decay where they are; eps keeps 0 / 0 away."""
    w = np.arange(-4.0, 5.0)
    optimizer = getattr(optim, name)([w], weight_decay=0.0)
    for _ in range(3):
        optimizer.step([np.zeros_like(w)])
    np.testing.assert_array_equal(w, np.arange(-4.0, 5.0))


@pytest.mark.parametrize("name", OPTIONS)
def test_descends_a_parabola(name: str) -> None:
    """min (w - 3)^2: every optimizer gets there."""
    w = np.zeros(4, np.float32)
    optimizer = getattr(optim, name)([w], lr=optim.schedules.Cosine(0.1, steps=400, end=1e-4))
    if name == "Adagrad":
        optimizer.lr = 1.0
    for _ in range(400):
        optimizer.step([2 * (w - 3)])
    np.testing.assert_allclose(w, 3, atol=0.02)


def test_adam_counts_its_first_step_as_one() -> None:
    """A listing that counts from 0 divides by 1 - beta^0 = 0; the first step is lr * sign(grad)."""
    w = np.zeros(3)
    optim.Adam([w], lr=0.1, eps=0.0).step([np.array([4.0, -1e-6, 3e5])])
    np.testing.assert_allclose(w, [-0.1, 0.1, -0.1], rtol=1e-14)


def test_momentum_and_the_classical_velocity() -> None:
    """v = momentum v + lr g; w -= v equals torch's form while lr is constant, and not when it changes."""
    grads = [1.0, -2.0, 0.5, 3.0]

    def classical(rates: list[float]) -> float:
        w = v = 0.0
        for rate, g in zip(rates, grads, strict=True):
            v = 0.9 * v + rate * g
            w -= v
        return w

    def ours(rates: list[float]) -> float:
        w = np.zeros(1)
        optimizer = optim.SGD([w], momentum=0.9)
        for rate, g in zip(rates, grads, strict=True):
            optimizer.lr = rate
            optimizer.step([np.array([g])])
        return float(w[0])

    assert ours([0.1] * 4) == pytest.approx(classical([0.1] * 4), rel=1e-14)
    assert ours([0.1, 0.2, 0.1, 0.1]) != pytest.approx(classical([0.1, 0.2, 0.1, 0.1]), rel=1e-3)


def test_centered_rmsprop_survives_a_constant_gradient() -> None:
    """The variance of a constant gradient is 0 up to rounding, which must not make it negative."""
    w = np.zeros(64, np.float32)
    optimizer = optim.RMSprop([w], centered=True, alpha=0.5)
    for _ in range(200):
        optimizer.step([np.full(64, 0.1, np.float32)])
    assert np.isfinite(w).all()


@given(
    st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=40),
    st.sampled_from([0.0, 0.5, 0.9]),
    st.booleans(),
)
def test_any_gradient_sequence(grads: list[float], momentum: float, nesterov: bool) -> None:
    options = {"lr": 0.01, "momentum": momentum, "nesterov": nesterov and momentum > 0}
    w = np.array([1.0])
    wanted, _ = run("SGD", [w], [[np.array([g])] for g in grads], **options)
    optimizer = optim.SGD([w], **options)
    for g in grads:
        optimizer.step([np.array([g])])
    np.testing.assert_allclose(w, wanted[0], rtol=1e-9, atol=1e-9)
