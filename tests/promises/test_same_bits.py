"""Promise 1: results do not depend on instruction set, number of threads, who runs them, place in memory or batch split."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

import sprat
from sprat import nn, runtime
from support import assert_same_bits, assert_same_everywhere, available_isas

# A whole life of a model, as one digest. Run in this process and in fresh ones.
LIFE = """
import hashlib, numpy as np, sprat
rng = np.random.default_rng(0)
x = rng.normal(size=(700, 33)).astype(np.float32)
y = rng.integers(0, 7, 700)
model = sprat.nn.MLP([33, 130, 65, 7], activation="gelu", dropout=0.1, seed=3)
sprat.fit(model, x, y, epochs=2, batch_size=97, seed=5, clip_norm=1.0, ema_decay=0.9,
          lr=sprat.optim.schedules.Cosine(0.01, steps=20), progress=False)
sprat.prune.magnitude(model, 0.6)
sprat.prune.neurons(model, 0.2)
sprat.fit(model, x, y, epochs=1, batch_size=97, seed=6, progress=False)
small = sprat.quantization.quantize_model(model, calibration=x[:200])
digest = hashlib.sha256(model.params.tobytes() + model(x).tobytes() + small(x).tobytes()).hexdigest()
"""


def life() -> str:
    scope: dict[str, str] = {}
    exec(LIFE, scope)
    return scope["digest"]


def test_a_whole_life_has_the_same_bits_everywhere() -> None:
    assert_same_everywhere(lambda: np.frombuffer(bytes.fromhex(life()), np.uint8), threads=(1, 2, 5))


@pytest.mark.parametrize("threading", ["pool", "openmp"])
def test_and_in_fresh_processes(threading: str) -> None:
    """Forced by the environment, with other hash seeds and other memory layouts."""
    expected = life()
    for isa in (available_isas()[0], available_isas()[-1]):
        environment = os.environ | {"SPRAT_ISA": isa, "SPRAT_NUM_THREADS": "3", "SPRAT_THREADING": threading}
        code = LIFE + "\nprint(digest, sprat.runtime.threading())"
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300, check=True
        )
        assert done.stdout.split() == [expected, threading]


def test_a_row_alone_has_the_bits_it_has_among_many(rng: np.random.Generator) -> None:
    model = nn.MLP([50, 80, 90, 11], activation="silu", seed=0)
    x = rng.normal(size=(67, 50)).astype(np.float32)
    for frozen in (model, sprat.quantization.quantize_model(model), sprat.quantization.quantize_model(model, x)):
        predict = sprat.Predictor(frozen)
        whole = predict(x)
        for size in (1, 2, 3, 7, 31):
            parts = np.concatenate([predict(x[i : i + size]) for i in range(0, len(x), size)])
            assert_same_bits(parts, whole)


def test_elementwise_results_do_not_depend_on_the_place(rng: np.random.Generator) -> None:
    x = rng.normal(size=1000).astype(np.float32)
    whole = nn.activations.apply("tanh", x), sprat.quantization.quantize(x, 0.01, 3)
    for start in (1, 2, 3, 5, 8, 13, 17, 999):
        assert_same_bits(nn.activations.apply("tanh", x[start:]), whole[0][start:])
        assert_same_bits(sprat.quantization.quantize(x[start:], 0.01, 3), whole[1][start:])


def test_random_numbers_are_a_function_of_seed_and_place() -> None:
    digest = hashlib.sha256(nn.MLP([300, 200, 10], seed=42).params.tobytes()).hexdigest()
    for count in (1, 2, 7):
        with runtime.threads(count):
            assert hashlib.sha256(nn.MLP([300, 200, 10], seed=42).params.tobytes()).hexdigest() == digest
    assert hashlib.sha256(nn.MLP([300, 200, 10], seed=43).params.tobytes()).hexdigest() != digest
