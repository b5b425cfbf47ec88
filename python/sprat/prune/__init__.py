"""Pruning: weights by threshold, rank or what the loss would lose, whole neurons, gradual schedules, rounds with rewinding.

"Train, take absolute values, set to 0 below a threshold, train again": a pruned model keeps a mask for each pruned
parameter (``model.masks``, 1 keeps), and every optimizer of :mod:`sprat.optim` that trains the model holds masked
weights and their state at exactly zero. Zeros may lie anywhere or in :mod:`patterns <sprat.prune.patterns>` that
kernels like.
"""

from __future__ import annotations

from . import patterns, scores
from .iterative import Round, Rounds, iterative
from .magnitude import magnitude, threshold
from .neurons import neurons, remove_dead
from .report import Report, report
from .schedule import GradualSchedule
from .weights import weights

__all__ = [
    "GradualSchedule",
    "Report",
    "Round",
    "Rounds",
    "iterative",
    "magnitude",
    "neurons",
    "patterns",
    "remove_dead",
    "report",
    "scores",
    "threshold",
    "weights",
]
