"""Low rank: a layer becomes two thin ones (truncated singular value decomposition), then training repairs the rest."""

from sklearn.datasets import load_digits

import sprat

x, y = load_digits(return_X_y=True)
train, test = sprat.tabular.split(len(y), 0.3, stratify=y)
x = (x / 8 - 1).astype("float32")

model = sprat.nn.MLP([64, 256, 128, 10], seed=0)
sprat.fit(model, x[train], y[train], epochs=10, lr=1e-3, progress=False)


def show(name, model):
    accuracy = sprat.evaluate(model, x[test], y[test])["accuracy"]
    print(f"{name:32} {model.num_parameters:7,} parameters   test accuracy {accuracy:.1%}")


show("full", model)
for energy in (0.9, 0.7, 0.5):
    thin = model.copy()
    done = sprat.structure.low_rank(thin, 1, energy=energy)
    show(f"layer 1: {energy:.0%} of energy, rank {done.rank}", thin)
    sprat.fit(thin, x[train], y[train], epochs=3, lr=1e-3, progress=False)
    show("  ... and trained again", thin)
