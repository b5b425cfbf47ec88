"""Callbacks: when they are called, and what those of the package do."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import sprat
from sprat.optim import schedules
from sprat.training import Callback, EarlyStopping, GradualPruning, ReduceOnPlateau
from sprat.training.callbacks import better_mode
from support import assert_same_bits
from training.tasks import blobs, classifier

X, Y = blobs()
XV, YV = blobs(80, seed=1)


class Recorder(Callback):
    def __init__(self) -> None:
        self.calls: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("on_"):
            self.calls.append(name)
        return super().__getattribute__(name)

    def on_batch_end(self, trainer: Any) -> None:
        assert trainer.step == sum(call == "on_batch_end" for call in self.calls)


def test_order_of_calls() -> None:
    recorder = Recorder()
    sprat.fit(classifier(), X, Y, epochs=2, batch_size=100, callbacks=[recorder])
    epoch = ["on_epoch_begin", "on_batch_end", "on_batch_end", "on_epoch_end"]
    assert recorder.calls == ["on_train_begin", *epoch, *epoch, "on_train_end"]


def test_functions_are_called_after_each_epoch() -> None:
    seen = []
    history = sprat.fit(
        classifier(), X, Y, epochs=3, callbacks=[lambda trainer: seen.append(trainer.history["loss"][-1])]
    )
    assert seen == history["loss"]


def test_a_callback_may_stop() -> None:
    class Stop(Callback):
        def on_batch_end(self, trainer: Any) -> None:
            if trainer.step == 3:
                trainer.stop()

    history = sprat.fit(classifier(), X, Y, epochs=2, callbacks=[Stop()])
    assert (history.stopped_by, history.steps, history.epochs) == ("callback", 3, 0)


class Scripted(Callback):
    """Writes numbers of the test's choice into the history, before other callbacks see it."""

    def __init__(self, key: str, values: list[float]) -> None:
        self.key, self.values = key, values

    def on_epoch_end(self, trainer: Any) -> None:
        trainer.history.setdefault(self.key, [])
        trainer.history[self.key][trainer.epoch :] = [self.values[trainer.epoch]]


def test_early_stopping_restores_the_best_bits() -> None:
    kept: list[np.ndarray] = []
    model = classifier()
    history = sprat.fit(
        model,
        X,
        Y,
        epochs=10,
        callbacks=[Scripted("val_x", [5, 3, 4, 3.5, 9, 1]), lambda trainer: kept.append(trainer.model.params.copy())],
        early_stopping=EarlyStopping("val_x", patience=3),
    )
    assert (history.stopped_by, history.epochs, history.best_epoch) == ("early_stopping", 5, 1)
    assert_same_bits(model.params, kept[1])
    assert (kept[1] != kept[-1]).any()


def test_early_stopping_by_a_number_watches_validation() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 3, len(Y))  # nothing to learn but by heart
    model = sprat.nn.MLP([5, 64, 3], seed=0)
    history = sprat.fit(model, X, noise, epochs=200, lr=0.01, validation=(XV, YV % 2), early_stopping=2)
    assert history.stopped_by == "early_stopping"
    assert history.best_epoch == history.epochs - 3
    assert sprat.evaluate(model, XV, YV % 2, batch_size=64)["loss"] == min(history["val_loss"])


def test_early_stopping_keeps_the_masks_of_the_best_epoch() -> None:
    class Prune(Callback):
        def on_epoch_end(self, trainer: Any) -> None:
            if trainer.epoch == 1:
                trainer.model.set_mask("layers.0.weight", np.zeros((16, 5)))
                trainer.masks_changed()

    model = classifier()
    stopping = EarlyStopping("val_x", patience=1)
    sprat.fit(model, X, Y, epochs=5, callbacks=[Prune(), Scripted("val_x", [1, 2, 3])], early_stopping=stopping)
    assert not model.masks
    assert model.parameters()["layers.0.weight"].all()


@pytest.mark.parametrize("mode", ["min", "max"])
def test_reduce_on_plateau_follows_torch(mode: str) -> None:
    torch = pytest.importorskip("torch")
    values = [3.0, 2.0, 2.0, 1.9999, 1.9, 1.9, 1.95, 1.9, 1.9, 1.9, 1.9, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
    if mode == "max":
        values = [1 / value for value in values]
    peer = torch.optim.SGD([torch.zeros(1)], lr=0.1)
    options = {"factor": 0.5, "patience": 1, "cooldown": 1, "threshold": 1e-3, "min_lr": 0.02}
    reducer = torch.optim.lr_scheduler.ReduceLROnPlateau(peer, mode=mode, eps=0, **options)
    expected = []
    for value in values:
        expected.append(peer.param_groups[0]["lr"])
        peer.step()
        reducer.step(value)
    model = classifier()
    callbacks = [Scripted("val_x", values), ReduceOnPlateau("val_x", mode=mode, **options)]
    history = sprat.fit(model, X[:10], Y[:10], epochs=len(values), lr=0.1, callbacks=callbacks)
    np.testing.assert_allclose(history["lr"], expected, rtol=1e-12)
    assert min(expected) == 0.02


def test_reduce_on_plateau_wants_a_number() -> None:
    model = classifier()
    with pytest.raises(ValueError, match="lr is a number"):
        sprat.fit(model, X, Y, lr=schedules.Constant(0.1), callbacks=[ReduceOnPlateau()])
    assert model.loss_name is None


def test_gradual_pruning_reaches_its_sparsity_and_holds_it() -> None:
    sparsities = []
    model = classifier()
    final = 0.75
    callbacks = [
        GradualPruning(lambda step: min(final, step * 0.1), frequency=2),
        lambda trainer: sparsities.append(float(np.mean(trainer.model.parameters()["layers.0.weight"] == 0))),
    ]
    sprat.fit(model, X, Y, epochs=4, callbacks=callbacks)
    weights = np.concatenate([values.ravel() for name, values in model.parameters().items() if name in model.masks])
    assert np.mean(weights == 0) == pytest.approx(final, abs=0.02)
    assert all(a <= b for a, b in itertools.pairwise(sparsities))
    for name, mask in model.masks.items():
        assert not model.parameters()[name][mask == 0].any()


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: EarlyStopping(patience=-1), "patience"),
        (lambda: EarlyStopping(min_delta=-1.0), "min_delta"),
        (lambda: EarlyStopping(mode="most"), "mode"),
        (lambda: ReduceOnPlateau(factor=1.0), "factor"),
        (lambda: ReduceOnPlateau(patience=-1), "patience"),
        (lambda: GradualPruning(lambda step: 0.5, scope="model"), "scope"),
        (lambda: GradualPruning(lambda step: 0.5, frequency=0), "frequency"),
        (lambda: sprat.training.Checkpoint("x", every=0), "every"),
        (lambda: sprat.training.Checkpoint("x", unit="minute"), "unit"),
    ],
)
def test_bad_arguments(make: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        make()


def test_a_monitor_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="the history has no 'val_acuracy'; it has loss, lr"):
        sprat.fit(classifier(), X, Y, early_stopping=EarlyStopping("val_acuracy"))


def test_modes() -> None:
    assert [better_mode(key, "auto") for key in ("val_r2", "agreement", "val_rmse")] == ["max", "max", "min"]
