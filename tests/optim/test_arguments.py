"""Bad input: one line that says which argument, what was wanted and what came; and nothing has changed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sprat import optim
from support import misaligned, unchanged


def byte_swapped(array: np.ndarray) -> np.ndarray:
    return array.astype(array.dtype.newbyteorder())


def read_only(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.flags.writeable = False
    return array


FINE = np.ones((4, 6), np.float32)

# What is wrong with an array, and what both a parameter and a gradient of it say.
WRONG_ARRAYS: dict[str, tuple[Callable[[], Any], str]] = {
    "list": (lambda: FINE.tolist(), "wanted a NumPy array in CPU memory, got list"),
    "float16": (lambda: FINE.astype(np.float16), "float16"),
    "int64": (lambda: FINE.astype(np.int64), "int64"),
    "complex": (lambda: FINE.astype(np.complex64), "complex64"),
    "byte-swapped": (lambda: byte_swapped(FINE), "byte"),
    "transposed": (lambda: np.ones((6, 4), np.float32).T, "wanted a C-contiguous array"),
    "strided": (lambda: np.ones((4, 12), np.float32)[:, ::2], "wanted a C-contiguous array"),
    "misaligned": (lambda: misaligned(FINE), "wanted an aligned array"),
    "object": (lambda: FINE.astype(object), "object"),
}


def one_line(error: pytest.ExceptionInfo[BaseException]) -> str:
    message = str(error.value)
    assert "\n" not in message
    assert len(message) < 200
    return message


@pytest.mark.parametrize("kind", WRONG_ARRAYS)
def test_parameters(kind: str) -> None:
    make, message = WRONG_ARRAYS[kind]
    good = np.ones(3, np.float32)
    with pytest.raises((TypeError, ValueError)) as error:
        optim.Adam([good, make()])
    assert one_line(error).startswith("params[1]: ")
    assert message in one_line(error)
    with pytest.raises((TypeError, ValueError)) as error:
        optim.Adam({"good": good, "w": make()})
    assert one_line(error).startswith("params['w']: ")


@pytest.mark.parametrize("kind", WRONG_ARRAYS)
def test_gradients(kind: str) -> None:
    make, message = WRONG_ARRAYS[kind]
    good, w = np.ones(3, np.float32), FINE.copy()
    optimizer = optim.Adam([good, w], ema_decay=0.5)
    check = unchanged(good, w, *optimizer.ema, *optimizer.state[0].values(), *optimizer.state[1].values())
    for call in (optimizer.step, optimizer.bind):
        with pytest.raises((TypeError, ValueError)) as error:
            call([np.ones(3, np.float32), make()])
        assert one_line(error).startswith("grads[1]: ")
        assert message in one_line(error)
        check()
    assert optimizer.step_count == 0


def test_read_only() -> None:
    with pytest.raises(ValueError, match=r"^params\[0\]: wanted a writable array, got a read-only one$"):
        optim.SGD([read_only(FINE)])
    w = FINE.copy()
    assert optim.SGD([w]).step([read_only(FINE)])  # a gradient is only read


@pytest.mark.parametrize(
    ("grads", "message"),
    [
        ([FINE], "grads: wanted 2 arrays, one for each parameter, got 1"),
        ([FINE] * 3, "grads: wanted 2 arrays, one for each parameter, got 3"),
        ([FINE, FINE[:2]], "grads[1]: wanted shape (4, 6) like params[1], got (2, 6)"),
        ([FINE, FINE.ravel()], "grads[1]: wanted shape (4, 6) like params[1], got (24,)"),
        ([FINE, FINE.astype(np.float64)], "grads[1]: wanted float32 like params[1], got float64"),
        (FINE.ravel(), "grads: wanted shape (48,), got (24,)"),
        (np.ones(48), "grads: wanted float32 like params[0], got float64"),
        ({"a": FINE}, "grads: wanted a list of arrays, as params has no names; got a dict"),
        (None, "grads: none were given to step, nor bound before"),
        ("no", "grads: wanted a NumPy array in CPU memory, got str"),
    ],
)
def test_sets_of_gradients(grads: Any, message: str) -> None:
    params = [FINE.copy(), FINE.copy()]
    optimizer = optim.SGD(params)
    check = unchanged(*params)
    with pytest.raises((TypeError, ValueError)) as error:
        optimizer.step(grads)
    assert one_line(error) == message
    check()


def test_named_gradients() -> None:
    optimizer = optim.SGD({"w": np.ones(2), "b": np.ones(1)}, lr=1.0)
    with pytest.raises(ValueError, match=r"^grads\['b'\]: missing$"):
        optimizer.step({"w": np.ones(2)})
    assert optimizer.step({"w": np.ones(2), "b": np.ones(1), "frozen": np.ones(7)})
    assert optimizer.step([np.ones(2), np.ones(1)])  # in the order of the dict


def test_flat_gradients_need_one_dtype() -> None:
    optimizer = optim.SGD([np.ones(2), np.ones(2, np.float32)])
    with pytest.raises(TypeError, match="^grads: a flat array needs parameters of one dtype$"):
        optimizer.step(np.ones(4))


# ---- shared memory


def test_overlapping_parameters() -> None:
    memory = np.ones(10)
    with pytest.raises(ValueError, match=r"^params\[1\]: overlaps params\[0\]$"):
        optim.SGD([memory[:6], memory[5:]])
    with pytest.raises(ValueError, match=r"overlaps params\['"):
        optim.SGD({"a": memory, "b": memory})
    assert optim.SGD([memory[:5], memory[5:]]).step([np.ones(5), np.ones(5)])


def test_overlapping_gradients() -> None:
    memory = np.ones(20)
    optimizer = optim.SGD([memory[:8]], momentum=0.9)
    check = unchanged(memory)
    with pytest.raises(ValueError, match=r"^grads\[0\]: overlaps params\[0\]$"):
        optimizer.step([memory[4:12]])
    with pytest.raises(ValueError, match=r"^grads\[0\]: overlaps momentum_buffer\[0\]$"):
        optimizer.step([optimizer.state[0]["momentum_buffer"]])
    with pytest.raises(ValueError, match=r"^grads: overlaps params\[0\]$"):
        optimizer.step(memory[:8])
    check()
    assert optimizer.step([memory[8:16]])


def test_gradients_may_share_memory() -> None:
    a, b, grad = np.zeros(3), np.zeros(3), np.ones(3)
    assert optim.SGD([a, b], lr=1.0).step([grad, grad])
    np.testing.assert_array_equal(a, b)


def test_overlapping_masks() -> None:
    memory = np.zeros(16, np.uint8)
    with pytest.raises(ValueError, match=r"^masks\[0\]: overlaps params\[0\]$"):
        optim.SGD([memory.view(np.float64)], masks=[memory[:2]])


# ---- nothing to do


def test_empty() -> None:
    empty = np.zeros((0, 3), np.float32)
    assert optim.Adam([empty], clip_norm=1.0).step([empty.copy()])
    assert optim.Adam([empty, np.zeros(())], clip_norm=1.0).step([empty, np.ones(())])
    for nothing in ([], {}, ()):
        with pytest.raises(ValueError, match="^params: wanted at least one array, got none$"):
            optim.SGD(nothing)


# ---- params, masks, options, hyper-parameters


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (np.ones(3), "params: wanted a list or dict of arrays, a model, or a list of groups, got one array"),
        (3, "params: wanted a list or dict of arrays, a model, or a list of groups, got int"),
        ("w", "params: wanted a list or dict of arrays, a model, or a list of groups, got str"),
        ({3: np.ones(2)}, "params: names: wanted strings, got 3"),
        ([{"lr": 0.1}], "params: a group: wanted a dict with an entry 'params'"),
        (
            [{"params": np.ones(2)}],
            "params: wanted a list or dict of arrays, a model, or a list of groups, got one array",
        ),
        ([{"params": [np.ones(2)], "momentum": 1.0, "beta": 3}], "params: a group has 'beta', which is none of lr, "),
    ],
)
def test_params(params: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError)) as error:
        optim.SGD(params)
    assert one_line(error).startswith(message)


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        ([np.ones(2, np.uint8)], "masks: wanted 2 entries, one for each parameter, got 1"),
        ({"x": np.ones(2, np.uint8)}, "masks: there is no parameter 'x'"),
        (np.ones(2, np.uint8), "masks: wanted a list or dict of arrays, got ndarray"),
        ({"w": np.ones(2)}, "masks['w']: wanted uint8 or bool, got float64"),
        ({"w": np.ones(3, np.uint8)}, "masks['w']: wanted shape (2,) like params['w'], got (3,)"),
        ({"w": [1, 0]}, "masks['w']: wanted a NumPy array in CPU memory, got list"),
    ],
)
def test_masks(masks: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError)) as error:
        optim.SGD({"w": np.ones(2), "v": np.ones(1)}, masks=masks)
    assert one_line(error) == message


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("SGD", {"lr": -0.1}, "lr: wanted a finite number of at least 0, got -0.1"),
        ("SGD", {"lr": float("nan")}, "lr: wanted a finite number of at least 0, got nan"),
        ("SGD", {"lr": "fast"}, "lr: wanted a number, got 'fast'"),
        ("SGD", {"momentum": -1}, "momentum: wanted a finite number of at least 0, got -1"),
        ("SGD", {"nesterov": True}, "nesterov needs momentum above 0 and dampening 0"),
        ("SGD", {"nesterov": 1}, "nesterov: wanted True or False, got 1"),
        ("Adam", {"betas": 0.9}, "betas: wanted a pair of numbers, got 0.9"),
        ("Adam", {"betas": (0.9, 1.0)}, "betas[1]: wanted a number in [0, 1), got 1.0"),
        ("Adam", {"betas": (-0.1, 0.9)}, "betas[0]: wanted a number in [0, 1), got -0.1"),
        ("Adam", {"eps": -1e-8}, "eps: wanted a finite number of at least 0, got -1e-08"),
        ("AdamW", {"weight_decay": None}, "weight_decay: wanted a number, got None"),
        ("Adagrad", {"lr_decay": float("inf")}, "lr_decay: wanted a finite number of at least 0, got inf"),
        ("RMSprop", {"alpha": -0.5}, "alpha: wanted a finite number of at least 0, got -0.5"),
        ("NAdam", {"momentum_decay": -1.0}, "momentum_decay: wanted a finite number of at least 0, got -1.0"),
        ("Adam", {"clip_norm": 0}, "clip_norm: wanted a finite number above 0, got 0"),
        ("Adam", {"clip_value": -1.0}, "clip_value: wanted a finite number above 0, got -1.0"),
        ("Adam", {"ema_decay": 1.0}, "ema_decay: wanted a number in [0, 1), got 1.0"),
        ("Adam", {"nonfinite": "hide"}, "nonfinite: wanted 'propagate', 'skip' or 'raise', got 'hide'"),
    ],
)
def test_options(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError)) as error:
        getattr(optim, name)([np.ones(2)], **options)
    assert one_line(error) == message


def test_unknown_options() -> None:
    with pytest.raises(TypeError, match="fused"):
        optim.Adam([np.ones(2)], fused=True)


@given(st.one_of(st.none(), st.text(), st.lists(st.integers()), st.dictionaries(st.text(), st.integers()), st.binary()))
def test_whatever_comes_is_refused_in_one_line(thing: Any) -> None:
    w = np.ones(2)
    optimizer = optim.SGD([w])
    with pytest.raises((TypeError, ValueError)) as error:
        optimizer.step(thing)
    assert re.match("grads", one_line(error))
    np.testing.assert_array_equal(w, 1)
