"""The page a participant sees. It travels in the scoring program: standard library only, nothing of the kit."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import quote

_STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1c1e21; --soft: #5c6470; --line: #d9dde3;
  --good: 37, 99, 175; --bad: 190, 60, 45; }
@media (prefers-color-scheme: dark) { :root { --paper: #15171a; --ink: #e6e8eb; --soft: #9aa3ae; --line: #363b42;
  --good: 90, 150, 230; --bad: 225, 100, 80; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.2rem 1rem 3rem; max-width: 52rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.15rem; margin: 0 0 .8rem; } h2 { font-size: 1rem; margin: 2rem 0 .5rem; }
p { margin: .3rem 0; } .soft { color: var(--soft); font-size: .875rem; }
.score { font-size: 3rem; line-height: 1.1; font-weight: 650; font-variant-numeric: tabular-nums; }
.failed { color: rgb(var(--bad)); font-weight: 600; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: .8rem; margin: 1.2rem 0 0; }
dt { color: var(--soft); font-size: .8rem; } dd { margin: 0; font-variant-numeric: tabular-nums; }
.diagram { width: 100%; max-width: 22rem; font-size: 11px; fill: var(--soft); }
.diagram path { fill: none; stroke: var(--soft); } .diagram .ideal { stroke-dasharray: 2 4; }
.diagram .gap { stroke: rgb(var(--bad)); stroke-width: 2; } .diagram circle { fill: rgb(var(--good)); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; width: 100%; }
th, td { padding: .3rem .45rem; text-align: right; border-bottom: 1px solid var(--line); }
th { font-weight: 600; } th:first-child { text-align: left; }
thead th { color: var(--soft); font-weight: 400; }
.bar { display: block; height: .55rem; border-radius: 2px; background: rgb(var(--good)); min-width: 1px; }
td.words { text-align: left; min-width: 16rem; font-size: .8rem; }
td.wide { width: 34%; min-width: 3.2rem; }
.matrix td, .matrix thead th:not(:first-child) { text-align: center; min-width: 2.1rem; padding: .3rem .1rem; }
@media (max-width: 32rem) { .matrix .name { display: none; } td.wide { width: 20%; } table { font-size: .8rem; }
  th, td { padding: .3rem .15rem; } td.wide { min-width: 2.2rem; } .matrix td { min-width: 1.9rem; } }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .8rem; border: 1px solid var(--line);
  padding: .7rem; border-radius: 4px; }
"""


def result_page(
    competition: Mapping[str, Any],
    scores: Mapping[str, float],
    confusion: Sequence[Sequence[int]],
    run: Mapping[str, float],
    bins: Sequence[tuple[int, float, float]] = (),
    diagram: str = "",
    corruptions: Mapping[str, tuple[int, float]] | None = None,
    higher_is_better: bool = True,
) -> str:
    """A scored submission as one HTML page without anything outside it.

    Args:
        competition: what lies beside the programs as ``competition.json``.
        scores: the leaderboard's values.
        confusion: C rows of C counts; row the true class, column the predicted one.
        run: ``duration`` and ``load_seconds`` in seconds, ``peak_memory`` in bytes.
        bins: images, mean confidence and accuracy by confidence; empty where no probabilities are known.
        diagram: these bins as a picture, SVG.
        corruptions: images and accuracy by the name of a corruption, in the order to show; None without names.
        higher_is_better: whether the largest value of the metric that ranks wins.
    """
    title, classes, metric = competition["title"], competition["classes"], competition["metric"]
    others = {name: f"{value:.4f}" for name, value in scores.items() if name not in (metric, "duration")}
    direction = "" if higher_is_better else ", lower is better"
    facts = {**others, "images": f"{sum(map(sum, confusion)):,}"}
    parts = [
        f'<p class="soft">{escape(_words(metric))}{direction}</p>',
        f'<p class="score">{scores[metric]:.4f}</p>{_facts(facts)}',
        f"<h2>Classes</h2>{_class_table(classes, confusion)}",
        f"<h2>Confusion matrix</h2>{_matrix(classes, confusion)}",
        '<p class="soft">Rows are the true classes, columns the predicted ones, by number.</p>',
        f"<h2>Calibration</h2>{_calibration(bins, diagram)}",
        f"<h2>Corruptions</h2>{_corruption_table(corruptions)}" if corruptions else "",
        f"<h2>Time and memory</h2>{_limits(competition, run)}",
    ]
    return _page(title, "".join(parts))


def failure_page(title: str, reason: str, logs: Mapping[str, str], remarks: Sequence[str] = ()) -> str:
    """A failed submission: the reason in one line, what else is odd, and the end of its output by stream name."""
    odd = "".join(f"<li>{escape(remark)}</li>" for remark in remarks)
    blocks = "".join(
        f"<h2>{escape(name)}</h2><pre>{escape(text.strip()) or 'empty'}</pre>" for name, text in logs.items()
    )
    return _page(title, f'<p class="failed">{escape(reason)}</p>{f"<ul>{odd}</ul>" if odd else ""}{blocks}')


def ranking_page(title: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """Several submissions in one table, with links to their own pages.

    Args:
        title: of the competition.
        columns: of its leaderboard.
        rows: ``rank``, ``zip``, the columns, ``reason`` and ``remarks`` of each, in the order to show.
    """
    lines = [
        f"<tr><td>{row['rank']}</td>"
        f'<th><a href="{quote(row["zip"])}/detailed_results.html">{escape(row["zip"])}</a></th>'
        + "".join(f"<td>{f'{row[name]:.4f}' if row[name] != '' else ''}</td>" for name in columns)
        + f'<td class="words"><span class="failed">{escape(row["reason"])}</span> {escape(row["remarks"])}</td></tr>'
        for row in rows
    ]
    return _page(title, _table(("rank", "submission", *map(_words, columns), "reason and remarks"), lines))


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{escape(title)}</h1>{body}</body></html>\n"
    )


def _facts(facts: Mapping[str, str]) -> str:
    items = "".join(f"<div><dt>{escape(_words(name))}</dt><dd>{value}</dd></div>" for name, value in facts.items())
    return f"<dl>{items}</dl>"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _table(head: Sequence[str], rows: Sequence[str]) -> str:
    columns = "".join(f"<th>{escape(name)}</th>" for name in head)
    return f'<div class="scroll"><table><thead><tr>{columns}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def _bar(share: float) -> str:
    return f'<td class="wide"><span class="bar" style="width:{100 * min(share, 1):.1f}%"></span></td>'


def _class_table(classes: Sequence[str], confusion: Sequence[Sequence[int]]) -> str:
    rows = []
    for index, name in enumerate(classes):
        right, true = confusion[index][index], sum(confusion[index])
        predicted = sum(row[index] for row in confusion)
        recall = f"{right / true:.3f}" if true else "no images"
        precision = f"{right / predicted:.3f}" if predicted else "never"
        rows.append(
            f"<tr><th>{index}&nbsp;{escape(name)}</th><td>{true:,}</td><td>{precision}</td><td>{recall}</td>"
            f"{_bar(right / true) if true else '<td></td>'}</tr>"
        )
    return _table(("class", "images", "precision", "recall", ""), rows)


def _corruption_table(corruptions: Mapping[str, tuple[int, float]]) -> str:
    rows = [
        f"<tr><th>{escape(_words(name)) or 'none'}</th><td>{images:,}</td><td>{accuracy:.3f}</td>{_bar(accuracy)}</tr>"
        for name, (images, accuracy) in corruptions.items()
    ]
    note = '<p class="soft">The worst first. An image counts under every corruption that it has met.</p>'
    return _table(("corruption", "images", "accuracy", ""), rows) + note


def _calibration(bins: Sequence[tuple[int, float, float]], diagram: str) -> str:
    if not bins:
        return (
            '<p class="soft">predict has returned labels alone. Where it goes through a method '
            "predict_probabilities(X) of the same Model, a reliability diagram is drawn here.</p>"
        )
    total = sum(images for images, _, _ in bins)
    error = sum(images * abs(confidence - accuracy) for images, confidence, accuracy in bins) / total
    confidence = sum(images * confidence for images, confidence, _ in bins) / total
    accuracy = sum(images * accuracy for images, _, accuracy in bins) / total
    facts = {
        "expected calibration error": f"{error:.4f}",
        "mean confidence": f"{confidence:.4f}",
        "accuracy": f"{accuracy:.4f}",
    }
    note = "Below the dashed line it is right less often than it says. The area of a dot shows its share of the images."
    return f'{_facts(facts)}{diagram}<p class="soft">{note}</p>'


def _limits(competition: Mapping[str, Any], run: Mapping[str, float]) -> str:
    seconds, limit = run["load_seconds"] + run["duration"], competition["time_limit"]
    memory, most = run["peak_memory"], competition["memory_limit"]
    rows = [
        f"<tr><th>load</th><td>{run['load_seconds']:.1f} s</td><td></td><td></td></tr>",
        f"<tr><th>predict</th><td>{run['duration']:.1f} s</td><td></td><td></td></tr>",
        f"<tr><th>together</th><td>{seconds:.1f} s</td><td>{limit:.0f} s</td>{_bar(seconds / limit)}</tr>",
        f"<tr><th>peak memory</th><td>{memory / 1e9:.2f} GB</td><td>{most / 1e9:.2f} GB</td>{_bar(memory / most)}</tr>",
    ]
    return _table(("", "used", "limit", ""), rows)


def _matrix(classes: Sequence[str], confusion: Sequence[Sequence[int]]) -> str:
    head = "".join(f"<th>{index}</th>" for index in range(len(classes)))
    rows = "".join(
        f'<tr><th>{index}<span class="name">&nbsp;{escape(name)}</span></th>'
        f"{_matrix_cells(index, confusion[index])}</tr>"
        for index, name in enumerate(classes)
    )
    return (
        f'<div class="scroll"><table class="matrix"><thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _matrix_cells(true: int, row: Sequence[int]) -> str:
    """Cells shaded by their share of the row: the diagonal in one colour; confusions in another, four times as deep."""
    total = max(sum(row), 1)
    cells = []
    for predicted, count in enumerate(row):
        colour, gain = ("good", 1) if predicted == true else ("bad", 4)
        # At most 0.6, so that the number stays readable in both colour schemes.
        opacity = 0.6 * min(gain * count / total, 1)
        shade = f' style="background:rgba(var(--{colour}),{opacity:.3f})"' if count else ""
        cells.append(f"<td{shade}>{count or ''}</td>")
    return "".join(cells)
