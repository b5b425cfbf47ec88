"""Learning rates that fall: decay by a factor, cosine annealing, warm-up, and what they do to a training.

A schedule is a pure function of the step: rate = schedule(step). Cosine annealing is half the INITIAL rate times
(1 + cos(pi * step / steps)); multiplied to the rate of the step before, it would compound and fall far too fast.
"""

from sklearn.datasets import load_digits

import sprat
from sprat.optim import schedules

x, y = load_digits(return_X_y=True)
train, test = sprat.tabular.split(len(y), 0.3, stratify=y)
x = (x / 8 - 1).astype("float32")

epochs, batch_size, rate = 8, 32, 0.02
per_epoch = -(-len(train) // batch_size)
steps = epochs * per_epoch
choices = {
    "constant": rate,
    "decay, 0.6 per epoch": schedules.Exponential(rate, gamma=0.6, every=per_epoch),
    "cosine": schedules.Cosine(rate, steps=steps),
    "warm-up, then cosine": schedules.Warmup(per_epoch, schedules.Cosine(rate, steps=steps - per_epoch)),
}
print(f"{'schedule':22}{'rate at start, middle, end':^30}{'loss':>8}{'test accuracy':>15}")
for name, lr in choices.items():
    model = sprat.nn.MLP([64, 32, 10], seed=0)
    history = sprat.fit(model, x[train], y[train], lr=lr, epochs=epochs, batch_size=batch_size, progress=False)
    accuracy = sprat.evaluate(model, x[test], y[test])["accuracy"]
    shown = [rate] * 3 if lr == rate else [lr(0), lr(steps // 2), lr(steps - 1)]
    rates = "  ".join(f"{value:.5f}" for value in shown)
    print(f"{name:22}{rates:^30}{history['loss'][-1]:8.4f}{accuracy:15.1%}")
