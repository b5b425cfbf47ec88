"""Predictions from a prange, a fit and random numbers in nogil loops: a package of its own over sprat.cython_api."""

import time

import numpy as np
import scoring

import sprat

model = sprat.nn.MLP([16, 32, 4], seed=0)
predict = sprat.Predictor(model)
x = scoring.uniform(20_000 * 16, seed=1, low=-1.0).reshape(-1, 16)

start = time.perf_counter()
y = scoring.score(predict, x, threads=2)
seconds = time.perf_counter() - start
print(f"{len(x):,} rows one by one on two threads, {seconds / len(x) * 1e9:.0f} ns each")
print(f"the bits of a batch from Python: {y.tobytes() == predict(x).tobytes()}")

t = np.linspace(0, 1, 50)
slope, intercept = scoring.fit_line(t, 3 * t - 1, steps=2000)
print(f"the line through 3 t - 1 after 2000 steps of Adam: {slope:.4f} t + {intercept:.4f}")
