"""Every wrong picture of a run on one page: what it was, what the network saw, where it looked, and filters over all.

The page is a single file without outside references; it follows the reader's light or dark setting, and can be read
without its script.
"""

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from bloodcells.corruption.composite import CORRUPTION_SEEDS, draw_chain, words
from bloodcells.pages.embedded import image_url, light_page, picture_url
from bloodcells.pages.html_page import html_page
from bloodcells.pages.record import RunRecord
from bloodcells.pages.tables import corruption_in_words
from bloodcells.pages.words import PARTS, VIEWS
from bloodcells.run import SETS, Errors, metrics_by_set

_DARKEST = 190  # of 255, where nothing spoke for the class
_SETS = dict(zip(SETS, ("clean", "corrupted"), strict=True))
_STYLE, _SCRIPT = (Path(__file__).with_suffix(suffix) for suffix in (".css", ".js"))


@dataclass(frozen=True)
class _Wrong:
    """One picture of the page."""

    part: str
    set: str
    number: int  # in the source
    truth: int
    taken: int
    confidence: float
    corruptions: tuple[str, ...]
    strengths: tuple[float, ...]  # of the corruptions; empty where they are not known
    original: np.ndarray
    seen: np.ndarray
    map: np.ndarray


def errors_page(
    record: RunRecord, errors: Mapping[str, Mapping[str, Errors]], numbers: Mapping[str, np.ndarray]
) -> str:
    """The page as HTML.

    Args:
        record: of the run; its classes and confusion matrices are shown.
        errors: by part and set, as `Run.read_errors` gives them, all of them complete.
        numbers: by part, the numbers of its cells in the source.
    """
    wrong = sorted(_pictures(errors, numbers), key=lambda one: -one.confidence)
    style, script = (file.read_text(encoding="utf-8") for file in (_STYLE, _SCRIPT))
    head = _head(record, errors, len(wrong)) + _matrices(record) + _filters(record, wrong)

    def page_with(quality: int) -> str:
        cards = "".join(_card(one, record.config.competition.classes, quality) for one in wrong)
        return html_page(f"Errors of {record.run}", f'{head}<div class="cards">{cards}</div>', "\n" + style, script)

    return light_page(page_with)


def _pictures(errors: Mapping[str, Mapping[str, Errors]], numbers: Mapping[str, np.ndarray]) -> Iterator[_Wrong]:
    for part, by_set in errors.items():
        for of, found in by_set.items():
            for place, seen in enumerate(found.images):
                corruptions = tuple(filter(None, str(found.corruptions[place]).split("+")))
                yield _Wrong(
                    part=part,
                    set=of,
                    number=int(numbers[part][found.places[place]]),
                    truth=int(found.labels[place]),
                    taken=int(found.predicted[place]),
                    confidence=float(found.confidence[place]),
                    corruptions=corruptions,
                    strengths=_strengths(part, int(found.places[place]), corruptions),
                    original=found.originals[place],
                    seen=seen,
                    map=found.maps[place],
                )


def _strengths(part: str, place: int, corruptions: tuple[str, ...]) -> tuple[float, ...]:
    """Those of the chain that the composite draws for the image at a ``place``; none where it draws another today."""
    chain = draw_chain(CORRUPTION_SEEDS[part], place)
    return tuple(step.strength for step in chain) if words(chain) == corruptions else ()


def _chain_in_words(one: _Wrong) -> str:
    names = [corruption_in_words(name) for name in one.corruptions]
    if one.strengths:
        names = [f"{name} {strength:.2f}" for name, strength in zip(names, one.strengths, strict=True)]
    return ", then ".join(names) or "as it is"


def _head(record: RunRecord, errors: Mapping[str, Mapping[str, Errors]], shown: int) -> str:
    wrong = sum(len(one) for by_set in errors.values() for one in by_set.values())
    missing = (
        f" Of {wrong:,} wrong predictions, the {shown:,} most confident have a picture here." if shown < wrong else ""
    )
    return (
        f"<header><p>{html.escape(record.config.competition.title)}, run {html.escape(record.run)}, "
        f"{VIEWS[record.summary.views]}</p><h1>{wrong:,} wrong predictions</h1>"
        "<p>Each picture is shown as it is, then as it was corrupted, then darkened where nothing spoke for the wrong "
        "class (Grad-CAM on a coarse grid). The number behind a corruption is its strength, from 0 (its mildest) to 1. "
        "The most confident errors come first. The number of a picture is the one "
        f"that the cleaning page and its decisions give it.{missing}</p></header>"
    )


def _matrices(record: RunRecord) -> str:
    tables = []
    for part in CORRUPTION_SEEDS:
        for of, metrics in metrics_by_set(record.measurements, part, record.summary.views).items():
            tables.append(
                f"<figure><figcaption><b>{PARTS[part]}, {_SETS[of]}</b> {metrics.images:,} cells, accuracy "
                f'{metrics.accuracy:.4f}</figcaption><div class="wide">'
                f"{_matrix(part, of, metrics.confusion, record.config.competition.classes)}</div></figure>"
            )
    return (
        "<section><h2>What each class is taken for</h2><p>Rows are the true classes, columns what the network said, by "
        f'number. A click on a count shows its pictures.</p><div class="matrices">{"".join(tables)}</div></section>'
    )


def _matrix(part: str, of: str, confusion: Sequence[Sequence[int]], classes: Sequence[str]) -> str:
    head = "".join(f"<th>{number}" for number in range(len(classes)))
    rows = []
    for truth, counts in enumerate(confusion):
        cells = "".join(_count(part, of, truth, taken, count, sum(counts)) for taken, count in enumerate(counts))
        rows.append(f"<tr><th>{truth} {html.escape(classes[truth])}{cells}")
    return f'<table class="matrix"><thead><tr><th>{head}<tbody>{"".join(rows)}</table>'


def _count(part: str, of: str, truth: int, taken: int, count: int, all_of_class: int) -> str:
    if truth == taken or not count:
        return f"<td>{count or ''}"
    data = f'data-part="{part}" data-set="{of}" data-truth="{truth}" data-taken="{taken}"'
    share = min(4 * count / all_of_class, 1)
    words = f"{count} of class {truth}, taken for {taken}"
    return f'<td><button {data} style="--share:{share:.2f}" aria-label="{words}">{count}</button>'


def _filters(record: RunRecord, wrong: Sequence[_Wrong]) -> str:
    classes = {str(label): name for label, name in enumerate(record.config.competition.classes)}
    met = sorted({name for one in wrong for name in one.corruptions})
    choices = {
        "part": ("part", {part: PARTS[part] for part in CORRUPTION_SEEDS}),
        "set": ("cells", _SETS),
        "truth": ("true class", classes),
        "taken": ("taken for", classes),
        "corruption": ("corruption", {name: corruption_in_words(name) for name in met}),
    }
    selects = "".join(
        f'<label>{words}<select name="{name}"><option value="">all'
        + "".join(f'<option value="{value}">{html.escape(text)}' for value, text in options.items())
        + "</select></label>"
        for name, (words, options) in choices.items()
    )
    return (
        f'<section><h2>The pictures</h2><form id="filters">{selects}<label>at least as sure as '
        '<span><input name="confidence" type="range" min="0" max="100" value="0"> <b>0</b> %</span></label>'
        f'<button type="reset">Show all</button></form><output>{len(wrong):,} pictures</output></section>'
    )


def _card(one: _Wrong, classes: Sequence[str], quality: int) -> str:
    truth, taken = (html.escape(classes[label]) for label in (one.truth, one.taken))
    data = {"part": one.part, "set": one.set, "truth": one.truth, "taken": one.taken,
            "corruptions": " ".join(one.corruptions), "confidence": f"{one.confidence:.4f}"}  # fmt: skip
    pictures = {"seen": picture_url(one.seen, quality), "map": _darkness(one.map)}
    tiles = '<i class="seen"></i><i class="looked"></i>'
    if one.set != "clean":
        pictures["original"] = picture_url(one.original, quality)
        tiles = f'<i class="original"></i>{tiles}'
    attributes = " ".join(f'data-{name}="{value}"' for name, value in data.items())
    style = ";".join(f"--{name}:url({url})" for name, url in pictures.items())
    return (
        f'<figure {attributes} style="{style}"><div role="img" aria-label="{truth}, taken for {taken}">{tiles}</div>'
        f"<figcaption><b>{truth}</b>taken for <b>{taken}</b> {100 * one.confidence:.0f}&nbsp;%<br>"
        f"{_chain_in_words(one)}<br>{PARTS[one.part]}, image {one.number}</figcaption></figure>"
    )


def _darkness(evidence: np.ndarray) -> str:
    """A black picture of a few pixels, the more transparent the more spoke for the class."""
    alpha = ((1 - evidence) * _DARKEST).round().astype(np.uint8)
    return image_url(Image.fromarray(np.stack([np.zeros_like(alpha), alpha], axis=2), "LA"), "png")
