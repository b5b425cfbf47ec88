"""Schedules give the rates of torch.optim.lr_scheduler, over hundreds of steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sprat.optim import schedules as s

torch = pytest.importorskip("torch")
peers = torch.optim.lr_scheduler

LR = 0.3


def rates_of_torch(make: Callable[[Any], Any], steps: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=LR)
    scheduler = make(optimizer)
    rates = []
    for i in range(steps):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        if i + 1 < steps:  # OneCycleLR refuses a step too many
            scheduler.step()
    return rates


CASES: dict[str, tuple[s.Schedule, Callable[[Any], Any], int]] = {
    "constant": (s.Constant(LR), lambda o: peers.ConstantLR(o, factor=1.0), 50),
    "step": (s.Step(LR, 30), lambda o: peers.StepLR(o, 30), 400),
    "step, gamma": (s.Step(LR, 7, 0.83), lambda o: peers.StepLR(o, 7, 0.83), 400),
    "multi-step": (
        s.MultiStep(LR, [1, 20, 150, 151], 0.4),
        lambda o: peers.MultiStepLR(o, [1, 20, 150, 151], 0.4),
        300,
    ),
    "exponential": (s.Exponential(LR, 0.987), lambda o: peers.ExponentialLR(o, 0.987), 500),
    "polynomial": (s.Polynomial(LR, 300), lambda o: peers.PolynomialLR(o, 300), 400),
    "polynomial, power": (
        s.Polynomial(LR, 300, power=2.3),
        lambda o: peers.PolynomialLR(o, 300, power=2.3),
        400,
    ),
    "linear": (s.Linear(LR, 200), lambda o: peers.LinearLR(o, total_iters=200), 300),
    "linear, factors": (s.Linear(LR, 200, 0.9, 0.1), lambda o: peers.LinearLR(o, 0.9, 0.1, 200), 300),
    "cosine": (s.Cosine(LR, 300), lambda o: peers.CosineAnnealingLR(o, 300), 300),
    "cosine, end": (
        s.Cosine(LR, 300, end=0.01),
        lambda o: peers.CosineAnnealingLR(o, 300, eta_min=0.01),
        300,
    ),
    "restarts": (s.CosineWarmRestarts(LR, 40), lambda o: peers.CosineAnnealingWarmRestarts(o, 40), 500),
    "restarts, longer": (
        s.CosineWarmRestarts(LR, 10, factor=3, end=0.02),
        lambda o: peers.CosineAnnealingWarmRestarts(o, 10, T_mult=3, eta_min=0.02),
        500,
    ),
    "inverse time": (
        s.InverseTime(LR, 0.1, every=5),
        lambda o: peers.LambdaLR(o, lambda step: 1.0 / (1.0 + 0.1 * (step // 5))),
        200,
    ),
    "warm-up": (
        s.Warmup(50, s.Cosine(LR, 250), start=0.1 * LR),
        lambda o: peers.SequentialLR(
            o, [peers.LinearLR(o, 0.1, 1.0, 50), peers.CosineAnnealingLR(o, 250)], milestones=[50]
        ),
        300,
    ),
    "sequence": (
        s.Sequence([(20, s.Constant(0.1 * LR)), (None, s.Exponential(LR, 0.9))]),
        lambda o: peers.SequentialLR(o, [peers.ConstantLR(o, 0.1, 20), peers.ExponentialLR(o, 0.9)], milestones=[20]),
        200,
    ),
}


@pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler.step")  # SequentialLR's own call
@pytest.mark.parametrize("case", CASES)
def test_rates_of_torch(case: str) -> None:
    schedule, make, steps = CASES[case]
    np.testing.assert_allclose(schedule(np.arange(steps)), rates_of_torch(make, steps), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("steps", [7, 100, 333])
@pytest.mark.parametrize("anneal", ["cos", "linear"])
@pytest.mark.parametrize("three_phase", [False, True])
@pytest.mark.parametrize("pct_start", [0.3, 0.45])
def test_one_cycle_of_torch(steps: int, anneal: str, three_phase: bool, pct_start: float) -> None:
    options = {
        "pct_start": pct_start,
        "div_factor": 12.0,
        "final_div_factor": 300.0,
        "three_phase": three_phase,
    }
    schedule = s.OneCycle(0.7, steps, anneal=anneal, **options)
    expected = rates_of_torch(
        lambda o: peers.OneCycleLR(o, 0.7, total_steps=steps, anneal_strategy=anneal, cycle_momentum=False, **options),
        steps,
    )
    np.testing.assert_allclose(schedule(np.arange(steps)), expected, rtol=1e-10)


def test_one_cycle_defaults_of_torch() -> None:
    expected = rates_of_torch(lambda o: peers.OneCycleLR(o, 0.7, total_steps=250), 250)
    np.testing.assert_allclose(s.OneCycle(0.7, 250)(np.arange(250)), expected, rtol=1e-10)
