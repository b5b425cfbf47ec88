"""A batch size from the gradient noise scale (McCandlish et al. 2018) and from what a step costs on this machine."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._check import check_count, check_positive
from ...optim import SGD
from ..callbacks import Callback
from ..gradients import gradient_arrays
from .trial import Trial

if TYPE_CHECKING:
    from ..trainer import Trainer

# Powers of two that are looked at.
SIZES = (16, 32, 64, 128, 256, 512, 1024)
# The noise scale is measured on so many batches of so many rows: one large batch of 2048 rows.
_SMALL, _BATCHES = 32, 64
# Steps at a usual rate before it is measured: at the first weights all gradients point the same way and the noise scale
# is far too small.
_WARM_STEPS, _WARM_BATCH, _WARM_RATE = 200, 64, 1e-3
# A step is timed over about so long, in so many rounds.
_SECONDS, _ROUNDS = 0.03, 4
# With epochs as the budget: the share of the rows' worth that a large batch may waste.
_WASTE = 0.2


@dataclass(frozen=True)
class BatchSize:
    """A batch size and why.

    Attributes
    ----------
    size : int
    noise_scale : float
        Rows at which a batch's gradient is half signal, half noise: tr(covariance) / |gradient|^2.
    step_seconds : dict
        Seconds of a step by batch size, measured or given; empty when time played no part.
    reason : str

    Examples
    --------
    >>> print(BatchSize(64, 250.0, {}, "the noise scale is 250 rows"))
    batch size 64: the noise scale is 250 rows
    """

    size: int
    noise_scale: float
    step_seconds: dict[int, float]
    reason: str

    def __str__(self) -> str:
        return f"batch size {self.size}: {self.reason}"


def find_batch_size(
    model: Any,
    x: Any,
    y: Any = None,
    *,
    budget: str = "seconds",
    optimizer: Any = None,
    sizes: Sequence[int] = SIZES,
    step_seconds: Mapping[int, float] | None = None,
    seed: int = 0,
    **options: Any,
) -> BatchSize:
    """Choose a batch size from the gradient noise scale and from the time of a step.

    With B rows in a batch, about (1 + N / B) steps do the work of one step on the exact gradient, where N is the noise
    scale (McCandlish et al. 2018, "An empirical model of large-batch training"). For a budget of seconds the size with
    the least (1 + N / B) * seconds of a step wins. For a budget of epochs, rows are what is short: the largest size
    that wastes at most a fifth of their worth, B <= N / 4.

    Parameters
    ----------
    model : nn.MLP
        Left as it is.
    x, y
        As for :func:`sprat.fit`. Batches of a callable bring their own size and are refused.
    budget : "seconds" or "epochs"
        What training is limited by.
    optimizer : str or class, optional
    sizes : sequence of int
        To choose from; those above a quarter of the rows are left out.
    step_seconds : dict, optional
        Seconds of a step by batch size, instead of measuring: with it, and with a budget of epochs, the choice depends
        on ``seed`` alone.
    seed : int
    **options
        As for ``fit``: loss, sample_weight, class_weight, ...

    Returns
    -------
    BatchSize

    Raises
    ------
    TypeError, ValueError
        One line that names the argument.

    Examples
    --------
    >>> import numpy as np, sprat
    >>> x = np.random.default_rng(0).normal(size=(2000, 4)).astype(np.float32)
    >>> model = sprat.nn.MLP([4, 16, 1], seed=0)
    >>> choice = sprat.training.find_batch_size(model, x, np.sin(x[:, 0]), budget="epochs")
    >>> choice.size in (16, 32, 64, 128, 256), choice.step_seconds
    (True, {})
    """
    if budget not in ("seconds", "epochs"):
        raise ValueError(f"budget: wanted 'seconds' or 'epochs', got {budget!r}")
    trial = Trial(model, x, y, optimizer, seed, options)
    rows = trial.rows
    if rows is None:
        raise TypeError("x: wanted arrays or a table; batches of a callable have the size they have")
    known = sorted({check_count("sizes", size) for size in sizes})
    if not known:
        raise ValueError("sizes: wanted at least one, got none")
    fitting = [size for size in known if size <= rows // 4] or known[:1]
    noise = noise_scale(trial)
    if budget == "epochs":
        size = max([size for size in fitting if size <= _WASTE / (1 - _WASTE) * noise], default=fitting[0])
        wasted = 1 / (1 + noise / size) if noise > 0 else 1.0
        reason = f"the gradient noise scale is {noise:.0f} rows; larger batches would waste more than {wasted:.0%} of the rows"
        if size == fitting[-1]:
            reason = f"the gradient noise scale is {noise:.0f} rows, so the largest size on offer wastes {wasted:.0%} of the rows"
        elif size == fitting[0]:
            reason = (
                f"the gradient noise scale is {noise:.0f} rows, so the smallest size on offer makes most of the rows"
            )
        return BatchSize(size, noise, {}, reason)
    seconds = measure(trial, fitting) if step_seconds is None else _given(step_seconds, fitting)
    cost = {size: (1 + noise / size) * seconds[size] for size in fitting}
    size = min(fitting, key=lambda size: cost[size])
    reason = (
        f"the gradient noise scale is {noise:.0f} rows and a step takes {1e6 * seconds[size]:.0f} us "
        f"({seconds[size] / size * 1e9:.0f} ns a row, {1e9 * seconds[fitting[0]] / fitting[0]:.0f} in batches of {fitting[0]}): "
        f"least time for the same progress"
    )
    return BatchSize(size, noise, seconds, reason)


def noise_scale(trial: Trial) -> float:
    """The simple noise scale tr(S) / |G|^2 by gradients of small batches and of one large batch made of them.

    With g_i the gradients of k batches of b rows and G their mean, unbiased estimates (appendix A.1 of the paper) are
    |G|^2 = (k |mean g|^2 - mean |g_i|^2) / (k - 1) and tr(S) = b k (mean |g_i|^2 - |mean g|^2) / (k - 1).
    """
    model = trial.model.copy()
    trial.run(_WARM_STEPS, _WARM_BATCH, _WARM_RATE, model=model)
    seen = _Gradients()
    trial.run(_BATCHES, _SMALL, 0.0, [seen], model=model, optimizer=SGD)
    k, b = seen.count, _SMALL
    if k < 2:
        return float(b)
    small = seen.squares / k
    mean = float(np.vdot(seen.total, seen.total)) / k**2
    signal = (k * mean - small) / (k - 1)
    noise = b * k * (small - mean) / (k - 1)
    # At a minimum there is no signal left to measure: as noisy as k batches can tell.
    return float(min(max(noise, 0.0) / max(signal, 1e-30), 1e6))


class _Gradients(Callback):
    """Sums of the gradients of all batches, and of their squares; the weights stay (the rate is 0)."""

    def __init__(self) -> None:
        self.count, self.squares = 0, 0.0
        self.total: Any = None

    def on_train_begin(self, trainer: Trainer) -> None:
        keep = _unmasked(trainer.model)

        def remembered(x: Any, y: Any, weight: Any) -> tuple[float, Any]:
            loss, gradients = trainer.model_gradients(x, y, weight)
            flat = np.concatenate([np.ravel(array) for array in gradient_arrays(gradients)]).astype(np.float64)
            if keep is not None and len(keep) == len(flat):
                flat *= keep
            self.total = flat if self.total is None else self.total + flat
            self.squares += float(np.vdot(flat, flat))
            self.count += 1
            return loss, gradients

        trainer.gradients = remembered


def _unmasked(model: Any) -> Any:
    """1 for every trainable number that its mask keeps, in the order of the gradients; None without masks."""
    if not model.masks:
        return None
    names = [name for name in model.parameters() if name not in model.frozen]
    views = model.parameters()
    return np.concatenate([np.ravel(model.masks.get(name, np.ones(views[name].shape))) for name in names])


def measure(trial: Trial, sizes: Sequence[int]) -> dict[int, float]:
    """Seconds of a step by batch size: the best of some rounds over all sizes, so that a busy moment meets none alone."""
    steps = {}
    for size in sizes:
        first = trial.run(4, size, 1e-4)
        steps[size] = max(4, round(_SECONDS / max(first.seconds / 4, 1e-7)))
    best = dict.fromkeys(sizes, math.inf)
    for _ in range(_ROUNDS):
        for size in sizes:
            run = trial.run(steps[size], size, 1e-4)
            best[size] = min(best[size], run.seconds / max(run.steps, 1))
    return plausible(best)


def plausible(seconds: Mapping[int, float]) -> dict[int, float]:
    """Times without what only a busy machine explains: a step costs no more than a larger one, nor than so many small ones.

    >>> plausible({16: 9.0, 32: 2.0, 64: 7.0})
    {16: 2.0, 32: 2.0, 64: 4.0}
    """
    result: dict[int, float] = {}
    for size in sorted(seconds):
        larger = min(time for other, time in seconds.items() if other >= size)
        pieces = [math.ceil(size / other) * time for other, time in result.items()]
        result[size] = min([larger, *pieces])
    return result


def _given(step_seconds: Mapping[int, float], sizes: Sequence[int]) -> dict[int, float]:
    for size in sizes:
        if size not in step_seconds:
            raise ValueError(
                f"step_seconds: wanted seconds for batches of {', '.join(map(str, sizes))}, {size} is missing"
            )
    return {size: check_positive(f"step_seconds[{size}]", step_seconds[size]) for size in sizes}
