"""Losses: extreme outputs have stated results, wrong arguments one line, and a loss survives JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from sprat import _core
from sprat.errors import FormatError
from sprat.nn import losses
from support import assert_same_bits, misaligned, unchanged

inf, nan = np.inf, np.nan
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def run(loss: Any, z: Any, t: Any, dtype: Any, **more: Any) -> tuple[float, list[Any]]:
    value, grad = loss(np.array(z, dtype), t, **more)
    return value, grad.tolist()


@dtypes
@pytest.mark.parametrize("padding", [0, 40])
def test_extreme_logits_of_cross_entropy(isa: str, dtype: type, padding: int) -> None:
    """-infinity is probability 0; +infinity and NaN make the row NaN. `padding` adds impossible classes."""
    loss = losses.CrossEntropy()
    rest = [-inf] * padding
    none = [0.0] * padding
    assert run(loss, [[1e4, -1e4, *rest]], [0], dtype) == (0, [[0, 0, *none]])
    assert run(loss, [[1e4, -1e4, *rest]], [1], dtype) == (2e4, [[1, -1, *none]])
    assert run(loss, [[0, -inf, *rest]], [0], dtype) == (0, [[0, 0, *none]])
    assert run(loss, [[0, -inf, *rest]], [1], dtype) == (inf, [[1, -1, *none]])
    assert run(loss, [[0, -inf, *rest]], [[1.0, 0.0, *none]], dtype) == (0, [[0, 0, *none]])
    smoothed = run(losses.CrossEntropy(label_smoothing=0.5), [[0, -inf, *rest]], [0], dtype)
    assert smoothed[0] == inf
    assert np.isfinite(smoothed[1]).all()
    for bad in ([inf, 0.0, *rest], [nan, 0.0, *rest], [-inf, -inf, *rest]):
        value, grad = run(loss, [bad, [0.0, 1.0, *rest]], [0, 0], dtype)
        assert np.isnan(value)
        assert np.isnan(grad[0]).all()
        assert np.isfinite(grad[1]).all()


@dtypes
def test_extreme_logits_of_bce(isa: str, dtype: type) -> None:
    loss = losses.BCEWithLogits()
    for size in (1e4, inf):
        assert run(loss, [[size], [-size]], [1, 0], dtype) == (0, [[0], [0]])
        assert run(loss, [[size]], [0], dtype) == (size, [[1]])
        assert run(loss, [[-size]], [1], dtype) == (size, [[-1]])
    value, grad = run(loss, [[nan], [0.0]], [1, 1], dtype)
    assert np.isnan(value)
    assert np.isnan(grad[0][0])
    assert grad[1] == [-0.25]


@dtypes
@pytest.mark.parametrize("name", ["mse", "mae", "huber"])
def test_extreme_outputs_of_regression(isa: str, name: str, dtype: type) -> None:
    loss = losses.get(name)
    slope = {"mse": 2e4, "mae": 1, "huber": 1}[name]
    assert run(loss, [[1e4]], [0], dtype) == ({"mse": 1e8, "mae": 1e4, "huber": 9999.5}[name], [[slope]])
    assert run(loss, [[inf]], [0], dtype) == (inf, [[inf if name == "mse" else 1]])
    for bad in (nan, inf):
        value, grad = run(loss, [[bad], [1.0]], [inf, 1.0], dtype)
        assert np.isnan(value)
        assert np.isnan(grad[0][0])
        assert grad[1] == [0]


@dtypes
def test_extreme_logits_of_distillation(isa: str, dtype: type) -> None:
    soft = losses.Distillation(2.0, 1.0)
    assert run(soft, [[1e4, -1e4]], None, dtype, teacher=[[1e4, -1e4]]) == (0, [[0, 0]])
    assert run(soft, [[-1e4, 1e4]], None, dtype, teacher=[[1e4, -1e4]]) == (4e4, [[-2, 2]])
    assert run(soft, [[0, -inf]], None, dtype, teacher=[[0, -inf]]) == (0, [[0, 0]])
    assert run(soft, [[0, -inf]], None, dtype, teacher=[[0, 0]])[0] == inf
    binary = losses.Distillation(2.0, 1.0, "bce_with_logits")
    assert run(binary, [[inf], [-inf]], None, dtype, teacher=[[inf], [-inf]]) == (0, [[0], [0]])
    assert run(binary, [[-inf]], None, dtype, teacher=[[inf]]) == (inf, [[-2]])
    for student, teacher in ([[nan, 0.0]], [[0.0, 0.0]]), ([[0.0, 0.0]], [[nan, 0.0]]):
        value, grad = run(soft, student, None, dtype, teacher=teacher)
        assert np.isnan([value, *grad[0]]).all()


def test_a_row_of_weight_zero_changes_nothing() -> None:
    loss = losses.CrossEntropy()
    z = np.array([[1.0, 2.0, 0.5], [0.3, -1.0, 2.0]])
    value, grad = loss(z, [1, 2])
    more, more_grad = loss(np.vstack([z, [[5.0, 1.0, 1.0]]]), [1, 2, 0], [1, 1, 0])
    assert more == pytest.approx(value, rel=1e-15)
    assert_same_bits(more_grad[:2], grad)
    assert not more_grad[2].any()


Z = np.zeros((4, 3), np.float32)
IDS = np.array([0, 1, 2, 0])
CE, BCE, MSE = losses.CrossEntropy(), losses.BCEWithLogits(), losses.MSE()


@pytest.mark.parametrize(
    ("loss", "output", "target", "weight", "error", "line"),
    [
        (CE, Z[:0], IDS[:0], None, ValueError, "output: wanted at least one row, got 0"),
        (MSE, Z[:, :0], Z[:, :0], None, ValueError, "output: wanted at least one column, got 0"),
        (MSE, Z[0], Z[0], None, ValueError, r"output: wanted \(rows, columns\), got shape \(3,\)"),
        (MSE, Z.astype(np.float16), Z, None, TypeError, "output: wanted float32 or float64, got float16"),
        (MSE, [["a"]], Z, None, TypeError, "output: wanted float32 or float64, got <U1"),
        (CE, Z[:, :1], IDS, None, ValueError, "output: cross_entropy wants a column for each of at least 2 .*"),
        (CE, Z, [0, 1, 3, 0], None, ValueError, r"target: wanted class ids in \[0, 3\), got 3 in row 2"),
        (CE, Z, [0, -1, 2, 0], None, ValueError, r"target: wanted class ids in \[0, 3\), got -1 in row 1"),
        (
            CE,
            Z,
            [0.0, 1, 2, 0],
            None,
            ValueError,
            r"target: .* \(4,\) integer class ids or \(4, 3\) shares, got float64 .*",
        ),
        (CE, Z, IDS[:3], None, ValueError, r"target: .* got int64 of shape \(3,\)"),
        (MSE, Z, IDS, None, ValueError, r"target: wanted shape \(4, 3\) like output, got \(4,\)"),
        (MSE, Z, Z.astype(str), None, TypeError, "target: wanted an array of numbers, got dtype <U32"),
        (BCE, Z, Z + 2, None, ValueError, r"target: bce_with_logits wants numbers in \[0, 1\], got 2 in row 0"),
        (BCE, Z, Z * nan, None, ValueError, r"target: bce_with_logits wants numbers in \[0, 1\], got -?nan in row 0"),
        (CE, Z, IDS, [1, 1, 1], ValueError, r"sample_weight: wanted shape \(4,\), got \(3,\)"),
        (CE, Z, IDS, [1, -1, 1, 1], ValueError, "sample_weight: wanted finite numbers of at least 0, got -1 at 1"),
        (CE, Z, IDS, [1, nan, 1, 1], ValueError, "sample_weight: wanted finite .* got nan at 1"),
        (CE, Z, IDS, [1, 1, 1, inf], ValueError, "sample_weight: wanted finite .* got inf at 3"),
        (CE, Z, IDS, [0, 0, 0, 0], ValueError, "sample_weight: the weights of these rows sum to 0"),
        (CE, Z, IDS, ["a"] * 4, TypeError, "sample_weight: wanted an array of numbers, got dtype <U1"),
        (
            losses.CrossEntropy(class_weight=[1, 1]),
            Z,
            IDS,
            None,
            ValueError,
            r"class_weight: wanted shape \(3,\), got .*",
        ),
        (losses.CrossEntropy(class_weight=[0, 0, 1]), Z[:2], IDS[:2], None, ValueError, "class_weight: .* sum to 0"),
        (losses.BCEWithLogits(pos_weight=2), Z, Z, None, ValueError, r"pos_weight: wanted shape \(3,\), got \(1,\)"),
    ],
)
def test_refusals(loss: Any, output: Any, target: Any, weight: Any, error: type, line: str) -> None:
    with pytest.raises(error, match=f"^{line}$"):
        loss(output, target, weight)


def test_refusals_of_distillation() -> None:
    loss = losses.Distillation()
    with pytest.raises(TypeError, match=r"^teacher: wanted the teacher's raw outputs of the same rows, got None$"):
        loss(Z, IDS)
    with pytest.raises(ValueError, match=r"^teacher: wanted shape \(4, 3\) like output, got \(4, 2\)$"):
        loss(Z, IDS, teacher=Z[:, :2])
    with pytest.raises(ValueError, match=r"^target must not be NULL$"):
        loss(Z, None, teacher=Z)


def test_a_refused_call_changes_nothing() -> None:
    grad, weight = np.full_like(Z, 7), np.ones(4, np.float32)
    readonly = grad.copy()
    readonly.flags.writeable = False
    same = unchanged(Z, IDS, grad, weight, readonly)
    options = CE.native_options(Z.dtype)
    shared = np.zeros((8, 3), np.float32)
    bad: list[tuple[tuple[Any, ...], type, str]] = [
        ((Z, IDS + 1, None, None, grad), ValueError, "target: wanted class ids"),
        ((Z, IDS, weight - 1, None, grad), ValueError, "sample_weight: the weights of these rows sum to 0"),
        ((Z, IDS, weight.astype(np.float64), None, grad), TypeError, "sample_weight: wanted float32 like output"),
        ((Z, IDS.astype(np.int32), None, None, grad), TypeError, "target: wanted float32 like output, got int32"),
        ((Z, IDS, None, None, readonly), ValueError, "grad_output: wanted a writable array"),
        ((Z, IDS, None, None, grad[:, ::-1]), ValueError, "grad_output: wanted a C-contiguous array"),
        ((Z, IDS, None, None, grad.astype(">f4")), ValueError, "grad_output: wanted native byte order"),
        ((Z, IDS, None, None, misaligned(grad)), ValueError, "grad_output: wanted an aligned array"),
        ((shared[:4], IDS, None, None, shared[1:5]), ValueError, "grad_output: overlaps a part of output"),
        ((shared[:4], IDS, None, shared[4:], shared[:4]), ValueError, "grad_output: overlaps output"),
        ((Z, None, None, None, grad), ValueError, "target must not be NULL"),
    ]
    for arguments, error, line in bad:
        with pytest.raises(error, match=f"^{line}"):
            _core.loss(*arguments, **options)
    with pytest.raises(ValueError, match="^loss: there is no 'hinge'$"):
        _core.loss(Z, IDS, None, None, grad, loss="hinge")
    with pytest.raises(ValueError, match="^target: mse wants numbers, one for each column, got class ids$"):
        _core.loss(Z, IDS, None, None, grad, loss="mse")
    same()


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: losses.CrossEntropy(label_smoothing=1.0), r"label_smoothing: wanted a number in \[0, 1\), got 1.0"),
        (lambda: losses.CrossEntropy(label_smoothing=nan), r"label_smoothing: wanted a number in \[0, 1\), got nan"),
        (lambda: losses.CrossEntropy(class_weight=[1, -2]), "class_weight: wanted finite .* got -2 at 1"),
        (lambda: losses.CrossEntropy(class_weight=[]), r"class_weight: wanted a sequence of numbers, got \[\]"),
        (lambda: losses.BCEWithLogits(pos_weight=[inf]), "pos_weight: wanted finite .* got inf at 0"),
        (lambda: losses.Huber(0), "delta: wanted a finite number above 0, got 0"),
        (lambda: losses.Huber("1"), "delta: wanted a number, got '1'"),
        (lambda: losses.Distillation(temperature=0), "temperature: wanted a finite number above 0, got 0"),
        (lambda: losses.Distillation(alpha=1.5), r"alpha: wanted a number in \[0, 1\], got 1.5"),
        (lambda: losses.Distillation(hard=max), "hard: wanted a loss of sprat.nn.losses, got .*"),
        (lambda: losses.get("hinge"), "loss: wanted one of cross_entropy, .*, got 'hinge'"),
        (lambda: losses.get(3), "loss: wanted a name, a loss or a callable, got 3"),
    ],
)
def test_wrong_options(make: Any, line: str) -> None:
    with pytest.raises((ValueError, TypeError), match=f"^{line}$"):
        make()


def test_targets_that_are_converted() -> None:
    z = np.random.default_rng(0).normal(size=(4, 3))
    for same in (IDS.astype(np.uint8), IDS[:, None], IDS.tolist(), IDS.astype(">i4")):
        assert CE(z, same)[0] == CE(z, IDS)[0]
    one = z[:, :1]
    for same in ([True, False, True, True], [1, 0, 1, 1], np.array([[1.0], [0], [1], [1]])):
        assert BCE(one, same)[0] == BCE(one, np.array([1.0, 0, 1, 1]))[0]
    assert_same_bits(MSE(np.asfortranarray(z), z * 2)[1], MSE(z, z * 2)[1])


EVERY = [
    losses.CrossEntropy(0.25, (1.0, 2.5)),
    losses.BCEWithLogits((3.0,)),
    losses.MSE(),
    losses.MAE(),
    losses.Huber(0.5),
    losses.Distillation(2.0, 0.9, losses.CrossEntropy(0.1)),
]


@pytest.mark.parametrize("loss", EVERY, ids=lambda loss: loss.name)
def test_config_round_trip(loss: losses.Loss) -> None:
    assert losses.from_config(json.loads(json.dumps(loss.config()))) == loss
    assert losses.get(loss.name).name == loss.name
    assert losses.get(loss) is loss


@pytest.mark.parametrize(
    "config",
    [
        [],
        {},
        {"name": "hinge"},
        {"name": ["mse"]},
        {"name": "mse", "delta": 1},
        {"name": "huber", "delta": -1},
        {"name": "huber", "delta": "1"},
        {"name": "cross_entropy", "class_weight": [1, "2"]},
        {"name": "cross_entropy", "class_weight": 5},
        {"name": "distillation", "hard": {"name": "hinge"}},
        {"name": "distillation", "hard": {"name": "distillation"}},
        {"name": "distillation", "hard": 7},
    ],
)
def test_configurations_that_are_refused(config: Any) -> None:
    with pytest.raises(FormatError, match="^loss"):
        losses.from_config(config)


def test_native_names_are_those_of_the_classes() -> None:
    assert _core.losses() == ["cross_entropy", "bce_with_logits", "mse", "mae", "huber"]
    for name in _core.losses():
        assert losses.get(name).name == name
        assert losses.get(name).native_options(np.float32)["loss"] == name
