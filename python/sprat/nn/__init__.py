"""Networks, and what they are made of: activations and losses."""

from __future__ import annotations

from . import activations, functional, losses

__all__ = ["activations", "functional", "losses"]
