"""Nested state through JSON and tensors."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sprat.io import tree
from support import assert_same_bits

leaves = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63), st.floats(allow_nan=False), st.text(max_size=5)
)
keys = st.one_of(st.text(max_size=4), st.integers(-3, 3))
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.tuples(inner, inner), st.dictionaries(keys, inner, max_size=3)
    ),
    max_leaves=12,
)


@given(trees)
def test_any_tree_comes_back(value: Any) -> None:
    tensors: dict[str, np.ndarray] = {}
    packed = tree.pack(value, "t", tensors)
    assert tree.unpack(json.loads(json.dumps(packed, allow_nan=False)), tensors) == value


def test_an_optimizer_state_comes_back() -> None:
    state = {
        "state": {0: {"step": 3, "exp_avg": np.ones((2, 2))}, 1: {"step": np.int64(4), "exp_avg": np.zeros(1)}},
        "param_groups": [{"lr": 0.1, "betas": (0.9, 0.999), "params": [0, 1]}],
        "best": math.inf,
    }
    tensors: dict[str, np.ndarray] = {}
    packed = json.loads(json.dumps(tree.pack(state, "o", tensors), allow_nan=False))
    assert sorted(tensors) == ["o.state.0.exp_avg", "o.state.1.exp_avg"]
    found = tree.unpack(packed, dict(tensors))
    assert found["param_groups"] == state["param_groups"]
    assert found["best"] == math.inf
    assert_same_bits(found["state"][0]["exp_avg"], np.ones((2, 2)))


def test_what_cannot_be_saved_is_named() -> None:
    with pytest.raises(TypeError, match=r"callbacks\.a: a object cannot be saved"):
        tree.pack({"a": object()}, "callbacks", {})
    with pytest.raises(ValueError, match="would be named 'x.a.b'"):
        tree.pack({"a.b": np.zeros(1), "a": {"b": np.zeros(1)}}, "x", {})


@pytest.mark.parametrize(
    "packed",
    [
        {"$tensor": "missing"},
        {"$tensor": 3},
        {"$tensor": "a", "b": 1},
        {"$float": "1"},
        {"$tuple": 3},
        {"$dict": [[1]]},
        {"$dict": [[1, 2], [1, 3]]},
        {"$dict": [[[], 2]]},
        {"$code": "print()"},
    ],
)
def test_unknown_forms_are_refused(packed: Any) -> None:
    with pytest.raises(ValueError, match="state"):
        tree.unpack(packed, {"a": np.zeros(1)})


def test_a_tensor_is_used_once() -> None:
    with pytest.raises(ValueError, match="used before"):
        tree.unpack([{"$tensor": "a"}, {"$tensor": "a"}], {"a": np.zeros(1)})
