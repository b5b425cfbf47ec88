"""The learning-rate range test (Smith 2017): raise the rate step by step and see where the loss falls and where it turns."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..._check import check_count, check_positive
from ...optim.schedules import Exponential
from ..callbacks import Callback
from .trial import Trial

if TYPE_CHECKING:
    from ..trainer import Trainer

# Weight of the past in the running mean of the losses: about the last ten steps count.
_MEMORY = 0.9
# The loss has turned for good when its running mean is this many times the lowest.
_DIVERGED = 4.0
# The suggestion is the rate at which this share of the whole fall of the loss has been made. Held against grids of
# constant peaks of a warm-up and cosine on Fashion-MNIST, diamonds and digits (docs/adaptive-training.md): an adaptive
# optimizer's best rate lies there, within a factor of two; plain SGD, whose steps shrink with the gradient, wants to go
# nearer to the edge.
_FALL, _FALL_OF_SGD = 0.8, 0.95
# And it stays this far below the rate of the lowest loss, where steps begin to be too large.
_BELOW_LOWEST = 1.5
# The running mean lags behind the rate by half of what it remembers.
_LAG = 5


@dataclass(frozen=True, eq=False)
class RangeTest:
    """What a range test saw.

    Attributes
    ----------
    rates, losses : float64 arrays (steps,)
        The rate of each step and the batch's loss before it.
    smoothed : float64 array (steps,)
        Running mean of the losses.
    suggestion : float
        Highest rate of a schedule, or a constant one.
    reason : str
        Why, in a sentence.
    batch_size : int

    Examples
    --------
    >>> rates = np.logspace(-3, -1, 3)
    >>> test = RangeTest(rates, 1 / rates, 1 / rates, 0.05, "as the loss fell up to there", 64)
    >>> print(str(test).splitlines()[-1])
    suggested rate 0.05: as the loss fell up to there
    """

    rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    smoothed: NDArray[np.float64]
    suggestion: float
    reason: str
    batch_size: int

    def __str__(self) -> str:
        """A small picture: a row for each half decade of rates, longer bars for higher losses."""
        lines = []
        decades = np.floor(2 * np.log10(self.rates) + 1e-9)
        finite = self.smoothed[np.isfinite(self.smoothed)]
        low, high = float(finite.min()), float(min(finite.max(), 2 * finite[0]))
        for decade in np.unique(decades):
            loss = float(np.mean(self.smoothed[decades == decade]))
            share = (loss - low) / (high - low) if high > low and math.isfinite(loss) else 1.0
            lines.append(f"{10 ** (decade / 2):8.1e}  {loss:8.4g}  {'#' * (1 + round(40 * min(max(share, 0.0), 1.0)))}")
        return "\n".join(["    rate      loss", *lines, f"suggested rate {self.suggestion:.2g}: {self.reason}"])


def find_lr(
    model: Any,
    x: Any,
    y: Any = None,
    *,
    optimizer: Any = None,
    batch_size: int = 64,
    lr_min: float = 1e-6,
    lr_max: float = 10.0,
    steps: int = 150,
    seed: int = 0,
    **options: Any,
) -> RangeTest:
    """Find a learning rate by a range test (Smith 2017, "Cyclical learning rates for training neural networks").

    A copy of the model takes ``steps`` steps while the rate grows geometrically from ``lr_min`` to ``lr_max``; it ends
    early where the loss diverges. The suggestion is the rate at which four fifths of the whole fall of the loss have
    been made (19 of 20 parts for SGD), and at most two thirds of the rate with the lowest loss. The model is left as it
    is.

    Parameters
    ----------
    model : nn.MLP
    x, y
        As for :func:`sprat.fit`. Batches come from a callable or a list.
    optimizer : str or class, optional
        Adam by default, as in ``fit``.
    batch_size : int
        The rate that suits depends on it: use the one you will train with.
    lr_min, lr_max : float
        Ends of the test. The defaults span what suits any optimizer here.
    steps : int
        At least 20. 150 over seven decades make a factor of 1.1 between neighbours.
    seed : int
        Order of rows and dropout: same seed, same curve, bit for bit, on any machine.
    **options
        As for ``fit``: loss, sample_weight, class_weight, clip_norm, ...

    Returns
    -------
    RangeTest
        ``print`` shows the curve, the suggestion and its reason.

    Raises
    ------
    TypeError, ValueError
        One line that names the argument.

    Examples
    --------
    >>> import numpy as np, sprat
    >>> x = np.random.default_rng(0).normal(size=(512, 4)).astype(np.float32)
    >>> model = sprat.nn.MLP([4, 16, 1], seed=0)
    >>> test = sprat.training.find_lr(model, x, np.sin(x[:, 0]) * x[:, 1])
    >>> 1e-3 < test.suggestion < 0.5
    True
    """
    lowest, highest = check_positive("lr_min", lr_min), check_positive("lr_max", lr_max)
    check_count("steps", steps, 20)
    if highest < 10 * lowest:
        raise ValueError(f"lr_max: wanted at least ten times lr_min={lr_min}, got {lr_max}")
    trial = Trial(model, x, y, optimizer, seed, options)
    gamma = (highest / lowest) ** (1 / (steps - 1))
    seen = _Losses()
    history = trial.run(steps, batch_size, Exponential(lowest, gamma=gamma), [seen])
    losses = np.array(seen.losses)
    rates = lowest * gamma ** np.arange(len(losses))
    if len(losses) < 10:
        if history.stopped_by == "nonfinite":
            raise ValueError(
                "x, y: the loss is NaN or infinite from the first steps on; wanted finite numbers there and in the model"
            )
        raise ValueError(
            f"lr_min: the loss diverges from the first steps on, at a rate of {lr_min:g}; wanted a lower one"
        )
    smoothed = running_mean(losses)
    suggestion, reason = suggest(rates, smoothed, _FALL_OF_SGD if _is_sgd(optimizer) else _FALL)
    return RangeTest(rates, losses, smoothed, suggestion, reason, batch_size)


class _Losses(Callback):
    """Remembers the loss of every batch, and stops where it has diverged."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self._mean = _RunningMean()
        self._best = math.inf

    def on_batch_end(self, trainer: Trainer) -> None:
        self.losses.append(trainer.loss)
        mean = self._mean.add(trainer.loss)
        self._best = min(self._best, mean)
        if mean > _DIVERGED * self._best:
            trainer.stop("diverged")


class _RunningMean:
    """Exponential running mean, divided by the sum of its weights so far (as in Adam)."""

    def __init__(self) -> None:
        self._sum = self._weight = 0.0

    def add(self, value: float) -> float:
        self._sum = _MEMORY * self._sum + (1 - _MEMORY) * value
        self._weight = _MEMORY * self._weight + (1 - _MEMORY)
        return self._sum / self._weight


def running_mean(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """The running mean at every step.

    >>> running_mean(np.array([1.0, 1.0, 1.0]))
    array([1., 1., 1.])
    """
    mean = _RunningMean()
    return np.array([mean.add(float(loss)) for loss in losses])


def suggest(rates: NDArray[np.float64], smoothed: NDArray[np.float64], fall: float = _FALL) -> tuple[float, str]:
    """A rate and the reason for it, from a curve; ``fall`` is the share of the whole fall that it has to make.

    >>> rates = np.logspace(-5, 0, 60)
    >>> curve = 1 / (1 + rates / 0.003) + np.maximum(0, rates - 0.1)
    >>> f"{suggest(rates, curve)[0]:.2g}"
    '0.0042'
    """
    lowest = int(np.argmin(smoothed))
    start = float(np.mean(smoothed[: 2 * _LAG]))
    low = float(smoothed[lowest])
    if not low < 0.98 * start:
        middle = float(np.sqrt(rates[0] * rates[-1]))
        rate = 1e-3 if rates[0] <= 1e-3 <= rates[-1] else middle
        return rate, "the loss did not fall at any rate, so this is the usual start; more steps may tell more"
    best = float(rates[max(lowest - _LAG, 0)])
    reached = int(np.argmax(smoothed <= start - fall * (start - low)))
    rate = min(float(rates[max(reached - _LAG, 0)]), best / _BELOW_LOWEST)
    ended = "and rose beyond" if lowest < len(rates) - 1 else "where the test ended"
    return rate, (
        f"the loss fell from {start:.3g} to {low:.3g}, which it reached near {best:.1e} {ended}; "
        f"{fall:.0%} of the fall is made here, and higher rates add more risk than speed"
    )


def _is_sgd(optimizer: Any) -> bool:
    name = optimizer if isinstance(optimizer, str) else getattr(optimizer, "__name__", "")
    return str(name).lower() == "sgd"
