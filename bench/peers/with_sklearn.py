"""scikit-learn: MLPClassifier and MLPRegressor, one batch through partial_fit."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor

from ..networks import BETAS, EPS, LR, Network
from ..problems import Training
from ..tasks import Prepared, offers


def make(network: Network, lr: float = LR) -> Any:
    """An estimator that begins with the network's weights, ready for partial_fit."""
    options: dict[str, Any] = {
        "hidden_layer_sizes": network.sizes[1:-1], "solver": "adam", "alpha": 0.0, "batch_size": network.rows,
        "learning_rate_init": lr, "beta_1": BETAS[0], "beta_2": BETAS[1], "epsilon": EPS, "shuffle": False,
    }  # fmt: skip
    if network.classifies:
        estimator = MLPClassifier(**options)
        # Classes are told by the first call; all must occur in it.
        estimator.partial_fit(network.x, network.y, classes=np.arange(network.sizes[-1]))
    else:
        estimator = MLPRegressor(**options)
        estimator.partial_fit(network.x, network.y[:, 0])
    for index, (weight, bias) in enumerate(network.weights):
        # Written into the arrays that the optimizer knows.
        estimator.coefs_[index][...] = weight.T
        estimator.intercepts_[index][...] = bias
    optimizer = estimator._optimizer
    optimizer.t = 0
    for moment in (*optimizer.ms, *optimizer.vs):
        moment[...] = 0
    estimator.t_ = 0
    return estimator


@offers("predict", "sklearn")
def predict(network: Network, threads: int) -> Prepared | None:
    """The regressor's predict; a classifier's gives classes and does more."""
    if network.classifies:
        return None
    estimator, x, kept = make(network), network.x, {}

    def call() -> None:
        kept["output"] = estimator.predict(x)

    return Prepared(call, lambda: kept["output"])


@offers("train", "sklearn")
def train(network: Network, threads: int) -> Prepared:
    """partial_fit with all rows as one batch."""
    estimator, x = make(network), network.x
    y = network.y if network.classifies else network.y[:, 0]
    return Prepared(
        lambda: estimator.partial_fit(x, y),
        lambda: [
            array
            for pair in zip(estimator.coefs_, estimator.intercepts_, strict=True)
            for array in (pair[0].T, pair[1])
        ],
    )


@offers("epochs", "sklearn")
def epochs(problem: Training, threads: int) -> Prepared:
    """fit, with its own first weights."""
    kept = {}

    def call() -> None:
        estimator = MLPClassifier(
            hidden_layer_sizes=problem.sizes[1:-1], alpha=0.0, batch_size=problem.batch, max_iter=problem.epochs,
            learning_rate_init=problem.lr, n_iter_no_change=problem.epochs + 1, random_state=0,
        )  # fmt: skip
        kept["model"] = estimator.fit(*problem.train)

    def result() -> list[Any]:
        estimator = kept["model"]
        pairs = zip(estimator.coefs_, estimator.intercepts_, strict=True)
        return [array for weight, bias in pairs for array in (weight.T, bias)]

    return Prepared(call, result)
