"""Stages one by one, and their measurement."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import sprat
from sprat import compression as c
from support import assert_same_bits

DATA = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def data() -> DATA:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, 6)).astype(np.float32)
    return x, (x[:, 0] * x[:, 1] > 0).astype(np.int64)


@pytest.fixture(scope="module")
def trained(data: DATA) -> sprat.nn.MLP:
    model = sprat.nn.MLP([6, 32, 16, 2], seed=0)
    sprat.fit(model, *data, epochs=20, lr=0.01, progress=False)
    return model


STAGES = [
    c.Retrain(c.Training(1)),
    c.Distill([8], training=c.Training(1)),
    c.Distill([8], alpha=0, training=c.Training(1)),
    c.Distill([8], training=c.Training(0)),
    c.PruneWeights(sparsity=0.5, training=c.Training(1)),
    c.PruneWeights(threshold=0.1, training=c.Training(1)),
    c.PruneNeurons(0.5, c.Training(1)),
    c.PruneNeurons(3, c.Training(0)),
    c.LowRank(0.6, c.Training(1)),
    c.Quantize(),
    c.Quantize("dynamic"),
    c.Quantize("aware", training=c.Training(1)),
]


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_a_stage_leaves_its_model_alone(stage: c.Stage, trained: sprat.nn.MLP, data: DATA) -> None:
    before, layers = trained.params.copy(), trained.layers
    made = stage.apply(trained, c.TrainingData(*data))
    assert made is not trained
    assert_same_bits(trained.params, before)
    assert trained.layers == layers
    assert trained.masks == {}
    assert made.loss_name == "cross_entropy"
    assert made(data[0]).shape == (300, 2)


def test_masks_hold_through_the_stages(trained: sprat.nn.MLP, data: DATA) -> None:
    stages = [
        c.PruneWeights(0.7, training=c.Training(2)),
        c.PruneNeurons(0.25, c.Training(2)),
        c.Retrain(c.Training(2)),
    ]
    for _, model in c.apply_stages(trained, stages, c.TrainingData(*data)):
        assert isinstance(model, sprat.nn.MLP)
        for name, mask in model.masks.items():
            assert not model.parameters()[name][mask == 0].any()
        assert sprat.prune.report(model).sparsity > 0.5


def test_student_alone_and_distilled_begin_with_the_same_weights(trained: sprat.nn.MLP, data: DATA) -> None:
    rest = {"seed": 3, "training": c.Training(0)}
    students = [c.Distill([8], alpha=alpha, **rest).apply(trained, c.TrainingData(*data)) for alpha in (0, 0.5)]
    assert_same_bits(students[0].params, students[1].params)  # type: ignore[attr-defined]


def test_low_rank_leaves_layers_that_would_not_shrink(trained: sprat.nn.MLP, data: DATA) -> None:
    made = c.LowRank(1.0, c.Training(0)).apply(trained, c.TrainingData(*data))
    assert made.layers == trained.layers  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: c.PruneWeights(), "sparsity, threshold: wanted one of the two"),
        (lambda: c.PruneWeights(0.5, 0.1), "sparsity, threshold: wanted one of the two"),
        (lambda: c.PruneWeights(sparsity=1.0), "sparsity: wanted a share"),
        (lambda: c.PruneWeights(threshold=-1.0), "threshold: wanted a number of at least 0"),
        (lambda: c.Quantize("half"), "mode: wanted 'static', 'dynamic' or 'aware'"),  # type: ignore[arg-type]
    ],
)
def test_bad_stages(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()  # type: ignore[operator]


def test_nothing_follows_quantization(trained: sprat.nn.MLP, data: DATA) -> None:
    for stage in (c.PruneNeurons(0.5), c.Quantize()):
        with pytest.raises(TypeError, match="wanted a float model"):
            c.apply_stages(trained, [c.Quantize(), stage], c.TrainingData(*data))


def test_interrupting_a_stage_interrupts_the_run(
    trained: sprat.nn.MLP, data: DATA, monkeypatch: pytest.MonkeyPatch
) -> None:
    import signal

    began = []

    def on_stage(name: str) -> None:
        began.append(name)

    def options(self: c.Training, rows: int) -> dict[str, object]:
        return {"epochs": 3, "callbacks": [lambda trainer: signal.raise_signal(signal.SIGINT)], "progress": False}

    monkeypatch.setattr(c.Training, "options", options)
    with pytest.raises(KeyboardInterrupt):
        c.apply_stages(trained, [c.Retrain(), c.PruneNeurons(0.5)], c.TrainingData(*data), on_stage=on_stage)
    assert began == ["trained on"]


def test_the_report(trained: sprat.nn.MLP, data: DATA, tmp_path: Path) -> None:
    stages = [c.PruneNeurons(0.5, c.Training(5, lr=0.01)), c.Quantize()]
    report = c.run_stages(trained, stages, train=data, validation=data, folder=tmp_path / "new", seconds=0.02)
    assert [result.name for result in report] == ["start", "50% of neurons removed", "int8 static"]
    assert report.score == "accuracy"
    assert report[0].scores == sprat.evaluate(trained, *data)
    assert report.find("int8 static") is report[2]
    for result in report:
        assert result.path is not None
        assert Path(result.path).stat().st_size == result.file_bytes
        assert_same_bits(sprat.load(result.path)(data[0]), result.model(data[0]))
    rows = json.loads(report.to_json())
    assert rows[0]["relative_size"] == rows[0]["relative_speed"] == 1.0
    assert rows[2]["relative_size"] == pytest.approx(report[2].file_bytes / report[0].file_bytes)
    with pytest.raises(KeyError):
        report.find("magic")


def test_size_counts_weights_and_biases(trained: sprat.nn.MLP) -> None:
    size = c.Size.of(trained)
    assert size.parameters == trained.num_parameters
    assert size.nonzero == np.count_nonzero(trained.params)
    assert size.bytes == trained.params.nbytes
    quantized = sprat.quantization.quantize_model(trained)
    assert c.Size.of(quantized).parameters == trained.num_parameters
    assert c.Size.of(quantized).bytes == quantized.nbytes


def test_speeds_want_rows(trained: sprat.nn.MLP) -> None:
    with pytest.raises(ValueError, match="at least one row"):
        c.speeds([trained], np.empty((0, 6)))


def words(size: int, microseconds: float) -> str:
    def result(file_bytes: int, time: float) -> c.Result:
        speed = c.Speed(time, 1e6)
        return c.Result("x", sprat.nn.MLP([2, 2]), None, {"loss": 1.0}, c.Size(6, 6, 24), file_bytes, speed)

    return result(size, microseconds).relative_to(result(1000, 10.0))


@pytest.mark.parametrize(
    ("size", "microseconds", "expected"),
    [
        (120, 1.6, "0.12x size, 6.2x faster"),
        (1200, 20.0, "1.2x size, 2x slower"),
        (1000, 10.3, "1x size, as fast"),
        (5, 0.1, "0.005x size, 100x faster"),
    ],
)
def test_relative_words(size: int, microseconds: float, expected: str) -> None:
    assert words(size, microseconds) == expected
