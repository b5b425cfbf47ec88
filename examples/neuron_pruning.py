"""Whole neurons removed: the network really becomes smaller and faster, and its optimizer goes on.

Weights, biases, masks and the optimizer's averages shrink together. Neurons that cannot reach the output ("dead") are
removed without any change of the outputs, bit for bit.
"""

import numpy as np
from sklearn.datasets import load_digits

import sprat
from sprat.compression import speeds

x, y = load_digits(return_X_y=True)
train, test = sprat.tabular.split(len(y), 0.3, stratify=y)
x = (x / 8 - 1).astype("float32")

model = sprat.nn.MLP([64, 256, 128, 10], seed=0)
sprat.fit(model, x[train], y[train], lr=1e-3, epochs=10, progress=False)


def show(name):
    accuracy = sprat.evaluate(model, x[test], y[test])["accuracy"]
    (speed,) = speeds([model], x[test], seconds=0.1)
    widths = "-".join(str(layer.out_features) for layer in model.layers)
    print(f"{name:24} {widths:>12} {model.num_parameters:7,} parameters  {accuracy:6.1%}  {speed.microseconds:6.2f} us")


show("trained")
before = model.copy()
for criterion in ("l2", "activation", "taylor", "variance"):
    model = before.copy()
    sprat.prune.neurons(model, 0.5, criterion=criterion, data=(x[train], y[train]))
    show(f"half gone, by {criterion}")  # without training: what a removed neuron says on average goes into biases

model = before
adam = sprat.optim.Adam(model, lr=1e-3)
for _ in range(3):
    sprat.prune.neurons(model, 0.5, optimizer=adam)
    show("half of the neurons gone")
    sprat.fit(model, x[train], y[train], optimizer=adam, epochs=5, progress=False)
    show("... and trained again")

# Strong weight pruning leaves neurons that nobody listens to. Removing them costs nothing.
sprat.prune.magnitude(model, 0.9)
before = model(x[test])
dead = sprat.prune.remove_dead(model)
show("90% of weights, dead out")
print("outputs unchanged, bit for bit:", bool(np.array_equal(before, model(x[test]))))
