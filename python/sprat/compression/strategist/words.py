"""The outcome of a search as text."""

from __future__ import annotations

from .outcome import Candidate, Compression

_BOUNDS = {"max_loss": "loses too much", "max_bytes": "is too large", "max_latency": "is too slow"}


def text(found: Compression) -> str:
    """All that a reader of a terminal wants to know."""
    parts = [why(found), "", _table(found), "", rows_note(found)]
    if found.chosen.layers:
        parts += ["", "Layers of the chosen model, and what other formats would have meant for the whole of it:"]
        parts += [f"  {line}" for line in layer_lines(found.chosen)]
    if found.trials:
        parts += ["", f"Networks that were trained ({len(found.trials)}), the least work first:"]
        parts += [f"  {line}" for line in trial_lines(found)]
    parts += ["", how_it_ended(found)]
    return "\n".join(parts)


def why(found: Compression) -> str:
    """The decision."""
    goal, chosen = found.goal, found.chosen
    if not found.reached:
        missed = " and ".join(_BOUNDS[name] for name in chosen.misses)
        return f"Nothing that was tried gives {goal.words()}; the nearest, {chosen.name!r}, {missed}: {gains(found)}."
    if chosen is found.original:
        return f"Nothing smaller or faster gives {goal.words()}: the original stays."
    least = {"balance": "time and bytes together", "speed": "time for one row", "size": "bytes"}[goal.prefer]
    reason = f"least in {least}" if goal.max_loss is not None else "best in score"
    kept = sum(not one.misses for one in found.candidates)
    return f"Chosen: {chosen.name!r}, {reason} of the {kept} models that give {goal.words()}: {gains(found)}."


def gains(found: Compression) -> str:
    """What the chosen model gains and loses.

    For example "7.1 times faster for one row, 8.6 times smaller, accuracy 0.21 points lower on the test rows".
    """
    tested = found.chosen.test_drop
    loss = 100 * (found.chosen.drop if tested is None else tested).loss
    where = "" if tested is None else " on the test rows"
    change = f"{abs(loss):.2f} points {'lower' if loss > 0 else 'higher'}" if abs(loss) >= 0.005 else "the same"
    pace = f"{found.faster:.1f} times faster" if found.faster >= 1 else f"{1 / found.faster:.1f} times slower"
    size = f"{found.smaller:.1f} times smaller" if found.smaller >= 1 else f"{1 / found.smaller:.1f} times larger"
    return f"{pace} for one row, {size}, {score_name(found)} {change}{where}"


def score_name(found: Compression) -> str:
    """ "accuracy" or "R²"."""
    return {"accuracy": "accuracy", "r2": "R²"}[found.original.score.name]


def percent(value: float) -> str:
    """A score as accuracies are written; R² too, so that points are points."""
    return f"{100 * value:.2f}%"


def rows_note(found: Compression) -> str:
    """Which rows the figures are of, and how far they can be trusted."""
    facts, chosen = found.facts, found.chosen
    note = (
        f"Scores are of the {facts['validation_rows']:,} rows the candidates were chosen by, so they flatter the chosen one "
        "a little. Intervals are of 95 %; p: how often two equally good models differ as much."
    )
    if chosen.test is None or chosen.test_drop is None or found.original.test is None:
        return note + " Pass test=(x, y) for a figure on rows that nothing was chosen by."
    drop = chosen.test_drop
    return (
        f"{note}\nOn {facts['test_rows']:,} rows that nothing was chosen by: {score_name(found)} "
        f"{percent(chosen.test.value)} ({interval(chosen.test.interval)}), the original {percent(found.original.test.value)}; "
        f"lower by {lower(drop.loss)} points ({points(drop.interval)}), {drop.test} p {equals(drop.p_value)}."
    )


def interval(ends: tuple[float, float]) -> str:
    """Both ends of a score's interval."""
    return f"{100 * ends[0]:.2f} to {100 * ends[1]:.2f}"


def lower(loss: float) -> str:
    """A loss in points; what rounds to nothing has no sign.

    >>> lower(0.0031), lower(-1e-5)
    ('0.31', '0.00')
    """
    return f"{100 * loss:.2f}".replace("-0.00", "0.00")


def points(ends: tuple[float, float]) -> str:
    """Both ends of a difference's interval, in points."""
    return f"{100 * ends[0]:+.2f} to {100 * ends[1]:+.2f}"


def p_value(p: float) -> str:
    """Two digits that count.

    >>> p_value(0.0421), p_value(1e-9)
    ('0.042', '< 0.0001')
    """
    return "< 0.0001" if p < 1e-4 else f"{p:.2g}"


def equals(p: float) -> str:
    """A p-value after its letter.

    >>> equals(0.0421), equals(1e-9)
    ('= 0.042', '< 0.0001')
    """
    return p_value(p) if p < 1e-4 else f"= {p_value(p)}"


def layer_lines(candidate: Candidate) -> list[str]:
    """One line for each layer."""
    return [
        f"{choice.layer}: {choice.shape[1]} -> {choice.shape[0]}, {choice.format} ({choice.own}). Instead {choice.why}"
        for choice in candidate.layers
    ]


def trial_lines(found: Compression) -> list[str]:
    """One line for each network that was trained."""
    lines = []
    for trial in sorted(found.trials, key=lambda one: one.work):
        marks = ", ".join(percent(mark.score.value) for mark in trial.marks) or ("" if trial.dropped else "no time")
        fate = "; ".join(part for part in (marks, trial.dropped) if part)
        lines.append(f"{trial.name} ({trial.work:,} multiplications): {fate}")
    return lines


def how_it_ended(found: Compression) -> str:
    """Time, seed, machine."""
    facts = found.facts
    ended = {"done": "It had nothing more to try.", "budget": "The budget ended it.", "interrupt": "Ctrl-C ended it."}
    return (
        f"{found.seconds:.0f} s, seed {facts['seed']}, {facts['isa']}, {facts['threads']} threads. {ended[found.stopped_by]} "
        "The same data and seed give the same candidates with the same weights; how many there is time for, and times, "
        "depend on the machine."
    )


def _table(found: Compression) -> str:
    front = set(map(id, found.front))
    head = [
        "",
        "model",
        score_name(found),
        "(95 %)",
        "lower by",
        "(95 %)",
        "p",
        "bytes",
        "µs 1 row",
        "p99",
        "rows per s",
    ]
    rows = [head]
    shown = [one for one in found.candidates if one in (found.original, found.chosen) or id(one) in front]
    for one in shown:
        mark = "*" if one is found.chosen else "+" if id(one) in front else ""
        same = one is found.original
        rows.append(
            [
                mark,
                one.name,
                percent(one.score.value),
                interval(one.score.interval),
                "" if same else lower(one.drop.loss),
                "" if same else points(one.drop.interval),
                "" if same else p_value(one.drop.p_value),
                f"{one.file_bytes:,}",
                f"{one.speed.microseconds:.2f}",
                f"{one.speed.microseconds_p99:.2f}",
                f"{float(f'{one.speed.rows_per_second:.3g}'):,.0f}",
            ]
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = [
        "  ".join(
            cell.ljust(w) if i < 2 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    lines.insert(1, "  ".join("─" * width for width in widths))
    more = len(found.candidates) - len(shown)
    others = f"; {more} more were measured" if more else ""
    lines.append(f"* chosen   + on the front: no other is at least as good in score, bytes and time{others}")
    return "\n".join(line.rstrip() for line in lines)
