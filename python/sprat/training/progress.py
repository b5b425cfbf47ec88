"""Progress bars: the one place that decides whether there is one.

``"auto"``: a bar when stderr is a terminal and rich or tqdm is installed (in this order), else nothing. ``True``
insists on a bar and says what is missing; ``False`` is silent. Library code prints nothing else.
"""

from __future__ import annotations

import sys
import time
from importlib.util import find_spec
from typing import Any, Protocol

# Redrawing more often than this costs time and shows nothing new.
_INTERVAL = 0.1


class Progress(Protocol):
    """What the trainer tells a bar."""

    def begin_epoch(self, epoch: int, done: int) -> None: ...
    def update(self, done: int, loss: float) -> None: ...
    def end_epoch(self, row: dict[str, float]) -> None: ...
    def close(self) -> None: ...


def choose(choice: bool | str) -> str | None:
    """``"rich"``, ``"tqdm"`` or None; ValueError when there cannot be what was asked for.

    >>> choose(False) is None
    True
    """
    if choice not in ("auto", True, False, "rich", "tqdm"):
        raise ValueError(f'progress: wanted "auto", True, False, "rich" or "tqdm", got {choice!r}')
    if choice is False or (choice == "auto" and not _is_terminal()):
        return None
    wanted = [str(choice)] if choice in ("rich", "tqdm") else ["rich", "tqdm"]
    for name in wanted:
        if find_spec(name) is not None:
            return name
    if choice == "auto":
        return None
    raise ValueError(f"progress: {' or '.join(wanted)} is not installed")


def make(choice: bool | str, epochs: int, batches: int | None) -> Progress:
    """The bar for a run of ``epochs`` epochs of ``batches`` batches (None: not known).

    >>> type(make(False, 5, 100)).__name__
    'Silent'
    """
    name = choose(choice)
    if name is None:
        return Silent()
    return RichBar(epochs, batches) if name == "rich" else TqdmBar(epochs, batches)


def _is_terminal() -> bool:
    try:
        return sys.stderr is not None and sys.stderr.isatty()
    except ValueError:  # stderr is closed
        return False


class Silent:
    """No bar."""

    def begin_epoch(self, epoch: int, done: int) -> None: ...

    def update(self, done: int, loss: float) -> None: ...

    def end_epoch(self, row: dict[str, float]) -> None: ...

    def close(self) -> None: ...


class _Throttled:
    """Passes on at most one update per interval."""

    def __init__(self, epochs: int, batches: int | None) -> None:
        self.epochs, self.batches = epochs, batches
        self._next = 0.0

    def _due(self) -> bool:
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + _INTERVAL
        return True

    def _label(self, epoch: int) -> str:
        return f"epoch {epoch + 1}/{self.epochs}"


class RichBar(_Throttled):
    """One line by rich, the same line for all epochs."""

    def __init__(self, epochs: int, batches: int | None) -> None:
        super().__init__(epochs, batches)
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[numbers]}"),
            console=Console(stderr=True),
        )
        self._task = self._bar.add_task("", total=batches, numbers="")
        self._measured = ""
        self._bar.start()

    def begin_epoch(self, epoch: int, done: int) -> None:
        self._bar.reset(self._task, total=self.batches, completed=done, description=self._label(epoch))

    def update(self, done: int, loss: float) -> None:
        if self._due():
            self._bar.update(self._task, completed=done, numbers=f"loss {loss:.4g}{self._measured}")

    def end_epoch(self, row: dict[str, float]) -> None:
        self._measured = _validation(row)
        self._bar.update(self._task, completed=self.batches, numbers=f"loss {row['loss']:.4g}{self._measured}")

    def close(self) -> None:
        self._bar.stop()


class TqdmBar(_Throttled):
    """One bar by tqdm, reset at each epoch."""

    def __init__(self, epochs: int, batches: int | None) -> None:
        super().__init__(epochs, batches)
        from tqdm import tqdm

        self._bar: Any = tqdm(total=batches, file=sys.stderr, leave=True, mininterval=_INTERVAL)
        self._measured = ""

    def begin_epoch(self, epoch: int, done: int) -> None:
        self._bar.reset(total=self.batches)
        self._bar.set_description(self._label(epoch), refresh=False)
        self._bar.update(done)

    def update(self, done: int, loss: float) -> None:
        if self._due():
            self._bar.set_postfix_str(f"loss {loss:.4g}{self._measured}", refresh=False)
            self._bar.update(done - self._bar.n)

    def end_epoch(self, row: dict[str, float]) -> None:
        self._measured = _validation(row)
        self._bar.set_postfix_str(f"loss {row['loss']:.4g}{self._measured}", refresh=False)
        if self.batches is not None:
            self._bar.update(self.batches - self._bar.n)
        self._bar.refresh()

    def close(self) -> None:
        self._bar.close()


def _validation(row: dict[str, float]) -> str:
    return "".join(f"  {key} {value:.4g}" for key, value in row.items() if key.startswith("val_"))
