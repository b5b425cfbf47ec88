"""Optimizers on NumPy arrays, in place: one native call per step over any number of arrays.

Arguments, defaults and results are those of ``torch.optim``; `Optimizer` describes what all of them share.
`sprat.optim.schedules` holds the learning rates that change with the step.

Examples
--------
>>> import numpy as np
>>> from sprat import optim
>>> w, b = np.ones((2, 3)), np.zeros(3)
>>> optimizer = optim.AdamW([w, b], lr=0.1, weight_decay=0.01)
>>> optimizer.step([np.ones_like(w), np.ones_like(b)])
True
>>> b.round(6)
array([-0.1, -0.1, -0.1])
"""

from . import schedules
from .adagrad import Adagrad
from .adam import Adam
from .adamw import AdamW
from .lion import Lion
from .nadam import NAdam
from .optimizer import Optimizer
from .rmsprop import RMSprop
from .sgd import SGD

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Lion", "NAdam", "Optimizer", "RMSprop", "schedules"]
