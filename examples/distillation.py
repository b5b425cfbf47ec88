"""Distillation: a small student learns from the labels and from what a large teacher says about every row.

loss = alpha * T^2 * KL(teacher at temperature T, student at T) + (1 - alpha) * cross-entropy. The student's first weights
and its epochs are the same in every row of the table; the mean over some seeds tells more than one lucky training.
"""

import numpy as np
from sklearn.datasets import load_digits

import sprat
from sprat.optim.schedules import Cosine

x, y = load_digits(return_X_y=True)
train, test = sprat.tabular.split(len(y), 1 / 3, stratify=y)
x = ((x - x[train].mean()) / x[train].std()).astype("float32")
data = (x[train], y[train])
options = {"epochs": 40, "lr": Cosine(0.01, steps=40 * -(-len(train) // 64)), "progress": False}


def accuracy(model):
    return sprat.evaluate(model, x[test], y[test])["accuracy"]


teachers = []
for seed in range(3):
    teacher = sprat.nn.MLP([64, 256, 128, 10], seed=seed)
    sprat.fit(teacher, *data, epochs=10, lr=2e-3, seed=seed, progress=False)
    teachers.append(teacher)
print(f"teachers of {teachers[0].num_parameters:,} parameters: {', '.join(f'{accuracy(t):.1%}' for t in teachers)}")

results = {"alone": [], "one teacher": [], "three teachers": [], "agreement with three": []}
for seed in range(5):
    student = sprat.nn.MLP([64, 8, 10], seed=seed)
    alone, taught, ensemble = student.copy(), student.copy(), student.copy()
    sprat.fit(alone, *data, seed=seed, **options)
    sprat.distill(teachers[0], taught, *data, temperature=4.0, alpha=0.9, seed=seed, **options)
    history = sprat.distill(teachers, ensemble, *data, temperature=4.0, alpha=0.9, seed=seed, **options)
    scores = [accuracy(alone), accuracy(taught), accuracy(ensemble), history.agreement]
    for values, score in zip(results.values(), scores, strict=True):
        values.append(score)
print(f"student of {student.num_parameters:,} parameters, mean of 5 seeds:")
for name, values in results.items():
    print(f"  {name:22} {np.mean(values):.1%}   ({', '.join(f'{value:.1%}' for value in values)})")
