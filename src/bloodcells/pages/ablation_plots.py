"""Figures of an ablation. They draw an `AblationSummary`; the statistics know no figure."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from bloodcells.ablation.records import PAIRED_SETS, SETS
from bloodcells.ablation.summary import AblationSummary, ArmSummary
from bloodcells.corruption import composite, medmnist_c
from bloodcells.pages.palette import arm_colour
from bloodcells.pages.plots import titled_figure

SET_NAMES = {"clean": "clean", "composite": "composite", "medmnist_c": "MedMNIST-C"}
"""How tables and figures call the sets."""
HELD_OUT = frozenset({composite.HELD_OUT, "stain_deposit", "bubble"})
"""Columns of both heat maps that no arm trains with in any form: the composite's family, and the two of MedMNIST-C
that belong to it."""

Near = Mapping[str, Collection[str]]
"""Arm -> the corruptions of MedMNIST-C and the families of the composite set that one of its augmentations is near."""

_FONT = 10
_ROW = 0.34  # inches of an arm
_MEAN = "mean"


def accuracy_dots(summary: AblationSummary) -> Figure:
    """Mean accuracy of each arm on the three sets, a small point for each seed; each panel has an axis of its own."""
    arms = summary.arms
    figure = titled_figure(10, 1.5 + _ROW * len(arms), "Accuracy of each arm: mean, and a small point for each seed")
    for axes, name in zip(figure.subplots(1, len(SETS), sharey=True), SETS, strict=True):
        for at, arm in zip(_places(axes, arms), arms, strict=True):
            one, colour = arm.accuracy[name], arm_colour(arm.arm)
            axes.plot(one.values, [at] * len(one.values), "o-", markersize=4, color=colour, linewidth=1)
            axes.plot(one.mean, at, "D", markersize=7, color=colour, markeredgecolor="black", markeredgewidth=0.8)
        axes.grid(color="0.92")
        axes.set_axisbelow(True)
        axes.set_title(f"{SET_NAMES[name]} (n = {images_of(summary, name)})", fontsize=_FONT)
        axes.set_xlabel("accuracy")
    return figure


def clean_against_composite(summary: AblationSummary) -> Figure:
    """The whole ablation at a glance: a point for each arm with its spread over the seeds, named at the right."""
    figure = titled_figure(8, 5.2, "What each arm gives on corrupted cells, and what it costs on clean ones")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    for arm in summary.arms:
        clean, composite = arm.accuracy["clean"], arm.accuracy["composite"]
        axes.errorbar(
            clean.mean, composite.mean, xerr=clean.sd or 0, yerr=composite.sd or 0, fmt="o", color=arm_colour(arm.arm),
            markersize=8, markeredgecolor="black", markeredgewidth=0.8, elinewidth=1.5,
        )  # fmt: skip
    axes.grid(color="0.92")
    axes.set_axisbelow(True)
    axes.set(xlabel="accuracy, clean cells", ylabel="accuracy, corrupted cells (composite)")
    axes.margins(0.06)
    _name_points(axes, {arm.arm: (arm.accuracy["clean"].mean, arm.accuracy["composite"].mean) for arm in summary.arms})
    return figure


def difference_forest(summary: AblationSummary) -> Figure:
    """Accuracy minus the baseline's, in percentage points, with 95 % intervals: thin where one seed carries them."""
    arms = [arm for arm in summary.arms if arm.arm != summary.baseline]
    single = any(one and one.seeds == 1 for arm in arms for one in arm.difference.values())
    told = "95 % intervals" + (", thin and for other cells alone where there is one seed" if single else "")
    title = f"Difference to {summary.baseline}, percentage points; {told}"
    figure = titled_figure(9, 1.5 + _ROW * max(len(arms), 1), title)
    for axes, name in zip(figure.subplots(1, len(PAIRED_SETS), sharey=True), PAIRED_SETS, strict=True):
        place = _places(axes, arms)
        axes.axvline(0, color="0.4", linewidth=1)
        for at, arm in zip(place, arms, strict=True):
            one = arm.difference[name]
            if one is None:
                continue
            axes.plot([100 * one.low, 100 * one.high], [at, at], color=arm_colour(arm.arm),
                      linewidth=1 if one.seeds == 1 else 3, solid_capstyle="butt")  # fmt: skip
            axes.plot(100 * one.mean, at, "o", color=arm_colour(arm.arm), markersize=7, markeredgecolor="black",
                      markeredgewidth=0.8)  # fmt: skip
        axes.grid(axis="x", color="0.9")
        axes.set_axisbelow(True)
        axes.set_title(f"{SET_NAMES[name]} (n = {summary.images[name]})", fontsize=_FONT)
        axes.set_xlabel("points")
    return figure


def medmnist_heat_map(summary: AblationSummary, near: Near) -> Figure:
    """Balanced accuracy of each arm under each corruption of MedMNIST-C, mean over severities and seeds."""
    rows = {arm.arm: [1 - arm.errors.corrupted[name] for name in medmnist_c.CORRUPTIONS] for arm in summary.arms}
    title = "MedMNIST-C: balanced accuracy by corruption, %"
    return _heat_map(rows, medmnist_c.CORRUPTIONS, near, title)


def families_heat_map(summary: AblationSummary, near: Near) -> Figure:
    """Accuracy of each arm on the composite images that hold a corruption of the family, mean over the seeds."""
    families = tuple(composite.FAMILIES)
    rows = {arm.arm: [arm.composite_families.get(name, np.nan) for name in families] for arm in summary.arms}
    return _heat_map(rows, families, near, "Accuracy, %, on composite cells that hold a corruption of the family")


def accuracy_against_cost(summary: AblationSummary) -> Figure:
    """Composite accuracy against the minutes that the fastest seed took; arms named at the right.

    Whatever else runs on a machine only lengthens a training, so that the fastest is nearest to what an arm costs.
    """
    figure = titled_figure(8, 5, "What an arm costs and what it gives")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    points = {arm.arm: (min(arm.train_seconds.values) / 60, arm.accuracy["composite"]) for arm in summary.arms}
    for arm, (minutes, accuracy) in points.items():
        axes.plot(
            [minutes, minutes], [min(accuracy.values), max(accuracy.values)], color=arm_colour(arm), linewidth=1.5
        )
        axes.plot(minutes, accuracy.mean, "o", color=arm_colour(arm), markersize=8, markeredgecolor="black",
                  markeredgewidth=0.8)  # fmt: skip
    axes.grid(color="0.92")
    axes.set_axisbelow(True)
    longest = max(minutes for minutes, _ in points.values())
    axes.set(xlabel="minutes of training, fastest seed", ylabel="accuracy, composite", xlim=(0, 1.08 * longest))
    axes.margins(y=0.08)
    _name_points(axes, {arm: (minutes, accuracy.mean) for arm, (minutes, accuracy) in points.items()})
    return figure


def images_of(summary: AblationSummary, name: str) -> str:
    """The size of a set in words."""
    copies = len(medmnist_c.CORRUPTIONS) * len(medmnist_c.SEVERITIES)
    return f"{copies} x {summary.images[name]}" if name == "medmnist_c" else str(summary.images[name])


def check_near(near: Near) -> None:
    """See that ``near`` names columns of the heat maps.

    Raises:
        ValueError: it names something else, which would be marked nowhere.
    """
    columns = {*medmnist_c.CORRUPTIONS, *composite.FAMILIES}
    unknown = sorted({name for names in near.values() for name in names} - columns)
    if unknown:
        raise ValueError(f"near: expected names of {', '.join(sorted(columns))}; received {', '.join(unknown)[:200]}")


def _heat_map(rows: Mapping[str, Sequence[float]], columns: Sequence[str], near: Near, title: str) -> Figure:
    """Arms by corruptions and their mean; values 0..1, NaN where there is none."""
    values = np.array([[*row, np.nanmean(row)] for row in rows.values()])
    names = [*columns, _MEAN]
    figure = titled_figure(2.2 + 0.6 * len(names), 2.3 + _ROW * len(rows), title)
    axes = figure.subplots()
    shades = axes.imshow(values, cmap="cividis", aspect="auto", vmin=np.nanmin(values), vmax=np.nanmax(values))
    middle = (np.nanmin(values) + np.nanmax(values)) / 2
    for (row, column), value in np.ndenumerate(values):
        ink = "black" if value > middle else "white"
        if np.isfinite(value):
            axes.text(column, row, f"{100 * value:.0f}", ha="center", va="center", fontsize=_FONT, color=ink)
        if names[column] in near.get(list(rows)[row], ()):
            axes.plot(column + 0.33, row - 0.28, "o", color=ink, markersize=4)
    for column, name in enumerate(names):
        if name in HELD_OUT:
            axes.add_patch(Rectangle((column - 0.5, -0.5), 1, len(rows), fill=False, edgecolor="#CC3311", linewidth=2.5,
                                     clip_on=False, zorder=3))  # fmt: skip
    axes.axvline(len(columns) - 0.5, color="white", linewidth=4, zorder=2)
    words = [name.replace("_", " ") for name in names]
    axes.set_xticks(range(len(names)), words, rotation=40, ha="right", rotation_mode="anchor", fontsize=_FONT)
    axes.set_yticks(range(len(rows)), list(rows), fontsize=_FONT)
    axes.spines[:].set_visible(False)
    figure.colorbar(shades, ax=axes, format=lambda value, _: f"{100 * value:.0f}", fraction=0.03, pad=0.02)
    dots = "Dot: an augmentation of the arm is near this corruption. " if any(near.values()) else ""
    figure.supxlabel(f"{dots}Red frame: no arm imitates it.", fontsize=_FONT - 1)
    return figure


def _name_points(axes: Axes, points: Mapping[str, tuple[float, float]]) -> None:
    """The arms' names in a column at the right edge, in the ``points``' order of height, a thin line to each point."""
    low, high = axes.get_ylim()
    # 0.052 of the height is a line of text; the arms come best first.
    wanted = np.array([(y - low) / (high - low) for _, y in points.values()])
    for (arm, point), height in zip(points.items(), _apart(wanted, 0.052), strict=True):
        axes.annotate(
            arm,
            point,
            (1.03, height),
            textcoords="axes fraction",
            va="center",
            fontsize=_FONT,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": arm_colour(arm), "linewidth": 0.8},
            zorder=1,
        )


def _apart(heights: np.ndarray, gap: float) -> np.ndarray:
    """``heights``, which fall, moved as far as needed to be ``gap`` from one another and within 0..1 where they can."""
    moved = heights.copy()
    for place in range(1, len(moved)):
        moved[place] = min(moved[place], moved[place - 1] - gap)
    moved[-1] = max(moved[-1], 0.0)
    for place in range(len(moved) - 2, -1, -1):
        moved[place] = max(moved[place], moved[place + 1] + gap)
    return moved


def _places(axes: Axes, arms: Sequence[ArmSummary]) -> np.ndarray:
    """A row for each arm, the first at the top, named at the left."""
    place = np.arange(len(arms))[::-1]
    axes.set_yticks(place, [arm.arm for arm in arms], fontsize=_FONT)
    axes.set_ylim(-0.6, len(arms) - 0.4)
    axes.spines[["top", "right"]].set_visible(False)
    return place
