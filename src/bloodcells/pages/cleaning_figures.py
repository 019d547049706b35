"""Figures of the cleaning: where its thresholds lie between what they tell apart.

The colours are legible on white and on black, so that a page may show the same figure in both.
"""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bloodcells.cleaning import CleaningSettings, CleaningTable
from bloodcells.cleaning.calibration import Calibration
from bloodcells.pages.plots import titled_figure

COPIES, DISTINCT, JUNK = "#CC6677", "#4477AA", "#DDAA33"
"""Colours of copies, of distinct cells and of junk."""


def distance_distributions(calibration: Calibration, settings: CleaningSettings) -> Figure:
    """Copies against distinct cells: bits between their hashes, and correlation of their pixels."""
    figure = Figure(figsize=(7.2, 5.2), layout="constrained")
    hashes, pixels = figure.subplots(2, 1)
    bits = np.arange(len(calibration.pair_distance))
    copies = np.bincount(calibration.copy_distance, minlength=len(bits))
    hashes.bar(bits - 0.4, copies / copies.sum(), 0.8, color=COPIES, label="a copy and its original")
    pairs = calibration.pair_distance / max(calibration.pair_distance.sum(), 1)
    hashes.bar(bits + 0.4, pairs, 0.8, color=DISTINCT, label="two different images")
    hashes.set(
        xlim=(-1.5, 36), yscale="log", xlabel="bits between the hashes, in the best view", ylabel="share of pairs"
    )
    _threshold(hashes, settings.max_distance + 1, f"compared on pixels: at most {settings.max_distance}")
    edges = np.linspace(0, 1, 101).tolist()
    near = calibration.copy_distance <= settings.max_distance
    for values, colour in ((calibration.pair_similarity, DISTINCT), (calibration.copy_similarity[near], COPIES)):
        pixels.hist(np.clip(values, 0, 1), edges, color=colour, log=True)
    pixels.set(
        xlabel="correlation of the pixels (aligned from 0.6), where the hashes are near",
        ylabel="pairs",
        xlim=(0.2, 1.01),
    )
    _threshold(pixels, settings.min_similarity, f"one picture: at least {settings.min_similarity:g}", left=True)
    figure.legend(*hashes.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    return figure


def junk_distribution(table: CleaningTable, settings: CleaningSettings) -> Figure:
    """Junk scores of all images, each distinct picture once, on logarithmic axes."""
    figure = Figure(figsize=(7.2, 2.9), layout="constrained")
    axes = figure.subplots()
    once = ~table.exact_duplicate
    scores = np.clip(table.junk_score, 0.02, None)
    edges = np.geomspace(0.02, max(20, scores.max() * 1.1), 61).tolist()
    axes.hist(scores[once & ~table.junk], edges, color=DISTINCT, label="no junk")
    axes.hist(scores[once & table.junk], edges, color=JUNK, label="junk")
    axes.set(xscale="log", yscale="log", xlabel="junk score", ylabel="distinct pictures", ylim=(0.7, None))
    _threshold(axes, settings.junk_threshold, f"junk: at least {settings.junk_threshold:g}")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    return figure


def leak_distribution(random: Mapping[str, np.ndarray], by_cluster: Mapping[str, int], title: str) -> Figure:
    """How many held-out images training has a copy of, over many random splits, beside a split by cluster.

    Args:
        random: panel -> (M,) integers, one count for each random split.
        by_cluster: panel -> the count where clusters of copies stay together.
        title: the title of the figure.
    """
    figure = titled_figure(7.2, 2.8, title)
    for axes, (name, counts) in zip(figure.subplots(1, len(random), squeeze=False)[0], random.items(), strict=True):
        low, high = min(counts.min(), by_cluster[name]), max(counts.max(), by_cluster[name])
        width = 1 + (high - low) // 60
        edges = np.arange(low, high + width + 1, width) - 0.5  # whole counts in every bar
        axes.hist(counts, edges.tolist(), color=COPIES)
        axes.set(title=name, xlabel="held-out images with a copy in training")
        axes.title.set_fontsize(10)
        _threshold(axes, by_cluster[name], f"by cluster: {by_cluster[name]:,}")
    figure.axes[0].set_ylabel("splits")
    return figure


def _threshold(axes: Axes, place: float, text: str, left: bool = False) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.axvline(place, color="0.5", linewidth=1.2, linestyle="--")
    axes.annotate(
        text,
        (place, 0.94),
        (-5 if left else 5, 0),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="right" if left else "left",
        fontsize=9,
    )
