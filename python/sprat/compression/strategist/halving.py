"""Who goes on to the next rung: successive halving (Jamieson & Talwalkar 2016) with a goal in mind.

A candidate's gap is how much better its score would have to be to keep the goal. Rungs double, and what a doubling
gains falls from one to the next; so a candidate may still hope for what its last rung gained, and half as much again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from ...nn import MLP
from .comparison import Comparison, Score
from .goal import Goal
from .proposals import Proposal

HOPE = 1.5


@dataclass(frozen=True)
class Mark:
    """What a candidate had reached after a rung.

    Attributes
    ----------
    rung : int
        From 0 on.
    visits : int
        Rows it has been trained on by then, those visited again counted again.
    seconds : float
        That the rung took.
    score : Score
        On the rows that candidates are chosen by.
    drop : Comparison
        With the original on these rows.

    Examples
    --------
    >>> import numpy as np
    >>> score = Score.accuracy(np.array([1.0, 1.0, 0.0, 1.0]))
    >>> Mark(0, 1000, 0.1, score, Comparison.same(4)).score.value
    0.75
    """

    rung: int
    visits: int
    seconds: float
    score: Score
    drop: Comparison


@dataclass(eq=False)
class Trial:
    """A candidate network on its way.

    Attributes
    ----------
    proposal : Proposal
        How it was made.
    model : nn.MLP
        After the last rung.
    work : int
        Multiplications of one row that zeros do not spare.
    marks : list of Mark
        One for each rung.
    dropped : str or None
        Why it did not go on.

    Examples
    --------
    >>> import sprat
    >>> Trial(Proposal(), sprat.nn.MLP([4, 2]), work=8).name
    'as it is'
    """

    proposal: Proposal
    model: MLP
    work: int
    marks: list[Mark] = field(default_factory=list)
    dropped: str | None = None

    @property
    def name(self) -> str:
        """What was done to the original."""
        return self.proposal.name

    def gap(self, goal: Goal) -> float:
        """What is missing to the goal, in units of the score; at most 0 when nothing is."""
        if not self.marks:
            return math.inf
        return self.marks[-1].drop.loss if goal.max_loss is None else goal.shortfall(self.marks[-1].drop)

    def gain(self, goal: Goal) -> float:
        """By how much the last rung has closed the gap; infinite after the first one."""
        if len(self.marks) < 2:
            return math.inf
        return max(0.0, self.marks[-2].drop.loss - self.marks[-1].drop.loss)


def survivors(trials: Sequence[Trial], goal: Goal) -> list[Trial]:
    """Who goes on, the least work first; the others are told why not in ``dropped``.

    With a largest loss: the smallest candidate that keeps it, and the nearer half of the smaller ones that may still
    come to keep it. Without one: the half with the best scores.
    """
    half = math.ceil(len(trials) / 2)
    if goal.max_loss is None:
        ranked = sorted(trials, key=lambda one: one.gap(goal))
        for one in ranked[half:]:
            one.dropped = f"score {one.marks[-1].score.value:.4f} was in the lower half"
        return sorted(ranked[:half], key=lambda one: one.work)
    reached = sorted((one for one in trials if one.gap(goal) <= 0), key=lambda one: one.work)
    best = reached[0] if reached else None
    for one in reached[1:]:
        one.dropped = f"{reached[0].name!r} is smaller and keeps the goal too"
    hopeful = []
    for one in trials:
        if one.gap(goal) <= 0:
            continue
        if best is not None and one.work >= best.work:
            one.dropped = f"{best.name!r} is smaller and keeps the goal"
        elif one.gap(goal) > HOPE * one.gain(goal):
            one.dropped = (
                f"{100 * one.gap(goal):.2f} points short, and its last training gained {100 * one.gain(goal):.2f}"
            )
        else:
            hopeful.append(one)
    if not hopeful and best is None:
        nearest = min(trials, key=lambda one: one.gap(goal))
        nearest.dropped = None
        return [nearest]
    hopeful.sort(key=lambda one: one.gap(goal))
    room = max(1, half - (best is not None))
    for one in hopeful[room:]:
        one.dropped = f"{100 * one.gap(goal):.2f} points short, in the farther half"
    kept = hopeful[:room] + ([best] if best is not None else [])
    return sorted(kept, key=lambda one: one.work)
