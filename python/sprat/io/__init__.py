"""Files of models and of training runs: atomic to write, proved when read, no pickle."""

from __future__ import annotations

from .files import describe, load, save
from .training import TrainingState, load_training, save_training

__all__ = ["TrainingState", "describe", "load", "load_training", "save", "save_training"]
