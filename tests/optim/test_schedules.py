"""Schedules: equations against plain math, purity, bounds, configurations, bad input."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sprat.errors import FormatError
from sprat.optim import schedules as s
from sprat.optim.schedules import _portable

EXAMPLES: list[s.Schedule] = [
    s.Constant(0.03),
    s.Step(0.1, step_size=7, gamma=0.3),
    s.MultiStep(0.1, milestones=[3, 20, 21], gamma=0.5),
    s.Exponential(0.1, gamma=0.97, every=4),
    s.Exponential(0.1, gamma=0.97, every=4, staircase=False),
    s.InverseSqrt(0.1, hold=7),
    s.InverseTime(0.1, decay=0.25, every=3),
    s.InverseTime(0.1, decay=0.25, every=3, staircase=False),
    s.Polynomial(0.1, steps=50, power=1.7, end=0.01),
    s.Linear(0.1, steps=10),
    s.Cosine(0.1, steps=60, end=0.001),
    s.CosineWarmRestarts(0.1, steps=5, factor=2, end=0.001),
    s.OneCycle(0.1, steps=80),
    s.OneCycle(0.1, steps=80, pct_start=0.4, anneal="linear", three_phase=True),
    s.Warmup(9, s.Cosine(0.1, steps=30), start=0.01),
    s.Sequence([(5, s.Constant(0.1)), (6, s.Warmup(2, s.Step(0.2, step_size=2))), (None, s.Constant(0.01))]),
]
IDS = [f"{i}-{example.name}" for i, example in enumerate(EXAMPLES)]
every_schedule = pytest.mark.parametrize("schedule", EXAMPLES, ids=IDS)

rates = st.floats(0.0, 10.0)
counts = st.integers(1, 10**6)
steps = st.integers(0, 10**7)
leaves = st.one_of(
    st.builds(s.Constant, rates),
    st.builds(s.Step, rates, counts, st.floats(0.0, 1.0)),
    st.builds(s.MultiStep, rates, st.sets(counts, max_size=5).map(sorted), st.floats(0.0, 1.0)),
    st.builds(s.Exponential, rates, st.floats(0.0, 1.0), counts, st.booleans()),
    st.builds(s.InverseSqrt, rates, counts),
    st.builds(s.InverseTime, rates, st.floats(0.0, 10.0), counts, st.booleans()),
    st.builds(s.Polynomial, rates, counts, st.floats(0.1, 5.0), rates),
    st.builds(s.Linear, rates, counts, st.floats(0.0, 1.0), st.floats(0.0, 1.0)),
    st.builds(s.Cosine, rates, counts, rates),
    st.builds(s.CosineWarmRestarts, rates, counts, st.integers(1, 4), rates),
    st.builds(s.OneCycle, rates, counts, st.floats(0.0, 0.5), st.sampled_from(["cos", "linear"]),
              st.floats(1.0, 100.0), st.floats(1.0, 1e5), st.booleans()),
)  # fmt: skip
any_schedule = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(s.Warmup, counts, inner, rates),
        st.builds(s.Sequence, st.lists(st.tuples(counts, inner), min_size=1, max_size=3)),
    ),
    max_leaves=4,
)


def test_every_registered_schedule_has_an_example() -> None:
    own = {name for name, cls in s.registry().items() if getattr(s, cls.__name__, None) is cls}
    assert own == {example.name for example in EXAMPLES}
    assert own <= set(s.registry())


@settings(deadline=None)
@given(any_schedule, steps)
def test_is_a_pure_function_of_the_step(schedule: s.Schedule, step: int) -> None:
    fresh = s.from_config(json.loads(json.dumps(schedule.config())))
    for earlier in (0, step // 2, step + 1):
        schedule(earlier)
    assert schedule(step) == fresh(step)
    assert fresh == schedule


@settings(deadline=None)
@given(any_schedule, steps)
def test_stays_between_zero_and_the_largest_rate_named(schedule: s.Schedule, step: int) -> None:
    def largest(config: object) -> float:
        if isinstance(config, dict):
            named = [config[key] for key in ("lr", "max_lr", "end", "start") if key in config]
            return max([*named, *(largest(value) for value in config.values())])
        return max(map(largest, config), default=0.0) if isinstance(config, list) else 0.0

    rate = schedule(step)
    assert type(rate) is float
    assert 0.0 <= rate <= largest(schedule.config())


@every_schedule
def test_array_of_steps_gives_the_same_bits_as_single_steps(schedule: s.Schedule) -> None:
    at = np.arange(120, dtype=np.int64).reshape(4, 30)
    values = schedule(at)
    assert values.dtype == np.float64
    assert values.shape == (4, 30)
    assert values.ravel().tolist() == [schedule(i) for i in range(120)]
    assert schedule(np.array([], np.int64)).shape == (0,)
    assert schedule(np.int32(17)) == schedule(17) == schedule(np.array(17, np.uint8)).item()


@every_schedule
def test_is_frozen_hashable_and_pickles(schedule: s.Schedule) -> None:
    with pytest.raises(FrozenInstanceError):
        schedule.lr = 1.0
    copy = pickle.loads(pickle.dumps(schedule))
    assert copy == schedule
    assert hash(copy) == hash(schedule)


@every_schedule
@pytest.mark.parametrize("step", [-1, np.array([3, -2])])
def test_negative_step_is_refused(schedule: s.Schedule, step: Any) -> None:
    with pytest.raises(ValueError, match=r"^step: wanted 0 or more, got -\d$"):
        schedule(step)


@pytest.mark.parametrize("step", [1.0, "3", None, np.array([1.0]), np.array([True])])
def test_step_must_be_an_integer(step: Any) -> None:
    with pytest.raises(TypeError, match="step: wanted an integer or an integer array, got"):
        s.Constant(0.1)(step)


# -- equations ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "equation"),
    [
        (s.Step(0.1, 7, 0.3), lambda i: 0.1 * 0.3 ** (i // 7)),
        (s.MultiStep(0.1, [3, 20], 0.5), lambda i: 0.1 * 0.5 ** ((i >= 3) + (i >= 20))),
        (s.Exponential(0.1, 0.97, every=4), lambda i: 0.1 * 0.97 ** (i // 4)),
        (s.Exponential(0.1, 0.97, every=4, staircase=False), lambda i: 0.1 * 0.97 ** (i / 4)),
        (s.InverseSqrt(0.1, 7), lambda i: 0.1 * np.sqrt(7 / max(i, 7))),
        (s.InverseTime(0.1, 0.25, every=3), lambda i: 0.1 / (1 + 0.25 * (i // 3))),
        (s.InverseTime(0.1, 0.25, every=3, staircase=False), lambda i: 0.1 / (1 + 0.25 * (i / 3))),
        (s.Polynomial(0.1, 50, 1.7, 0.01), lambda i: 0.01 + 0.09 * (1 - min(i, 50) / 50) ** 1.7),
        (s.Polynomial(0.1, 50, 0.5, 0.2), lambda i: 0.2 - 0.1 * (1 - min(i, 50) / 50) ** 0.5),
        (s.Linear(0.1, 10, 0.2, 0.9), lambda i: 0.1 * (0.2 + 0.7 * min(i, 10) / 10)),
        (s.Cosine(0.1, 60, 0.02), lambda i: 0.02 + 0.04 * (1 + math.cos(math.pi * min(i, 60) / 60))),
    ],
)
def test_equation(schedule: s.Schedule, equation: Callable[[int], float]) -> None:
    expected = [equation(i) for i in range(150)]
    np.testing.assert_allclose(schedule(np.arange(150)), expected, rtol=1e-13, atol=1e-17)


def test_decay_per_epoch_uses_the_initial_rate_and_does_not_compound() -> None:
    per_epoch = s.Exponential(0.1, gamma=0.9, every=10)
    assert [per_epoch(10 * epoch) for epoch in range(5)] == pytest.approx([0.1 * 0.9**e for e in range(5)])
    compounding = 0.1
    for epoch in range(5):
        compounding *= 0.9**epoch
    assert per_epoch(40) > 1.5 * compounding

    annealed = s.Cosine(0.1, steps=10)
    assert annealed(5) == 0.05


def test_warm_restarts_begin_each_cycle_at_the_full_rate() -> None:
    schedule = s.CosineWarmRestarts(0.1, steps=3, factor=3, end=0.02)
    starts = [0, 3, 12, 39, 120]
    assert [schedule(start) for start in starts] == [0.1] * 5
    assert all(schedule(start - 1) < 0.06 for start in starts[1:])
    assert s.CosineWarmRestarts(0.1, steps=7)(7 * 10**12) == 0.1


def test_one_cycle_peak_and_ends() -> None:
    schedule = s.OneCycle(1.0, steps=200, pct_start=0.25, div_factor=10.0, final_div_factor=100.0)
    values = schedule(np.arange(260))
    assert values[0] == 0.1
    assert values.argmax() == 49
    assert values[49] == 1.0
    assert np.all(values[199:] == 0.1 / 100.0)
    assert np.all(np.diff(values[:50]) > 0)
    assert np.all(np.diff(values[49:200]) < 0)


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
@pytest.mark.parametrize("pct_start", [0.0, 0.25, 0.5, 1.0])
def test_one_cycle_of_few_steps_is_defined(steps: int, pct_start: float) -> None:
    schedule = s.OneCycle(1.0, steps=steps, pct_start=pct_start)
    values = schedule(np.arange(6))
    assert np.all((values > 0) & (values <= 1.0))


def test_warmup_meets_what_follows() -> None:
    then = s.Exponential(0.2, gamma=0.9)
    schedule = s.Warmup(4, then, start=0.1)
    assert [schedule(i) for i in range(4)] == pytest.approx([0.1, 0.125, 0.15, 0.175])
    assert [schedule(i) for i in range(4, 20)] == [then(i) for i in range(16)]
    assert s.Warmup(4, s.Constant(0.1), start=0.3)(2) == pytest.approx(0.2)  # a cool-down is a warm-up too


def test_sequence_at_its_boundaries() -> None:
    parts = [(3, s.Exponential(1.0, 0.5)), (2, s.Constant(7.0)), (4, s.Exponential(5.0, 0.5))]
    schedule = s.Sequence(parts)
    assert [schedule(i) for i in range(10)] == [1.0, 0.5, 0.25, 7.0, 7.0, 5.0, 2.5, 1.25, 0.625, 0.3125]
    nested = s.Sequence([(1, s.Constant(9.0)), (None, schedule)])
    assert [nested(i + 1) for i in range(10)] == [schedule(i) for i in range(10)]


def test_cosine_and_power_agree_with_the_c_library() -> None:
    t = np.linspace(0.0, 1.0, 4097)
    np.testing.assert_allclose([_portable.cospi(x) for x in t], np.sin(np.pi * (0.5 - t)), rtol=2e-15)
    rng = np.random.default_rng(0)
    for base, exponent in rng.uniform(0.0, [2.0, 20.0], (2000, 2)).tolist():
        assert _portable.power(base, exponent) == pytest.approx(base**exponent, rel=1e-14)
    assert _portable.power(0.999, 10**6) == pytest.approx(0.999**10**6, rel=1e-9)
    assert _portable.power(0.0, 0.0) == 1.0
    assert _portable.power(2.0, 5000) == math.inf


def test_bits_do_not_depend_on_the_c_library() -> None:
    """The exact rates, computed once: any machine must give them."""
    assert s.Cosine(0.1, steps=1000)(333).hex() == "0x1.3362bbb8381c1p-4"
    assert s.Exponential(0.1, gamma=0.999)(777).hex() == "0x1.788211376a794p-5"
    assert s.Polynomial(0.1, steps=1000, power=0.9)(123).hex() == "0x1.6bf7080329e90p-4"


# -- bad input ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "line"),
    [
        (lambda: s.Constant(-0.1), ValueError, "lr: wanted a finite number of at least 0, got -0.1"),
        (lambda: s.Constant(math.nan), ValueError, "lr: wanted a finite number of at least 0, got nan"),
        (lambda: s.Constant(10**400), ValueError, "lr: wanted a finite number of at least 0, got 1000"),
        (lambda: s.Constant("0.1"), TypeError, "lr: wanted a number, got '0.1'"),
        (lambda: s.Constant(True), TypeError, "lr: wanted a number, got True"),
        (lambda: s.Step(0.1, 0), ValueError, "step_size: wanted a whole number of at least 1, got 0"),
        (lambda: s.Step(0.1, 2.0), TypeError, "step_size: wanted a whole number, got 2.0"),
        (lambda: s.Step(0.1, 2, -1), ValueError, "gamma: wanted a finite number of at least 0, got -1"),
        (lambda: s.MultiStep(0.1, 5), TypeError, "milestones: wanted a sequence of integers, got int"),
        (lambda: s.MultiStep(1, [3, 3]), ValueError, "milestones must increase, got 3 after 3 at position 1"),
        (lambda: s.MultiStep(0.1, [0]), ValueError, "milestones[0]: wanted a whole number of at least 1, got 0"),
        (lambda: s.Exponential(0.1, 0.9, staircase=1), TypeError, "staircase: wanted True or False, got 1"),
        (lambda: s.Polynomial(0.1, 5, power=0), ValueError, "power: wanted a finite number above 0, got 0"),
        (lambda: s.Cosine(0.1, -3), ValueError, "steps: wanted a whole number of at least 1, got -3"),
        (lambda: s.Cosine(0.1, 3, end=math.inf), ValueError, "end: wanted a finite number of at least 0, got inf"),
        (lambda: s.CosineWarmRestarts(0.1, 3, 0), ValueError, "factor: wanted a whole number of at least 1"),
        (lambda: s.OneCycle(1, 10, anneal="sin"), ValueError, "anneal: wanted 'cos' or 'linear', got 'sin'"),
        (lambda: s.OneCycle(0.1, 10, pct_start=2), ValueError,
         "pct_start: wanted a number in [0, 1], got 2"),
        (lambda: s.OneCycle(0.1, 10, pct_start=0.6, three_phase=True), ValueError,
         "pct_start: wanted a number in [0, 0.5], got 0.6"),
        (lambda: s.Warmup(3, 0.1), TypeError, "then: wanted a schedule, got 0.1"),
        (lambda: s.Sequence([]), ValueError, "parts must hold at least one (steps, schedule) pair, got none"),
        (lambda: s.Sequence([s.Constant(1)]), TypeError,
         "parts[0]: wanted a (steps, schedule) pair, got Constant"),
        (lambda: s.Sequence([(None, s.Constant(1)), (3, s.Constant(1))]), TypeError,
         "parts[0][0]: wanted a whole number, got None"),
        (lambda: s.as_schedule("cosine"), TypeError, "lr: wanted a number, got 'cosine'"),
    ],
)  # fmt: skip
def test_bad_argument_is_one_clear_line(make: Callable[[], object], error: type[Exception], line: str) -> None:
    with pytest.raises(error) as caught:
        make()
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_growth_beyond_float_is_refused_where_it_happens() -> None:
    growing = s.Exponential(1.0, gamma=2.0)
    assert growing(1000) == 2.0**1000
    with pytest.raises(ValueError, match="the rate of schedule 'exponential' overflows at step 1024"):
        growing(1024)


def test_numpy_numbers_become_plain_python() -> None:
    schedule = s.MultiStep(np.float32(0.5), np.array([3, 5]), gamma=np.float64(0.1))
    assert json.loads(json.dumps(schedule.config())) == {
        "name": "multi_step", "lr": 0.5, "milestones": [3, 5], "gamma": 0.1,
    }  # fmt: skip


def _nested(depth: int) -> dict[str, object]:
    config = s.Constant(0.1).config()
    for _ in range(depth):
        config = {"name": "warmup", "steps": 1, "then": config}
    return config


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ([], "schedule: wanted a JSON object, got list"),
        ({}, "schedule: name: wanted one of constant, cosine, "),
        ({"name": ["step"]}, "schedule: name: wanted one of "),
        ({"name": "cosine", "lr": 0.1}, "schedule 'cosine': "),
        ({"name": "cosine", "lr": 0.1, "steps": 5, "T": 5}, "schedule 'cosine': unknown field 'T'"),
        ({"name": "cosine", "lr": "x" * 99, "steps": 5}, "schedule 'cosine': lr: wanted a number, got 'xxx"),
        (
            {"name": "cosine", "lr": math.nan, "steps": 5},
            "schedule 'cosine': lr: wanted a finite number of at least 0",
        ),
        ({"name": "cosine", "lr": 0.1, "steps": 10**30}, "schedule 'cosine': steps: wanted a whole number"),
        ({"name": "warmup", "steps": 3, "then": {"name": "huh"}}, "schedule: name: wanted one of "),
        ({"name": "sequence", "parts": [[1, 2, 3]]}, "schedule 'sequence': parts[0]: wanted a (steps, "),
        (
            {"name": "sequence", "parts": {"name": "constant", "lr": 1}},
            "schedule 'sequence': parts: wanted a ",
        ),
        (_nested(100), "schedule: nested more than 64 deep"),
    ],
)
def test_hostile_configuration_is_a_format_error(config: Any, line: str) -> None:
    with pytest.raises(FormatError) as caught:
        s.from_config(config)
    assert str(caught.value).startswith(line)
    assert len(str(caught.value)) < 250


def test_as_schedule() -> None:
    cosine = s.Cosine(0.1, steps=5)
    assert s.as_schedule(cosine) is cosine
    assert s.as_schedule(0.1) == s.Constant(0.1)
