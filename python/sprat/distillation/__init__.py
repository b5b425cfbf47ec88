"""Knowledge distillation: a small student learns from what a large teacher says."""

from __future__ import annotations

from .distill import distill
from .hints import Hint
from .teacher import teacher_outputs

__all__ = ["Hint", "distill", "teacher_outputs"]
