"""Training: ``fit``, what may happen between its steps, and how good the result is."""

from __future__ import annotations

from . import callbacks, metrics
from .adaptive import AutoFit, BatchSize, RangeTest, ScheduleChoice, auto_fit, choose_schedule, find_batch_size, find_lr
from .callbacks import Callback, Checkpoint, EarlyStopping, ReduceOnPlateau
from .evaluate import evaluate
from .fit import fit
from .gradients import NonFiniteError
from .gradual_pruning import GradualPruning
from .history import History
from .step import Step
from .trainer import Trainer

__all__ = [
    "AutoFit",
    "BatchSize",
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "GradualPruning",
    "History",
    "NonFiniteError",
    "RangeTest",
    "ReduceOnPlateau",
    "ScheduleChoice",
    "Step",
    "Trainer",
    "auto_fit",
    "callbacks",
    "choose_schedule",
    "evaluate",
    "find_batch_size",
    "find_lr",
    "fit",
    "metrics",
]
