"""Figures of recorded results. They read records; no result knows a figure.

Figures are made without pyplot: no window, no global state, and a notebook shows one that a cell returns.
"""

import html
import io
import textwrap
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator, PercentFormatter
from PIL import Image

from bloodcells.files import replacing
from bloodcells.pages.palette import SET_COLOURS, class_colours
from bloodcells.pages.tables import accuracy_interval, corruption_in_words
from bloodcells.pages.words import PARTS, VIEWS
from bloodcells.run import SETS, Epoch, Measurement, Metrics, Temperature

_INK = "#000000"  # of the axes; on a page it becomes the colour of the text
_GRID = "#ebebeb"  # 0.92, of the lines behind the curves; it becomes the colour of lines
_SMALLEST_ERROR = 0.0005  # an axis of logarithms has no 0
_MARKERS, _OFFSETS = ("o", "s"), (-0.16, 0.16)  # of the clean and of the composite set
_FEW = 10  # images of a bin below which its accuracy says little


def save_figure(figure: Figure, path: Path) -> None:
    """Write ``figure`` as PNG; equal figures give equal bytes."""
    with replacing(path) as beside:
        figure.savefig(beside, dpi=100, metadata={"Software": None})


def save_contact_sheet(figure: Figure, path: Path) -> None:
    """Write a ``figure`` of photographs as JPEG, a fifth of the PNG's bytes; equal figures give equal bytes."""
    with replacing(path) as beside:
        figure.savefig(beside, dpi=100, format="jpeg", pil_kwargs={"quality": 88})


def save_picture(image: np.ndarray, path: Path) -> None:
    """Write an image, (H, W, 3) uint8, as JPEG; equal images give equal bytes."""
    with replacing(path) as beside:
        Image.fromarray(image).save(beside, format="jpeg", quality=88)


def inline_svg(figure: Figure, title: str) -> str:
    """The figure as SVG for an HTML page: its letters and lines take the colour of the page's text."""
    stream = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": title}):
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    text = stream.getvalue()
    svg = text[text.index("<svg") :].replace(_INK, "currentColor").replace(_GRID, "var(--line)")  # letters: by style
    return f'<figure class="chart" role="img" aria-label="{html.escape(title)}">{svg}</figure>'


def titled_figure(width: float, height: float, title: str) -> Figure:
    """A figure without panels, inches, with its title above them."""
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.suptitle(title, fontsize=11)
    return figure


def learning_curves(epochs: Sequence[Epoch]) -> Figure:
    """Error after each epoch: training, validation clean and validation composite; dotted where it was not measured."""
    figure, axes = _figure(7, 4.6, "Error after each epoch")
    size = 6 if len(epochs) <= 40 else 3
    number, trained = np.array([(epoch.epoch, epoch.accuracy) for epoch in epochs]).T
    _error_curve(axes, number, trained, "^--", SET_COLOURS["training"], "training, augmented", size)
    for name, style in zip(SETS, ("o-", "s-"), strict=True):
        accuracy = np.array([epoch.validation.get(name, np.nan) for epoch in epochs])
        _error_curve(axes, number, accuracy, style, SET_COLOURS[name], f"validation, {name}", size)
    _name_phases(axes, epochs)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlim(0.7, max(number) + 0.3)
    _error_axis(axes)
    _legend(figure, axes)
    return figure


def curves_of_runs(runs: Mapping[str, Sequence[Epoch]], colours: Sequence[str] | None = None) -> Figure:
    """Validation error after each epoch of every run, clean and composite, over the number of epochs.

    ``colours`` are those of the runs; by default those of the classes, which do not stand out from black.
    """
    figure, axes = _figure(8, 4.8, "Validation error after each epoch, clean and composite")
    for (name, epochs), colour in zip(runs.items(), colours or class_colours(len(runs)), strict=True):
        number = np.array([epoch.epoch for epoch in epochs])
        for of, style in zip(SETS, ("o-", "s--"), strict=True):
            accuracy = np.array([epoch.validation.get(of, np.nan) for epoch in epochs])
            _error_curve(axes, number, accuracy, style, colour, f"{name}, {of}", 4)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("epoch")
    _error_axis(axes)
    _legend(figure, axes, 2)
    return figure


def _error_curve(
    axes: Axes, epoch: np.ndarray, accuracy: np.ndarray, style: str, colour: str, label: str, size: int
) -> None:
    """One curve; ``accuracy`` is NaN where it was not measured, and a dotted line leads over such a gap."""
    error, measured = np.maximum(1 - accuracy, _SMALLEST_ERROR), np.isfinite(accuracy)
    axes.plot(epoch[measured], error[measured], ":", color=colour, linewidth=0.8)
    axes.plot(epoch, error, style, color=colour, label=label, clip_on=False, markersize=size)


def _error_axis(axes: Axes) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(FixedLocator([0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %", decimals=None))
    axes.set_ylabel("error (1 - accuracy)")
    axes.grid(axis="y", color="0.92")


def _name_phases(axes: Axes, epochs: Sequence[Epoch]) -> None:
    """A line and a number above the panel where a phase begins; the names by number stand below it."""
    begins = {after.phase: before.epoch + 0.5 for before, after in pairwise(epochs) if before.phase != after.phase}
    phases = {epochs[0].phase: epochs[0].epoch, **begins}
    for number, (phase, place) in enumerate(phases.items(), start=1):
        if phase in begins:
            axes.axvline(place, color="0.6", linewidth=1, linestyle=":")
        height = 1.05 if number % 2 else 1.01  # neighbours may begin within the width of a number
        axes.annotate(str(number), (place, height), xycoords=("data", "axes fraction"), ha="center", fontsize=8)
    named = "; ".join(f"{number} {phase}" for number, phase in enumerate(phases, start=1))
    axes.set_xlabel("epoch\n" + textwrap.fill(f"Phases: {named}", 100), fontsize=9)


def accuracy_by_views(rows: Sequence[Measurement]) -> Figure:
    """Accuracy on clean and on composite cells by number of views, with 95 % intervals, one panel per part."""
    parts = list(dict.fromkeys(row.part for row in rows))
    views = sorted({row.views for row in rows})
    figure = titled_figure(8, 2 + 0.5 * len(views), "Accuracy with 95 % intervals, by test-time augmentation")
    for axes, part in zip(figure.subplots(1, len(parts), sharey=True, sharex=True, squeeze=False)[0], parts,
                          strict=True):  # fmt: skip
        for name, marker, offset in zip(SETS, _MARKERS, _OFFSETS, strict=True):
            own = [row for row in rows if (row.part, row.set) == (part, name)]
            place = np.array([views.index(row.views) for row in own]) + offset
            shares = [(row.metrics.accuracy, row.metrics.images) for row in own]
            _with_intervals(axes, place, shares, marker, SET_COLOURS[name], name)
            for at, (accuracy, _) in zip(place, shares, strict=True):
                axes.annotate(f"{accuracy:.3f}", (accuracy, at), (0, -12), textcoords="offset points", ha="center",
                              fontsize=8)  # fmt: skip
        axes.set_title(f"{PARTS[part]} (n = {own[0].metrics.images:,} each)", fontsize=10)
        axes.set_yticks(range(len(views)), [VIEWS[one] for one in views])
        axes.set(ylim=(len(views) - 0.4, -0.6), xlabel="accuracy")
        _bare(axes)
    _legend(figure, figure.axes[0])
    return figure


def accuracy_by_corruption(by_corruption: Mapping[str, tuple[int, float]], title: str) -> Figure:
    """Accuracy under each corruption of the composite set with its 95 % interval, the hardest on top.

    Args:
        by_corruption: images and accuracy by corruption, in this order.
        title: what was predicted, and how.
    """
    figure, axes = _figure(7, max(3, 1.2 + 0.2 * len(by_corruption)), title)
    place = np.arange(len(by_corruption))
    shares = [(accuracy, images) for images, accuracy in by_corruption.values()]
    _with_intervals(axes, place, shares, "s", SET_COLOURS["composite"], "composite")
    axes.set_yticks(
        place, [f"{corruption_in_words(name)} ({images})" for name, (images, _) in by_corruption.items()], fontsize=9
    )
    axes.set(ylim=(len(place) - 0.4, -0.6), xlabel="accuracy with 95 % interval (images)", xlim=(None, 1.005))
    return figure


def _with_intervals(
    axes: Axes, place: Sequence[float] | np.ndarray, shares: Sequence[tuple[float, int]], marker: str, colour: str,
    label: str,
) -> None:  # fmt: skip
    """A point for each share, the accuracy of so many images, and its 95 % interval beside it."""
    values = np.array([share for share, _ in shares])
    bounds = np.array([accuracy_interval(share, n) if n else (np.nan, np.nan) for share, n in shares]).reshape(-1, 2)
    axes.hlines(place, *bounds.T, color=colour, linewidth=1.6)
    axes.scatter(values, place, s=40, marker=marker, color=colour, label=label, zorder=2)
    axes.grid(axis="x", color="0.92")
    axes.set_axisbelow(True)


def confusion_matrices(sets: Mapping[str, Metrics], classes: Sequence[str], title: str) -> Figure:
    """The confusion matrices of the clean and the composite set: counts, shaded by the share of the true class.

    Args:
        sets: the metrics of each set.
        classes: their names.
        title: what was predicted, and how.
    """
    figure = titled_figure(11, 5.6, title)
    for axes, name in zip(figure.subplots(1, len(SETS), sharey=True), SETS, strict=True):
        counts = np.array(sets[name].confusion)
        share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axes.imshow(share, cmap="Blues" if name == "clean" else "Reds", vmin=0, vmax=1)
        for row, column in np.argwhere(counts):
            colour = "white" if share[row, column] > 0.6 else "black"
            axes.text(column, row, counts[row, column], ha="center", va="center", fontsize=8, color=colour)
        axes.set_xticks(range(len(counts)), classes, rotation=45, ha="right", fontsize=9)
        axes.set_yticks(range(len(counts)), classes, fontsize=9)
        axes.set_title(f"{name}: accuracy {sets[name].accuracy:.4f}, n = {sets[name].images}", fontsize=10)
        axes.set_xlabel("predicted")
    figure.axes[0].set_ylabel("true class")
    return figure


def recall_by_class(sets: Mapping[str, Metrics], classes: Sequence[str], title: str) -> Figure:
    """Recall of each class on the clean and on the composite set with 95 % intervals; arguments as for
    `confusion_matrices`."""
    figure, axes = _figure(7, 4.8, title)
    counts = np.array(sets["clean"].confusion).sum(axis=1)
    for name, marker, offset in zip(SETS, _MARKERS, _OFFSETS, strict=True):
        recall = [np.nan if value is None else value for value in sets[name].per_class_recall]
        shares = [(value, 0 if np.isnan(value) else int(n)) for value, n in zip(recall, counts, strict=True)]
        _with_intervals(axes, np.arange(len(classes)) + offset, shares, marker, SET_COLOURS[name], name)
    axes.set_yticks(range(len(classes)), [f"{name} (n = {n})" for name, n in zip(classes, counts, strict=True)])
    axes.set(ylim=(len(classes) - 0.4, -0.6), xlabel="recall with 95 % interval", xlim=(None, 1.005))
    _legend(figure, axes)
    return figure


def reliability_curves(sets: Mapping[str, Metrics], temperature: Temperature | None, title: str) -> Figure:
    """Accuracy over confidence on the clean and on the composite hold-out, before and after the temperature.

    Bins of fewer than `_FEW` images are hollow: their intervals say little else.

    Args:
        sets: the metrics of each set, without a temperature.
        temperature: of the same number of views; None where none was chosen.
        title: what was predicted, and how.
    """
    panels = {"as averaged" if temperature else "": {name: (of.calibration_error, of.reliability)
                                                     for name, of in sets.items()}}  # fmt: skip
    if temperature:
        panels[f"at temperature {temperature.temperature:.2f}"] = {
            one.set: (one.after, one.reliability) for one in temperature.effects if one.part == "holdout"
        }
    figure = titled_figure(5.2 * len(panels), 5, title)
    for axes, (words, by_set) in zip(
        figure.subplots(1, len(panels), sharey=True, squeeze=False)[0], panels.items(), strict=True
    ):
        axes.plot((0, 1), (0, 1), color="0.7", linewidth=1, linestyle=":")
        for name, marker in zip(SETS, _MARKERS, strict=True):
            _reliability(axes, by_set[name][1], name, marker)
        _bare(axes)
        errors = ", ".join(f"{name} {by_set[name][0]:.3f}" for name in SETS)
        axes.set_title("\n".join(filter(None, (words, f"calibration error: {errors}"))), fontsize=10)
        axes.set(xlabel="confidence", xlim=(0, 1.02), ylim=(-0.02, 1.02))
    figure.axes[0].set_ylabel("accuracy")
    _legend(figure, figure.axes[0])
    return figure


def _reliability(axes: Axes, bins: Sequence[tuple[int, float, float]], name: str, marker: str) -> None:
    """One point for each bin, with Wilson's interval."""
    colour = SET_COLOURS[name]
    for images, confidence, accuracy in bins:
        axes.plot((confidence, confidence), accuracy_interval(accuracy, images), color=colour, linewidth=1)
    images, confidence, accuracy = np.array(bins).T
    faces = [colour if count >= _FEW else "white" for count in images]
    axes.scatter(confidence, accuracy, s=30, marker=marker, c=faces, edgecolors=colour, zorder=3)
    axes.scatter([], [], marker=marker, color=colour, label=name)


def class_counts(labels: np.ndarray, classes: Sequence[str], title: str) -> Figure:
    """How many images each class has; ``labels`` (N,) integers, indices into ``classes``."""
    figure, axes = _figure(7, 3.2, title)
    counts = np.bincount(labels, minlength=len(classes))
    place = np.arange(len(counts))[::-1]
    bars = axes.barh(place, counts, color=class_colours(len(counts)))
    axes.bar_label(bars, padding=3, fontsize=9)
    axes.set_yticks(place, classes)
    axes.set(xlabel="images", xlim=(0, counts.max() * 1.1))
    return figure


def _figure(width: float, height: float, title: str) -> tuple[Figure, Axes]:
    """A figure of one panel, inches."""
    figure = titled_figure(width, height, title)
    axes = figure.subplots()
    _bare(axes)
    return figure, axes


def _legend(figure: Figure, axes: Axes, columns: int = 3) -> None:
    """The legend below the panels, where it hides nothing."""
    figure.legend(
        *axes.get_legend_handles_labels(), loc="outside lower center", ncols=columns, frameon=False, fontsize=9
    )


def _bare(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
