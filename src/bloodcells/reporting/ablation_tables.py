"""Markdown tables of an ablation, and its figures in words."""

from collections.abc import Sequence

from bloodcells.ablation.records import PAIRED_SETS, SETS
from bloodcells.ablation.statistics import PairedDifference, Spread
from bloodcells.ablation.summary import AblationSummary
from bloodcells.reporting.ablation_plots import SET_NAMES
from bloodcells.reporting.tables import errors_table, markdown_table


def arms_table(summary: AblationSummary) -> str:
    """The arms, best on the composite set first: accuracies, BE, and the differences to the baseline."""
    columns = ["arm", "seeds", *(SET_NAMES[name] for name in SETS), "BE"]
    columns += [f"{SET_NAMES[name]}, against {summary.baseline} (points)" for name in PAIRED_SETS[::-1]]
    rows = [
        (arm.arm, len(arm.seeds), *(in_words(arm.accuracy[name]) for name in SETS), in_words(arm.be, 2),
         *(points(arm.difference[name]) for name in PAIRED_SETS[::-1]))
        for arm in summary.arms
    ]  # fmt: skip
    return markdown_table(columns, rows)


def corruption_errors_table(summary: AblationSummary) -> str:
    """Balanced errors of the arms in per cent, the published rows first."""
    return errors_table([arm.errors for arm in summary.arms])


def throughput_table(summary: AblationSummary) -> str:
    """What each arm costs, by images in a second."""
    columns = ("arm", "training, s", "training, images/s", "augmentation alone, images/s", "times training")
    rows = [
        (arm.arm, f"{arm.train_seconds.mean:.0f}", f"{arm.images_per_second:.1f}",
         f"{arm.policy_images_per_second:,.0f}", f"{arm.policy_images_per_second / arm.images_per_second:.1f}")
        for arm in summary.arms
    ]  # fmt: skip
    return markdown_table(columns, rows)


def in_words(one: Spread, digits: int = 3) -> str:
    """Mean ± standard deviation; the mean alone for a single seed."""
    return f"{one.mean:.{digits}f}" + ("" if one.sd is None else f" ± {one.sd:.{digits}f}")


def points(difference: PairedDifference | None) -> str:
    """A difference in percentage points with its interval; a dash where there is none."""
    if difference is None:
        return "-"
    if difference.low is None or difference.high is None:
        return f"{100 * difference.mean:+.1f}"
    return f"{100 * difference.mean:+.1f} ({100 * difference.low:+.1f} to {100 * difference.high:+.1f})"


def seeds_in_words(seeds: Sequence[int]) -> str:
    """``seed 0`` or ``seeds 0, 1, 2``."""
    return f"seed{'s' if len(seeds) > 1 else ''} " + ", ".join(str(seed) for seed in seeds)


def unfinished_in_words(summary: AblationSummary) -> str:
    """Which seeds each arm still lacks; empty where none does."""
    lacking = "; ".join(f"`{arm}` lacks {seeds_in_words(seeds)}" for arm, seeds in summary.absent.items())
    return f"**Unfinished:** {lacking}." if lacking else ""
