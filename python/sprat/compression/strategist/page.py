"""The outcome of a search as one HTML page: no network, no script, light and dark."""

from __future__ import annotations

from html import escape
from importlib.resources import files

from . import words
from .outcome import Candidate, Compression
from .plots import Dot, Line, curves, scatter

# Scores are drawn down to so many times the largest loss below the best; what is worse lies on the edge.
_SHOWN = 10
# Heads of columns of words, which begin at the left.
_TEXT = dict.fromkeys(("instead", "accuracy after each rung", "R² after each rung", "fate"), ' class="text"')


def page(found: Compression) -> str:
    """The whole page."""
    style = files(__package__).joinpath("page.css").read_text(encoding="utf-8")
    sections = [
        _head(found),
        _cards(found),
        _plots(found),
        _candidates(found),
        _layers(found),
        _trials(found),
        _foot(found),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>sprat: what was compressed, and why so</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(section for section in sections if section)
        + "\n</main>\n</body>\n</html>\n"
    )


def _head(found: Compression) -> str:
    state = "reached" if found.reached else "missed"
    return (
        f'<header>\n<p class="badge {state}">goal {"reached" if found.reached else "not reached"}</p>\n'
        f"<h1>{escape(words.gains(found)) if found.chosen is not found.original else 'The original stays'}</h1>\n"
        f'<p class="lead">{escape(found.why())}</p>\n</header>'
    )


def _cards(found: Compression) -> str:
    before, after = found.original, found.chosen
    tested = after.test if after.test is not None else after.score
    reference = before.test if before.test is not None and after.test is not None else before.score
    drop = after.test_drop if after.test_drop is not None else after.drop
    rows = "rows nothing was chosen by" if after.test is not None else "the rows it was chosen by"
    return (
        '<section class="cards">\n'
        + "\n".join(
            [
                _card(
                    words.score_name(found).capitalize(),
                    words.percent(tested.value),
                    f"was {words.percent(reference.value)}, on {rows}",
                    f"lower by {words.lower(drop.loss)} points ({words.points(drop.interval)}), p {words.equals(drop.p_value)}",
                ),
                _card(
                    "One row",
                    f"{after.speed.microseconds:.2f} µs",
                    f"was {before.speed.microseconds:.2f} µs: {found.faster:.1f} times faster",
                    f"p99 {after.speed.microseconds_p99:.2f} µs, was {before.speed.microseconds_p99:.2f} µs",
                ),
                _card(
                    "File",
                    f"{after.file_bytes:,} bytes",
                    f"was {before.file_bytes:,}: {found.smaller:.1f} times smaller",
                    f"{after.size.parameters:,} parameters, were {before.size.parameters:,}",
                ),
                _card(
                    "Throughput",
                    f"{after.speed.rows_per_second / 1e6:.2f} M rows/s",
                    f"was {before.speed.rows_per_second / 1e6:.2f} M rows/s",
                    f"batches of 4096 rows, {found.facts['threads']} threads",
                ),
            ]
        )
        + "\n</section>"
    )


def _card(name: str, value: str, *lines: str) -> str:
    small = "".join(f"<small>{escape(line)}</small>" for line in lines)
    return f"<div><h2>{escape(name)}</h2><strong>{escape(value)}</strong>{small}</div>"


def _plots(found: Compression) -> str:
    goal, name = found.goal, f"{words.score_name(found)}, %"
    least = None if goal.max_loss is None else 100 * (found.original.score.value - goal.max_loss)
    latency = None if goal.max_latency is None else 1e6 * goal.max_latency
    best = max(one.score.value for one in found.candidates)
    floor = 100 * (best - _SHOWN * max(0.005, goal.max_loss or 0.0))
    fast = [_dot(found, one, one.speed.microseconds) for one in found.candidates]
    times = scatter(fast, "µs for one row", name, latency, least, floor)
    small = [_dot(found, one, one.file_bytes) for one in found.candidates]
    sizes = scatter(small, "bytes", name, goal.max_bytes, least, floor)
    learnt = [
        Line(
            tuple((mark.visits, 100 * mark.score.value) for mark in trial.marks),
            "chosen" if trial.name == found.chosen.network else "other",
            trial.name,
        )
        for trial in found.trials
        if trial.marks
    ]
    figures = [
        (times, "What a score costs in time. The stair is the best there is; dashed: the goal; pale: far below."),
        (sizes, "What it costs in bytes."),
    ]
    if learnt:
        figures.append(
            (curves(learnt, "rows learnt from", name, least, floor), "How the networks learnt, rung by rung.")
        )
    body = "\n".join(f"<figure>{plot}<figcaption>{escape(text)}</figcaption></figure>" for plot, text in figures)
    legend = "".join(
        f'<span><i class="{kind}"></i>{text}</span>'
        for kind, text in (
            ("chosen", "chosen"),
            ("original", "original"),
            ("front", "on the front"),
            ("other", "others"),
        )
    )
    return f'<section>\n<p class="legend">{legend}</p>\n<div class="plots">\n{body}\n</div>\n</section>'


def _dot(found: Compression, one: Candidate, x: float) -> Dot:
    title = f"{one.name}: {words.percent(one.score.value)}, {one.speed.microseconds:.2f} µs, {one.file_bytes:,} bytes"
    return Dot(x, 100 * one.score.value, _kind(found, one), title)


def _kind(found: Compression, one: Candidate) -> str:
    if one is found.chosen:
        return "chosen"
    if one is found.original:
        return "original"
    return "front" if any(one is other for other in found.front) else "other"


def _candidates(found: Compression) -> str:
    heads = ["model", words.score_name(found), "95 %", "lower by", "95 %", "p", "bytes", "µs", "p99", "rows/s"]
    rows = []
    for one in found.candidates:
        same = one is found.original
        cells = [
            words.percent(one.score.value),
            words.interval(one.score.interval),
            "" if same else words.lower(one.drop.loss),
            "" if same else words.points(one.drop.interval),
            "" if same else words.p_value(one.drop.p_value),
            f"{one.file_bytes:,}",
            f"{one.speed.microseconds:.2f}",
            f"{one.speed.microseconds_p99:.2f}",
            f"{one.speed.rows_per_second / 1e6:.2f} M",
        ]
        kind = _kind(found, one)
        body = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        rows.append(f'<tr class="{kind}"><th scope="row"><i class="{kind}"></i>{escape(one.name)}</th>{body}</tr>')
    return (
        "<section>\n<h2>Models that were measured</h2>\n"
        f"{_table(heads, rows)}\n<p>{escape(words.rows_note(found))}</p>\n</section>"
    )


def _layers(found: Compression) -> str:
    if not found.chosen.layers:
        return ""
    rows = [
        f"<tr><td>{choice.layer}</td><td>{choice.shape[1]} → {choice.shape[0]}</td><td><b>{escape(choice.format)}</b></td>"
        f"<td>{escape(choice.own)}</td>"
        f'<td class="text">{"<br>".join(escape(part) for part in choice.why.split("; "))}</td></tr>'
        for choice in found.chosen.layers
    ]
    return (
        "<section>\n<h2>Layers of the chosen model</h2>\n<p>A layer has the smallest format that does not make the network slower "
        "and keeps the goal; every figure is of the whole network with this one layer changed.</p>\n"
        f"{_table(['layer', 'shape', 'format', 'the whole', 'instead'], rows)}\n</section>"
    )


def _trials(found: Compression) -> str:
    if not found.trials:
        return ""
    rows = []
    for trial in sorted(found.trials, key=lambda one: one.work):
        marks = " → ".join(words.percent(mark.score.value) for mark in trial.marks) or (
            "" if trial.dropped else "no time"
        )
        kind = "chosen" if trial.name == found.chosen.network else "other"
        rows.append(
            f'<tr class="{kind}"><th scope="row">{escape(trial.name)}</th><td>{trial.work:,}</td>'
            f'<td class="text">{escape(marks)}</td><td class="text">{escape(trial.dropped or "went to the end")}</td></tr>'
        )
    heads = ["network", "multiplications", f"{words.score_name(found)} after each rung", "fate"]
    log = "".join(f"<li>{escape(line)}</li>" for line in found.log)
    return (
        f"<section>\n<h2>Networks that were trained</h2>\n{_table(heads, rows)}\n"
        f"<details><summary>Decisions on the way</summary><ol>{log}</ol></details>\n</section>"
    )


def _foot(found: Compression) -> str:
    facts = found.facts
    return (
        f"<footer><p>{escape(words.how_it_ended(found))}</p>\n<p>{facts['train_rows']:,} rows to learn from, "
        f"{facts['validation_rows']:,} to choose by, {facts['test_rows']:,} to test on; sprat {escape(facts['version'])}.</p></footer>"
    )


def _table(heads: list[str], rows: list[str]) -> str:
    head = "".join(f"<th{_TEXT.get(name, '')}>{escape(name)}</th>" for name in heads)
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>\n'
        + "\n".join(rows)
        + "\n</tbody></table></div>"
    )
