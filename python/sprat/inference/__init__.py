"""Frozen models for production, :class:`Predictor`, and where their time goes, :func:`explain`."""

from __future__ import annotations

from .explain import Explanation, LayerCost, explain
from .predictor import Predictor

__all__ = ["Explanation", "LayerCost", "Predictor", "explain"]
