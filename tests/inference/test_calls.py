"""The short way from model(x, out=...) to the kernels: the same answers and refusals as the long one."""

from __future__ import annotations

import copy
import itertools
import pickle
import sys
import threading
from typing import Any

import numpy as np
import pytest

import sprat
from sprat import _core, nn
from sprat.nn.model import Model
from support import assert_same_bits


def network(dtype: str = "float32") -> nn.MLP:
    return nn.MLP([6, 9, 3], dtype=dtype, seed=1)


def predictor(kind: str = "float32") -> Model:
    if kind == "trained":
        return network()
    if kind == "int8":
        return sprat.quantization.quantize_model(network())
    return sprat.Predictor(network(kind))


def inputs(dtype: str = "float32") -> np.ndarray:
    return np.random.default_rng(0).standard_normal((5, 6)).astype(dtype)


def misaligned(array: np.ndarray) -> np.ndarray:
    memory = np.empty(array.nbytes + 1, np.uint8)
    moved = memory[1:].view(array.dtype).reshape(array.shape)
    moved[...] = array
    return moved


class Named(np.ndarray):
    """An array of another type."""


INPUTS = {
    "plain": lambda x: x,
    "float64": lambda x: x.astype(np.float64),
    "byte-swapped": lambda x: x.astype(x.dtype.newbyteorder()),
    "fortran": np.asfortranarray,
    "with gaps": lambda x: np.repeat(x, 2, axis=0)[::2],
    "misaligned": misaligned,
    "read-only": lambda x: np.frombuffer(x.tobytes(), x.dtype).reshape(x.shape),
    "subclass": lambda x: x.view(Named),
    "list": lambda x: x.tolist(),
    "tuple": lambda x: tuple(map(tuple, x.tolist())),
    "no rows": lambda x: x[:0],
    "integers": lambda x: x.astype(np.int16),
}


@pytest.mark.parametrize("kind", ["float32", "float64", "int8", "trained"])
@pytest.mark.parametrize("which", INPUTS)
def test_any_input_gives_the_answer_of_a_plain_one(which: str, kind: str) -> None:
    predict = predictor(kind)
    given = INPUTS[which](inputs(str(predict.dtype)))
    plain = np.ascontiguousarray(np.asarray(given), predict.dtype)
    expected = predict._call(plain)
    assert_same_bits(predict(given), expected)
    out = np.full_like(expected, np.nan)
    assert predict(given, out) is out
    assert_same_bits(out, expected)
    assert predict(x=given, out=out) is out
    assert predict(out=out, x=given) is out
    assert_same_bits(predict(given, out=None), expected)
    assert_same_bits(predict(given, None), expected)


def test_a_new_result_is_an_array_like_any_other() -> None:
    predict, x = predictor(), inputs()
    first, second = predict(x), predict(x)
    assert not np.shares_memory(first, second)
    assert type(first) is np.ndarray
    assert first.flags.owndata
    assert first.flags.writeable
    assert (first.shape, first.dtype) == ((5, 3), np.float32)


REFUSED: dict[str, tuple[Any, Any]] = {
    "x: one row without its axis": (lambda x: x[0], None),
    "x: too few columns": (lambda x: x[:, :5].copy(), None),
    "x: three axes": (lambda x: x[None], None),
    "x: complex": (lambda x: x.astype(np.complex64), None),
    "x: text": (lambda x: "text", None),
    "x: None": (lambda x: None, None),
    "x: masked": (lambda x: np.ma.masked_array(x), None),
    "x: object": (lambda x: x.astype(object), None),
    "out: dtype": (None, lambda x: np.zeros((5, 3), np.float64)),
    "out: rows": (None, lambda x: np.zeros((4, 3), np.float32)),
    "out: columns": (None, lambda x: np.zeros((5, 4), np.float32)),
    "out: one axis": (None, lambda x: np.zeros(15, np.float32)),
    "out: with gaps": (None, lambda x: np.zeros((5, 6), np.float32)[:, ::2]),
    "out: order": (None, lambda x: np.zeros((5, 3), np.float32, order="F")),
    "out: byte-swapped": (None, lambda x: np.zeros((5, 3), ">f4")),
    "out: misaligned": (None, lambda x: misaligned(np.zeros((5, 3), np.float32))),
    "out: read-only": (None, lambda x: np.broadcast_to(np.float32(0), (5, 3))),
    "out: list": (None, lambda x: [[0.0] * 3] * 5),
    "out: inside x": (None, lambda x: x.reshape(-1)[:15].reshape(5, 3)),
}


@pytest.mark.parametrize("kind", ["float32", "int8", "trained"])
@pytest.mark.parametrize("which", REFUSED)
def test_refuses_in_one_line_and_changes_nothing(which: str, kind: str) -> None:
    predict, plain = predictor(kind), inputs()
    make_x, make_out = REFUSED[which]
    x = make_x(plain) if make_x else plain
    out = make_out(plain) if make_out else None
    before = copy.deepcopy((x, out))
    with pytest.raises((TypeError, ValueError)) as caught:
        predict(x, out=out)
    with pytest.raises(type(caught.value)) as positional:
        predict(x, out)
    assert str(positional.value) == str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(which.split(":")[0])
    for now, then in zip((x, out), before, strict=True):
        assert np.asarray(now).tobytes() == np.asarray(then).tobytes()


@pytest.mark.parametrize(
    ("arguments", "keywords"),
    [((), {}), ((1, 2, 3), {}), ((inputs(),), {"rows": 5}), ((inputs(), None), {"out": None}), ((), {"out": None})],
)
def test_refuses_arguments_that_it_does_not_have(arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        predictor()(*arguments, **keywords)


def test_keeps_no_reference() -> None:
    predict, x, out, wrong = predictor(), inputs(), np.empty((5, 3), np.float32), np.empty((5, 4), np.float32)
    before = [sys.getrefcount(value) for value in (x, out, wrong)]
    for _ in range(200):
        predict(x, out=out)
        predict(x)
        with pytest.raises(ValueError):
            predict(x, out=wrong)
    assert [sys.getrefcount(value) for value in (x, out, wrong)] == before


def test_many_threads_make_short_calls() -> None:
    predict, x = predictor(), inputs()
    expected, wrong = predict(x), []

    def work() -> None:
        out = np.empty((5, 3), np.float32)
        for _ in range(20_000):
            predict(x, out=out)
        if (out != expected).any():
            wrong.append(out)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert wrong == []


def test_subclasses_and_replaced_calls_are_obeyed() -> None:
    class Doubling(sprat.Predictor):
        def __call__(self, x: Any, out: Any = None) -> Any:
            return 2 * super().__call__(x, out)

    class Same(sprat.Predictor):
        pass

    x, plain = inputs(), predictor()
    assert_same_bits(Doubling(network())(x), 2 * plain(x))
    same = Same(network())
    assert_same_bits(same(x), plain(x))
    Same.__call__ = lambda self, x: "replaced"  # type: ignore[assignment, misc]
    assert same(x) == "replaced"
    del Same.__call__
    assert_same_bits(same(x), plain(x))


class Halving(Model):
    """A model that has no native part."""

    in_features = out_features = 2  # type: ignore[assignment]
    dtype = np.dtype(np.float32)  # type: ignore[assignment]

    def _run(self, x: Any, out: Any) -> None:
        out[...] = x / 2

    def config(self) -> dict[str, Any]:
        return {}


def test_a_model_of_ones_own_needs_no_native_part() -> None:
    model = Halving()
    assert model([[2.0, 4.0]]).tolist() == [[1.0, 2.0]]
    assert copy.copy(model)([[2.0, 4.0]]).tolist() == [[1.0, 2.0]]
    with pytest.raises(TypeError, match="abstract"):
        Model()  # type: ignore[abstract]


def test_copies_answer_as_the_original() -> None:
    predict, x = predictor(), inputs()
    predict.loss_name = "mse"
    same = copy.copy(predict)
    assert same.loss_name == "mse"
    assert_same_bits(same(x), predict(x))


def test_a_runner_is_native_and_can_be_taken_away() -> None:
    predict, x = predictor(), inputs()
    expected = predict(x)
    with pytest.raises(TypeError, match="^runner: wanted a Runner or None$"):
        _core.set_runner(predict, 3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="^model: wanted a model$"):
        _core.set_runner(3, None)  # type: ignore[arg-type]
    assert_same_bits(predict(x), expected)
    _core.set_runner(predict, None)
    assert_same_bits(predict(x), expected)


def test_a_model_is_called_on_what_it_is_now() -> None:
    model, x = network(), inputs()

    def agrees() -> bool:
        out = np.full((5, model.out_features), np.nan, np.float32)
        long_way = model._call(x)
        return model(x).tobytes() == model(x, out=out).tobytes() == out.tobytes() == long_way.tobytes()

    first = model(x)
    assert agrees()
    model.params[:] *= 2
    assert agrees()
    assert (model(x) != first).any()
    model.input_quant = [(0.1, 128, 0, 255), None]
    quantized = model(x)
    assert agrees()
    model.input_quant = None
    assert agrees()
    assert (model(x) != quantized).any()
    model.replace_head(7)
    assert agrees()
    assert model(x).shape == (5, 7)
    sprat.prune.neurons(model, amount=0.5)
    assert agrees()
    model.input_quant = [(0.1, 128, 0, 255), None]
    for other in (model.copy(), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert_same_bits(other(x), model(x))
        other.input_quant = None
        assert (other(x) != model(x)).any()


def test_out_is_none_of_the_parameters() -> None:
    model = nn.MLP([3, 3], seed=0)
    before = model.params.copy()
    with pytest.raises(ValueError, match=r"^out: overlaps params$"):
        model(np.ones((3, 3), np.float32), out=model.parameters()["layers.0.weight"])
    assert_same_bits(model.params, before)


def test_a_model_may_change_while_others_call_it() -> None:
    model, x = nn.MLP([64, 512, 4], seed=0), np.ones((300, 64), np.float32)  # long enough to let go of the GIL
    shapes: list[tuple[int, ...]] = []

    def work() -> None:
        for _ in range(50):
            shapes.append(model(x).shape)

    worker = threading.Thread(target=work)
    worker.start()
    heads = itertools.cycle((4, 9))
    while worker.is_alive():
        model.replace_head(next(heads))
    worker.join()
    assert set(shapes) <= {(300, 4), (300, 9)}
    assert len(shapes) == 50
