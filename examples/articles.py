"""The articles' own example: two optimizers that take turns.

1000 random rows of 10 inputs with labels 0 or 1, a network 10-16-1 (relu, then sigmoid), binary cross-entropy, 100 epochs:
gradient descent with rate 0.01 in even epochs, Adam with rate 0.01 in odd ones.

The labels are random, so there is nothing to learn but the rows themselves: accuracy on the training rows rises over one
half, on new rows it stays there. That is what overfitting looks like.
"""

import numpy as np

import sprat

rng = np.random.default_rng(0)
x, y = rng.random((1000, 10), dtype=np.float32), rng.integers(0, 2, 1000)
new_x, new_y = rng.random((1000, 10), dtype=np.float32), rng.integers(0, 2, 1000)

# The sigmoid of the last layer is part of the loss: the same numbers, but exact for very large and small outputs.
model = sprat.nn.MLP([10, 16, 1], activation="relu", seed=0)
model.loss_name = "bce_with_logits"
sgd = sprat.optim.SGD(model, lr=0.01)
adam = sprat.optim.Adam(model, lr=0.01)

for epoch in range(100):
    optimizer = sgd if epoch % 2 == 0 else adam
    order = rng.permutation(1000)
    losses = []
    for rows in np.split(order, range(32, 1000, 32)):
        loss, gradients = model.loss_and_gradients(x[rows], y[rows], loss="bce_with_logits")
        optimizer.step(gradients)
        losses.append(loss)
    if epoch < 2 or epoch % 20 == 19:
        print(f"epoch {epoch:2d}, {type(optimizer).__name__:4}: loss {np.mean(losses):.4f}")

print(f"accuracy on the rows it was trained on: {sprat.evaluate(model, x, y)['accuracy']:.1%}")
print(f"accuracy on new rows (labels are random): {sprat.evaluate(model, new_x, new_y)['accuracy']:.1%}")
