"""The demo: from a large teacher to networks that are a fraction of its size, on images of digits or clothes.

``sprat demo`` shows it on the command line.
"""

from __future__ import annotations

from .data import Dataset, digits, idx_folder, load
from .idx import read_idx
from .plan import Plan
from .run import run

__all__ = ["Dataset", "Plan", "digits", "idx_folder", "load", "read_idx", "run"]
