"""The strategist: searches stages, formats and training lengths for a goal, and explains its choice."""

from __future__ import annotations

from .comparison import Comparison, Score
from .compress import compress
from .formats import LayerChoice
from .goal import Goal
from .halving import Mark, Trial
from .outcome import Candidate, Compression
from .proposals import Proposal

__all__ = [
    "Candidate",
    "Comparison",
    "Compression",
    "Goal",
    "LayerChoice",
    "Mark",
    "Proposal",
    "Score",
    "Trial",
    "compress",
]
