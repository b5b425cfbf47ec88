"""Learning rates as pure functions of the step: composable, resumable, the same bits on every machine.

``schedule(step)`` is the rate of update `step`, counted from 0; an integer array gives a float64 array. Every
optimizer takes a schedule where it takes a number. `config()` and `from_config` carry one through a file. To
add a schedule: one dataclass in `decay`, `cosine` or `compose` (with its name in `__all__`) and one example
in tests/optim/test_schedules.py.

Examples
--------
>>> import numpy as np
>>> from sprat.optim import schedules
>>> schedule = schedules.Warmup(2, schedules.Cosine(0.1, steps=4))
>>> schedule(1)
0.05
>>> schedule(np.arange(7)).round(4)
array([0.    , 0.05  , 0.1   , 0.0854, 0.05  , 0.0146, 0.    ])
>>> schedules.from_config(schedule.config()) == schedule
True
"""

from typing import Any

from . import compose, cosine, decay
from ._base import Schedule, from_config, registry
from .compose import *  # noqa: F403
from .cosine import *  # noqa: F403
from .decay import *  # noqa: F403

__all__ = ["Schedule", "as_schedule", "from_config", "registry"]
__all__ += decay.__all__
__all__ += cosine.__all__
__all__ += compose.__all__


def as_schedule(lr: Any) -> Schedule:
    """`lr` as a schedule: itself if it is one, `Constant` for a number.

    Raises
    ------
    TypeError, ValueError
        If `lr` is neither a schedule nor a finite number >= 0.

    Examples
    --------
    >>> as_schedule(0.01)
    Constant(lr=0.01)
    """
    return lr if isinstance(lr, Schedule) else decay.Constant(lr)
