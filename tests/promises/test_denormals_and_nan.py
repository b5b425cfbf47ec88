"""Promise 6: the caller's floating-point mode is neither used nor changed; non-finite numbers have a stated way."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import sprat
from sprat import nn, optim, runtime
from support import assert_same_bits, assert_same_everywhere

TINY = np.float32(1e-41)  # below the smallest normal float32


def test_denormals_keep_their_value() -> None:
    x = np.array([TINY, -TINY, 0.0, 1.0], np.float32)
    assert_same_everywhere(lambda: nn.activations.apply("relu", x))
    assert_same_bits(nn.activations.apply("relu", x), np.maximum(x, np.float32(0)))
    model = nn.MLP([1, 1], seed=0)
    model.params[...] = [1.0, 0.0]
    assert_same_bits(model(np.array([[TINY]])), np.array([[TINY]]))


def test_the_callers_mode_is_not_used_and_not_changed() -> None:
    """torch switches flush-to-zero on; sprat's bits stay, and so does the mode."""
    pytest.importorskip("torch")
    code = """
import numpy as np, torch, sprat
x = (np.random.default_rng(0).normal(size=(300, 20)) * 1e-39).astype(np.float32)
model = sprat.nn.MLP([20, 30, 3], seed=0)
adam = sprat.optim.Adam([np.full(1000, 1e-3, np.float32)], lr=1e-39)
before = model(x).tobytes(), sprat.quantization.quantize(x, 2e-38, 0).tobytes()
assert torch.set_flush_denormal(True)
mode = sprat.runtime.float_mode()
assert mode["flush_to_zero"] and mode["denormals_are_zero"]
assert (model(x).tobytes(), sprat.quantization.quantize(x, 2e-38, 0).tobytes()) == before
adam.step([np.full(1000, 1e-30, np.float32)])
assert sprat.runtime.float_mode() == mode
print("done")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip() == "done", done.stderr


@pytest.mark.parametrize("policy", ["propagate", "skip", "raise"])
def test_what_an_optimizer_does_with_nan(policy: str) -> None:
    param = np.ones(40, np.float32)
    optimizer = optim.Adam([param], lr=0.1, nonfinite=policy)
    grad = np.ones(40, np.float32)
    grad[7] = np.nan
    if policy == "raise":
        with pytest.raises((ValueError, FloatingPointError)):
            optimizer.step([grad])
        assert (param == 1).all()
    else:
        optimizer.step([grad])
        assert np.isnan(param).sum() == (1 if policy == "propagate" else 0)
        assert (param == 1).all() == (policy == "skip")


def test_every_stage_says_the_same_on_every_instruction_set() -> None:
    x = np.array([[np.nan, 1.0], [np.inf, 1.0], [-np.inf, -0.0], [TINY, 3e38]], np.float32)
    model = nn.MLP([2, 5, 2], activation="tanh", seed=0)

    def compute() -> list[np.ndarray]:
        results = [model(x), sprat.quantization.quantize(x, 0.5, 3)]
        # Which NaN comes out is not promised: payload and sign differ between instruction sets.
        return [np.where(np.isnan(r), np.float32(12345), r) if r.dtype.kind == "f" else r for r in results]

    assert_same_everywhere(compute)


def test_float_mode_is_shown() -> None:
    assert set(runtime.float_mode()) == {"flush_to_zero", "denormals_are_zero", "traps", "rounding"}
