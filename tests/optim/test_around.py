"""What surrounds the update: clipping, masks, moving averages, gradients that are not finite, denormal numbers."""

from __future__ import annotations

import math
import threading
import time
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from reference.optim import CASES, OPTIONS, case_id
from sprat import optim, runtime
from support import assert_same_bits, unchanged

# ---- clipping


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clip_norm(dtype: Any, rng: np.random.Generator) -> None:
    params = [np.zeros(shape, dtype) for shape in ((50,), (3, 7))]
    grads = [rng.standard_normal(w.shape).astype(dtype) for w in params]
    optimizer = optim.SGD(params, lr=1.0, clip_norm=0.5)
    optimizer.step(grads)
    norm = math.sqrt(math.fsum(float(g) ** 2 for grad in grads for g in grad.flat))
    assert optimizer.grad_norm == pytest.approx(norm, rel=1e-14)
    for w, grad in zip(params, grads, strict=True):
        np.testing.assert_allclose(w, -grad.astype(np.float64) * (0.5 / (norm + 1e-6)), rtol=3e-7)


def test_a_small_norm_is_not_touched() -> None:
    w, grad = np.zeros(3, np.float32), np.array([0.1, -0.2, 0.3], np.float32)
    optim.SGD([w], lr=1.0, clip_norm=10.0).step([grad])
    assert_same_bits(w, -grad)


def test_the_norm_is_only_computed_when_needed() -> None:
    optimizer = optim.SGD([np.zeros(3)])
    optimizer.step([np.ones(3)])
    assert optimizer.grad_norm is None


def test_clip_value() -> None:
    w = np.zeros(5)
    optim.SGD([w], lr=1.0, clip_value=0.5).step([np.array([-2.0, -0.5, 0.1, 0.6, np.inf])])
    np.testing.assert_array_equal(w, [0.5, 0.5, -0.1, -0.5, -0.5])


# ---- masks


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "options"), CASES, ids=case_id)
def test_masked_weights_and_states_stay_zero(name: str, options: dict[str, Any], dtype: Any) -> None:
    """+0, under every optimizer, even where gradient or weight are NaN, and the others get what they get without masks."""
    rng = np.random.default_rng(11)
    start = rng.standard_normal(77).astype(dtype)
    mask = (rng.random(77) < 0.6).astype(np.uint8)
    grads = [rng.standard_normal(77).astype(dtype) for _ in range(5)]
    free, masked = start.copy(), start.copy()
    masked[mask == 0] = np.nan
    plain = getattr(optim, name)([free], ema_decay=0.5, **options)
    optimizer = getattr(optim, name)([masked], masks=[mask], ema_decay=0.5, **options)
    for grad in grads:
        plain.step([grad])
        spoiled = np.where(mask, grad, np.nan).astype(dtype)
        optimizer.step([spoiled])
    kept, gone = mask == 1, mask == 0
    arrays = [(masked, free), (optimizer.ema[0], plain.ema[0])]
    arrays += [(optimizer.state[0][key], plain.state[0][key]) for key in plain.state[0]]
    for array, unmasked in arrays:
        assert_same_bits(array[kept], unmasked[kept])
        assert_same_bits(array[gone], np.zeros(gone.sum(), dtype))


def test_masked_gradients_are_not_looked_at() -> None:
    """Neither in the common norm nor as numbers that are not finite: a masked weight is as good as gone."""
    mask = np.array([1, 0, 1], np.uint8)
    w = np.zeros(3)
    optimizer = optim.SGD([w], lr=1.0, masks=[mask], clip_norm=100.0, nonfinite="raise")
    assert optimizer.step([np.array([3.0, np.nan, 4.0])])
    assert optimizer.grad_norm == 5.0
    np.testing.assert_array_equal(w, [-3, 0, -4])


def test_a_mask_that_grows_takes_effect_at_once() -> None:
    w, mask = np.ones(4), np.ones(4, np.uint8)
    optimizer = optim.SGD({"w": w}, lr=0.5, masks={"w": mask})
    optimizer.step({"w": np.ones(4)})
    mask[1] = 0
    optimizer.step({"w": np.ones(4)})
    np.testing.assert_array_equal(w, [0.0, 0.0, 0.0, 0.0])
    optimizer.step({"w": -np.ones(4)})
    np.testing.assert_array_equal(w, [0.5, 0.0, 0.5, 0.5])


def test_bool_masks_and_none() -> None:
    a, b = np.ones(2), np.ones(2)
    optimizer = optim.SGD([a, b], lr=1.0, masks=[np.array([True, False]), None])
    optimizer.step([np.zeros(2), np.zeros(2)])
    np.testing.assert_array_equal(a, [1, 0])
    np.testing.assert_array_equal(b, [1, 1])


# ---- moving averages


def test_ema() -> None:
    rng = np.random.default_rng(3)
    w = rng.standard_normal(9)
    expected = w.copy()
    optimizer = optim.SGD({"w": w}, lr=0.1, ema_decay=0.8)
    assert_same_bits(optimizer.ema["w"], w)
    for _ in range(10):
        optimizer.step({"w": rng.standard_normal(9)})
        expected = 0.8 * expected + 0.2 * w
    np.testing.assert_allclose(optimizer.ema["w"], expected, rtol=1e-13)
    before, average = w.copy(), optimizer.ema["w"].copy()
    with optimizer.swap_ema():
        assert_same_bits(w, average)
        with pytest.raises(RuntimeError, match="swap_ema"):
            optimizer.step({"w": np.zeros(9)})
    assert_same_bits(w, before)
    assert_same_bits(optimizer.ema["w"], average)


def test_swap_ema_swaps_back_after_an_error() -> None:
    w = np.zeros(2)
    optimizer = optim.SGD([w], lr=1.0, ema_decay=0.5)
    optimizer.step([np.ones(2)])
    with pytest.raises(KeyError), optimizer.swap_ema():
        raise KeyError
    np.testing.assert_array_equal(w, [-1, -1])
    assert optimizer.step([np.ones(2)])


def test_a_weight_at_rest_leaves_its_average_at_rest() -> None:
    w = np.full(5, 1 / 3, np.float32)
    optimizer = optim.SGD([w], ema_decay=0.999)
    for _ in range(50):
        optimizer.step([np.zeros(5, np.float32)])
    assert_same_bits(optimizer.ema[0], w)


def test_no_average_unless_asked_for() -> None:
    optimizer = optim.SGD([np.zeros(1)])
    assert optimizer.ema is None
    with pytest.raises(ValueError, match="swap_ema: this optimizer was made without ema_decay"), optimizer.swap_ema():
        pass


# ---- gradients that are not finite


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("clip_norm", [None, 1.0])
def test_skip_changes_nothing_and_counts(bad: float, clip_norm: float | None) -> None:
    w, v = np.ones(40, np.float32), np.ones(3)
    optimizer = optim.Adam([w, v], lr=0.1, ema_decay=0.5, clip_norm=clip_norm, nonfinite="skip")
    assert optimizer.step([np.ones(40, np.float32), np.ones(3)])
    check = unchanged(w, v, *optimizer.ema, *optimizer.state[0].values(), *optimizer.state[1].values())
    grad = np.ones(40, np.float32)
    grad[37] = bad
    assert optimizer.step([grad, np.ones(3)]) is False
    check()
    assert (optimizer.step_count, optimizer.skipped_steps) == (1, 1)
    assert optimizer.step([np.ones(40, np.float32), np.ones(3)])
    assert (optimizer.step_count, optimizer.skipped_steps) == (2, 1)


def test_raise_names_the_gradient() -> None:
    w, v = np.ones(4), np.ones(3)
    optimizer = optim.Adam({"w": w, "v": v}, nonfinite="raise")
    check = unchanged(w, v, optimizer.state["w"]["exp_avg"])
    with pytest.raises(ValueError, match=r"^grads\['v'\]: 2 elements are NaN or infinite$"):
        optimizer.step({"w": np.ones(4), "v": np.array([np.nan, 0, np.inf])})
    check()
    assert optimizer.step_count == 0


def test_huge_finite_gradients_are_finite() -> None:
    """The square of 1e200 is not, in float64; that is no reason to skip."""
    w = np.zeros(2)
    assert optim.SGD([w], lr=1e-200, nonfinite="skip").step([np.array([1e200, -1e200])])
    np.testing.assert_allclose(w, [-1, 1])


def test_propagate() -> None:
    w = np.zeros(3)
    assert optim.SGD([w], lr=1.0).step([np.array([1.0, np.nan, np.inf])])
    np.testing.assert_array_equal(w, [-1, np.nan, -np.inf])


# ---- denormal numbers


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", OPTIONS)
def test_states_leave_the_denormal_range(name: str, dtype: Any) -> None:
    """Whatever decays ends at +0, not in the denormal numbers, where 0.9 * 4 steps rounds to 4 steps for ever."""
    options = {"momentum": 0.9} if name in ("SGD", "RMSprop") else {}
    w = np.ones(21, dtype)
    optimizer = getattr(optim, name)([w], ema_decay=0.9, **options)
    for array in optimizer.state[0].values():
        array[...] = np.finfo(dtype).smallest_subnormal * 1000
    optimizer.ema[0][...] = np.finfo(dtype).smallest_subnormal * 4
    w[...] = np.finfo(dtype).smallest_subnormal * 4
    for _ in range(16):
        optimizer.step([np.zeros(21, dtype)])
    for array in (w, optimizer.ema[0], *optimizer.state[0].values()):
        normal = np.abs(array) >= np.finfo(dtype).smallest_normal
        assert np.all(normal | (array == 0))


def test_tiny_gradients_count_as_zero() -> None:
    """Their squares would be denormal: slow, and nothing beside eps."""
    w = np.zeros(2, np.float32)
    optimizer = optim.Adam([w])
    optimizer.step([np.array([1e-18, 1e-17], np.float32)])
    assert optimizer.state[0]["exp_avg"][0] == 0
    assert optimizer.state[0]["exp_avg_sq"][1] >= np.finfo(np.float32).smallest_normal


def test_the_floating_point_mode_is_left_alone() -> None:
    before = runtime.float_mode()
    optim.Adam([np.full(40_000, 1e-40, np.float32)], clip_norm=1.0).step([np.full(40_000, 1e-40, np.float32)])
    assert runtime.float_mode() == before


# ---- threads


def test_two_threads_do_not_share_a_step() -> None:
    """One of two threads that step the same optimizer at once is refused; every whole step is counted."""
    w, grad = np.zeros(2_000_000, np.float32), np.ones(2_000_000, np.float32)
    optimizer = optim.SGD([w], lr=1.0)
    optimizer.bind([grad])
    done, refused = [], []

    def work() -> None:
        for _ in range(20):
            try:
                done.append(optimizer.step())
            except RuntimeError as error:
                refused.append(str(error))

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(done) + len(refused) == 40
    assert set(refused) <= {"optimizer: it is making a step in another thread"}
    assert optimizer.step_count == len(done)
    np.testing.assert_array_equal(w, np.full_like(w, -len(done)))


def test_what_is_set_while_another_thread_steps_loses_nothing() -> None:
    """A step that is refused for one under way leaves that one's progress, and what was set counts from the next on."""
    w, grad = np.zeros(2_000_000, np.float32), np.ones(2_000_000, np.float32)
    optimizer = optim.Adam([w], lr=1e-3)
    optimizer.bind([grad])
    done, refused = [], []

    def work(own_lr: float) -> None:
        for _ in range(20):
            try:
                optimizer.lr = own_lr
                done.append(optimizer.step())
            except RuntimeError as error:
                refused.append(str(error))

    workers = [threading.Thread(target=work, args=(lr,)) for lr in (1e-3, 2e-3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert set(refused) <= {"optimizer: it is making a step in another thread"}
    assert optimizer.step_count == len(done) == optimizer.state_dict()["state"][0]["step"]
    optimizer.lr = 0.0
    before = w.copy()
    assert optimizer.step()
    np.testing.assert_array_equal(w, before)


@pytest.mark.parametrize("call", ["group", "lr", "options"])
def test_nothing_is_set_during_a_step(call: str) -> None:
    w, grad = np.zeros(4_000_000, np.float32), np.ones(4_000_000, np.float32)
    optimizer = optim.Adam([w], lr=1e-3, clip_norm=1.0)
    optimizer.bind([grad])
    plan = optimizer._plan
    make = {
        "group": lambda: plan.set_group(0, {"lr": 1e-3}),
        "lr": lambda: plan.set_lr(0, 1e-3),
        "options": lambda: plan.set_options(1.0, 0.0, 0.0, False),
    }[call]
    stop, steps, refused = threading.Event(), [], []

    def work() -> None:
        while not stop.is_set():
            with suppress(RuntimeError):
                steps.append(plan.step(None))

    worker = threading.Thread(target=work)
    worker.start()
    end = time.monotonic() + 20
    while not refused and time.monotonic() < end:
        try:
            make()
        except RuntimeError as error:
            refused.append(str(error))
    stop.set()
    worker.join()
    assert refused == ["optimizer: it is making a step in another thread"]
    assert plan.step_count == len(steps) == plan.progress()[0][0]


def test_a_name_that_cannot_be_compared() -> None:
    """What comparing it raises comes out, not a line about a missing gradient."""

    class Name(str):
        def __eq__(self, other: object) -> bool:
            raise ZeroDivisionError("no equal")

        __hash__ = str.__hash__

    w = np.zeros(3)
    optimizer = optim.SGD({"w": w}, lr=1.0)
    with pytest.raises(ZeroDivisionError, match="no equal"):
        optimizer.step({Name("w"): np.ones(3)})
    assert optimizer.step_count == 0
    assert not w.any()
