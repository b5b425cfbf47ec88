"""Iterative pruning: how much goes in which round, what each rewinding goes back to, and resuming."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sprat
from sprat import nn, prune
from sprat.training import Callback
from support import assert_same_bits, assert_same_everywhere


def task() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(256, 10)).astype(np.float32)
    return x, (x[:, :3].sum(axis=1) > 0).astype(int)


def run(model: nn.MLP, **options: Any) -> prune.Rounds:
    settings: dict[str, Any] = {"sparsity": 0.8, "rounds": 2, "epochs": 3, "batch_size": 32, "seed": 4}
    return prune.iterative(model, *task(), **(settings | options))


def fresh() -> nn.MLP:
    return nn.MLP([10, 20, 12, 2], seed=1)


@pytest.mark.parametrize("rewind", ["lr", "weights", None])
def test_every_round_removes_the_same_share_of_what_is_left(rewind: str | None) -> None:
    m = fresh()
    result = run(m, rewind=rewind, rounds=3)
    assert result.stopped_by == "rounds"
    assert [round(one.target, 4) for one in result.rounds] == [round(1 - 0.2 ** (r / 3), 4) for r in range(4)]
    assert result.rounds[-1].sparsity == pytest.approx(0.8, abs=2e-3)
    assert (m.parameters()["layers.0.weight"][m.masks["layers.0.weight"] == 0] == 0).all()
    assert "round" in str(result)


def test_learning_rate_rewinding_is_pruning_and_fitting() -> None:
    x, y = task()
    whole, parts = fresh(), fresh()
    run(whole)
    cosine = sprat.optim.schedules.Cosine(1e-3, steps=3 * 8)
    for number in range(3):
        if number:
            prune.magnitude(parts, 1 - 0.2 ** (number / 2) if number == 1 else 0.8)
        sprat.fit(parts, x, y, lr=cosine, epochs=3, batch_size=32, seed=4 + number, progress=False)
    assert_same_bits(whole.params, parts.params)


def test_fine_tuning_goes_on_with_a_tenth_of_the_rate() -> None:
    result = run(fresh(), rewind=None)
    assert result.rounds[1].history["lr"] == pytest.approx([1e-4] * 3)  # type: ignore[index]


class Beginnings(Callback):
    """Parameters and optimizer at the beginning of every training, and after the first epoch of the first one."""

    def __init__(self) -> None:
        self.begun: list[Any] = []
        self.early: Any = None

    def on_train_begin(self, trainer: Any) -> None:
        self.begun.append((trainer.model.copy(), trainer.optimizer.state_dict(), trainer.optimizer.step_count))

    def on_epoch_end(self, trainer: Any) -> None:
        if self.early is None:
            self.early = trainer.model.copy(), trainer.optimizer.state_dict()


@pytest.mark.parametrize("pattern", ["unstructured", "neurons"])
def test_weight_rewinding_goes_back_to_an_early_epoch(pattern: str) -> None:
    seen = Beginnings()
    m = fresh()
    result = run(m, rewind="weights", pattern=pattern, callbacks=[seen])
    early, state = seen.early
    for begun, optimizer, steps in seen.begun[1:]:
        assert steps == 8
        for index, (name, values) in enumerate(begun.parameters().items()):
            mask = begun.masks.get(name, np.ones_like(values))
            if pattern == "unstructured":
                assert_same_bits(values, early.parameters()[name] * mask + np.float32(0))
                assert_same_bits(optimizer["state"][index]["exp_avg"], state["state"][index]["exp_avg"])
            else:  # every row that is left stands in the early model, in order
                flat = early.parameters()["layers.0.bias"]
                if name == "layers.0.bias":
                    assert np.isin(values, flat).all()
    assert [one.history.epochs for one in result.rounds] == [3, 2, 2]  # type: ignore[union-attr]
    if pattern == "neurons":
        assert result.rounds[-1].widths == (4, 2, 2)


def test_patterns_and_layers() -> None:
    m = fresh()
    run(m, sparsity=None, pattern="2:4", layers=[0, 1])
    assert set(m.masks) == {"layers.0.weight", "layers.1.weight"}
    groups = m.masks["layers.1.weight"].reshape(12, 5, 4).sum(axis=2)
    assert (groups == 2).all()
    m = fresh()
    run(m, criterion="taylor", pattern="blocks", sparsity=0.5, scope="layer")
    assert prune.report(m).sparsity == pytest.approx(0.5, abs=0.05)


def test_trained_models_begin_with_a_pruning() -> None:
    m = fresh()
    result = run(m, trained=True)
    assert [round(one.target, 2) for one in result.rounds] == [0.55, 0.8]


@pytest.mark.parametrize("options", [{}, {"rewind": "weights"}, {"pattern": "neurons", "criterion": "variance"},
                                     {"pattern": "neurons", "rewind": "weights"}])  # fmt: skip
def test_resume_gives_the_bits_of_an_uninterrupted_run(tmp_path: Path, options: dict[str, Any]) -> None:
    whole = fresh()
    wanted = run(whole, **options)

    class Interrupt(Callback):
        """Stops one training after another in its second epoch, as Ctrl-C would."""

        def __init__(self, number: int) -> None:
            self.number = number

        def on_batch_end(self, trainer: Any) -> None:
            memory = next(c for c in trainer.callbacks if type(c).__name__ == "Memory")
            if memory.round == self.number and trainer.step % 8 == 3 and trainer.epoch == 1:
                trainer.stop("interrupt")

    parts = fresh()
    path = tmp_path / "run.safetensors"
    for number in (0, 1, 2, 9):
        result = run(parts, **options, checkpoint=path, resume=True, callbacks=[Interrupt(number)])
        assert result.stopped_by == ("rounds" if number == 9 else "interrupt")
        parts = fresh() if number < 9 else parts  # another process would begin so
    assert_same_bits(parts.params, whole.params)
    assert [one.widths for one in result.rounds] == [one.widths for one in wanted.rounds]
    assert [dict(one.history) for one in result.rounds] == [dict(one.history) for one in wanted.rounds]  # type: ignore


def test_one_epoch_will_do_where_nothing_is_rewound_to() -> None:
    m = fresh()
    assert len(run(m, epochs=1, rounds=1).rounds) == 2


def test_same_bits_everywhere() -> None:
    def compute() -> list[np.ndarray]:
        m = fresh()
        run(m, epochs=2, criterion="taylor")
        return [m.params]

    assert_same_everywhere(compute, threads=(1, 2))


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"rounds": 0}, "rounds: wanted a whole number of at least 1, got 0"),
        ({"rewind": "back"}, "rewind: wanted 'lr', 'weights' or None, got 'back'"),
        ({"rewind": "weights", "trained": True}, "rewind: 'weights' goes back into the first training; trained=True says "
         "there is none"),
        ({"rewind": "weights", "rewind_epoch": 3}, "rewind_epoch: wanted a whole number of at most 2, got 3"),
        ({"rewind_epoch": -1}, "rewind_epoch: wanted a whole number of at least 0, got -1"),
        ({"criterion": "movement"}, "criterion: wanted one of magnitude, taylor, got 'movement'"),
        ({"pattern": "neurons", "criterion": "movement"}, "criterion: wanted one of l2, l1, activation, firing, variance, taylor, got 'movement'"),
        ({"sparsity": 1.5}, "sparsity: wanted a number in [0, 1], got 1.5"),
        ({"resume": True}, "resume: wanted checkpoint=path as well, to know from where"),
    ],
)  # fmt: skip
def test_refused_calls_change_nothing(options: dict[str, Any], line: str) -> None:
    m = fresh()
    before = m.params.tobytes()
    with pytest.raises(ValueError) as caught:
        run(m, **options)
    assert str(caught.value) == line
    assert m.params.tobytes() == before
