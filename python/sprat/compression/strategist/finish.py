"""From trained networks to measured models: formats, a last clock for all in turns, and the choice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from ...nn import MLP, Model
from ..measure import Size, Speed, speeds
from .comparison import Comparison, Score, compare, score
from .formats import Attempt, Formats, LayerChoice, file_size
from .halving import Trial
from .journal import slug
from .outcome import Candidate, Compression, choose
from .search import Search
from .teaching import Rows

# Networks whose layers get formats of their own; the others are measured in one format, to show the front.
_FINALISTS = 3
_MOST_SECONDS_EACH, _MOST_SECONDS = 0.3, 8.0
_AWARE_RUNG = 1
ORIGINAL = "original"


class Finish:
    """The last part of :func:`sprat.compress`.

    Parameters
    ----------
    search : Search
        That has ended.
    test : Rows or None
        That nothing was chosen by.
    stopped_by : str
    facts : dict
        For the report.
    folder : Path or None
        Where models and report go.
    """

    def __init__(
        self, search: Search, test: Rows | None, stopped_by: str, facts: dict[str, Any], folder: Path | None
    ) -> None:
        self.search, self.goal, self.budget = search, search.goal, search.budget
        self.test, self.stopped_by, self.facts, self.folder = test, stopped_by, facts, folder
        rows = search.lesson.rows.x
        self.formats = Formats(search.original, search.judge, self.goal, rows, lambda: self.budget.left <= 0)
        self.made: dict[str, tuple[str, MLP, Attempt]] = {}

    def run(self) -> Compression:
        """Measure and choose."""
        self.budget.reserve /= 2  # the first half for the formats, the second for the clocks
        self._formats()
        search, model = self.search, self.search.model
        original = Attempt(
            ("float32",) * len(model.layers),
            model,
            search.original,
            compare(search.original, search.original),
            file_size(model),
            0.0,
        )
        entries = [(ORIGINAL, "as it is", model, original), *((name, *rest) for name, rest in self.made.items())]
        self.search.say(f"timing {len(entries)} models")
        left = min(_MOST_SECONDS, (self.budget.seconds - self.budget.spent) / 2)
        each = min(_MOST_SECONDS_EACH, max(0.02, left / len(entries)))
        taken = speeds([one[3].model for one in entries], search.validation.x, seconds=each)
        first = self._score(model)
        candidates = [
            self._candidate(name, network, attempt, speed, first)
            for (name, network, _, attempt), speed in zip(entries, taken, strict=True)
        ]
        best = choose(self.goal, candidates)
        chosen = best if best is candidates[0] else replace(best, layers=self._layers(best.name))
        candidates = [chosen if one is best else one for one in candidates]
        result = Compression(
            goal=self.goal,
            original=candidates[0],
            candidates=(candidates[0], *sorted(candidates[1:], key=lambda one: one.seconds)),
            chosen=chosen,
            reached=not chosen.misses,
            trials=tuple(search.trials),
            log=tuple(search.log),
            seconds=self.budget.spent,
            stopped_by=self.stopped_by,
            facts=self.facts,
            folder=self.folder,
        )
        if self.folder is not None:
            result.save(self.folder)
        return result

    # ---- formats ---------------------------------------------------------------------------------------------------

    def _formats(self) -> None:
        finalists = self.search.best(_FINALISTS)
        for trial in finalists:
            if not self._best_formats(trial):
                break
        self._keep_all("as it is", self.search.model)
        for trial in self.search.trials:
            if trial.marks and trial not in finalists and self.budget.left > 0:
                attempt = self.formats.attempt(trial.model, ("int8",) * len(trial.model.layers))
                if attempt is not None:
                    self._keep(trial.name, trial.model, attempt)

    def _best_formats(self, trial: Trial) -> bool:
        """The network in the best formats for each layer, and in each format throughout; False without time."""
        if self.budget.left <= 0 and self.made:
            return False
        self.search.say(f"formats of {trial.name}")
        best = self.formats.best(trial.model)
        self._keep(trial.name, trial.model, best)
        if trial is self.search.best(1)[0]:
            self._keep_all(trial.name, trial.model)
        if self.goal.misses(best.drop, best.file_bytes, best.seconds) and trial.gap(self.goal) <= 0:
            self._train_for_integers(trial)
        return True

    def _train_for_integers(self, trial: Trial) -> None:
        """Quantization-aware training, for a network that is good enough in float alone (Jacob et al. 2018)."""
        from ...quantization import QATConfig

        aware = trial.model.copy()
        if self.search.lesson.teach(aware, _AWARE_RUNG, self.budget, qat=QATConfig()) is None:
            return
        attempt = self.formats.attempt(aware, ("int8",) * len(aware.layers))
        if attempt is not None:
            self._keep(f"{trial.name}, trained for it", aware, attempt)

    def _keep_all(self, network: str, model: MLP) -> None:
        for attempt in self.formats.uniform(model):
            if model is not self.search.model or set(attempt.formats) != {"float32"}:
                self._keep(network, model, attempt)

    def _keep(self, network: str, model: MLP, attempt: Attempt) -> None:
        self.made.setdefault(f"{network}, {attempt.name}", (network, model, attempt))

    def _layers(self, name: str) -> tuple[LayerChoice, ...]:
        """Why the layers of a model have their formats; the clocks are done, so all that is left of the budget is for this."""
        self.budget.reserve = 0.0
        _, network, attempt = self.made[name]
        return self.formats.explain(network, attempt)

    # ---- measuring -------------------------------------------------------------------------------------------------

    def _score(self, model: Model) -> Score | None:
        return None if self.test is None else score(model, self.test.x, self.test.y)

    def _candidate(
        self,
        name: str,
        network: str,
        attempt: Attempt,
        speed: Speed,
        original_test: Score | None,
    ) -> Candidate:
        tested = self._score(attempt.model)
        dropped: Comparison | None = None
        if tested is not None and original_test is not None:
            dropped = compare(original_test, tested)
        size = attempt.file_bytes
        if self.folder is not None:
            from ...io import save

            models = self.folder / "models"
            models.mkdir(exist_ok=True)
            save(attempt.model, models / f"{slug(name)}.safetensors")
        return Candidate(
            name=name,
            network=network,
            formats=attempt.formats,
            layers=(),
            model=attempt.model,
            score=attempt.score,
            drop=attempt.drop,
            test=tested,
            test_drop=dropped,
            file_bytes=size,
            size=Size.of(attempt.model),
            speed=speed,
            misses=self.goal.misses(attempt.drop, size, speed.microseconds * 1e-6),
        )
