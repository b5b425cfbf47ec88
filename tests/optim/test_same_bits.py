"""The same bits on every instruction set, for every number of threads, at every place, and however arrays are cut."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from reference.optim import CASES, case_id
from sprat import optim, runtime
from support import assert_same_bits, assert_same_everywhere

# Around: clipping, averages and masks take part in every comparison.
AROUND = {"clip_norm": 2.0, "clip_value": 0.3, "ema_decay": 0.9}


def values(length: int, dtype: Any, stream: int) -> np.ndarray:
    """Numbers of many sizes, with zeros, negative zeros and denormal numbers among them."""
    rng = np.random.default_rng([length, stream])
    x = rng.standard_normal(length) * 10.0 ** rng.integers(-6, 4, length)
    x[rng.random(length) < 0.05] = 0.0
    x[rng.random(length) < 0.05] = -0.0
    x[rng.random(length) < 0.02] = np.finfo(dtype).smallest_subnormal * 5
    return x.astype(dtype)


def outcome(
    name: str, options: dict[str, Any], cuts: list[int], length: int, dtype: Any, offset: int = 0, **around: Any
) -> list[np.ndarray]:
    """Parameters, states and averages after three steps of one line of numbers that is cut into arrays."""

    def place(x: np.ndarray) -> np.ndarray:
        memory = np.empty(x.size + 64, x.dtype)
        memory[offset : offset + x.size] = x
        return memory[offset : offset + x.size]

    def cut(x: np.ndarray) -> list[np.ndarray]:
        return [place(part) for part in np.split(x, cuts)]

    params = cut(values(length, dtype, 0))
    masks = cut((values(length, np.float64, 9) > -1).astype(np.uint8))
    optimizer = getattr(optim, name)(params, masks=masks, **options, **around)
    for step in range(1, 4):
        optimizer.step(cut(values(length, dtype, step)))
    states = [[state[key] for state in optimizer.state] for key in optimizer.state[0]]
    averages = [optimizer.ema] if optimizer.ema is not None else []
    return [np.concatenate(parts) for parts in (params, *states, *averages)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "options"), CASES, ids=case_id)
def test_instruction_sets_and_threads(name: str, options: dict[str, Any], dtype: Any) -> None:
    """Two blocks of work for two threads, and a tail that no register fills."""
    assert_same_everywhere(lambda: outcome(name, options, [], 33_001, dtype, **AROUND), threads=(1, 3))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "options"), CASES, ids=case_id)
@pytest.mark.usefixtures("isa")
def test_cuts_and_places(name: str, options: dict[str, Any], dtype: Any) -> None:
    """An element gives the same bits in a tail as in a full register, aligned or not, in whichever array it lies."""
    whole = outcome(name, options, [], 133, dtype, **AROUND)
    for cuts in ([64], [1, 2, 3], [5, 5, 40, 132], [16, 48]):
        for offset in (0, 1, 7):
            for a, b in zip(outcome(name, options, cuts, 133, dtype, offset, **AROUND), whole, strict=True):
                assert_same_bits(a, b)


@pytest.mark.parametrize("length", [*range(18), 31, 32, 33, 63, 64, 65])
def test_every_length(length: int) -> None:
    """Lengths around every register width against one element at a time, in both dtypes and on every instruction set."""
    for dtype in (np.float32, np.float64):
        single = outcome("Adam", {}, list(range(1, length)), length, dtype)
        assert_same_everywhere(lambda: outcome("Adam", {}, [], length, dtype), threads=(1,))  # noqa: B023
        for a, b in zip(outcome("Adam", {}, [], length, dtype), single, strict=True):
            assert_same_bits(a, b)


def test_the_norm_knows_no_arrays() -> None:
    """However 100,000 gradients are cut, the common norm, and so every clipped update, has the same bits."""
    whole = outcome("SGD", {"lr": 1.0}, [], 100_000, np.float32, clip_norm=1.0)
    rng = np.random.default_rng(5)
    for count in (1, 7, 300):
        cuts = sorted(rng.integers(0, 100_000, count).tolist())
        for threads in (1, 2):
            with runtime.threads(threads):
                cut = outcome("SGD", {"lr": 1.0}, cuts, 100_000, np.float32, clip_norm=1.0)
            for a, b in zip(cut, whole, strict=True):
                assert_same_bits(a, b)


def test_mixed_dtypes_share_a_step() -> None:
    """float32 and float64 arrays in one optimizer get what each would get alone."""
    rng = np.random.default_rng(1)
    arrays = [rng.standard_normal(50).astype(dtype) for dtype in (np.float32, np.float64, np.float32)]
    grads = [rng.standard_normal(50).astype(array.dtype) for array in arrays]
    together = [array.copy() for array in arrays]
    optim.Adam(together, lr=0.1).step(grads)
    for array, grad, got in zip(arrays, grads, together, strict=True):
        optim.Adam([array], lr=0.1).step([grad])
        assert_same_bits(got, array)


def test_a_flat_gradient_is_the_list() -> None:
    rng = np.random.default_rng(2)
    shapes = [(3, 4), (5,), (2, 2)]
    lists = [rng.standard_normal(shape) for shape in shapes]
    flats = [array.copy() for array in lists]
    grads = [rng.standard_normal(shape) for shape in shapes]
    optim.Adam(lists).step(grads)
    optim.Adam(flats).step(np.concatenate([grad.ravel() for grad in grads]))
    for a, b in zip(lists, flats, strict=True):
        assert_same_bits(a, b)


def test_stepping_on_is_stepping_through() -> None:
    """Saved and loaded after every step, or not: the same bits."""
    rng = np.random.default_rng(3)
    grads = [rng.standard_normal(20) for _ in range(6)]
    through, resumed = np.ones(20), np.ones(20)
    schedule = optim.schedules.Cosine(0.1, steps=6)
    options: dict[str, Any] = {"lr": schedule, "clip_norm": 1.0, "ema_decay": 0.9}
    optimizer = optim.NAdam([through], **options)
    for grad in grads:
        optimizer.step([grad])
    state = optim.NAdam([resumed], **options).state_dict()
    for grad in grads:
        again = optim.NAdam([resumed], **options)
        again.load_state_dict(state)
        again.step([grad])
        state = again.state_dict()
    assert_same_bits(through, resumed)
    assert_same_bits(optimizer.ema[0], again.ema[0])
