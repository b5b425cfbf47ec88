"""How much of the gap between a student and its teacher does distillation recover?

python examples/distillation_gap.py --data diamonds --seeds 5        (or fashion, or digits; see data_sets.py)

The student has a tenth of the parameters of the teacher, or of one network of it, and the same first weights alone and
distilled. Settings were chosen on rows held out from training. Recovered: (distilled - alone) / (teacher - alone).
"""

from functools import partial

import numpy as np
from data_sets import arguments, load
from sklearn.ensemble import HistGradientBoostingRegressor as Trees

import sprat
from sprat.distillation import Smote

# Teacher, student, batch size; epochs over the rows and weight decay of teacher, student alone, student distilled.
PLANS = {
    "digits": ([64, 128, 64, 10], [64, 8, 10], 32, (100, 0.1), (150, 0.0), (150, 0.0)),
    "fashion": ([784, 256, 128, 10], [784, 25, 40, 40, 10], 64, (32, 0.05), (20, 0.1), (100, 0.05)),
    "diamonds": ([26, 128, 64, 1], [26, 32, 9, 1], 128, (40, 0.1), (240, 0.1), (240, 0.0)),
}
chosen = arguments(__doc__, seeds=1)
task, seeds = load(chosen.data, chosen.folder), range(chosen.seeds)
large, small, batch_size, teaching, learning, distilling = PLANS[chosen.data]
x, y, test_y, classes = task.train[0], task.train[1].reshape(-1), task.test[1].reshape(-1), task.metric == "accuracy"


def fit(model, length, rows, learn=sprat.fit, grown=1, **more):
    """AdamW and half a cosine wave; ``rows`` become ``grown`` times as many by augmentation."""
    epochs = max(1, round(length[0] * len(x) / (grown * len(rows[0]))))
    rate = sprat.optim.schedules.Cosine(3e-3, steps=epochs * -(-grown * len(rows[0]) // batch_size))
    adam = sprat.optim.AdamW(model, lr=rate, weight_decay=length[1])
    learn(model, *rows, optimizer=adam, epochs=epochs, batch_size=batch_size, progress=False, **more)
    return model


def score(model):
    outputs = model(task.test[0])
    error = np.mean((outputs[:, 0] - test_y) ** 2)
    return np.mean(outputs.argmax(1) == test_y) if classes else 1 - error / test_y.var()


if classes:  # one network, which saw every image moved by a pixel too
    images = x.reshape(-1, *[round(x.shape[1] ** 0.5)] * 2)
    moved = [np.roll(images, move, axis=(1, 2)).reshape(x.shape) for move in ((0, 1), (1, 0), (-1, -1))]
    teacher = fit(sprat.nn.MLP(large, dropout=0.1), teaching, (np.concatenate([x, *moved]), np.tile(y, 4)))
else:  # trees and networks, each half of the mean
    networks = [fit(sprat.nn.MLP(large, seed=seed), teaching, (x, y)) for seed in range(3)]
    trees = Trees(max_iter=500, learning_rate=0.06, max_leaf_nodes=63, early_stopping=False).fit(x, y)
    teacher = lambda rows: (trees.predict(rows)[:, None] + np.mean([net(rows) for net in networks], axis=0)) / 2  # noqa: E731
smote = Smote(0.5 if classes else 1.0)
taught = partial(sprat.distill, teacher, alpha=1.0, temperature=1.5, augment=smote, augment_factor=4)
alone = [score(fit(sprat.nn.MLP(small, seed=s), learning, (x, y), seed=s)) for s in seeds]
distilled = [score(fit(sprat.nn.MLP(small, seed=s), distilling, (x, y), taught, 5, seed=s)) for s in seeds]
top, low, high = score(teacher), np.mean(alone), np.mean(distilled)
print(f"{chosen.data}, {task.metric}: teacher {top:.4f}, alone {low:.4f}, distilled {high:.4f}, {chosen.seeds} seeds")
print(f"recovered {(high - low) / (top - low):.0%}; alone {np.round(alone, 4)}, distilled {np.round(distilled, 4)}")
