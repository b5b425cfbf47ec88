"""The predictor: frozen, the model's bits, many threads at once, in forked children too."""

from __future__ import annotations

import os
import sys
import threading
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import sprat
from sprat import nn, runtime
from support import assert_same_bits, use_isa


def network(dtype: str = "float32") -> nn.MLP:
    return nn.MLP([64, 96, 48, 10], dropout=0.5, dtype=dtype, seed=4)


def inputs(rows: int, dtype: str = "float32", columns: int = 64) -> np.ndarray:
    return np.random.default_rng(rows).standard_normal((rows, columns)).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", [0, 1, 2, 3, 7, 8, 9, 100])
def test_gives_the_models_bits(dtype: str, rows: int, isa: str, threads: int) -> None:
    model, x = network(dtype), inputs(rows, dtype)
    predict = sprat.Predictor(model)
    expected = model(x)
    assert_same_bits(predict(x), expected)
    out = np.full((rows, 10), np.nan, dtype)
    assert predict(x, out=out) is out
    assert_same_bits(out, expected)


def test_names_of_classes_come_along(tmp_path: Path) -> None:
    x, names = inputs(40), np.array(list("cabb") * 10)
    model = nn.MLP([64, 8, 3], seed=0)
    sprat.fit(model, x, names, epochs=1, progress=False)
    sprat.save(model, tmp_path / "model.safetensors")
    for source in (model, sprat.pack(model, plan="as asked"), tmp_path / "model.safetensors"):
        predict = sprat.Predictor(source)
        assert predict.class_names == ("a", "b", "c")
        assert list(predict.predict(x)) == list(model.predict(x))
        assert sprat.evaluate(predict, x, names) == sprat.evaluate(model, x, names)


def test_is_frozen() -> None:
    model, x = network(), inputs(5)
    predict = sprat.Predictor(model)
    before = predict(x)
    model.params[:] = 0
    assert_same_bits(predict(x), before)
    model.replace_head(3)
    assert predict(x).shape == (5, 10)


def test_keeps_the_instruction_set_it_was_made_for() -> None:
    model, x = network(), inputs(5)
    predictors = []
    for name, supported in runtime.isas().items():
        if supported:
            with use_isa(name):
                predictors.append(sprat.Predictor(model))
    for predict in predictors:
        assert_same_bits(predict(x), model(x))


def test_offers_what_a_model_offers() -> None:
    model, x = network(), inputs(5)
    model.loss_name = "cross_entropy"
    predict = sprat.Predictor(model)
    assert (predict.in_features, predict.out_features, predict.dtype) == (64, 10, np.float32)
    assert predict.config() == model.config()
    assert repr(predict) == "Predictor(64 -> 10, float32)"
    assert_same_bits(predict.predict(x), model.predict(x))
    assert_same_bits(predict.predict_proba(x), model.predict_proba(x))
    with pytest.raises(TypeError, match="^model: wanted a model or the path of one, got int$"):
        sprat.Predictor(3)  # type: ignore[arg-type]


def test_many_threads_share_one() -> None:
    predict = sprat.Predictor(network())
    batches = [inputs(rows) for rows in (1, 3, 17, 64)]
    expected = [predict(x) for x in batches]
    wrong: list[int] = []

    def work(start: int) -> None:
        for i in range(300):
            which = (start + i) % len(batches)
            if (predict(batches[which]) != expected[which]).any():
                wrong.append(which)

    workers = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert wrong == []


def test_training_passes_of_one_model_do_not_mix() -> None:
    model, x = network(), inputs(40)
    y = np.arange(40) % 10
    loss, gradients = model.loss_and_gradients(x, y)
    outcomes: list[str] = []

    def work() -> None:
        for _ in range(100):
            try:
                value, found = model.loss_and_gradients(x, y)
            except ValueError as error:
                outcomes.append(str(error))
            else:
                same = value == loss and (found.flat == gradients.flat).all()
                outcomes.append("same" if same else "different")

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert set(outcomes) <= {"same", "workspace: another call is using it"}
    assert "same" in outcomes


@pytest.mark.parametrize("what", ["predict", "model", "train"])
def test_releases_the_gil(what: str) -> None:
    model, x = nn.MLP([64, 256, 256, 10], seed=0), inputs(6000)
    predict = sprat.Predictor(model)
    y = np.zeros(6000, np.int64)
    call = {"predict": lambda: predict(x), "model": lambda: model(x), "train": lambda: model.loss_and_gradients(x, y)}[
        what
    ]
    call()

    # Without a switch from the interpreter, the other thread's call ends before this one goes on, unless it lets go.
    def seen_running() -> bool:
        begun, ended = threading.Event(), threading.Event()

        def work() -> None:
            begun.set()
            call()
            ended.set()

        thread = threading.Thread(target=work)
        thread.start()
        begun.wait()
        running = not ended.is_set()
        for _ in range(1000):
            if ended.is_set():
                break
            time.sleep(0)
        thread.join()
        return running

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    try:
        assert any(seen_running() for _ in range(50))
    finally:
        sys.setswitchinterval(interval)


def test_python_allocates_nothing_with_out() -> None:
    predict, x, out = sprat.Predictor(network()), inputs(4), np.empty((4, 10), np.float32)
    for _ in range(3):
        predict(x, out=out)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(100):
            predict(x, out=out)
        assert tracemalloc.get_traced_memory()[0] - before < 500
    finally:
        tracemalloc.stop()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_forked_child_predicts() -> None:
    predict, x = sprat.Predictor(network()), inputs(2000)
    with runtime.threads(2):
        expected = predict(x)
        child = os.fork()
        if child == 0:
            os._exit(0 if (predict(x) == expected).all() else 1)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                break
            time.sleep(0.01)
        else:
            os.kill(child, 9)
            os.waitpid(child, 0)
            pytest.fail("the child hangs")
    assert os.waitstatus_to_exitcode(status) == 0


def test_from_a_file(tmp_path: Path) -> None:
    pytest.importorskip("sprat.io.mlp")
    model, x = network(), inputs(5)
    sprat.save(model, tmp_path / "model.safetensors")
    assert_same_bits(sprat.Predictor(tmp_path / "model.safetensors")(x), model(x))
    assert_same_bits(sprat.Predictor(str(tmp_path / "model.safetensors"))(x), model(x))
