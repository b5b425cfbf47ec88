"""What a refused call leaves behind, and which device an array is on."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

import sprat
from support import assert_same_bits


def test_the_call_after_a_refused_one_succeeds(rng: np.random.Generator) -> None:
    """CUDA keeps the error of a failed allocation for whoever asks: a later kernel must not be blamed for it."""
    x = rng.normal(size=(5, 7)).astype(np.float32)
    on_device = sprat.cuda.array(x)
    with pytest.raises(MemoryError, match="no memory left"):
        sprat.cuda.empty(1 << 55)
    assert_same_bits(sprat.nn.functional.softmax(on_device).numpy(), sprat.nn.functional.softmax(x))


def test_an_array_of_another_device_is_refused(native: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    if native.is_emulated:
        monkeypatch.setenv("SPRAT_CUDA_EMULATED_DEVICES", "2")
    if native.device_count() < 2:
        pytest.skip("a machine with one device has no other")
    x = sprat.cuda.array(np.ones(3, np.float32))
    native.set_device(1)
    try:
        with pytest.raises(ValueError, match="x: wanted an array on device 1, got one on device 0"):
            sprat.nn.functional.softmax(x)
    finally:
        native.set_device(0)
