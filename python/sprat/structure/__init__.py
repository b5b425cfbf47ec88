"""Change the network itself to make it cheaper: low-rank layers. (Removing neurons: :func:`sprat.prune.neurons`.)"""

from __future__ import annotations

from .low_rank import LowRank, low_rank

__all__ = ["LowRank", "low_rank"]
