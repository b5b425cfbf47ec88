"""Files of models and of training runs: atomic to write, proved when read, no pickle."""

from __future__ import annotations

from .files import describe, load, save

__all__ = ["describe", "load", "save"]
