"""Gradual pruning by every criterion and in every pattern: masks in training, optimizers that follow, resuming."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sprat
from sprat import nn, optim, prune
from sprat.training import Callback, GradualPruning, Trainer
from support import assert_same_bits, assert_same_everywhere

OPTIMIZERS = [
    lambda m: optim.SGD(m, lr=0.05, momentum=0.9, ema_decay=0.9),
    lambda m: optim.SGD(m, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
    lambda m: optim.Adagrad(m, lr=0.05),
    lambda m: optim.RMSprop(m, lr=1e-3, momentum=0.5),
    lambda m: optim.Adam(m, lr=1e-2, amsgrad=True, ema_decay=0.9),
    lambda m: optim.AdamW(m, lr=1e-2, weight_decay=0.1),
    lambda m: optim.NAdam(m, lr=1e-2),
    lambda m: optim.Lion(m, lr=1e-3),
]


def task() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(320, 10)).astype(np.float32)
    return x, (x[:, :3].sum(axis=1) > 0).astype(int)


def fresh() -> nn.MLP:
    return nn.MLP([10, 20, 12, 2], seed=1)


def pruning(**options: Any) -> GradualPruning:
    return GradualPruning(prune.GradualSchedule(0, 0.75, end_step=30), **({"frequency": 5} | options))


def fit(m: nn.MLP, *callbacks: Any, **options: Any) -> Any:
    settings: dict[str, Any] = {"epochs": 4, "batch_size": 32, "lr": 0.01, "seed": 2, "progress": False}
    return sprat.fit(m, *task(), callbacks=list(callbacks), **(settings | options))


@pytest.mark.parametrize("make", OPTIMIZERS)
@pytest.mark.parametrize("pattern", ["unstructured", "n:4"])
def test_states_follow_the_masks_under_every_optimizer(make: Any, pattern: str) -> None:
    m = fresh()
    optimizer = make(m)
    fit(m, pruning(pattern=pattern), optimizer=optimizer, lr=1e-3)
    assert 0.7 < prune.report(m).sparsity < 0.8
    averages = optimizer.ema or {}
    for name, mask in m.masks.items():
        gone = mask == 0
        assert gone.any()
        assert not m.parameters()[name][gone].any()
        for state in optimizer.state[name].values():
            if np.shape(state) == mask.shape:
                assert not np.asarray(state)[gone].any()
        if averages:
            assert not averages[name][gone].any()


@pytest.mark.parametrize("criterion", ["magnitude", "taylor", "movement"])
@pytest.mark.parametrize("pattern", ["unstructured", "1:4", "n:4", "blocks", "4x2"])
def test_reaches_the_sparsity_of_the_schedule(criterion: str, pattern: str) -> None:
    m, seen = fresh(), []

    class Watch(Callback):
        def on_batch_end(self, trainer: Trainer) -> None:
            seen.append(prune.report(trainer.model).sparsity)

    fit(m, pruning(criterion=criterion, pattern=pattern, scope="layer"), Watch())
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(0.75, abs=0.06)
    if pattern == "1:4":
        assert (m.masks["layers.1.weight"].reshape(12, 5, 4).sum(axis=2) == 1).all()


def test_movement_adds_up_every_step() -> None:
    """The scores of the callback are those of a loop that looks at every gradient."""
    m, x, y = fresh(), *task()
    callback = GradualPruning(lambda step: 0.0, criterion="movement")
    wanted: dict[str, np.ndarray] = {}

    class Watch(Callback):
        def on_batch_end(self, trainer: Trainer) -> None:
            _, gradients = before.loss_and_gradients(x[trainer.batch_rows], y[trainer.batch_rows])
            for name, gradient in gradients.items():
                if name.endswith("weight"):
                    wanted[name] = wanted.get(name, 0) - before.parameters()[name] * gradient
            before.params[...] = trainer.model.params

    before = m.copy()
    fit(m, callback, Watch())
    assert callback._running is not None
    found = callback._running.scores()
    assert found.keys() == wanted.keys()
    for name, scores in wanted.items():
        assert_same_bits(found[name], scores)


def test_taylor_looks_at_the_steps_before_a_pruning() -> None:
    m, stretches = fresh(), []
    callback = pruning(criterion="taylor", frequency=20)
    took = Trainer.took

    def note(self: Trainer, steps: int, *rest: Any) -> None:
        stretches.append(steps)
        took(self, steps, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "took", note)
        fit(m, callback)
    assert stretches == [4, *[1] * 6, *[1] * 10] * 2  # 10 steps an epoch; 16 before each pruning are looked at


@pytest.mark.parametrize("criterion", ["magnitude", "taylor", "movement"])
def test_resume_gives_the_bits_of_an_uninterrupted_run(tmp_path: Path, criterion: str) -> None:
    path = tmp_path / "run.safetensors"
    whole, parts = fresh(), fresh()
    fit(whole, pruning(criterion=criterion, pattern="n:4"))
    for steps in (8, 17):

        class Stop(Callback):
            def on_batch_end(self, trainer: Trainer, at: int = steps) -> None:
                if trainer.step == at:
                    trainer.stop("interrupt")

        fit(parts, pruning(criterion=criterion, pattern="n:4"), Stop(), checkpoint=path, resume=True)
        parts = fresh()

    class NoStop(Callback):
        pass

    NoStop.__name__ = "Stop"
    fit(parts, pruning(criterion=criterion, pattern="n:4"), NoStop(), checkpoint=path, resume=True)
    assert_same_bits(parts.params, whole.params)


def test_same_bits_everywhere() -> None:
    def compute() -> list[np.ndarray]:
        results = []
        for criterion in ("taylor", "movement"):
            m = fresh()
            fit(m, pruning(criterion=criterion, pattern="blocks"))
            results.append(m.params)
        return results

    assert_same_everywhere(compute, threads=(1, 2))


def test_frozen_layers_stay_where_gradients_decide() -> None:
    m = fresh()
    m.freeze(0)
    fit(m, pruning(criterion="movement"))
    assert set(m.masks) == {"layers.1.weight", "layers.2.weight"}
    m = fresh()
    fit(m, pruning(layers=[0]))
    assert set(m.masks) == {"layers.0.weight"}


def test_refusals() -> None:
    for options, line in (
        ({"criterion": "size"}, "criterion: wanted one of magnitude, taylor, movement, got 'size'"),
        ({"pattern": "4"}, "pattern: wanted 'unstructured'"),
        ({"frequency": 0}, "frequency: wanted a whole number of at least 1, got 0"),
    ):
        with pytest.raises(ValueError, match="^" + line):
            pruning(**options)


def test_sparse_training_reaches_the_dense_model() -> None:
    """The shape of the result: digits, 80 % zeros in a pattern, trained as long as the dense model."""
    data = sprat.demo.digits()

    def score(*callbacks: Any) -> float:
        m = nn.MLP([64, 96, 48, 10], seed=0)
        steps = 30 * -(-len(data.train[1]) // 32)
        cosine = optim.schedules.Cosine(3e-3, steps=steps)
        sprat.fit(m, *data.train, epochs=30, batch_size=32, lr=cosine, callbacks=list(callbacks), progress=False)
        if callbacks:
            assert prune.report(m).rows[0].sparsity == pytest.approx(0.8, abs=0.02)
        return float(sprat.evaluate(m, *data.test)["accuracy"])

    schedule = prune.GradualSchedule(0, 0.8, end_step=600)
    dense, sparse = score(), score(GradualPruning(schedule, frequency=20, pattern="n:32", layers=[0, 1]))
    assert dense > 0.96
    assert sparse > dense - 0.02
