"""Networks, and what they are made of: activations, initial weights and losses."""

from __future__ import annotations

from . import activations, functional, init, losses
from .mlp import MLP, Gradients
from .model import LayerSpec, Model

__all__ = ["MLP", "Gradients", "LayerSpec", "Model", "activations", "functional", "init", "losses"]
