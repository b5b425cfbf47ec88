"""The search for networks: proposals are trained rung by rung, and fewer go on from each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...nn import MLP
from ..measure import one_row_seconds
from ..training import TrainingData
from .budget import Budget
from .comparison import Score, compare, score
from .formats import file_size, in_formats
from .goal import Goal
from .halving import HOPE, Mark, Trial, survivors
from .journal import Journal
from .proposals import Proposal, proposals, with_zeros, work
from .teaching import LAST_RUNG, Lesson, Rows, best_rate

# Part of the largest loss that the smallest accepted network should have to spare, for what its formats will cost.
_SPARE = 0.2
# A gain of the score that is not worth a training twice as long: a twentieth of a point.
_NOTHING = 5e-4
# Zeros have so many rungs more to come back, where what is missing is at most this part of the largest loss.
_MORE, _NEAR = 2, 0.6
# Rows and seconds for a first look at what a shape costs.
_ROWS, _CLOCK = 256, 0.02


class Search:
    """Trains candidates until the smallest that keeps the goal is found, or the budget is over.

    Attributes
    ----------
    trials : list of Trial
        All that were tried, in the order of their beginning.
    rates : dict
        Learning rates that were tried, with the score after the first rung.
    log : list of str
        What was decided, in words.
    cut : bool
        Whether there was more to train than time.
    """

    def __init__(
        self,
        model: MLP,
        lesson: Lesson,
        validation: Rows,
        goal: Goal,
        budget: Budget,
        journal: Journal,
        say: Callable[[str], object],
        decided: Callable[[str], object],
    ) -> None:
        self.model, self.lesson, self.validation = model, lesson, validation
        self.goal, self.budget, self.journal = goal, budget, journal
        self.original = self.judge(model)
        self.trials: list[Trial] = []
        self.rates: dict[float, float] = {}
        self.log: list[str] = []
        self.cut = False
        self.say = say
        self._decided = decided

    def judge(self, model: Any) -> Score:
        """The score on the rows that candidates are chosen by."""
        return score(model, self.validation.x, self.validation.y)

    def run(self) -> None:
        """Train candidates; ends when there is nothing to gain any more, or the budget is over."""
        self.trials = [self._trial(one, self.model) for one in proposals(self.model, self.lesson.seed)]
        if not self.trials:
            return
        alive, rung = self._within_bounds(), 0
        self._choose_rate()
        while alive and rung <= LAST_RUNG and not self.budget.over:
            trained = [one for one in alive if self._train(one, rung)]
            if len(trained) < len(alive):
                self.cut = True
                self._tell(f"rung {rung + 1}: no time for {len(alive) - len(trained)} of {len(alive)} candidates")
                break
            alive = survivors(trained, self.goal)
            names = ", ".join(one.name for one in alive)
            self._tell(f"rung {rung + 1}: {len(alive)} of {len(trained)} go on: {names}")
            if self._settled(alive):
                break
            rung += 1
        self._try_zeros(min(rung, LAST_RUNG))

    # ---- steps -----------------------------------------------------------------------------------------------------

    def _trial(self, proposal: Proposal, start: MLP) -> Trial:
        model = proposal.build(start, TrainingData(self.lesson.rows.x, self.lesson.rows.y))
        return Trial(proposal, model, work(model))

    def _within_bounds(self) -> list[Trial]:
        """Those that can keep the bounds of bytes and time: neither depends on what a network has learnt.

        One format decides, int8, which is the smallest for most and the fastest for most; the cheapest trial stays in
        any case.
        """
        goal = self.goal
        if goal.max_bytes is None and goal.max_latency is None:
            return list(self.trials)
        rows = self.lesson.rows.x[:_ROWS]
        packed = [in_formats(one.model, ("int8",) * len(one.model.layers), rows) for one in self.trials]
        taken = one_row_seconds(packed, rows, seconds=_CLOCK) if goal.max_latency is not None else [0.0] * len(packed)
        for one, model, seconds in zip(self.trials, packed, taken, strict=True):
            size = file_size(model)
            if goal.max_bytes is not None and size > goal.max_bytes:
                one.dropped = f"not trained: {size:,} bytes in int8"
            elif goal.max_latency is not None and seconds > goal.max_latency:
                one.dropped = f"not trained: {1e6 * seconds:.2f} µs in int8"
        alive = [one for one in self.trials if one.dropped is None]
        self._tell(f"{len(alive)} of {len(self.trials)} networks can keep the bounds of bytes and time")
        if not alive:
            self.trials[0].dropped = None
        return alive or self.trials[:1]

    def _choose_rate(self) -> None:
        """By the candidate in the middle, whatever the goal: a rate that suits it suits its neighbours."""
        known = self.journal.fact("rate")
        if known is not None:
            self.lesson.lr = known["lr"]
            self.rates = {float(rate): value for rate, value in known["tried"].items()}
            return
        middle = self.trials[len(self.trials) // 2]
        rate, self.rates = best_rate(self.lesson, middle.model, lambda one: self.judge(one).value, self.budget)
        if self.budget.over:
            return
        self.journal.note("rate", lr=rate, tried={str(key): value for key, value in self.rates.items()})
        self._tell(f"learning rate {rate:g}: the best of {len(self.rates)} for {middle.name!r}")

    def _train(self, trial: Trial, rung: int, since: str = "") -> bool:
        """One rung of one candidate, from the journal or by training; False when there is no time.

        ``since`` tells apart beginnings of the same name: a parent that was trained longer.
        """
        step = f"rung {rung}{since}"
        known = self.journal.trained(trial.name, step)
        if known is not None:
            trial.model, seconds = known[0].copy(), known[1]["seconds"]
        else:
            if trial.marks and not self.budget.allows(self._forecast(trial, rung)):
                return False
            model = trial.model.copy()
            taught = self.lesson.teach(model, rung, self.budget)
            if taught is None:
                return False
            trial.model, seconds = model, taught
            self.journal.keep(trial.name, step, model.copy(), seconds=seconds, visits=self.lesson.visits(rung))
        reached = self.judge(trial.model)
        visits = self.lesson.visits(rung) + (trial.marks[-1].visits if trial.marks else 0)
        trial.marks.append(Mark(rung, visits, seconds, reached, compare(self.original, reached)))
        self.say(f"rung {rung + 1}: {trial.name}: {reached.name} {reached.value:.4f}")
        return True

    def _forecast(self, trial: Trial, rung: int) -> float:
        """Seconds of a rung, by the pace of the last one."""
        last = trial.marks[-1]
        return last.seconds * self.lesson.visits(rung) / self.lesson.visits(last.rung)

    def _settled(self, alive: list[Trial]) -> bool:
        """Whether one candidate is left that has a little to spare for its formats, or gains no more by training."""
        if len(alive) != 1:
            return False
        (last,) = alive
        if self.goal.max_loss is None:
            return last.gain(self.goal) <= _NOTHING
        wanted = last.gap(self.goal) + _SPARE * self.goal.max_loss
        return wanted <= 0 or wanted > HOPE * last.gain(self.goal)

    def _try_zeros(self, rung: int) -> None:
        """Zeros in what has turned out best: the same network with fewer and fewer weights."""
        for parent in self.best(2):
            for series in with_zeros(parent.name, parent.model):
                for proposal in series:
                    child = self._trial(proposal, parent.model)
                    if not self._train_child(child, parent, rung):
                        self.cut = True
                        return
                    if child.gap(self.goal) > 0:
                        child.dropped = f"{100 * child.gap(self.goal):.2f} points short"
                        break  # more zeros will not bring it back

    def _train_child(self, child: Trial, parent: Trial, rung: int) -> bool:
        """The rung its parent has ended with, and longer ones while little is missing; False when there is no time for the first."""
        since = f" after {parent.marks[-1].rung}"
        child.marks.append(parent.marks[-1])  # for the forecast
        done = self._train(child, rung, since)
        del child.marks[0]
        if not done:
            return False
        self.trials.append(child)
        near = _NEAR * (self.goal.max_loss or 0.0)
        for more in range(rung + 1, min(rung + _MORE, LAST_RUNG) + 1):
            if not 0 < child.gap(self.goal) <= near or not self._train(child, more, since):
                break
        return True

    def best(self, count: int) -> list[Trial]:
        """The trained candidates that are most worth serving: by the goal, then the least work."""
        trained = [one for one in self.trials if one.marks]
        if self.goal.max_loss is None:
            return sorted(trained, key=lambda one: one.gap(self.goal))[:count]
        reached = sorted((one for one in trained if one.gap(self.goal) <= 0), key=lambda one: one.work)
        missed = sorted((one for one in trained if one.gap(self.goal) > 0), key=lambda one: one.gap(self.goal))
        return (reached + missed)[:count]

    def _tell(self, text: str) -> None:
        self.log.append(text)
        self._decided(text)
