"""Runs compared on one page and in one table: curves, differences with their intervals, pictures that flipped."""

import html
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from bloodcells.files import claim, write_csv, write_text
from bloodcells.measuring.comparison import Answers, Difference, differences, flipped
from bloodcells.pages.embedded import light_page, picture_url
from bloodcells.pages.html_page import html_page, section
from bloodcells.pages.palette import run_colours
from bloodcells.pages.plots import curves_of_runs, inline_svg
from bloodcells.run import SETS

PAGE, TABLE = "compare.html", "compare.csv"
COLUMNS = (
    "run", "baseline", "set", "group", "name", "images", "accuracy", "difference", "low", "high", "p_value", "gained",
    "lost",
)  # fmt: skip
_MOST_PICTURES = 120  # of one run, set and direction
_SETS = dict(zip(SETS, ("clean", "corrupted"), strict=True))
_TITLES = {"class": "By class", "corruption": "By corruption"}
_STYLE = Path(__file__).with_suffix(".css")


def write_comparison(runs: Sequence[Answers], out: Path) -> list[Difference]:
    """Write ``compare.html`` and ``compare.csv`` into ``out``; return what they say.

    Args:
        runs: as `comparison.read_answers` gives them; the first is the baseline.
        out: folder; what an earlier call left there is replaced.

    Raises:
        KitError: ``out`` holds files of these names that are somebody else's.
    """
    claim(out, (PAGE, TABLE))
    rows = differences(runs)
    write_csv(out / TABLE, COLUMNS, map(_row, rows))
    write_text(out / PAGE, comparison_page(runs, rows))
    return rows


def comparison_page(runs: Sequence[Answers], rows: Sequence[Difference]) -> str:
    """The page as HTML."""
    figure = curves_of_runs({run.run: run.epochs for run in runs}, run_colours(len(runs)))
    curves = inline_svg(figure, "Validation error after each epoch")
    sections = [_head(runs), _overall(runs, rows)]
    sections.append(section("Learning curves", "Error on single views of the validation cells.", curves))
    sections += [_groups(runs, rows, group, title) for group, title in _TITLES.items()]
    style = "\n" + _STYLE.read_text(encoding="utf-8")

    def page_with(quality: int) -> str:
        pictures = [_flips(run, runs[0], of, quality) for run in runs[1:] for of in SETS]
        return html_page("Runs compared", "\n".join([*sections, *pictures]), style)

    return light_page(page_with)


def _row(one: Difference) -> dict[str, object]:
    low, high = one.interval
    shares = {"accuracy": one.right, "difference": one.mean, "low": low, "high": high, "p_value": one.p_value}
    return {
        **{name: getattr(one, name) for name in COLUMNS if name not in shares},
        **{name: f"{share:.6g}" for name, share in shares.items()},
    }


def _head(runs: Sequence[Answers]) -> str:
    baseline, images = runs[0], runs[0].metrics["clean"].images
    return (
        f"<header><p>{html.escape(baseline.config.competition.title)}</p><h1>{len(runs)} runs on one hold-out of "
        f"{images:,} cells</h1><p>Each run is compared with {_name(runs, baseline.run)}, picture by picture. The "
        "interval says what the difference would be on other cells, 19 times in 20; training again with another seed "
        "would move it too.</p></header>"
    )


def _overall(runs: Sequence[Answers], rows: Sequence[Difference]) -> str:
    compared = {(row.run, row.set): row for row in rows if row.group == "all"}
    body = []
    for run in runs:
        for of in SETS:
            one = compared.get((run.run, of))
            flips = f"{_points(one)}<td>{one.gained} / {one.lost}" if one else "-<td>-"
            body.append(f"<tr><th>{_name(runs, run.run)}<td>{_SETS[of]}<td>{run.metrics[of].accuracy:.4f}<td>{flips}")
    head = "<thead><tr><th>run<th>cells<th>accuracy<th>difference, points<th>gained / lost"
    return section(
        "All cells",
        "Gained are cells that the run alone has right, lost are cells that the baseline alone has right.",
        f'<div class="wide"><table>{head}<tbody>{"".join(body)}</table></div>',
    )


def _groups(runs: Sequence[Answers], rows: Sequence[Difference], group: str, title: str) -> str:
    own = [row for row in rows if row.group == group]
    reach = max((abs(end) for row in own for end in row.interval), default=1.0)
    tables = []
    for of in SETS:
        lines = [_line(runs, row, reach) for row in sorted(own, key=lambda row: row.name) if row.set == of]
        if lines:
            head = "<thead><tr><th><th>run<th>cells<th>difference, points<th>"
            tables.append(f'<div class="wide"><h3>{_SETS[of]}</h3><table>{head}<tbody>{"".join(lines)}</table></div>')
    text = "The bar is the interval, the mark the difference; right of the middle the run is better than the baseline."
    return section(title, text, f'<div class="groups">{"".join(tables)}</div>') if tables else ""


def _line(runs: Sequence[Answers], row: Difference, reach: float) -> str:
    low, middle, high = (50 + 50 * share / reach for share in (row.interval[0], row.mean, row.interval[1]))
    bar = f'<i style="left:{low:.1f}%;width:{high - low:.1f}%"></i><b style="left:{middle:.1f}%"></b>'
    return (
        f"<tr><th>{html.escape(row.name.replace('_', ' '))}<td>{_name(runs, row.run)}<td>{row.images:,}"
        f'<td>{_points(row)}<td class="range"><div>{bar}</div>'
    )


def _flips(run: Answers, baseline: Answers, of: str, quality: int) -> str:
    gained, lost = flipped(run, baseline, of)
    both = ((gained, baseline, run), (lost, run, baseline))
    parts = [
        f"<h3>Only {html.escape(right.run)} is right: {len(places)}</h3>"
        f'<div class="cards">{"".join(_cards(places, wrong, of, quality))}</div>'
        for places, wrong, right in both
        if places
    ]
    title = f"Flipped pictures, {_SETS[of]}: {html.escape(run.run)} against {html.escape(baseline.run)}"
    return section(title, "What the other run says, and how sure it is.", "".join(parts)) if parts else ""


def _cards(places: Iterable[int], wrong: Answers, of: str, quality: int) -> Iterator[str]:
    errors, classes = wrong.errors[of], wrong.config.competition.classes
    wanted = set(places)
    shown = [index for index, place in enumerate(errors.places[: len(errors.images)]) if int(place) in wanted]
    for index in shown[:_MOST_PICTURES]:
        truth, taken = (html.escape(classes[labels[index]]) for labels in (errors.labels, errors.predicted))
        pictures = [errors.images[index]] if of == "clean" else [errors.originals[index], errors.images[index]]
        tiles = "".join(
            f'<img src="{picture_url(one, quality)}" alt="{truth}" width="96" height="96" loading="lazy">'
            for one in pictures
        )
        chain = str(errors.corruptions[index]).replace("_", " ").replace("+", ", then ")
        yield (
            f"<figure><div>{tiles}</div><figcaption><b>{truth}</b>{taken}? {100 * errors.confidence[index]:.0f}&nbsp;%"
            f"<br>{chain + '<br>' if chain else ''}image {wrong.numbers[errors.places[index]]}</figcaption></figure>"
        )
    if len(wanted) > min(len(shown), _MOST_PICTURES):
        yield f'<p class="more">and {len(wanted) - min(len(shown), _MOST_PICTURES):,} more</p>'


def _points(one: Difference) -> str:
    low, high = one.interval
    return f"{100 * one.mean:+.2f} <small>({100 * low:+.2f} to {100 * high:+.2f})</small>"


def _name(runs: Sequence[Answers], name: str) -> str:
    names = [run.run for run in runs]
    colour = run_colours(len(runs))[names.index(name)]
    return f'<span class="run" style="--own:{colour}">{html.escape(name)}</span>'
