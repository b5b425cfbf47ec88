"""Step: the bits of loss_and_gradients and optimizer.step in one call, whatever is edited between the steps."""

from __future__ import annotations

import math
import pickle
import threading
from typing import Any

import numpy as np
import pytest

import sprat
from sprat import optim
from sprat.nn import losses
from sprat.optim import schedules
from sprat.training import Step
from support import assert_same_bits, assert_same_everywhere, misaligned, unchanged
from training.tasks import blobs

X, Y = blobs(60)
NUMBERS = np.tanh(X[:, :3])


def model(dtype: str = "float32", dropout: float = 0.0, outputs: int = 3) -> Any:
    return sprat.nn.MLP([5, 16, outputs], activation="tanh", dropout=dropout, dtype=dtype, seed=3)


class TwoCalls:
    """What Step promises the bits of."""

    def __init__(self, model: Any, optimizer: Any, loss: Any = "cross_entropy", seed: int = 0) -> None:
        self.model, self.optimizer, self.loss, self.seed = model, optimizer, loss, seed
        self.gradients: Any = None

    def __call__(self, x: Any, y: Any, sample_weight: Any = None, teacher: Any = None) -> float:
        loss, self.gradients = self.model.loss_and_gradients(
            x, y, loss=self.loss, sample_weight=sample_weight, teacher=teacher, dropout_seed=self.seed,
            step=self.optimizer.step_count,
        )  # fmt: skip
        self.optimizer.step(self.gradients)
        return loss


def states(optimizer: Any) -> list[np.ndarray]:
    packed = optimizer.state_dict()["state"]
    averages = [] if optimizer.ema is None else list(optimizer.ema.values())
    return [np.asarray(value) for index in sorted(packed) for value in packed[index].values()] + averages


def assert_same_steps(make: Any = optim.Adam, of: Any = model, *, loss: Any = "cross_entropy", **batch: Any) -> None:
    batch = {"x": X, "y": Y} | batch
    runs = []
    for kind in (Step, TwoCalls):
        trained = of()
        optimizer = make(trained)
        step = kind(trained, optimizer, loss=loss, seed=7)
        values = []
        for i in range(6):
            rows = slice(0, 60 if i < 3 else 17)
            values.append(step(**{key: None if value is None else value[rows] for key, value in batch.items()}))
        gradients = list(step.gradients.values())
        runs.append([np.array(values), trained.params, *states(optimizer), *gradients])
    for a, b in zip(*runs, strict=True):
        assert_same_bits(a, b)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "make",
    [
        lambda m: optim.SGD(m, lr=0.1, momentum=0.9),
        lambda m: optim.NAdam(m, clip_norm=0.1, ema_decay=0.9),
        lambda m: optim.AdamW(m, lr=schedules.Cosine(0.01, steps=5), nonfinite="raise"),
        lambda m: optim.RMSprop(m, clip_value=0.01, nonfinite="skip"),
    ],
)
def test_bits(make: Any, dtype: str) -> None:
    for dropout in (0.0, 0.5):
        assert_same_steps(make, lambda dropout=dropout: model(dtype, dropout), x=X.astype(dtype))
    assert_same_steps(make, lambda: model(dtype), sample_weight=np.arange(60) % 4, x=X.astype(dtype))


@pytest.mark.parametrize(
    ("loss", "y"),
    [
        (losses.CrossEntropy(label_smoothing=0.1, class_weight=(0.3, 1.0, 2.0)), Y),
        ("cross_entropy", np.eye(3, dtype=np.float32)[Y]),
        ("cross_entropy", Y[:, None]),
        (losses.BCEWithLogits(pos_weight=(1.0, 2.0, 3.0)), np.eye(3, dtype=np.float32)[Y]),
        ("mse", NUMBERS),
        (losses.Huber(delta=0.3), NUMBERS.astype(np.float64)),
        (lambda output, target, weight=None: losses.MAE()(output, target, weight), NUMBERS),
    ],
)
def test_losses(loss: Any, y: Any) -> None:
    assert_same_steps(loss=loss, y=y)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_distillation(alpha: float) -> None:
    teacher = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    loss = losses.Distillation(temperature=2.0, alpha=alpha)
    assert_same_steps(loss=loss, teacher=teacher, y=None if alpha == 1 else Y)
    with pytest.raises(TypeError, match="teacher: wanted the teacher's raw outputs"):
        Step(m := model(), optim.SGD(m), loss=loss)(X, Y)
    with pytest.raises(TypeError, match="teacher: wanted None"):
        Step(m := model(), optim.SGD(m))(X, Y, teacher=teacher)


@pytest.mark.parametrize("kind", ["float64", "F", "strided", "misaligned", ">f4", "list", "int32 ids", "read-only"])
def test_arrays_of_every_kind(kind: str) -> None:
    x: Any = X.copy()
    y: Any = Y
    if kind == "int32 ids":
        y = Y.astype(np.int32)
    elif kind == "read-only":
        x.flags.writeable = False
    else:
        x = {
            "float64": lambda: X.astype(np.float64),
            "F": lambda: np.asfortranarray(X),
            "strided": lambda: np.repeat(X, 2, axis=1)[:, ::2],
            "misaligned": lambda: misaligned(X),
            ">f4": lambda: X.astype(">f4"),
            "list": lambda: X.tolist(),
        }[kind]()
    one, other = model(), model()
    assert Step(one, optim.Adam(one))(x, y) == TwoCalls(other, optim.Adam(other))(X, Y)
    assert_same_bits(one.params, other.params)


def test_one_output_takes_a_vector() -> None:
    assert_same_steps(of=lambda: model(outputs=1), loss="mse", y=NUMBERS[:, 0].copy())


def test_edits_between_the_steps_are_followed() -> None:
    runs = []
    for kind in (Step, TwoCalls):
        trained = model()
        optimizer = optim.SGD(trained, lr=0.1, momentum=0.9)
        step = kind(trained, optimizer)
        values = [step(X, Y)]
        trained.freeze("layers.0.bias")
        values.append(step(X, Y))
        assert "layers.0.bias" not in step.gradients
        trained.set_mask("layers.1.weight", np.arange(48).reshape(3, 16) % 2)
        values.append(step(X, Y))
        trained.unfreeze()
        optimizer.lr = 0.5
        values.append(step(X, Y))
        optimizer.step({name: np.ones_like(value) for name, value in trained.parameters().items()})
        values.append(step(X, Y))
        sprat.prune.neurons(trained, 0.5, optimizer=optimizer)
        values.append(step(X, Y))
        optimizer.load_state_dict(optimizer.state_dict())
        optimizer.lr = schedules.Exponential(0.1, 0.5)
        values.append(step(X, Y))
        trained.input_quant = [(0.1, 128, 0, 255), None]
        values.append(step(X, Y))
        trained.input_quant = None
        values.append(step(X, Y))
        runs.append([np.array(values), trained.params, *states(optimizer)])
    for a, b in zip(*runs, strict=True):
        assert_same_bits(a, b)
    assert runs[0][1].size < model().params.size


def test_groups_of_the_models_arrays() -> None:
    def groups(m: Any) -> Any:
        p = m.parameters()
        first = {"params": [p["layers.1.weight"], p["layers.1.bias"]], "lr": schedules.Step(0.1, 2)}
        return optim.AdamW([first, {"params": [p["layers.0.weight"], p["layers.0.bias"]], "lr": 0.01}])

    one, other = model(), model()
    step, optimizer = Step(one, groups(one)), groups(other)
    for _ in range(5):
        loss, gradients = other.loss_and_gradients(X, Y)
        optimizer.step([gradients[f"layers.{layer}.{kind}"] for layer in (1, 0) for kind in ("weight", "bias")])
        assert step(X, Y) == loss
    assert_same_bits(one.params, other.params)


def test_everywhere() -> None:
    def run() -> list[Any]:
        trained = model(dropout=0.2)
        optimizer = optim.NAdam(trained, clip_norm=0.3)
        step = Step(trained, optimizer, seed=4)
        return [np.array([step(X, Y) for _ in range(4)]), trained.params]

    assert_same_everywhere(run, threads=(1, 2, 5))


@pytest.mark.parametrize("policy", ["propagate", "skip", "raise"])
def test_what_is_not_finite(policy: Any) -> None:
    bad = X.copy()
    bad[3, 2] = math.nan
    trained = model()
    optimizer = optim.Adam(trained, nonfinite=policy)
    step = Step(trained, optimizer)
    step(X, Y)
    check = unchanged(trained.params, *states(optimizer))
    if policy == "propagate":
        assert math.isnan(step(bad, Y))
        assert np.isnan(trained.params).any()
        return
    if policy == "raise":
        with pytest.raises(ValueError, match=r"grads\['layers.0.weight'\]: \d+ elements are NaN or infinite"):
            step(bad, Y)
    else:
        assert math.isnan(step(bad, Y))
    check()
    assert (optimizer.step_count, optimizer.skipped_steps) == (1, int(policy == "skip"))
    assert math.isfinite(step(X, Y))
    assert optimizer.step_count == 2


@pytest.mark.parametrize(
    ("x", "y", "weight", "error", "line"),
    [
        (X[:, :4], Y, None, ValueError, r"x: wanted shape \(rows, 5\), got \(60, 4\)"),
        (X, Y[:5], None, ValueError, r"target: cross_entropy wants \(60,\) integer class ids"),
        (X, Y + 1, None, ValueError, r"target: wanted class ids in \[0, 3\), got 3"),
        (X, None, None, ValueError, "target must not be NULL"),
        (X[:0], Y[:0], None, ValueError, "at least one row"),
        (X, Y, -np.ones(60, np.float32), ValueError, "sample_weight: wanted finite numbers of at least 0"),
        (X, Y, np.zeros(60, np.float32), ValueError, "sample_weight: the weights of these rows sum to 0"),
        (X.astype(complex), Y, None, TypeError, "x: wanted"),
        (np.ma.masked_array(X, X > 0), Y, None, TypeError, "x: "),
    ],
)
def test_a_refused_step_changes_nothing(x: Any, y: Any, weight: Any, error: Any, line: str) -> None:
    trained = model()
    optimizer = optim.Adam(trained)
    step = Step(trained, optimizer)
    step(X, Y)
    check = unchanged(trained.params, *states(optimizer))
    with pytest.raises(error, match=line) as info:
        step(x, y, weight)
    assert "\n" not in str(info.value)
    check()
    assert optimizer.step_count == 1


def test_what_cannot_be_stepped() -> None:
    trained = model()
    with pytest.raises(TypeError, match=r"model: wanted an nn.MLP, got a int"):
        Step(3, optim.Adam(trained))
    with pytest.raises(TypeError, match=r"optimizer: wanted an optimizer, got a str"):
        Step(trained, "adam")
    with pytest.raises(ValueError, match=r"seed: wanted"):
        Step(trained, optim.Adam(trained), seed=-1)
    with pytest.raises(ValueError, match=r"loss: wanted one of"):
        Step(trained, optim.Adam(trained), loss="hinge")
    with pytest.raises(ValueError, match=r"optimizer: updates other arrays than the model's trainable parameters"):
        Step(trained, optim.Adam([np.zeros(3)]))
    step = Step(trained, optimizer := optim.Adam(trained, ema_decay=0.9))
    with optimizer.swap_ema(), pytest.raises(RuntimeError, match="the parameters hold their moving averages"):
        step(X, Y)


def test_one_at_a_time() -> None:
    """A second thread is told so, and whole steps are made all the same."""
    x, y = blobs(20_000)
    trained = model()
    optimizer = optim.Adam(trained)
    step = Step(trained, optimizer)
    refused: list[str] = []

    def work() -> None:
        for _ in range(20):
            try:
                step(x, y)
            except RuntimeError as error:
                refused.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert optimizer.step_count == 60 - len(refused)
    assert set(refused) <= {"step: another thread is taking it"}
    again = model()
    repeat = Step(again, optim.Adam(again))
    for _ in range(optimizer.step_count):
        repeat(x, y)
    assert_same_bits(trained.params, again.params)


def test_it_goes_on_from_a_state_dict() -> None:
    whole = model(dropout=0.3)
    step = Step(whole, optim.Adam(whole), seed=2)
    for _ in range(6):
        step(X, Y)
    first = model(dropout=0.3)
    optimizer = optim.Adam(first)
    for _ in range(3):
        Step(first, optimizer, seed=2)(X, Y)
    second, state = pickle.loads(pickle.dumps((first, optimizer.state_dict())))
    resumed = optim.Adam(second)
    resumed.load_state_dict(state)
    step = Step(second, resumed, seed=2)
    for _ in range(3):
        step(X, Y)
    assert_same_bits(second.params, whole.params)
