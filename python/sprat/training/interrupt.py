"""Ctrl-C during training: finish the step, then stop and give back what there is."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType


class InterruptGuard:
    """Turns the first Ctrl-C into a flag; a second one raises ``KeyboardInterrupt``, but never in the middle of a step.

    A handler is installed only in the main thread, and only where Python's own handler stands: a program that handles
    SIGINT itself keeps doing so. The old handler is back when the ``with`` block ends.

    >>> guard = InterruptGuard()
    >>> with guard:
    ...     signal.raise_signal(signal.SIGINT)
    ...     guard.requested
    True
    """

    def __init__(self) -> None:
        self._requested = False
        self._again = False
        self._in_step = False
        self._installed = False
        self._outer: InterruptGuard | None = None

    @property
    def requested(self) -> bool:
        """Whether Ctrl-C has come, to this run or to one that this run is a part of."""
        return self._requested or (self._outer is not None and self._outer.requested)

    def __enter__(self) -> InterruptGuard:
        if threading.current_thread() is not threading.main_thread():
            return self
        handler = signal.getsignal(signal.SIGINT)
        if handler is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._handle)
            self._installed = True
        elif isinstance(getattr(handler, "__self__", None), InterruptGuard):
            self._outer = handler.__self__  # type: ignore[union-attr]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self._installed = False
        self._outer = None

    def enter_step(self) -> None:
        """From here to ``leave_step`` nothing raises: model and optimizer change together or not at all."""
        self._receiver()._in_step = True

    def leave_step(self) -> None:
        """The step is whole; a second Ctrl-C that came during it raises now."""
        receiver = self._receiver()
        receiver._in_step = False
        if receiver._again:
            raise KeyboardInterrupt

    def _receiver(self) -> InterruptGuard:
        return self if self._outer is None else self._outer._receiver()

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        if not self._requested:
            self._requested = True
        elif self._in_step:
            self._again = True
        else:
            raise KeyboardInterrupt
