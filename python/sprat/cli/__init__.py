"""The command line: ``sprat COMMAND``. Each command is a module of this package with ``add`` and ``run``."""

from __future__ import annotations

from .main import main

__all__ = ["main"]
