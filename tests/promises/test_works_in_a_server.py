"""Promise 4: threads, forks, idleness, other libraries' threads, memory in the steady state."""

from __future__ import annotations

import gc
import os
import resource
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import sprat
from sprat import nn, runtime
from support import assert_same_bits


@pytest.fixture(params=["float32", "int8"])
def predict(request: pytest.FixtureRequest) -> sprat.Predictor:
    model = nn.MLP([100, 300, 300, 10], seed=0)
    return sprat.Predictor(model if request.param == "float32" else sprat.quantization.quantize_model(model))


X = np.random.default_rng(0).normal(size=(512, 100)).astype(np.float32)


def test_many_threads_share_one_predictor(predict: sprat.Predictor) -> None:
    expected = predict(X)

    def work(seed: int) -> None:
        rows = np.random.default_rng(seed).integers(0, len(X), 40)
        out = np.empty((1, 10), np.float32)
        for row in rows:
            predict(X[row : row + 1], out=out)
            assert_same_bits(out, expected[row : row + 1])
        assert_same_bits(predict(X), expected)

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(work, seed) for seed in range(32)]:
            done.result(timeout=120)


def test_the_gil_is_released(predict: sprat.Predictor) -> None:
    """Another Python thread goes on counting while one long call runs."""
    x = np.tile(X, (40, 1))
    counted, stop = [0], threading.Event()

    def count() -> None:
        while not stop.is_set():
            counted[0] += 1

    counter = threading.Thread(target=count)
    counter.start()
    try:
        before = counted[0]
        predict(x)
        during = counted[0] - before
    finally:
        stop.set()
        counter.join()
    assert during > 0


def test_no_python_memory_in_the_steady_state(predict: sprat.Predictor) -> None:
    x, out = X[:1].copy(), np.empty((1, 10), np.float32)
    predict(x, out=out)
    gc.collect()
    tracemalloc.start()
    for _ in range(100):
        predict(x, out=out)
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(1000):
        predict(x, out=out)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 1000  # less than a byte a call


def test_native_memory_does_not_grow(predict: sprat.Predictor) -> None:
    out = np.empty((512, 10), np.float32)
    for _ in range(20):
        predict(X, out=out)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(300):
        predict(X, out=out)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 4096  # KiB; one leak a call would be 6000


@pytest.mark.parametrize("backend", ["pool", "openmp"])
def test_a_forked_child_predicts(predict: sprat.Predictor, backend: str) -> None:
    """The parent has used threads: gcc's OpenMP alone would hang here."""
    runtime.set_threading(backend)
    try:
        with runtime.threads(3):
            expected = predict(X)
            child = os.fork()
            if child == 0:
                signal.alarm(30)
                with runtime.threads(3):
                    os._exit(0 if predict(X).tobytes() == expected.tobytes() else 1)
            _, status = os.waitpid(child, 0)
            assert os.waitstatus_to_exitcode(status) == 0
            assert_same_bits(predict(X), expected)
    finally:
        runtime.set_threading("pool")


def test_a_forked_child_trains() -> None:
    def train() -> bytes:
        model = nn.MLP([100, 64, 10], seed=0)
        sprat.fit(model, X, np.arange(512) % 10, epochs=1, batch_size=128, progress=False)
        return model.params.tobytes()

    with runtime.threads(3):
        expected = train()
        child = os.fork()
        if child == 0:
            signal.alarm(60)
            os._exit(0 if train() == expected else 1)
        _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def test_idle_threads_sleep(predict: sprat.Predictor) -> None:
    with runtime.threads(4):
        predict(X)
        time.sleep(0.05)
        begin = time.process_time()
        time.sleep(0.5)
        assert time.process_time() - begin < 0.05


def test_beside_the_threads_of_torch() -> None:
    """Two pools in one process: results are right, and neither waits for the other."""
    code = """
import numpy as np, torch, sprat
x = np.random.default_rng(0).normal(size=(512, 100)).astype(np.float32)
model = sprat.nn.MLP([100, 300, 300, 10], seed=0)
expected = model(x).tobytes()
a = torch.randn(400, 400)
for _ in range(50):
    a = torch.tanh(a @ a)
    assert model(x).tobytes() == expected
print("done")
"""
    pytest.importorskip("torch")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip() == "done", done.stderr


def test_affinity_and_environment_are_respected() -> None:
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); from sprat import runtime; print(runtime.num_threads())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "1"
