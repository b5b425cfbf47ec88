"""Every adapter of the peers that the tests have computes what its problem asks for, on small sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from bench.networks import SIZES, Network
from bench.problems import ArrayStep, Pruning, Quantizing, Training
from bench.tasks import TASKS, Prepared, candidates, check_prediction, check_training

from bench import peers

for _module in ("torch", "onnxruntime", "onnx", "sklearn"):
    pytest.importorskip(_module)

pytestmark = [
    # torch announces that it will drop its quantized tensors, scikit-learn that so few epochs do not converge.
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

TESTED = ("ours", "ours_from_c", "numpy", "torch", "onnxruntime", "sklearn")


@pytest.fixture(scope="module", autouse=True)
def _adapters() -> None:
    assert peers.load(TESTED) == {}


def names(task: str, problem: Any, check: Callable[[Prepared], None]) -> set[str]:
    """All who offer the task and passed their check; compiled ones take too long here."""
    found = candidates(task, problem, 1, check, lambda name: "compiled" not in name)
    for candidate in found:
        candidate.check()
    return {candidate.name for candidate in found}


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("rows", [1, 5])
def test_predictions(name: str, rows: int) -> None:
    network = Network(SIZES[name], rows)
    regressor = {"sklearn"} - ({"sklearn"} if network.classifies else set())
    assert (
        names("predict", network, check_prediction(network)) == {"sprat", "numpy", "torch", "onnxruntime"} | regressor
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", [(10, 16, 1), (64, 64, 64, 10)])
def test_training_steps(sizes: tuple[int, ...], dtype: str) -> None:
    network = Network(sizes, 32, dtype)
    assert names("train", network, check_training(network)) == {"sprat", "numpy", "torch", "sklearn"}
    assert "sprat fit" in names("train stretch", network, check_training(network))


@pytest.mark.parametrize("problem", [ArrayStep("Adam", [100, 7]), ArrayStep("SGD", [100], {"momentum": 0.9})])
def test_optimizer_steps(problem: ArrayStep) -> None:
    assert names("array step", problem, problem.check) == {"sprat", "numpy", "torch fused"}


@pytest.mark.parametrize("per_channel", [False, True])
def test_quantization(per_channel: bool) -> None:
    problem = Quantizing(1000, per_channel)
    everyone = {"sprat", "numpy", "torch", "onnxruntime"}
    assert names("quantize", problem, problem.check_codes) == everyone
    assert names("dequantize", problem, problem.check_numbers) == everyone


def test_calls_from_c() -> None:
    network, codes = Network((3, 4, 2), 2), Quantizing(5, per_channel=False)
    assert names("predict from C", network, check_prediction(network)) == {"sprat from Cython", "C"}
    assert names("quantize from C", codes, codes.check_codes) == {"sprat from Cython", "C"}


def test_pruning() -> None:
    problem = Pruning(1000)
    assert names("threshold", problem, problem.check_threshold) == {"sprat", "numpy", "torch"}
    assert names("magnitude", problem, problem.check_magnitude) == {"sprat", "numpy", "torch"}


def test_epochs() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 200)  # scikit-learn has one output for two classes
    x = (rng.standard_normal((200, 6)) + 3 * y[:, None]).astype(np.float32)
    problem = Training((6, 16, 3), (x, y), (x, y), epochs=20, batch=16, accuracy=0.9, lr=0.01)
    assert {"sprat", "torch", "sklearn"} <= names("epochs", problem, problem.check)


def test_checks_find_what_is_wrong() -> None:
    network, steps = Network((4, 3, 2), 5), ArrayStep("Adam", [10])
    quantizing, pruning = Quantizing(1000, False), Pruning(1000)
    unchanged = [array for layer in network.weights for array in layer]
    wrong: list[tuple[Callable[[Prepared], None], Any]] = [
        (check_prediction(network), network.output * 1.001),
        (check_training(network), unchanged),
        (steps.check, steps.arrays()[0]),
        (quantizing.check_codes, np.zeros(1000, np.int8)),
        (quantizing.check_codes, quantizing.codes + np.int8(1)),
        (quantizing.check_numbers, quantizing.x),
        (pruning.check_threshold, (pruning.x, np.ones(1000), 1000)),
        (pruning.check_magnitude, pruning.x),
    ]
    for check, result in wrong:
        with pytest.raises(AssertionError):
            check(Prepared(lambda: None, lambda result=result: result))


def test_a_peer_that_cannot_be_set_up_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    def broken(problem: Any, threads: int) -> Prepared:
        raise RuntimeError("no such instruction")

    TASKS["nothing"] = {"broken": broken, "absent": lambda problem, threads: None}
    try:
        assert candidates("nothing", None, 1, lambda prepared: None) == []
    finally:
        del TASKS["nothing"]
    assert "broken is left out of nothing: RuntimeError: no such instruction" in capsys.readouterr().err
