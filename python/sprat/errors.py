"""The errors of sprat. Bad arguments are plain ``ValueError`` and ``TypeError`` with one line."""

from __future__ import annotations


class SpratError(Exception):
    """Base of the errors that are sprat's own."""


class FormatError(SpratError, ValueError):
    """A file is not what it should be: the message names the file and the first thing that is wrong.

    >>> import sprat
    >>> issubclass(sprat.FormatError, ValueError)
    True
    """
