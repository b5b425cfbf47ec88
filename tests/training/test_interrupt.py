"""Ctrl-C: wherever it arrives, training ends after a whole step and gives back what there is."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Any

import pytest

import sprat
from sprat.training import Callback, EarlyStopping
from support import assert_same_bits
from training.tasks import blobs, classifier

X, Y = blobs()


def steps(model: Any, count: int) -> Any:
    """The model after ``count`` steps of the run that the tests break off."""

    class Stop(Callback):
        def on_batch_end(self, trainer: Any) -> None:
            if trainer.step == count:
                trainer.stop()

    sprat.fit(model, X, Y, epochs=100, callbacks=[Stop()])
    return model


class RaiseAt(Callback):
    def __init__(self, step: int, times: int = 1) -> None:
        self.step, self.times = step, times

    def on_batch_end(self, trainer: Any) -> None:
        if trainer.step == self.step:
            for _ in range(self.times):
                signal.raise_signal(signal.SIGINT)


@pytest.fixture(autouse=True)
def handler_is_restored() -> Any:
    before = signal.getsignal(signal.SIGINT)
    assert before is signal.default_int_handler
    yield
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("step", [1, 4, 7])
def test_in_a_callback(step: int) -> None:
    model = classifier()
    optimizer = sprat.optim.Adam(model)
    history = sprat.fit(model, X, Y, epochs=100, optimizer=optimizer, callbacks=[RaiseAt(step)])
    assert (history.stopped_by, history.steps, history.epochs) == ("interrupt", step, step // 4 - (step % 4 == 0))
    assert optimizer.step_count == step
    assert_same_bits(model.params, steps(classifier(), step).params)


def test_from_a_timer_at_any_moment() -> None:
    x, y = blobs(2000)
    for delay in (0.01, 0.03, 0.05):
        model = sprat.nn.MLP([5, 128, 3], seed=0)
        signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
        history = sprat.fit(model, x, y, epochs=10**6, batch_size=50, callbacks=[_Alarm(delay)])
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        assert history.stopped_by == "interrupt"
        again = sprat.nn.MLP([5, 128, 3], seed=0)
        stop = _StopAt(history.steps)
        sprat.fit(again, x, y, epochs=10**6, batch_size=50, callbacks=[stop])
        assert_same_bits(model.params, again.params)


class _Alarm(Callback):
    """Starts its timer with the training: on a busy machine the preparation alone may take as long."""

    def __init__(self, delay: float) -> None:
        self.delay = delay

    def on_train_begin(self, trainer: Any) -> None:
        signal.setitimer(signal.ITIMER_REAL, self.delay)


class _StopAt(Callback):
    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_begin(self, trainer: Any) -> None:
        if self.step == 0:
            trainer.stop()

    def on_batch_end(self, trainer: Any) -> None:
        if trainer.step == self.step:
            trainer.stop()


def test_the_second_one_raises() -> None:
    model = classifier()
    with pytest.raises(KeyboardInterrupt):
        sprat.fit(model, X, Y, epochs=100, callbacks=[RaiseAt(3, times=2)])
    assert_same_bits(model.params, steps(classifier(), 3).params)


def test_during_validation() -> None:
    class Validation:
        def __iter__(self) -> Any:
            yield X, Y
            signal.raise_signal(signal.SIGINT)
            for _ in range(10**9):
                yield X, Y

    history = sprat.fit(classifier(), X, Y, epochs=5, validation=Validation())
    assert (history.stopped_by, history.epochs, history.steps) == ("interrupt", 0, 4)


def test_the_last_weights_stay_not_the_best() -> None:
    model = classifier()
    history = sprat.fit(
        model, X, Y, epochs=100, callbacks=[RaiseAt(6)], early_stopping=EarlyStopping("lr", patience=50)
    )
    assert history.stopped_by == "interrupt"
    assert_same_bits(model.params, steps(classifier(), 6).params)


def test_a_handler_of_the_programs_own_stays_in_charge() -> None:
    class Mine(KeyboardInterrupt):
        pass

    def handle(*_: Any) -> None:
        raise Mine

    before = signal.signal(signal.SIGINT, handle)
    try:
        history = sprat.fit(classifier(), X, Y, epochs=100, callbacks=[RaiseAt(5)])
        assert signal.getsignal(signal.SIGINT) is handle
    finally:
        signal.signal(signal.SIGINT, before)
    assert (history.stopped_by, history.steps) == ("interrupt", 5)


def test_other_threads_train_without_a_handler() -> None:
    results = []
    thread = threading.Thread(target=lambda: results.append(sprat.fit(classifier(), X, Y, epochs=2)))
    thread.start()
    thread.join()
    assert results[0].stopped_by == "epochs"


def test_a_run_inside_a_callback_stops_too() -> None:
    inner: list[Any] = []

    class Nested(Callback):
        def on_epoch_end(self, trainer: Any) -> None:
            inner.append(sprat.fit(classifier(), X, Y, epochs=100, callbacks=[RaiseAt(2)]))

    history = sprat.fit(classifier(), X, Y, epochs=5, callbacks=[Nested()])
    assert [run.stopped_by for run in inner] == ["interrupt"]
    assert (history.stopped_by, history.epochs) == ("interrupt", 1)


def test_an_interrupted_run_resumes_to_the_same_bits(tmp_path: Path) -> None:
    whole = classifier()
    expected = sprat.fit(whole, X, Y, epochs=5)
    model, path = classifier(), tmp_path / "run"
    sprat.fit(model, X, Y, epochs=5, callbacks=[RaiseAt(6)], checkpoint=path)
    model = classifier(seed=77)
    history = sprat.fit(model, X, Y, epochs=5, callbacks=[RaiseAt(-1)], checkpoint=path, resume=True)
    assert_same_bits(model.params, whole.params)
    assert history == expected
