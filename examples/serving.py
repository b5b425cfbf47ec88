"""Serving: one predictor, many threads, no lock, and no memory taken by a call that brings its own place for outputs."""

import threading
import time

import numpy as np

import sprat

model = sprat.nn.MLP([64, 128, 64, 10], seed=0)
x = np.random.default_rng(0).normal(size=(4096, 64)).astype(np.float32)
expected = model(x)

predict = sprat.Predictor(model)  # weights packed once; later changes of the model do not reach it
calls = [0] * 4


def serve(worker, until):
    """Answers single rows, as a web server's thread would, and checks every answer bit for bit."""
    out = np.empty((1, 10), np.float32)  # this thread's own
    row = worker
    while time.perf_counter() < until:
        predict(x[row : row + 1], out=out)
        if not np.array_equal(out[0], expected[row]):
            raise SystemExit(f"row {row} differs")
        row = (row + 7) % len(x)
        calls[worker] += 1


with sprat.runtime.threads(1):  # one core per request: requests are what is parallel here
    until = time.perf_counter() + 0.5
    workers = [threading.Thread(target=serve, args=(worker, until)) for worker in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
print(f"4 threads, {sum(calls):,} rows one by one in 0.5 s, every one with the bits that it has in a batch")

out = np.empty_like(expected)
start = time.perf_counter()
for _ in range(20):
    predict(x, out=out)
print(f"in batches of {len(x):,}: {20 * len(x) / (time.perf_counter() - start):,.0f} rows per second")
