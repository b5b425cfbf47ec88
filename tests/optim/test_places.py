"""Where states begin: on a cache line, and apart in the page from their parameter and from each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sprat import optim
from support import assert_same_bits


def places(optimizer: optim.Optimizer, name: Any, param: np.ndarray) -> list[int]:
    """Bytes in the page from the parameter to each state and its average, after checking that all begin on a line."""
    arrays = [*optimizer.state[name].values(), optimizer.ema[name]]
    assert all(array.ctypes.data % 64 == 0 for array in arrays)
    return [(array.ctypes.data - param.ctypes.data) % 4096 for array in arrays]


def made(param: np.ndarray) -> optim.Optimizer:
    return optim.Adam({"w": param}, amsgrad=True, ema_decay=0.9)


@pytest.mark.parametrize("offset", [0, 4, 60, 2000])
def test_states_of_large_arrays_stand_apart(offset: int) -> None:
    param = np.zeros(20_000, np.uint8)[offset % 64 :][: 4 * 4096].view(np.float32)
    param[:] = np.random.default_rng(0).standard_normal(4096)
    optimizer = made(param)
    optimizer.step({"w": param.copy()})
    loaded, rebound = made(param), made(param)
    loaded.load_state_dict(optimizer.state_dict())
    rebound.load_state_dict(optimizer.state_dict())
    rebound.rebind({"w": param}, {"w": [np.arange(4096)]})
    for one in (optimizer, loaded, rebound):
        found = sorted([0, *places(one, "w", param), 4096])
        assert min(np.diff(found)) >= 512
        for key, state in optimizer.state["w"].items():
            assert_same_bits(one.state["w"][key], state)
        assert_same_bits(one.ema["w"], optimizer.ema["w"])


def test_states_of_small_arrays_waste_no_page() -> None:
    param = np.zeros((3, 5))
    optimizer = made(param)
    places(optimizer, "w", param)
    for memory in optimizer.state["w"].values():
        while memory.base is not None:
            memory = memory.base
        assert memory.nbytes <= param.nbytes + 64
