"""Prune, train again, prune more: iterative pruning with rewinding."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .._check import check_choice, check_count, check_number
from . import patterns
from .importance import BY_ROWS, BY_WEIGHTS
from .neurons import Kept, neurons
from .report import report
from .rewinding import Memory, Origin
from .selection import SCOPES, chosen_layers
from .weights import weights

if TYPE_CHECKING:
    from ..nn import MLP
    from ..training import History

REWINDS = ("lr", "weights", None)


@dataclass(frozen=True)
class Round:
    """One round: a pruning, and the training after it.

    Attributes
    ----------
    target : float
        Share that was to be gone.
    sparsity : float
        Share of zeros that came of it.
    widths : tuple of int
        ``out_features`` of each layer.
    history : History or None

    Examples
    --------
    >>> from sprat.prune import Round
    >>> Round(0.5, 0.5, (64, 10), None).sparsity
    0.5
    """

    target: float
    sparsity: float
    widths: tuple[int, ...]
    history: History | None

    def state(self) -> dict[str, Any]:
        """Plain values, for a checkpoint."""
        history = None if self.history is None else self.history.state_dict()
        return {"target": self.target, "sparsity": self.sparsity, "widths": list(self.widths), "history": history}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Round:
        """What ``state()`` came from."""
        from ..training import History

        history = None if state["history"] is None else History()
        if history is not None:
            history.load_state_dict(state["history"])
            history.stopped_by = "epochs"
        return cls(state["target"], state["sparsity"], tuple(state["widths"]), history)


@dataclass
class Rounds:
    """What :func:`iterative` did, round by round; prints as a table.

    Attributes
    ----------
    rounds : list of Round
        The first is the training before any pruning, unless the model was trained already.
    stopped_by : str
        ``"rounds"`` (all done), else what ended the last training: ``"interrupt"``, ``"nonfinite"``, ``"callback"``.

    Examples
    --------
    >>> from sprat.prune import Round, Rounds
    >>> print(Rounds([Round(0.5, 0.5, (64, 10), None)]))
    round    gone    zeros  widths
        0    50.0%    50.0%  64-10
    """

    rounds: list[Round] = field(default_factory=list)
    stopped_by: str = "rounds"

    def __str__(self) -> str:
        keys = [key for key in (self.rounds[-1].history or {} if self.rounds else {}) if key != "lr"]
        lines = [f"{'round':>5}{'gone':>8}{'zeros':>9}  widths" + "".join(f"  {key}" for key in keys)]
        for index, one in enumerate(self.rounds):
            widths = "-".join(map(str, one.widths))
            numbers = "".join(f"  {one.history[key][-1]:{len(key)}.4g}" for key in keys) if one.history else ""
            lines.append(f"{index:>5}{one.target:>9.1%}{one.sparsity:>9.1%}  {widths:<6}{numbers}")
        return "\n".join(lines)


def iterative(
    model: MLP,
    x: Any,
    y: Any = None,
    *,
    sparsity: float | None = None,
    rounds: int = 5,
    epochs: int = 10,
    rewind: str | None = "lr",
    rewind_epoch: int = 1,
    trained: bool = False,
    criterion: Any = "magnitude",
    pattern: str | patterns.Pattern = "unstructured",
    scope: str | None = None,
    layers: Iterable[int] | None = None,
    optimizer: Any = "adam",
    lr: Any = 1e-3,
    batch_size: int = 64,
    seed: int = 0,
    callbacks: Sequence[Any] = (),
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    **options: Any,
) -> Rounds:
    """Train, then several times: prune a share of what is left, and train again.

    Every round removes the same share of what is left, so that after round r of R a share of 1 - (1 - sparsity)^(r / R)
    is gone. Training after a pruning goes by ``rewind``:

    - ``"lr"``: the weights stay, the learning rate begins anew (Renda, Frankle & Carbin 2020, "Comparing rewinding and
      fine-tuning in neural network pruning": as good as anything, and simplest)
    - ``"weights"``: the weights that are left go back to where they were after ``rewind_epoch`` epochs, with the state of the
      optimizer and the place in the schedule, and train from there to the end (Frankle et al. 2020, "Linear mode
      connectivity and the lottery ticket hypothesis"); every training is as long as the first
    - ``None``: the weights stay and train on with a tenth of the first rate (fine-tuning)

    Parameters
    ----------
    model : nn.MLP
        Trained and pruned in place.
    x, y
        As for :func:`sprat.fit`: arrays or a table; no iterator, since the rows are counted.
    sparsity : float
        Share of zeros at the end; of neurons removed with ``pattern="neurons"``. Default 0.9; of a pattern such as
        ``"2:4"`` what it leaves out; for neurons 0.5.
    rounds : int
        Prunings. 1 is one-shot pruning.
    epochs : int
        Of every training.
    rewind : "lr", "weights" or None
    rewind_epoch : int
        For ``"weights"``: 1 by default; the papers go back to a few per cent of the training.
    trained : bool
        The model is trained already: begin with a pruning. Not with ``rewind="weights"``, which needs the beginning.
    criterion
        For weights as for :func:`sprat.prune.weights`, for neurons as for :func:`sprat.prune.neurons`, by default "l2".
    pattern : str
        As for :func:`sprat.prune.weights`, or ``"neurons"``.
    scope : "global" or "layer", optional
        Default: global for weights, layer for neurons.
    layers : list of int, optional
        The layers to prune, all by default.
    optimizer : class or name
        A new one for each training.
    lr : float or schedule
        A number is the first rate of half a cosine that ends at 0 with each training.
    seed : int
        Order of the rows: of round r by seed + r.
    checkpoint : path, optional
        Where to save the whole state after each epoch.
    resume : bool
        Go on from the checkpoint if it is there; the result has the bits of a run that was never stopped.
    batch_size, callbacks, **options
        As for :func:`sprat.fit`.

    Returns
    -------
    Rounds
        After Ctrl-C those there are; the model stands at the last whole step.

    Raises
    ------
    TypeError, ValueError
        One line that names the argument; nothing has changed then.

    Examples
    --------
    >>> import sprat
    >>> x, y = sprat.demo.digits().train
    >>> model = sprat.nn.MLP([64, 64, 10], seed=0)
    >>> result = sprat.prune.iterative(model, x, y, sparsity=0.8, rounds=2, epochs=2)
    >>> [round(one.sparsity, 2) for one in result.rounds]
    [0.0, 0.55, 0.8]
    """
    check_count("rounds", rounds)
    check_count("epochs", epochs)
    if rewind not in REWINDS:
        raise ValueError(f"rewind: wanted 'lr', 'weights' or None, got {rewind!r}")
    check_count("rewind_epoch", rewind_epoch, 0)
    if rewind == "weights":
        check_count("rewind_epoch", rewind_epoch, 0, epochs - 1)
    if rewind == "weights" and trained:
        raise ValueError("rewind: 'weights' goes back into the first training; trained=True says there is none")
    if resume and checkpoint is None:
        raise ValueError("resume: wanted checkpoint=path as well, to know from where")
    scope = check_choice("scope", scope or ("layer" if pattern == "neurons" else "global"), SCOPES)
    ranked = {"scope": scope, "layers": None if layers is None else chosen_layers(layers), "loss": options.get("loss")}
    plan = _Plan(pattern, sparsity, rounds, criterion, (x, y, *_weight(options)), ranked)
    memory = Memory(rewind_epoch if rewind == "weights" else None)
    training = _Training(x, y, epochs, optimizer, lr, batch_size, seed, [*callbacks, memory], options)
    continued = resume and checkpoint is not None and memory.read(checkpoint, model)
    result = Rounds([Round.from_state(state) for state in memory.done])
    for number in range(memory.round if continued else int(trained), rounds + 1):
        if number and not continued:
            memory.note(plan.prune(model, number))
        memory.round = number
        origin = memory.origin if number else None
        history = training.run(model, number, rewind, origin, memory.kept, checkpoint, continued)
        continued = False
        widths = tuple(layer.out_features for layer in model.layers)
        result.rounds.append(Round(plan.share(number), report(model).sparsity, widths, history))
        if history.stopped_by not in ("epochs", "early_stopping"):
            result.stopped_by = str(history.stopped_by)
            break
        memory.done.append(result.rounds[-1].state())
    return result


def _weight(options: dict[str, Any]) -> tuple[Any, ...]:
    weight = options.get("sample_weight")
    return () if weight is None else (weight,)


class _Plan:
    """How much goes in which round, and by which rule."""

    def __init__(
        self,
        pattern: Any,
        sparsity: float | None,
        rounds: int,
        criterion: Any,
        data: tuple[Any, ...],
        ranked: dict[str, Any],
    ) -> None:
        self.rounds, self.data, self.ranked = rounds, data, ranked
        self.rule = None if pattern == "neurons" else patterns.get(pattern)
        if self.rule is None:
            self.criterion = "l2" if criterion == "magnitude" else criterion
            if not callable(criterion):
                check_choice("criterion", self.criterion, (*BY_WEIGHTS, *BY_ROWS))
            self.sparsity = check_number("sparsity", 0.5 if sparsity is None else sparsity, 0, 1, open_high=True)
        else:
            if not callable(criterion):
                check_choice("criterion", criterion, ("magnitude", "taylor"))
            self.criterion = criterion
            own = isinstance(self.rule, patterns.Balanced) and self.rule.n is not None
            self.sparsity = self.rule.limit(0.9 if sparsity is None and not own else sparsity)

    def share(self, number: int) -> float:
        """What shall be gone after a round."""
        if number == self.rounds:
            return self.sparsity
        return float(1 - (1 - self.sparsity) ** (number / self.rounds))

    def prune(self, model: MLP, number: int) -> dict[int, Any]:
        """The pruning of a round; of neurons, which stayed."""
        if self.rule is None:
            share = 1 - (1 - self.share(number)) / (1 - self.share(number - 1))
            data = None if self.criterion in BY_WEIGHTS else self.data
            return neurons(model, share, criterion=self.criterion, data=data, **self.ranked)
        data = self.data if self.criterion == "taylor" else None
        weights(model, self.share(number), criterion=self.criterion, data=data, pattern=self.rule, **self.ranked)
        return {}


class _Training:
    """The training after each pruning, which differs by where it begins."""

    def __init__(
        self,
        x: Any,
        y: Any,
        epochs: int,
        optimizer: Any,
        lr: Any,
        batch_size: int,
        seed: int,
        callbacks: list[Any],
        options: dict[str, Any],
    ) -> None:
        from ..optim import schedules

        rows = len(next(iter(x.values())) if isinstance(x, Mapping) else x)
        rows -= round(rows * options.get("validation_split", 0.0))
        steps = epochs * -(-rows // check_count("batch_size", batch_size))
        self.x, self.y, self.epochs, self.batch_size, self.seed = x, y, epochs, batch_size, seed
        self.optimizer, self.callbacks = optimizer, callbacks
        self.lr = lr if callable(lr) else schedules.Cosine(lr, steps=steps)
        self.options = {"progress": False} | options
        names = ("clip_norm", "clip_value", "ema_decay")
        self.of_optimizer = {name: self.options.pop(name, None) for name in names}

    def run(
        self,
        model: MLP,
        number: int,
        rewind: str | None,
        origin: Origin | None,
        kept: Kept,
        checkpoint: Any,
        resume: bool,
    ) -> History:
        """Train once; a number of 0 is the training before any pruning."""
        from ..training.fit import fit, make_optimizer

        tuned = number and rewind is None
        optimizer = make_optimizer(model, self.optimizer, self.lr(0) / 10 if tuned else self.lr, **self.of_optimizer)
        epochs = self.epochs
        if origin is not None:
            if not resume:
                origin.restore(model, optimizer, kept)
            epochs -= origin.epoch
        return fit(
            model,
            self.x,
            self.y,
            optimizer=optimizer,
            epochs=epochs,
            batch_size=self.batch_size,
            seed=self.seed + number,
            callbacks=self.callbacks,
            checkpoint=checkpoint,
            resume=resume,
            **self.options,
        )
