"""Knowledge distillation: a small student learns from what a large teacher says."""

from __future__ import annotations

from .augment import Mixup, Munge, Noise, Smote, SwapNoise, augment_rows
from .distill import distill
from .hints import Hint
from .teacher import teacher_outputs

__all__ = [
    "Hint",
    "Mixup",
    "Munge",
    "Noise",
    "Smote",
    "SwapNoise",
    "augment_rows",
    "distill",
    "teacher_outputs",
]
