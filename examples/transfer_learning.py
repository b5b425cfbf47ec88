"""Transfer learning: a network that knows the digits learns from 20 rows to tell even from odd.

The layers it has are frozen and get a new head; then all of them are trained a little, at a low rate. A network that
begins from nothing sees the same 20 rows.
"""

import numpy as np
from sklearn.datasets import load_digits

import sprat

x, y = load_digits(return_X_y=True)
x = (x / 8 - 1).astype("float32")
old, new = sprat.tabular.split(len(y), 0.5, stratify=y)
even = (y[new] % 2 == 0).astype(np.int64)
few, test = sprat.tabular.split(len(new), 1 - 20 / len(new), stratify=even)
few_x, few_y, test_x, test_y = x[new][few], even[few], x[new][test], even[test]

base = sprat.nn.MLP([64, 128, 32, 10], seed=0)
sprat.fit(base, x[old], y[old], epochs=15, lr=2e-3, progress=False)

scores = {"from nothing": [], "frozen layers, new head": [], "... then all layers, gently": []}
for seed in range(5):

    def train(name, model, epochs, lr, seed=seed):
        sprat.fit(model, few_x, few_y, epochs=epochs, lr=lr, batch_size=10, seed=seed, progress=False)
        scores[name].append(sprat.evaluate(model, test_x, test_y)["accuracy"])

    train("from nothing", sprat.nn.MLP([64, 128, 32, 2], seed=seed + 1), 60, 2e-3)
    model = base.copy()
    model.replace_head(2, seed=seed)
    model.freeze(0, 1)
    train("frozen layers, new head", model, 60, 1e-2)
    model.unfreeze()
    train("... then all layers, gently", model, 30, 5e-4)

print(f"{len(few_y)} rows to learn from, {len(test_y)} to test on, mean of 5 seeds:")
for name, values in scores.items():
    print(f"  {name:30} {np.mean(values):.1%}")
