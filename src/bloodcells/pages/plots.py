"""Figures of recorded results. They read records; no result knows a figure.

Figures are made without pyplot: no window, no global state, and a notebook shows one that a cell returns.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bloodcells.files import replacing
from bloodcells.pages.palette import SET_COLOURS, class_colours
from bloodcells.pages.words import VIEWS
from bloodcells.run import SETS, Epoch, Measurement, Metrics, metrics_by_set

_CHARACTER = 0.009
"""Width of a letter of a phase's name, as a share of the axis."""


def save_figure(figure: Figure, path: Path) -> None:
    """Write ``figure`` as PNG; equal figures give equal bytes."""
    with replacing(path) as beside:
        figure.savefig(beside, dpi=100, metadata={"Software": None})


def save_contact_sheet(figure: Figure, path: Path) -> None:
    """Write a ``figure`` of photographs as JPEG, a fifth of the PNG's bytes; equal figures give equal bytes."""
    with replacing(path) as beside:
        figure.savefig(beside, dpi=100, format="jpeg", pil_kwargs={"quality": 88})


def titled_figure(width: float, height: float, title: str) -> Figure:
    """A figure without panels, inches, with its title above them."""
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.suptitle(title, fontsize=11)
    return figure


def learning_curves(epochs: Sequence[Epoch]) -> Figure:
    """Accuracy after each epoch: training, validation clean and validation composite, with gaps where unmeasured."""
    figure, axes = _figure(7, 4, "Accuracy after each epoch")
    number = [epoch.epoch for epoch in epochs]
    size = 6 if len(number) <= 40 else 3
    lines = [
        *((f"validation, {name}", name, style, [epoch.validation.get(name, np.nan) for epoch in epochs])
          for name, style in zip(SETS, ("o-", "s-"), strict=True)),
        ("training, augmented", "training", "^--", [epoch.accuracy for epoch in epochs]),
    ]  # fmt: skip
    for label, colour, style, values in lines:
        axes.plot(number, values, style, color=SET_COLOURS[colour], label=label, clip_on=False, markersize=size)
    _name_phases(axes, epochs)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set(xlabel="epoch", ylabel="accuracy", ylim=(0, 1.02), xlim=(0.7, max(number) + 0.3))
    _legend(figure, axes)
    return figure


def _name_phases(axes: Axes, epochs: Sequence[Epoch]) -> None:
    """A line where a phase begins, and its name beside it, above the names that would touch it."""
    last = max(epoch.epoch for epoch in epochs)
    ends: list[float] = []  # of the names at each height, in epochs
    for before, after in pairwise(epochs):
        if before.phase == after.phase:
            continue
        place, width = before.epoch + 0.5, _CHARACTER * len(after.phase) * last
        near_end = place > 0.8 * last
        begin = place - width if near_end else place
        height = next((height for height, end in enumerate(ends) if end <= begin), len(ends))
        ends[height : height + 1] = [begin + width]
        axes.axvline(place, color="0.6", linewidth=1, linestyle=":")
        axes.annotate(
            after.phase, (place, 0.02 + 0.05 * height), (-3 if near_end else 3, 0),
            textcoords="offset points", ha="right" if near_end else "left", color="0.4", fontsize=8,
        )  # fmt: skip


def accuracy_by_views(rows: Sequence[Measurement]) -> Figure:
    """Clean beside composite accuracy by number of views, one panel per part, the gap named."""
    figure = titled_figure(8, 4, "Accuracy on clean and on corrupted images, by test-time augmentation")
    parts = list(dict.fromkeys(row.part for row in rows))
    for axes, part in zip(figure.subplots(1, len(parts), sharey=True, squeeze=False)[0], parts, strict=True):
        views = sorted({row.views for row in rows if row.part == part})
        measured = [metrics_by_set(rows, part, one) for one in views]
        place = np.arange(len(views))
        values = {name: [sets[name].accuracy for sets in measured] for name in SETS}
        for offset, name in zip((-0.2, 0.2), SETS, strict=True):
            bars = axes.bar(place + offset, values[name], 0.38, color=SET_COLOURS[name], label=name)
            axes.bar_label(bars, fmt="{:.3f}", fontsize=9, padding=1)
        for at, clean, composite in zip(place, values["clean"], values["composite"], strict=True):
            gap = (clean - composite) * 100
            axes.annotate(f"gap {gap:.1f} points", (at, max(clean, composite) + 0.08), ha="center", fontsize=9)
        axes.set_xticks(place, [VIEWS[one] for one in views])
        axes.set_title(f"{_part(part)} (n = {measured[0]['clean'].images} each)", fontsize=10)
        _bare(axes)
        axes.set(ylim=(0, 1.18), yticks=np.linspace(0, 1, 6))
    figure.axes[0].set_ylabel("accuracy")
    _legend(figure, figure.axes[0])
    return figure


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
    """Recall of each class on the clean and on the composite set; arguments as for `confusion_matrices`."""
    figure, axes = _figure(7, 4.4, title)
    place = np.arange(len(classes))[::-1]
    recall = {name: [np.nan if value is None else value for value in sets[name].per_class_recall] for name in SETS}
    axes.hlines(place, recall["composite"], recall["clean"], color="0.75", linewidth=2, zorder=1)
    for name, marker in zip(SETS, ("o", "s"), strict=True):
        axes.scatter(recall[name], place, s=55, marker=marker, color=SET_COLOURS[name], label=name, zorder=2)
    counts = np.array(sets["clean"].confusion).sum(axis=1)
    axes.set_yticks(place, [f"{name} (n = {count})" for name, count in zip(classes, counts, strict=True)])
    axes.set(xlabel="recall", xlim=(-0.02, 1.02))
    axes.grid(axis="x", color="0.9")
    axes.set_axisbelow(True)
    _legend(figure, axes)
    return figure


def reliability_curves(sets: Mapping[str, Metrics], title: str) -> Figure:
    """Accuracy over confidence on the clean and on the composite set; arguments as for `confusion_matrices`."""
    figure, axes = _figure(5.6, 5, title)
    axes.plot((0, 1), (0, 1), color="0.7", linewidth=1, linestyle=":")
    for name, marker in zip(SETS, ("o", "s"), strict=True):
        images, confidence, accuracy = np.array(sets[name].reliability).T
        label = f"{name}, calibration error {sets[name].calibration_error:.3f}"
        areas = np.maximum(300 * images / images.sum(), 12)
        axes.scatter(confidence, accuracy, s=areas, marker=marker, color=SET_COLOURS[name], label=label)
    axes.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1.02), ylim=(0, 1.02))
    _legend(figure, axes)
    return figure


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


def _legend(figure: Figure, axes: Axes) -> None:
    """The legend below the panels, where it hides nothing."""
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False, fontsize=9)


def _bare(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)


def _part(part: str) -> str:
    return {"holdout": "hold-out"}.get(part, part)
