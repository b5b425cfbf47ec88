"""Frozen models for production: :class:`Predictor`."""

from __future__ import annotations

from .predictor import Predictor

__all__ = ["Predictor"]
