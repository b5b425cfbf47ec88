"""Training: ``fit``, what may happen between its steps, and how good the result is."""

from __future__ import annotations

from . import callbacks, metrics
from .callbacks import Callback, Checkpoint, EarlyStopping, ReduceOnPlateau
from .evaluate import evaluate
from .fit import fit
from .gradients import NonFiniteError
from .gradual_pruning import GradualPruning
from .history import History
from .step import Step
from .trainer import Trainer

__all__ = [
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "GradualPruning",
    "History",
    "NonFiniteError",
    "ReduceOnPlateau",
    "Step",
    "Trainer",
    "callbacks",
    "evaluate",
    "fit",
    "metrics",
]
