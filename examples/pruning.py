"""Pruning with retraining: set the small weights to zero, train again; the mask holds the zeros.

Ways to the same sparsity: all at once without training, all at once and then trained, a little more every few steps
while training goes on (Zhu & Gupta 2017), the same with 3 of every 32 inputs left (the zeros that kernels like best), and
in rounds with a learning rate that begins anew in each (Renda, Frankle & Carbin 2020).
"""

from sklearn.datasets import load_digits

import sprat
from sprat.training import GradualPruning

x, y = load_digits(return_X_y=True)
train, test = sprat.tabular.split(len(y), 0.3, stratify=y)
x = (x / 8 - 1).astype("float32")
data = (x[train], y[train])


def show(name, model):
    accuracy = sprat.evaluate(model, x[test], y[test])["accuracy"]
    print(f"{name:32} sparsity {sprat.prune.report(model).sparsity:6.1%}   test accuracy {accuracy:.1%}")


dense = sprat.nn.MLP([64, 128, 64, 10], seed=0)
sprat.fit(dense, *data, epochs=10, lr=2e-3, progress=False)
show("dense", dense)

pruned = dense.copy()
sprat.prune.threshold(pruned, 0.05)
show("weights below 0.05 removed", pruned)

pruned = dense.copy()
sprat.prune.magnitude(pruned, 0.9)
show("smallest 90% removed", pruned)
sprat.fit(pruned, *data, epochs=10, lr=2e-3, progress=False)
show("... and trained again", pruned)

steps = 10 * -(-len(train) // 64)
schedule = sprat.prune.GradualSchedule(0.0, 0.9, begin_step=0, end_step=steps // 2)
for name, rule in {"gradually": {}, "3 of every 32": {"pattern": "3:32", "layers": [0, 1]}}.items():
    gradual = dense.copy()
    pruning = GradualPruning(schedule, frequency=10, **rule)
    sprat.fit(gradual, *data, epochs=10, lr=2e-3, callbacks=[pruning], progress=False)
    show(f"90%, {name} in training", gradual)

rounds = dense.copy()
sprat.prune.iterative(rounds, *data, sparsity=0.9, rounds=3, epochs=10, lr=2e-3, trained=True)
show("90%, in three rounds", rounds)
