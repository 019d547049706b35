"""The cleaning as one page: what was dropped, what it looks like, and why the thresholds are where they are.

A person decides there about single images, and saves a file that `decisions.read_decisions` reads. The page is a single
file without outside references; it follows the reader's light or dark setting, and can be read without its script.
"""

import base64
import html
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from bloodcells.cleaning import CleaningSettings, CleaningTable
from bloodcells.cleaning.calibration import Calibration
from bloodcells.cleaning.clusters import ALONE
from bloodcells.cleaning.labels import NOT_SUSPECTED, ODDS
from bloodcells.cleaning.table import PERSON, REASONS
from bloodcells.data.cells import CellSet
from bloodcells.data.jpeg import encoded
from bloodcells.files import write_text
from bloodcells.pages.cleaning_figures import distance_distributions, junk_distribution
from bloodcells.pages.html_page import html_page, section
from bloodcells.pages.plots import inline_svg

WORDS = {
    "junk": ("junk", "pictures unlike the rest of this set"),
    "label_conflict": ("label conflicts", "one picture under several labels: nobody knows which is right"),
    "exact_duplicate": ("exact duplicates", "byte for byte an image before it"),
    "near_duplicate": ("near duplicates", "the same picture, shifted, turned, cropped or re-encoded"),
    PERSON: (PERSON, "somebody has looked at it"),
}
"""How the page calls each reason, and explains it."""

_MOST_PICTURES = 240
_MOST_CLUSTERS = 120
_MOST_IN_CLUSTER = 12
_ODDEST = 24
_STYLE, _SCRIPT = (Path(__file__).with_suffix(suffix) for suffix in (".css", ".js"))


def write_cleaning_page(
    path: Path,
    cells: CellSet,
    table: CleaningTable,
    settings: CleaningSettings,
    calibration: Calibration | None = None,
) -> None:
    """Write the page of an examination as one HTML file.

    Args:
        path: the path of the file.
        cells: what was examined.
        table: what ``examine`` found in them.
        settings: with which it did.
        calibration: the calibration of the thresholds on the kept cells, for the figure of distances.
    """
    sections = [_head(cells, table), _overview(cells, table), _decided(cells, table), _junk(cells, table, settings)]
    sections += [_clusters(cells, table), _suspected(cells, table), _oddest(cells, table)]
    sections += [_thresholds(table, settings, calibration), _bar(cells, table)]
    body = "\n".join(section for section in sections if section)
    style, script = (file.read_text(encoding="utf-8") for file in (_STYLE, _SCRIPT))
    write_text(path, html_page(f"Cleaning: {cells.origin}", body, "\n" + style, script))


def _head(cells: CellSet, table: CleaningTable) -> str:
    counts = table.counts()
    kept, images = counts["kept"], counts["images"]
    bar, legend = [], []
    for reason, count in {"kept": kept, **{name: int((table.reason == name).sum()) for name in REASONS}}.items():
        if count:
            bar.append(f'<i class="{reason}" style="flex-grow:{count}"></i>')
            words = "kept" if reason == "kept" else WORDS[reason][0]
            legend.append(f'<li><b class="{reason}">{count:,}</b>{words}</li>')
    return (
        f"<header><p>{html.escape(cells.origin)}</p><h1>{images:,} images, {kept:,} to learn from</h1>"
        f'<div class="bar" role="img" aria-label="{kept:,} of {images:,} images are kept">{"".join(bar)}</div>'
        f'<ul class="legend">{"".join(legend)}</ul>'
        "<p>You have the last word: choose <b>keep</b>, <b>drop</b> or <b>relabel</b> under a picture, save the "
        "decisions at the foot of the page, and give the file to the next command: "
        "<code>bloodcells run --decisions decisions.csv</code>.</p></header>"
    )


def _overview(cells: CellSet, table: CleaningTable) -> str:
    columns = [reason for reason in REASONS if (table.reason == reason).any()]
    head = "".join(f"<th>{WORDS[reason][0]}" for reason in columns)
    rows = []
    for label, name in enumerate(_classes(cells)):
        own = table.label == label
        counts = [
            own.sum(),
            *((own & (table.reason == reason)).sum() for reason in columns),
            (own & (table.reason == "")).sum(),
        ]
        rows.append(f"<tr><th>{name}" + "".join(f"<td>{count:,}" if count else "<td>-" for count in counts))
    return section(
        "By class",
        "Every image that is not kept is dropped for one reason. Nothing was deleted: decisions are rows of a table.",
        f'<div class="wide"><table><thead><tr><th>class<th>images{head}<th>kept<tbody>{"".join(rows)}</table></div>',
    )


def _decided(cells: CellSet, table: CleaningTable) -> str:
    if table.decisions is None:
        return ""
    words = {"keep": "kept", "drop": "dropped", "relabel": "relabelled"}
    captions = {
        row.number: f"<b>{_classes(cells)[table.label[row.number]]}</b>{words[row.choice]}"
        for row in table.decisions.rows
    }
    return section(
        f"Decided by a person: {len(captions):,}",
        "These decisions were given with <code>--decisions</code>. They are about these images alone: copies of them "
        "stay what they were.",
        _grid(cells, table, captions, len(captions)),
    )


def _bar(cells: CellSet, table: CleaningTable) -> str:
    rows = table.decisions.rows if table.decisions else ()
    decided = {row.number: {"file": row.file, "choice": row.choice, "label": row.label} for row in rows}
    data = {"cells": cells.sha256, "classes": json.dumps(cells.competition.classes), "decided": json.dumps(decided)}
    attributes = " ".join(f'data-{name}="{html.escape(value)}"' for name, value in data.items())
    return (
        f'<div id="decisions" {attributes} hidden><output></output><button id="forget">Forget all</button>'
        '<button id="save">Save decisions</button></div>'
    )


def _junk(cells: CellSet, table: CleaningTable, settings: CleaningSettings) -> str:
    junk = np.flatnonzero(table.reason == "junk")
    if not len(junk):
        return ""
    pictures = _distinct(table, junk)
    pictures.sort(key=lambda members: (len(members) > 1, -len(members), -table.junk_score[members[0]]))
    captions = {}
    for members in pictures[:_MOST_PICTURES]:
        one = int(members[0])
        labels = np.unique(table.label[members])
        who = _classes(cells)[labels[0]] if len(labels) == 1 else f"{len(labels)} labels"
        times = f"{len(members):,} times, " if len(members) > 1 else ""
        captions[one] = f"<b>{times}{who}</b>{table.junk_score[one]:.1f}, by {table.evidence[one]}"
    return section(
        f"Junk: {len(junk):,} images, {len(pictures):,} pictures",
        "Nothing else in this set looks like these: by the colours they use, by their contrast, sharpness and layout, "
        f"or because they show nothing. Score {settings.junk_threshold:g} is the limit. Pictures without copies come "
        "first: nothing but their looks speaks against them, and <code>--keep-lone</code> keeps them.",
        _grid(cells, table, captions, len(pictures)),
    )


def _clusters(cells: CellSet, table: CleaningTable) -> str:
    wanted = [
        reason for reason in ("label_conflict", "near_duplicate", "exact_duplicate") if (table.reason == reason).any()
    ]
    classes, parts = _classes(cells), []
    for reason in wanted:
        numbers = np.unique(table.cluster[table.reason == reason])
        rows = []
        for number in numbers[:_MOST_CLUSTERS]:
            members = np.flatnonzero(table.cluster == number)
            captions = {
                one: f"<b>{classes[table.label[one]]}</b>{'kept' if table.reason[one] == '' else 'dropped'}"
                for one in members[:_MOST_IN_CLUSTER].tolist()
            }
            rows.append(
                f'<div class="cluster">{_cards(cells, table, captions)}{_more(len(members), _MOST_IN_CLUSTER)}</div>'
            )
        name, meaning = WORDS[reason]
        count = int((table.reason == reason).sum())
        parts.append(
            section(
                f"{name.capitalize()}: {count:,}",
                f"{meaning.capitalize()}.",
                f'<div class="clusters">{"".join(rows)}</div>' + _more(len(numbers), _MOST_CLUSTERS),
            )
        )
    return "\n".join(parts)


def _suspected(cells: CellSet, table: CleaningTable) -> str:
    if table.probabilities is None:
        return section(
            "Suspected labels: not examined",
            "<code>bloodcells clean --init</code> asks a network that has not learned them; it takes minutes.",
            "",
        )
    classes = _classes(cells)
    own, other = table.probability_of(table.label), table.probability_of(table.suspected_label)
    captions = {
        one: f"<b>{classes[table.label[one]]} {_percent(own[one])}</b>"
        f"{classes[table.suspected_label[one]]}? {_percent(other[one])}"
        for one in table.suspects.tolist()
    }
    return section(
        f"Suspected labels: {len(table.suspects):,}",
        f"A regression on what a pretrained network sees finds another class at least {ODDS:g} times as probable as "
        "the label. It was not fitted to the image itself; in this way it gives "
        f"{table.out_of_fold_accuracy:.1%} of the images their label. None is dropped: a rare picture looks the same "
        "as a wrong label, and a person can tell. The least probable label comes first.",
        _grid(cells, table, captions, len(table.suspects)),
    )


def _oddest(cells: CellSet, table: CleaningTable) -> str:
    classes = _classes(cells)
    oddest = table.kept[np.argsort(-table.junk_score[table.kept], kind="stable")][:_ODDEST]
    captions = {
        one: f"<b>{classes[table.label[one]]}</b>{table.junk_score[one]:.2f}, by {table.evidence[one]}"
        for one in oddest.tolist()
    }
    return section(
        "The oddest images that were kept",
        "Highest junk score first. Rare kinds, crowded and damaged pictures belong here; if these are sound, the "
        "threshold drops none that is.",
        _grid(cells, table, captions, len(captions)),
    )


def _thresholds(table: CleaningTable, settings: CleaningSettings, calibration: Calibration | None) -> str:
    figures = inline_svg(junk_distribution(table, settings), "Distribution of the junk scores")
    text = "The junk score measures every picture against the rest of the set, once per distinct picture."
    if calibration:
        figures = (
            inline_svg(distance_distributions(calibration, settings), "Distances of copies and of others") + figures
        )
        both = calibration.copy_distance <= settings.max_distance
        both &= calibration.copy_similarity >= settings.min_similarity
        near_pairs = calibration.pair_distance[: settings.max_distance + 1].sum()
        confused = (calibration.pair_similarity >= settings.min_similarity).sum()
        text = (
            f"Measured on {calibration.n_cells:,} of the kept images and {len(calibration.kind):,} copies planted "
            f"among them. The hash proposes: of {calibration.pair_distance.sum():,} pairs of different images it lets "
            f"{near_pairs:,} through. The pixels decide: {both.mean():.1%} of the copies are recognised, and "
            f"{confused:,} pairs of different images are taken for one. "
        ) + text
    return section("Where the thresholds lie", text, figures)


def _distinct(table: CleaningTable, indices: np.ndarray) -> list[np.ndarray]:
    """The images of ``indices`` by cluster, one alone in a group of its own."""
    key = np.where(table.cluster[indices] == ALONE, -2 - indices, table.cluster[indices])
    order = np.argsort(key, kind="stable")
    return np.split(indices[order], np.flatnonzero(np.diff(key[order])) + 1)


def _classes(cells: CellSet) -> list[str]:
    return [html.escape(name) for name in cells.competition.classes]


def _percent(share: float) -> str:
    """Whole percents, of which 0 and 100 are never reached: no probability is certain."""
    return ("&lt;1" if share < 0.01 else "&gt;99" if share > 0.99 else f"{100 * share:.0f}") + "&nbsp;%"


def _more(count: int, shown: int) -> str:
    return f'<p class="more">and {count - shown:,} more</p>' if count > shown else ""


def _grid(cells: CellSet, table: CleaningTable, captions: Mapping[int, str], of: int) -> str:
    """The images of ``captions``, index -> HTML, and how many ``of`` all are left out."""
    return f'<div class="cards">{_cards(cells, table, captions)}</div>' + _more(of, len(captions))


def _cards(cells: CellSet, table: CleaningTable, captions: Mapping[int, str]) -> str:
    return "".join(_card(cells, table, index, caption) for index, caption in captions.items())


def _card(cells: CellSet, table: CleaningTable, index: int, caption: str) -> str:
    label, likelier = _classes(cells)[cells.labels[index]], table.suspected_label[index]
    file = "" if cells.names is None else html.escape(str(cells.names[index]))
    about = f"{file or f'image {index}'}, labelled {label}"
    data = f'data-number="{index}" data-file="{file}" data-label="{label}"'
    if likelier != NOT_SUSPECTED:
        data += f' data-likelier="{_classes(cells)[likelier]}"'
    caption += f"<br>image {index}" + (f"<br>{file}" if file else "")
    picture = base64.b64encode(encoded(cells.images[index], quality=88)).decode()
    return (
        f'<figure {data}><img src="data:image/jpeg;base64,{picture}" alt="{about}" title="{about}" width="96" '
        f'height="96" loading="lazy"><figcaption>{caption}</figcaption></figure>'
    )
