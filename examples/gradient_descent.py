"""Gradient descent step by step: one row, a mini-batch or all rows at a time; then the velocity of momentum.

weights = weights - rate * gradient of the loss, for a number of epochs. With momentum the gradient is summed up in a
velocity: velocity = momentum * velocity + gradient; weights = weights - rate * velocity.
"""

import numpy as np

import sprat

rng = np.random.default_rng(0)
x = rng.normal(size=(512, 8)).astype(np.float32)
y = (x @ rng.normal(size=(8, 1)) + 0.1 * rng.normal(size=(512, 1))).astype(np.float32)


def train(batch_size, lr, epochs=3, **options):
    model = sprat.nn.MLP([8, 1], seed=0)
    optimizer = sprat.optim.SGD(model, lr=lr, **options)
    steps = 0
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            _, gradients = model.loss_and_gradients(x[rows], y[rows], loss="mse")
            optimizer.step(gradients)
            steps += 1
    return steps, sprat.evaluate(model, x, y, loss="mse")["loss"]


for name, batch_size, lr, options in [
    ("one row at a time (stochastic)", 1, 0.01, {}),
    ("mini-batches of 32", 32, 0.05, {}),
    ("all rows at a time", 512, 0.05, {}),
    ("mini-batches of 32, small rate", 32, 0.005, {}),
    ("  the same with momentum 0.9", 32, 0.005, {"momentum": 0.9}),
    ("  the same with Nesterov's momentum", 32, 0.005, {"momentum": 0.9, "nesterov": True}),
]:
    steps, loss = train(batch_size, lr, **options)
    print(f"{name:36} {steps:5} steps, mean squared error {loss:.4f}")
