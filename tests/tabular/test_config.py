"""An encoder through JSON: exact for its own, one line for anything else."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sprat.errors import FormatError
from sprat.tabular import Encoder

ENCODERS = {
    "no target": Encoder.fit({"x": [0.1, 0.2, 0.4], "größe": ["ß", None, "a"]}),
    "classes": Encoder.fit({"x": [1, None], "y": ["no", "yes"]}, "y"),
    "flags": Encoder.fit({"x": [1, 2], "y": [True, False]}, "y", dtype="float64"),
    "whole numbers": Encoder.fit({"x": [1, 2], "y": [7, 3]}, "y"),
    "numbers": Encoder.fit({"x": [1, 2]}, [1.5, 3.0], "classification"),
    "regression": Encoder.fit({"x": [1, 2], "y": [0.1, 0.7]}, "y"),
}


@pytest.mark.parametrize("name", ENCODERS)
def test_comes_back_from_json(name: str) -> None:
    encoder = ENCODERS[name]
    text = json.dumps(encoder.config(), allow_nan=False)
    again = Encoder.from_config(json.loads(text))
    assert again == encoder
    assert hash(again) == hash(encoder)
    assert json.dumps(again.config()) == text
    assert again.class_names == encoder.class_names
    assert list(map(type, again.class_names or ())) == list(map(type, encoder.class_names or ()))


@settings(deadline=None)
@given(st.lists(st.floats(-1e150, 1e150), min_size=1, max_size=5), st.lists(st.floats(0.1, 1e9), min_size=2))
def test_every_float64_is_exact(values: list[float], target: list[float]) -> None:
    target = target[: len(values)] + [1.25] * (len(values) - len(target))
    encoder = Encoder.fit({"x": values}, target, "regression", dtype="float64")
    again = Encoder.from_config(json.loads(json.dumps(encoder.config())))
    assert again == encoder
    assert again.transform({"x": values}).tobytes() == encoder.transform({"x": values}).tobytes()
    assert again.transform_target(target).tobytes() == encoder.transform_target(target).tobytes()


def test_numbers_without_a_fraction_may_lack_their_point() -> None:
    config = Encoder.fit({"x": [1.0, 3.0]}).config()
    assert config["columns"][0]["mean"] == 2.0
    config["columns"][0]["mean"] = 2
    assert Encoder.from_config(config) == Encoder.fit({"x": [1.0, 3.0]})


Change = Callable[[dict[str, Any]], object]


def number(**changes: object) -> Change:
    return lambda config: config["columns"][0].update(changes)


def category(**changes: object) -> Change:
    return lambda config: config["columns"][1].update(changes)


def target(**changes: object) -> Change:
    return lambda config: config["target"].update(changes)


HOSTILE: list[tuple[Change, str]] = [
    (lambda c: c.update(version=2), "encoder: version: wanted 1, got 2"),
    (lambda c: c.update(version=True), "encoder: version: wanted 1, got True"),
    (lambda c: c.update(version="1"), "encoder: version: wanted 1, got '1'"),
    (lambda c: c.pop("version"), "encoder: version: wanted 1, got None"),
    (lambda c: c.pop("columns"), "encoder: 'columns' is missing"),
    (lambda c: c.update(extra=1), "encoder: unknown field 'extra'"),
    (lambda c: c.update(dtype="float16"), "encoder: dtype: wanted 'float32' or 'float64', got 'float16'"),
    (lambda c: c.update(dtype=["float32"]), "encoder: dtype: wanted 'float32' or 'float64', got ['float32']"),
    (lambda c: c.update(columns={}), "encoder: columns: wanted a list, got dict"),
    (lambda c: c.update(columns=[]), "encoder: an encoder needs at least one column"),
    (lambda c: c.update(columns=[3]), "encoder: column 0: wanted a JSON object, got int"),
    (lambda c: c["columns"].append(c["columns"][0]), "encoder: two columns are named 'x'"),
    (number(kind="pickle"), "encoder: column 0: kind: wanted one of number, category, got 'pickle'"),
    (number(kind=["number"]), "encoder: column 0: kind: wanted one of number, category, got ['number']"),
    (number(name=3), "encoder: column 0: name: wanted a text that is not empty, got 3"),
    (number(name=""), "encoder: column 0: name: wanted a text that is not empty, got ''"),
    (number(name="\ud800"), "encoder: column 0: name: wanted valid Unicode, got "),
    (number(name="y"), "encoder: two columns are named 'y'"),
    (number(mean=float("nan")), "encoder: column 0: mean: wanted a finite float, got nan"),
    (number(mean="0"), "encoder: column 0: mean: wanted a finite float, got '0'"),
    (number(mean=True), "encoder: column 0: mean: wanted a finite float, got True"),
    (number(mean=10**400), "encoder: column 0: mean: wanted a finite float, got 1000"),
    (number(mean=[1.0]), "encoder: column 0: mean: wanted a finite float, got (1.0,)"),
    (number(scale=float("inf")), "encoder: column 0: scale: wanted a finite float, got inf"),
    (number(scale=0.0), "encoder: column 0: scale: wanted above 0, got 0.0"),
    (number(scale=-1.0), "encoder: column 0: scale: wanted above 0, got -1.0"),
    (number(missing=1), "encoder: column 0: missing: wanted true or false, got 1"),
    (number(extra=1), "encoder: column 0: unknown field 'extra'"),
    (lambda c: c["columns"][0].pop("scale"), "encoder: column 0: 'scale' is missing"),
    (category(categories=[]), "encoder: column 1: categories: wanted a list of at least one text"),
    (category(categories="ab"), "encoder: column 1: categories: wanted a list of at least one text"),
    (
        category(categories=["b", "a"]),
        "encoder: column 1: categories: wanted sorted and distinct, got 'a' at 1",
    ),
    (
        category(categories=["a", "a"]),
        "encoder: column 1: categories: wanted sorted and distinct, got 'a' at 1",
    ),
    (
        category(categories=["a", 1]),
        "encoder: column 1: categories[1]: wanted a text that is not empty, got 1",
    ),
    (
        category(categories=[["a"]]),
        "encoder: column 1: categories[0]: wanted a text that is not empty, got ['a']",
    ),
    (lambda c: c.update(target=3), "encoder: target: wanted a JSON object, got int"),
    (
        target(task="cluster"),
        "encoder: target: task: wanted one of classification, regression, got 'cluster'",
    ),
    (target(task="regression"), "encoder: target: 'mean' is missing"),
    (target(name=""), "encoder: target: name: wanted a text that is not empty, got ''"),
    (target(classes=["a"]), "encoder: target: classes: wanted a list of at least two"),
    (target(classes=["a", 1]), "encoder: target: classes must all be texts, all whole numbers, "),
    (target(classes=[1, True]), "encoder: target: classes must all be texts, all whole numbers, "),
    (target(classes=[2, 1]), "encoder: target: classes: wanted sorted and distinct, got 1 at 1"),
    (
        target(classes=[1.0, float("nan")]),
        "encoder: target: classes[1]: wanted a text, number or boolean, got nan",
    ),
    (target(classes=[None, None]), "encoder: target: classes[0]: wanted a text, number or boolean, got None"),
    (target(classes=[[1], [2]]), "encoder: target: classes[0]: wanted a text, number or boolean, got [1]"),
    (target(classes=[1, 2**60]), "encoder: target: classes[1]: wanted a text, number or boolean, got 115"),
]


@pytest.mark.parametrize(("change", "line"), HOSTILE, ids=[line for _, line in HOSTILE])
def test_hostile_configuration_is_one_clear_line(change: Change, line: str) -> None:
    table = {"x": [1.0, 3.0], "c": ["a", "b"], "y": ["no", "yes"]}
    config = copy.deepcopy(Encoder.fit(table, "y").config())
    Encoder.from_config(config)
    change(config)
    with pytest.raises(FormatError) as caught:
        Encoder.from_config(config)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("config", [None, [], "x", 3, np.zeros(2)])
def test_configuration_must_be_an_object(config: Any) -> None:
    with pytest.raises(FormatError, match="encoder: wanted a JSON object, got "):
        Encoder.from_config(config)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(
    st.sampled_from(list(ENCODERS)),
    st.sampled_from(["dtype", "columns", "target", "kind", "name", "mean", "scale", "missing", "categories",
                     "task", "classes"]),
    json_values,
)  # fmt: skip
def test_any_json_is_an_encoder_or_a_format_error(which: str, field: str, value: Any) -> None:
    config = copy.deepcopy(ENCODERS[which].config())
    for place in (config, *config["columns"], config["target"] or {}):
        if field in place:
            place[field] = value
            break
    try:
        encoder = Encoder.from_config(config)
    except FormatError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert encoder.transform({name: [] for name in encoder.column_names}).shape == (
            0,
            encoder.num_features,
        )
