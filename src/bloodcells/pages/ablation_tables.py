"""Markdown tables of an ablation, and its figures in words."""

from collections.abc import Mapping

from bloodcells.ablation.arms import describe_arm
from bloodcells.ablation.records import PAIRED_SETS
from bloodcells.ablation.statistics import PairedDifference, Spread
from bloodcells.ablation.summary import WANTED_SEEDS, AblationSummary
from bloodcells.pages.ablation_plots import SET_NAMES
from bloodcells.pages.tables import markdown_table

_SHOWN = ("composite", "clean", "medmnist_c")
"""What ranks the arms comes first: a phone shows it."""


def arms_table(summary: AblationSummary) -> str:
    """The arms, best on the composite set first: accuracies, BE, and the differences to the baseline."""
    columns = ["arm", *(SET_NAMES[name] for name in _SHOWN), "BE"]
    columns += [f"{SET_NAMES[name]}, against {summary.baseline} (points)" for name in PAIRED_SETS[::-1]]
    rows = [
        (arm.arm, *(in_words(arm.accuracy[name]) for name in _SHOWN), in_words(arm.be, 2),
         *(points(arm.difference[name]) for name in PAIRED_SETS[::-1]), ", ".join(map(str, arm.seeds)))
        for arm in summary.arms
    ]  # fmt: skip
    return markdown_table([*columns, "seeds"], rows)


def effects_table(summary: AblationSummary, pictures: Mapping[str, str]) -> str:
    """What each arm is and does to a cell, beside what it gives on corrupted cells.

    ``pictures`` are files by arm; without any the table has no column for them.
    """
    columns = ("arm", f"composite, against {summary.baseline} (points)", *(["one cell"] if pictures else []),
               "what it is")  # fmt: skip
    rows = [
        (f"`{one.arm}`", points(one.difference["composite"]), *([_picture_of(one.arm, pictures)] if pictures else []),
         words)
        for one in summary.arms
        if (words := describe_arm(one.arm))
    ]  # fmt: skip
    return markdown_table(columns, rows)


def _picture_of(arm: str, pictures: Mapping[str, str]) -> str:
    return f"![One cell under {arm}]({pictures[arm]})" if arm in pictures else ""


def throughput_table(summary: AblationSummary) -> str:
    """What each arm costs, by images in a second."""
    columns = ("arm", "training, s", "training, images/s", "augmentation alone, images/s", "times training")
    rows = [
        (arm.arm, f"{min(arm.train_seconds.values):.0f}", f"{arm.images_per_second:.1f}",
         f"{arm.policy_images_per_second:,.0f}", f"{arm.policy_images_per_second / arm.images_per_second:.1f}")
        for arm in summary.arms
    ]  # fmt: skip
    return markdown_table(columns, rows)


def elsewhere_table(summary: AblationSummary) -> str:
    """What each arm makes of pictures from elsewhere, beside the composite set at home, in order of `arms_table`."""
    columns = ("arm", "composite, at home", "accuracy, elsewhere", "balanced accuracy, elsewhere",
               f"accuracy, against {summary.baseline} (points)")  # fmt: skip
    rows = [
        (arm.arm, in_words(arm.accuracy["composite"]), in_words(own.accuracy), in_words(own.balanced_accuracy),
         points(own.difference))
        for arm in summary.arms
        for own in [summary.elsewhere[arm.arm]]
    ]  # fmt: skip
    return markdown_table(columns, rows)


def in_words(one: Spread, digits: int = 3) -> str:
    """Mean ± standard deviation; the mean alone for a single seed."""
    return f"{one.mean:.{digits}f}" + ("" if one.sd is None else f" ± {one.sd:.{digits}f}")


def points(difference: PairedDifference | None) -> str:
    """A difference in percentage points with its interval, and whether that is for one seed; a dash for none."""
    if difference is None:
        return "-"
    seeds = ", one seed" if difference.seeds == 1 else ""
    return f"{100 * difference.mean:+.1f} ({100 * difference.low:+.1f} to {100 * difference.high:+.1f}{seeds})"


def unfinished_in_words(summary: AblationSummary) -> str:
    """Which arms have too few seeds yet; empty where none does."""
    if len(summary.unfinished) == len(summary.arms):
        return f"**Unfinished:** {seed_counts_in_words(summary)}, where {WANTED_SEEDS} are wanted."
    few = ", ".join(f"`{arm}` ({count})" for arm, count in summary.unfinished.items())
    return f"**Unfinished:** fewer seeds than {WANTED_SEEDS} for {few}." if few else ""


def unfinished_paragraph(summary: AblationSummary) -> str:
    """`unfinished_in_words` between line ends; empty where nothing is missing."""
    words = unfinished_in_words(summary)
    return f"\n{words}\n" if words else ""


def seed_counts_in_words(summary: AblationSummary) -> str:
    """``3 seeds each``, or ``3 to 5 seeds each`` where arms have different seeds."""
    counts = [len(arm.seeds) for arm in summary.arms]
    fewest = f"{min(counts)} to " if min(counts) < max(counts) else ""
    return f"{fewest}{max(counts)} seed{'s' if max(counts) > 1 else ''} each"
