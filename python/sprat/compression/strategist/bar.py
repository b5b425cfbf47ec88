"""A bar over the seconds of a search, where the house would show one over epochs."""

from __future__ import annotations

import sys
from typing import Any, Protocol

from ...training.progress import choose
from .budget import Budget

_WIDTH = 60


class Bar(Protocol):
    """What the search tells."""

    def tell(self, text: str) -> None: ...
    def close(self) -> None: ...


def make(choice: bool | str, budget: Budget) -> Bar:
    """The bar for a budget: "rich", "tqdm" or none, as :func:`sprat.fit` decides.

    >>> from sprat.training.interrupt import InterruptGuard
    >>> type(make(False, Budget(1.0, InterruptGuard()))).__name__
    'Silent'
    """
    name = choose(choice)
    if name is None:
        return Silent()
    return RichBar(budget) if name == "rich" else TqdmBar(budget)


class Silent:
    """No bar."""

    def tell(self, text: str) -> None: ...

    def close(self) -> None: ...


class RichBar:
    """One line by rich."""

    def __init__(self, budget: Budget) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._budget = budget
        text = TextColumn("{task.description}")
        self._bar = Progress(BarColumn(), TimeElapsedColumn(), text, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task("", total=budget.seconds)
        self._bar.start()

    def tell(self, text: str) -> None:
        spent = min(self._budget.spent, self._budget.seconds)
        self._bar.update(self._task, completed=spent, description=text[:_WIDTH])

    def close(self) -> None:
        self._bar.stop()


class TqdmBar:
    """One bar by tqdm."""

    def __init__(self, budget: Budget) -> None:
        from tqdm import tqdm

        self._budget = budget
        self._bar: Any = tqdm(total=round(budget.seconds), file=sys.stderr, leave=False, unit="s")

    def tell(self, text: str) -> None:
        self._bar.set_description(text[:_WIDTH], refresh=False)
        self._bar.update(min(round(self._budget.spent), self._bar.total) - self._bar.n)
        self._bar.refresh()

    def close(self) -> None:
        self._bar.close()
