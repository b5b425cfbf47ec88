"""Compression: stages that are named by the caller, or found by the strategist.

``run_stages`` prunes, distils, factorizes and quantizes as it is told, and reports what each stage costs and gains.
``compress`` searches for the stages: the smallest, fastest model that is still good enough on this machine.
"""

from __future__ import annotations

from .chart import draw
from .measure import Size, Speed, speeds
from .pipeline import apply_stages, measure, run_stages
from .report import Report, Result
from .stages import (
    Distill,
    LowRank,
    Pack,
    PruneNeurons,
    PruneWeights,
    Quantize,
    Retrain,
    Stage,
)
from .strategist import Candidate, Compression, Goal, compress
from .training import Training, TrainingData

__all__ = [
    "Candidate",
    "Compression",
    "Distill",
    "Goal",
    "LowRank",
    "Pack",
    "PruneNeurons",
    "PruneWeights",
    "Quantize",
    "Report",
    "Result",
    "Retrain",
    "Size",
    "Speed",
    "Stage",
    "Training",
    "TrainingData",
    "apply_stages",
    "compress",
    "draw",
    "measure",
    "run_stages",
    "speeds",
]
