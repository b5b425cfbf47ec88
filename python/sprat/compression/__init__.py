"""Compression as explicit stages: prune, distil, factorize, quantize, each retrained, saved and measured.

Which stages suit a model is the caller's choice; what they cost and gain is in the report.
"""

from __future__ import annotations

from .chart import draw
from .measure import Size, Speed, speeds
from .pipeline import apply_stages, measure, run_stages
from .report import Report, Result
from .stages import (
    Distill,
    LowRank,
    PruneNeurons,
    PruneWeights,
    Quantize,
    Retrain,
    Stage,
    Training,
    TrainingData,
)

__all__ = [
    "Distill",
    "LowRank",
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
    "draw",
    "measure",
    "run_stages",
    "speeds",
]
