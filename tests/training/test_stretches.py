"""Steps taken many at a time in native code: the bits of steps taken one by one, and whatever stops them."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable as Function
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sprat
from sprat import optim
from sprat.nn import losses
from sprat.optim import schedules
from sprat.training import Callback, NonFiniteError, Trainer, native
from support import assert_same_bits, assert_same_everywhere
from training.tasks import blobs

ROWS, BATCH = 150, 32  # the last batch is smaller
X, Y = blobs(ROWS)
NUMBERS = np.tanh(X[:, :3] * 2)


class OneByOne(Callback):
    """Looks at every step, so that each is taken from Python."""

    def on_batch_end(self, trainer: Any) -> None:
        pass


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Steps of each native stretch of the test."""
    counts: list[int] = []
    took = Trainer.took

    def note(self: Trainer, steps: int, *rest: Any) -> None:
        counts.append(steps)
        took(self, steps, *rest)

    monkeypatch.setattr(Trainer, "took", note)
    return counts


def model(dtype: str = "float32", dropout: float = 0.0, outputs: int = 3) -> Any:
    return sprat.nn.MLP([5, 16, outputs], activation="tanh", dropout=dropout, dtype=dtype, seed=3)


def state_of(trained: Any, optimizer: Any, history: Any) -> list[Any]:
    packed = optimizer.state_dict()
    states = [value for _, entry in sorted(packed["state"].items()) for value in entry.values()]
    averages = [] if optimizer.ema is None else list(optimizer.ema.values())
    numbers = [np.array(history[key]) for key in history]
    norm = np.array(math.nan if optimizer.grad_norm is None else optimizer.grad_norm)
    return [trained.params, *map(np.asarray, states), *averages, *numbers, norm]


def assert_same_run(
    taken: list[int],
    make: Function[[Any], Any] = optim.Adam,
    *,
    of: Function[[], Any] = model,
    x: Any = X,
    y: Any = Y,
    epochs: int = 3,
    **options: Any,
) -> None:
    """A run in native stretches and one step by step end alike, to the last bit."""
    ends = []
    for callbacks in ([], [OneByOne()]):
        before = sum(taken)
        trained = of()
        optimizer = make(trained)
        history = sprat.fit(
            trained, x, y, optimizer=optimizer, epochs=epochs, batch_size=BATCH, callbacks=callbacks, seed=9, **options
        )
        ends.append((history.steps, history.stopped_by, state_of(trained, optimizer, history)))
        assert (sum(taken) - before > 0) == (not callbacks)
    (steps, reason, native_state), (own_steps, own_reason, own_state) = ends
    assert (steps, reason) == (own_steps, own_reason)
    for a, b in zip(native_state, own_state, strict=True):
        assert_same_bits(a, b)


# ---- the same bits as one by one ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda m: optim.SGD(m, lr=0.1),
        lambda m: optim.SGD(m, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
        lambda m: optim.Adagrad(m, lr=0.1, lr_decay=0.01),
        lambda m: optim.RMSprop(m, lr=0.01, momentum=0.5, centered=True),
        lambda m: optim.Adam(m, lr=0.01, amsgrad=True),
        lambda m: optim.AdamW(m, lr=0.01, weight_decay=0.1),
        lambda m: optim.NAdam(m, lr=0.01),
        lambda m: optim.Lion(m, lr=0.001),
        lambda m: optim.Adam(m, clip_norm=0.1),
        lambda m: optim.Adam(m, clip_value=0.01),
        lambda m: optim.Adam(m, ema_decay=0.9),
        lambda m: optim.Adam(m, clip_norm=0.5, ema_decay=0.5, nonfinite="skip"),
        lambda m: optim.Adam(m, nonfinite="raise"),
        lambda m: optim.Adam(m, lr=schedules.Cosine(0.01, steps=12)),
        lambda m: optim.NAdam(m, lr=schedules.Warmup(4, then=schedules.Exponential(0.01, 0.9))),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_optimizers(taken: list[int], make: Any, dtype: str) -> None:
    assert_same_run(taken, make, of=lambda: model(dtype))


@pytest.mark.parametrize(
    ("loss", "y"),
    [
        (losses.CrossEntropy(label_smoothing=0.1), Y),
        (losses.CrossEntropy(class_weight=(0.3, 1.0, 2.0)), Y),
        (losses.CrossEntropy(), np.eye(3)[Y]),
        (losses.BCEWithLogits(pos_weight=(1.0, 2.0, 3.0)), np.eye(3)[Y]),
        (losses.MSE(), NUMBERS),
        (losses.MAE(), NUMBERS.astype(np.float64)),
        (losses.Huber(delta=0.3), NUMBERS.astype(np.float16)),
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_losses(taken: list[int], loss: Any, y: Any, weighted: bool) -> None:
    weight = np.random.default_rng(0).lognormal(0, 3, ROWS) if weighted else None
    assert_same_run(taken, loss=loss, y=y, sample_weight=weight)


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dropout_and_order(taken: list[int], dropout: float, shuffle: bool, dtype: str) -> None:
    assert_same_run(taken, of=lambda: model(dtype, dropout), shuffle=shuffle)


@pytest.mark.parametrize("kind", ["float64", "float16", "int8", "uint8", "int32", "bool", "F", ">f4"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shuffle", [False, True])
def test_x_of_any_dtype(taken: list[int], kind: str, dtype: str, shuffle: bool) -> None:
    x = {"F": lambda: np.asfortranarray(X), "bool": lambda: X > 0}.get(
        kind, lambda: (X * (20 if np.dtype(kind).kind in "iu" else 1)).clip(0).astype(kind)
    )()
    assert_same_run(taken, of=lambda: model(dtype), x=x, shuffle=shuffle)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "bool", "text"])
def test_y_of_any_dtype(taken: list[int], dtype: str) -> None:
    y = np.array(["a", "b", "c"])[Y] if dtype == "text" else Y.astype(dtype)
    assert_same_run(taken, y=y)


def test_numbers_beyond_float32_become_infinite_and_are_refused_alike() -> None:
    x = X.astype(np.float64)
    x[100] = 1e300
    ends = []
    for callbacks in ([], [OneByOne()]):
        trained = model()
        with pytest.raises(NonFiniteError, match="the batch has NaN or infinity in x") as info:
            sprat.fit(trained, x, Y, epochs=2, batch_size=BATCH, callbacks=callbacks)
        ends.append((str(info.value), info.value.history.steps, trained.params.tobytes()))
    assert ends[0] == ends[1]


def test_masks_frozen_parameters_and_a_validation_split(taken: list[int]) -> None:
    def pruned() -> Any:
        made = model()
        sprat.prune.magnitude(made, 0.5)
        made.freeze("layers.0.bias", "layers.1.weight")
        return made

    assert_same_run(taken, lambda m: optim.Adam(m, ema_decay=0.9), of=pruned, validation_split=0.2)


def test_an_optimizer_of_the_models_arrays_in_groups(taken: list[int]) -> None:
    def groups(m: Any) -> Any:
        p = list(m.parameters().values())
        return optim.AdamW([{"params": p[2:], "lr": 0.1}, {"params": p[:2], "weight_decay": 0.5}], lr=0.01)

    assert_same_run(taken, groups)


def test_everywhere() -> None:
    def run() -> list[Any]:
        trained = model(dropout=0.2)
        optimizer = optim.NAdam(trained, clip_norm=0.3, ema_decay=0.9)
        history = sprat.fit(trained, X, Y, optimizer=optimizer, epochs=2, batch_size=BATCH, seed=2)
        return state_of(trained, optimizer, history)

    assert_same_everywhere(run, threads=(1, 2, 5))


def test_batches_large_enough_for_threads(taken: list[int]) -> None:
    x, y = blobs(3000)
    x = np.tile(x, (1, 40))

    def wide() -> Any:
        return sprat.nn.MLP([200, 64, 3], seed=0)

    for threads in (1, 2, 5):
        with sprat.runtime.threads(threads):
            for given in (x, x.astype(np.float64)):
                ends = []
                for callbacks in ([], [OneByOne()]):
                    trained = wide()
                    sprat.fit(trained, given, y, epochs=2, batch_size=1000, callbacks=callbacks)
                    ends.append(trained.params)
                assert_same_bits(*ends)
    assert sum(taken) == 2 * 3 * 2 * 3


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_distillation(taken: list[int], alpha: float) -> None:
    ends = []
    for callbacks in ([], [OneByOne()]):
        student = model()
        history = sprat.distill(
            sprat.nn.MLP([5, 8, 3], seed=1), student, X, Y, alpha=alpha, epochs=2, batch_size=BATCH, callbacks=callbacks,
            sample_weight=np.arange(ROWS) % 5, validation_split=0.2,
        )  # fmt: skip
        ends.append((student.params, np.array(list(history.values()))))
    assert sum(taken) == 2 * 4
    for a, b in zip(*ends, strict=True):
        assert_same_bits(a, b)


# ---- when they are taken, and where they end ------------------------------------------------------------------------


def test_one_stretch_takes_the_epoch(taken: list[int]) -> None:
    sprat.fit(model(), X, Y, epochs=2, batch_size=BATCH)
    assert taken == [5, 5]


def test_the_clock_ends_a_stretch(taken: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "SLICE", 1e-9)
    assert_same_run(taken, lambda m: optim.Adam(m, lr=schedules.Cosine(0.01, steps=12)))
    assert taken == [1] * 15


@pytest.mark.parametrize("every", [1, 3, 7])
def test_callbacks_say_when_they_look(taken: list[int], every: int) -> None:
    class Watch(Callback):
        def __init__(self) -> None:
            self.seen: list[tuple[int, int, float, int]] = []

        def on_batch_end(self, trainer: Any) -> None:
            if trainer.step % every == 0:
                self.seen.append((trainer.step, trainer.batch, trainer.loss, len(trainer.batch_rows)))

    class Rarely(Watch):
        def next_batch_end(self, trainer: Any) -> float:
            return every - trainer.step % every

    often, rarely = Watch(), Rarely()
    sprat.fit(model(), X, Y, epochs=3, batch_size=BATCH, callbacks=[often])
    assert not taken
    sprat.fit(model(), X, Y, epochs=3, batch_size=BATCH, callbacks=[rarely])
    assert sum(taken) == 15
    assert max(taken) <= every
    assert rarely.seen == often.seen
    assert len(rarely.seen) == 15 // every


def test_gradual_pruning(taken: list[int]) -> None:
    def pruning(*more: Any) -> Any:
        trained = model()
        callback = sprat.training.GradualPruning(lambda step: min(0.8, step / 15), frequency=4)
        sprat.fit(trained, X, Y, epochs=3, batch_size=BATCH, callbacks=[callback, *more])
        return trained

    expected = pruning(OneByOne())
    assert not taken
    found = pruning()
    assert sum(taken) == 15
    assert_same_bits(found.params, expected.params)
    assert found.masks.keys() == expected.masks.keys()


def test_what_is_edited_between_epochs_is_followed(taken: list[int]) -> None:
    def edit(trainer: Any) -> None:
        if trainer.epoch == 0:
            trainer.model.freeze(0)
            trainer.optimizer.param_groups[0]["lr"] = 0.5
        elif trainer.epoch == 1:
            trainer.model.unfreeze()
            trainer.optimizer.lr = schedules.Exponential(0.1, 0.5)

    ends = []
    for callbacks in ([edit], [edit, OneByOne()]):
        trained = model()
        optimizer = optim.SGD(trained, lr=0.1, momentum=0.5)
        history = sprat.fit(trained, X, Y, optimizer=optimizer, epochs=4, batch_size=BATCH, callbacks=callbacks)
        ends.append(state_of(trained, optimizer, history))
    assert sum(taken) == 20
    for a, b in zip(*ends, strict=True):
        assert_same_bits(a, b)


@pytest.mark.parametrize("kind", ["callable", "memory map", "own step", "own gradients", "batches"])
def test_what_native_code_does_not_know_goes_one_by_one(taken: list[int], kind: str, tmp_path: Path) -> None:
    class Own(optim.SGD):
        def step(self, grads: Any = None) -> bool:
            return super().step(grads)

    trained = model()
    optimizer: Any = Own(trained, lr=0.1) if kind == "own step" else optim.SGD(trained, lr=0.1)
    np.save(tmp_path / "x.npy", X)
    x: Any = np.load(tmp_path / "x.npy", mmap_mode="r") if kind == "memory map" else X
    y: Any = Y
    callbacks: list[Any] = []
    if kind == "own gradients":
        callbacks = [_OwnGradients()]
    if kind == "batches":
        x, y = lambda: [(X[i : i + BATCH], Y[i : i + BATCH]) for i in range(0, ROWS, BATCH)], None
    loss = (lambda output, target: losses.CrossEntropy()(output, target)) if kind == "callable" else None
    sprat.fit(
        trained, x, y, loss=loss, optimizer=optimizer, epochs=2, batch_size=BATCH, shuffle=False, callbacks=callbacks
    )
    assert not taken
    expected = model()
    sprat.fit(expected, X, Y, optimizer=optim.SGD(expected, lr=0.1), epochs=2, batch_size=BATCH, shuffle=False)
    assert taken
    assert_same_bits(trained.params, expected.params)


class _OwnGradients(Callback):
    def on_train_begin(self, trainer: Any) -> None:
        trainer.gradients = lambda x, y, weight: trainer.model_gradients(x, y, weight)


# ---- what is not finite, and what weighs nothing --------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["raise", "stop", "skip"])
@pytest.mark.parametrize("bad", [math.nan, math.inf, 3e38])
def test_a_bad_batch_in_the_middle(taken: list[int], policy: str, bad: float) -> None:
    x = X.copy()
    x[70] = bad
    ends = []
    for callbacks in ([], [OneByOne()]):
        trained = sprat.nn.MLP([5, 3], seed=3)
        skip = policy == "skip"
        optimizer = optim.SGD(trained, lr=0.1, **({"nonfinite": "skip"} if skip else {}))
        options: dict[str, Any] = {} if skip else {"on_nonfinite": policy}
        try:
            history = sprat.fit(
                trained, x, NUMBERS, optimizer=optimizer, epochs=3, batch_size=BATCH, callbacks=callbacks, **options
            )
            message = ""
        except NonFiniteError as error:
            history, message = error.history, str(error)
        ends.append((history.steps, history.stopped_by, message, optimizer.skipped_steps, trained.params.tobytes()))
    assert ends[0] == ends[1]
    assert taken


def test_huge_gradients_are_stepped_with_care(taken: list[int]) -> None:
    """Beyond what is safe without a look at the weights afterwards, but finite: each step is taken all the same."""
    ends = []
    for callbacks in ([], [OneByOne()]):
        trained = sprat.nn.MLP([5, 3], seed=3)
        optimizer = optim.SGD(trained, lr=1e-16)
        history = sprat.fit(
            trained, X * 1e8, NUMBERS, optimizer=optimizer, epochs=2, batch_size=BATCH, callbacks=callbacks
        )
        ends.append((history.steps, history["loss"], trained.params.tobytes()))
    assert ends[0] == ends[1]
    assert ends[0][0] == 10
    assert not taken


def test_batches_that_weigh_nothing_are_left_out(taken: list[int]) -> None:
    weight = np.ones(ROWS)
    weight[32:96] = 0
    assert_same_run(taken, sample_weight=weight, shuffle=False)
    assert sum(taken) == 9


# ---- Ctrl-C ---------------------------------------------------------------------------------------------------------


class Stop(Callback):
    """Announces the beginning, and stops after so many steps."""

    def __init__(self, after: float = math.inf) -> None:
        self.after = after

    def on_train_begin(self, trainer: Any) -> None:
        if self.after == math.inf:
            print("begin", flush=True)

    def on_batch_end(self, trainer: Any) -> None:
        if trainer.step == self.after:
            trainer.stop()

    def next_batch_end(self, trainer: Any) -> float:
        return self.after - trainer.step


def long_run(after: float = math.inf, **options: Any) -> Any:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(200_000, 10)).astype("float32"), rng.integers(0, 3, 200_000)
    trained = sprat.nn.MLP([10, 16, 3], seed=0)
    optimizer = optim.Adam(trained)
    history = sprat.fit(
        trained, x, y, optimizer=optimizer, epochs=10**6, batch_size=16, callbacks=[Stop(after)], **options
    )
    assert history.steps == optimizer.step_count
    return history, trained


INTERRUPTED = """
import sys
import time
from training.test_stretches import long_run
history, model = long_run(checkpoint=sys.argv[1])
print(history.stopped_by, history.steps, model.params.tobytes().hex(), flush=True)
"""


def test_a_signal_in_the_middle_of_a_stretch(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(path)], stdout=subprocess.PIPE, text=True,
        cwd=Path(__file__).parent.parent, env=os.environ | {"SPRAT_NUM_THREADS": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "begin\n"
    time.sleep(0.15)
    process.send_signal(signal.SIGINT)
    reason, steps, params = process.communicate(timeout=60)[0].split()
    assert (process.returncode, reason) == (0, "interrupt")
    assert int(steps) > 0
    assert long_run(int(steps))[1].params.tobytes().hex() == params
    history, resumed = long_run(int(steps) + 40, checkpoint=path, resume=True)
    assert history.steps == int(steps) + 40
    assert_same_bits(resumed.params, long_run(int(steps) + 40)[1].params)


def test_a_handler_that_raises_leaves_whole_steps() -> None:
    x, y = blobs(2000)

    class Alarm(Callback):
        def on_train_begin(self, trainer: Any) -> None:
            signal.setitimer(signal.ITIMER_REAL, 0.04)

    def handle(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, handle)
    try:
        trained = model()
        optimizer = optim.Adam(trained)
        history = sprat.fit(trained, x, y, optimizer=optimizer, epochs=10**6, batch_size=16, callbacks=[Alarm()])
    finally:
        signal.signal(signal.SIGALRM, before)
    assert history.stopped_by == "interrupt"
    assert history.steps == optimizer.step_count > 0
