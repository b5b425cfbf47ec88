"""``sprat.compress``: find the smallest, fastest model that is still good enough."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from ... import __version__, _device, runtime
from ..._check import check_count, check_number, float_dtype
from ...nn import MLP
from ...training.data import split_rows
from ...training.interrupt import InterruptGuard
from ...training.prepare import Preparation
from ...training.progress import choose as choose_progress
from . import bar as bars
from .budget import Budget
from .finish import Finish
from .goal import Goal
from .journal import Journal, alone, identity
from .outcome import Compression
from .search import Search
from .teaching import Lesson, Rows

_LEAST_SECONDS = 0.5
_MAX_SEED = 2**63 - 65  # every rung has a seed of its own above it
# Shares of the budget that are kept for formats and the last clocks, and the most seconds they can use.
_RESERVE, _MOST_RESERVE = 0.2, 40.0


def compress(
    model: MLP,
    train: tuple[Any, Any],
    validation: tuple[Any, Any] | None = None,
    *,
    test: tuple[Any, Any] | str | None = None,
    max_loss: float | str | None = None,
    max_bytes: float | str | None = None,
    max_latency: float | str | None = None,
    margin: float = 1.645,
    prefer: str = "balance",
    seconds: float = 300.0,
    seed: int = 0,
    folder: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: bool | str = "auto",
    on_event: Callable[[str], object] | None = None,
) -> Compression:
    """Find the smallest, fastest model that is still good enough, and show why it is that one.

    Networks that do less are derived from the model (its least important neurons removed, students of fewer layers, low
    rank), taught by what the model says, few steps first and the promising ones longer, then thinned out by zeros.
    Every layer of the best gets the number format that makes the whole smaller without making it slower or too bad. All
    of them are timed on this machine.

    Parameters
    ----------
    model : nn.MLP
        A trained float32 model; stays as it is.
    train : (x, y)
        Rows to teach and to calibrate with, as for :func:`sprat.fit`: arrays, or a table when the model has an encoder.
    validation : (x, y), optional
        Rows to choose by; none of them is trained on. None: a fifth of the training rows, drawn by ``seed``.
    test : (x, y) or "half", optional
        Rows for an honest last figure, that nothing is chosen by. "half": every second one of the validation rows,
        drawn by ``seed``.
    max_loss : float or str, optional
        Largest drop of accuracy (a share) or R²: 0.005, or "0.5%", is half a point. The default when no bound is given.
    max_bytes, max_latency : float or str, optional
        Bounds of the model's file ("100 KB") and of one row's median time, in seconds or as text ("20us").
    margin : float
        Standard errors of the measured drop that must fit below ``max_loss`` too: with 1.645 the true drop is below it
        with a confidence of 95 %. The best of many looks better than it is on the rows it was chosen by; 0 takes the
        measured drop as it is.
    prefer : "balance", "speed" or "size"
        What is to be least among the models that keep ``max_loss``: time x bytes, time or bytes. Without ``max_loss``
        the best score is chosen.
    seconds : float
        Budget in all. The search may end earlier, when nothing is left to gain.
    seed : int
        Of all that is random. Same data and seed, same candidates and weights, on any machine; how many there is time
        for, and the times that are measured, depend on the machine.
    folder : path, optional
        Where everything is kept: each trained candidate, a journal, every measured model, and the report as text, JSON
        and HTML.
    resume : bool
        Go on from what the folder holds: what was trained there is not trained again. The goal and the seconds may be
        others; other data, another model or seed are refused. False begins anew and removes an earlier search from the
        folder. One search at a time can use a folder.
    progress : "auto", bool, "rich" or "tqdm"
        As for :func:`sprat.fit`.
    on_event : callable, optional
        Told in words what is being done.

    Returns
    -------
    Compression
        ``model`` (the chosen one), ``reached``, ``chosen``, ``front``, ``candidates``; ``print`` it, or ``save`` its
        report.

    Raises
    ------
    TypeError, ValueError
        One line that names the argument.

    Notes
    -----
    Ctrl-C ends the search: what has been trained by then is measured, and the best of it returned (``stopped_by ==
    "interrupt"``). A second Ctrl-C raises KeyboardInterrupt; the folder can be resumed in any case.

    Examples
    --------
    >>> import numpy as np, sprat
    >>> x = np.random.default_rng(0).normal(size=(600, 8)).astype(np.float32)
    >>> y = (x[:, 0] * x[:, 1] > 0).astype(int)
    >>> model = sprat.nn.MLP([8, 64, 64, 2], seed=0)
    >>> _ = sprat.fit(model, x[:400], y[:400], epochs=30, lr=0.01)
    >>> found = sprat.compress(model, (x[:400], y[:400]), (x[400:], y[400:]), max_loss=0.05, seconds=2)
    >>> found.reached, found.smaller > 1
    (True, True)
    """
    _device.refuse("compress", model)
    goal = Goal.of(max_loss, max_bytes, max_latency, margin, prefer)
    budget_seconds = check_number("seconds", seconds, _LEAST_SECONDS)
    check_count("seed", seed, 0, _MAX_SEED)
    choose_progress(progress)
    _check_model(model)
    if resume and folder is None:
        raise ValueError("resume: wanted folder=path as well, to know from where")
    with InterruptGuard() as guard, ExitStack() as held:
        budget = Budget(budget_seconds, guard)
        budget.reserve = min(_RESERVE * budget_seconds, _MOST_RESERVE)
        lessons, chosen_by, tested, loss = _data(model, train, validation, test, seed)
        arrays = {"x": lessons.x, "y": lessons.y, "xv": chosen_by.x, "yv": chosen_by.y}
        held.enter_context(alone(folder))
        journal = Journal(folder, identity(model, seed, **arrays), resume)
        bar = bars.make(progress, budget)

        def decided(text: str) -> None:
            bar.tell(text)
            if on_event is not None:
                on_event(text)

        try:
            if journal.resumed:
                decided(f"resumed: {journal.resumed} trainings are there already")
            original = model.copy()
            original.loss_name = loss
            outputs = np.concatenate([original(lessons.x[i : i + 4096]) for i in range(0, len(lessons), 4096)])
            lesson = Lesson(lessons, outputs, loss, seed)
            search = Search(original, lesson, chosen_by, goal, budget, journal, bar.tell, decided)
            search.run()
            stopped_by = "interrupt" if budget.interrupted else "budget" if budget.over or search.cut else "done"
            facts = {
                "train_rows": len(lessons),
                "validation_rows": len(chosen_by),
                "test_rows": 0 if tested is None else len(tested),
                "seed": seed,
                "version": __version__,
                "isa": runtime.isa(),
                "threads": runtime.num_threads(),
                "rates": {f"{rate:g}": value for rate, value in search.rates.items()},
                "resumed": journal.resumed,
            }
            result = Finish(search, tested, stopped_by, facts, None if folder is None else Path(folder)).run()
            journal.note("chosen", name=result.chosen.name, reached=result.reached, seconds=result.seconds)
        finally:
            bar.close()
    return result


def _check_model(model: Any) -> None:
    if not isinstance(model, MLP):
        raise TypeError(f"model: wanted a float model (nn.MLP) to compress, got {type(model).__name__}")
    if model.dtype != np.float32:
        raise TypeError(f"model: wanted float32, got {model.dtype}")
    if model.input_quant is not None:
        raise ValueError(
            "model: is under quantization-aware training; set model.input_quant = None for the float model"
        )
    if not np.isfinite(model.params).all():
        raise ValueError("model: wanted finite weights, got NaN or infinity")


def _data(model: MLP, train: Any, validation: Any, test: Any, seed: int) -> tuple[Rows, Rows, Rows | None, str]:
    """Rows to teach, to choose by and to test on, and the name of the loss."""
    read = Preparation(model, model.loss_name, 1024)
    lessons = _rows(read, "train", train, model)
    if validation is None:
        _check_rows("train", lessons, 3, "to keep a fifth of them, or validation=(x, y)")
        kept, held = split_rows(len(lessons), 0.2, seed)
        lessons, chosen_by = _part(lessons, kept), _part(lessons, held)
    else:
        chosen_by = _rows(read, "validation", validation, model)
    tested: Rows | None = None
    if isinstance(test, str):
        if test != "half":
            raise ValueError(f'test: wanted (x, y) or "half", got {test!r}')
        _check_rows("validation", chosen_by, 2, 'for test="half"')
        first, second = split_rows(len(chosen_by), 0.5, seed)
        chosen_by, tested = _part(chosen_by, first), _part(chosen_by, second)
    elif test is not None:
        tested = _rows(read, "test", test, model)
    assert read.targets is not None
    if read.targets.loss_name is None:
        raise ValueError("model: its loss is none of sprat's; set model.loss_name to the nearest of them")
    return lessons, chosen_by, tested, read.targets.loss_name


def _rows(read: Preparation, name: str, pair: Any, model: MLP) -> Rows:
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise TypeError(f"{name}: wanted (x, y), got {type(pair).__name__}")
    arrays = read.arrays(pair[0], pair[1], None, f"{name} x")
    assert read.targets is not None
    targets = read.targets.rows(arrays.y, len(arrays), f"{name} y")
    y = targets.buffer(len(arrays))
    targets.gather(np.arange(len(arrays)), y)
    x = np.ascontiguousarray(arrays.x, float_dtype("dtype", model.dtype))
    if not np.isfinite(x).all():
        raise ValueError(f"{name} x: wanted finite numbers, got NaN or infinity")
    if not np.isfinite(y).all():
        raise ValueError(f"{name} y: wanted finite numbers, got NaN or infinity")
    return Rows(x, y)


def _check_rows(name: str, rows: Rows, least: int, why: str) -> None:
    if len(rows) < least:
        raise ValueError(f"{name}: wanted at least {least} rows {why}, got {len(rows)}")


def _part(rows: Rows, index: Any) -> Rows:
    return Rows(np.ascontiguousarray(rows.x[index]), np.ascontiguousarray(rows.y[index]))
