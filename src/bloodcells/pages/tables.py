"""Markdown tables, generated from records."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from bloodcells.corruption.composite import FAMILY_OF
from bloodcells.corruption.corruption_error import ALEXNET, RESNET18, ErrorRow, be, relative_be
from bloodcells.corruption.medmnist_c import CORRUPTIONS
from bloodcells.measuring.external import Share
from bloodcells.pages.words import PARTS, VIEWS
from bloodcells.recipe import Recipe
from bloodcells.run import SETS, Epoch, Measurement, Temperature

_NUMBER = re.compile(r"[-+]?[\d,]+(\.\d+)?%?")
_PUBLISHED = tuple(replace(row, name=f"{row.name}, published") for row in (ALEXNET, RESNET18))


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table. Columns of numbers are aligned to the right, and whole numbers grouped in thousands."""
    body = [[f"{value:,}" if type(value) is int else str(value) for value in row] for row in rows]
    rules = ["---:" if _are_numbers([row[place] for row in body]) else "---" for place in range(len(columns))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [list(columns), rules, *body]) + "\n"


def _are_numbers(column: Sequence[str]) -> bool:
    told = [text for text in column if text not in ("", "-", "–")]
    return bool(told) and all(_NUMBER.fullmatch(text) for text in told)


def metrics_table(rows: Iterable[Measurement]) -> str:
    """Every part, set and number of views, with an interval for accuracy."""
    columns = (
        "part", "set", "test-time augmentation", "accuracy", "95 % interval", "n", "balanced accuracy", "macro F1",
        "calibration error",
    )  # fmt: skip
    body = []
    for row in rows:
        measured = row.metrics
        low, high = accuracy_interval(measured.accuracy, measured.images)
        body.append(
            (PARTS[row.part], row.set, VIEWS[row.views], f"{measured.accuracy:.4f}",
             f"{low:.3f} to {high:.3f}", measured.images, f"{measured.balanced_accuracy:.4f}",
             f"{measured.macro_f1:.4f}", f"{measured.calibration_error:.4f}")
        )  # fmt: skip
    return markdown_table(columns, body)


def temperature_table(chosen: Temperature) -> str:
    """The calibration error of every part and set, before and after a temperature."""
    columns = ("part", "set", "n", "calibration error", f"at temperature {chosen.temperature:.2f}")
    rows = [(PARTS[one.part], one.set, one.images, f"{one.before:.4f}", f"{one.after:.4f}") for one in chosen.effects]
    return markdown_table(columns, rows)


def scores_table(by_set: Mapping[str, Mapping[str, float]]) -> str:
    """What the local worker gave the zip, by set: the leaderboard's columns."""
    columns = list(next(iter(by_set.values())))
    rows = [
        (name, *(f"{scores[key]:.1f} s" if key == "duration" else f"{scores[key]:.4f}" for key in columns))
        for name, scores in by_set.items()
    ]
    return markdown_table(["hold-out", *(key.replace("_", " ") for key in columns)], rows)


def error_means_table(rows: Iterable[ErrorRow]) -> str:
    """Balanced errors of MedMNIST-C in per cent, clean and the mean over all corruptions, the published rows first."""
    body = [
        (row.name, f"{100 * row.clean:.2f}", f"{100 * row.mean:.2f}", f"{be(row):.2f}", f"{relative_be(row):.2f}")
        for row in (*_PUBLISHED, *rows)
    ]
    return markdown_table(("network", "clean", "mean", "BE", "relative BE"), body)


def errors_by_corruption_table(rows: Iterable[ErrorRow]) -> str:
    """Balanced errors of MedMNIST-C in per cent under each corruption, a column for each of a few networks.

    The published networks come first. A page as narrow as a phone shows two or three of ``rows`` beside them.
    """
    shown = (ALEXNET, RESNET18, *rows)
    body = [(name.replace("_", " "), *(f"{100 * row.corrupted[name]:.2f}" for row in shown)) for name in CORRUPTIONS]
    body.insert(0, ("clean", *(f"{100 * row.clean:.2f}" for row in shown)))
    body.append(("mean", *(f"{100 * row.mean:.2f}" for row in shown)))
    for name, measure in {"BE": be, "relative BE": relative_be}.items():
        body.append((name, *(f"{measure(row):.2f}" for row in shown)))
    return markdown_table(("corruption", *(row.name for row in shown)), body)


def phases_table(recipe: Recipe, epochs: Sequence[Epoch]) -> str:
    """What training did, phase by phase, and where it stood on the validation cells after each."""
    columns = ("phase", "epochs", "policy", "px", "batch", "peak rate", "images/s", "minutes", "clean", "composite")
    rows, first = [], 0
    for phase in recipe.phases:
        own = epochs[first : first + phase.epochs]
        first += phase.epochs
        reached = own[-1].validation
        rows.append(
            (phase.name, phase.epochs, phase.policy, phase.working_size, phase.batch_size, f"{phase.learning_rate:g}",
             f"{sum(epoch.images_per_second for epoch in own) / len(own):,.0f}",
             f"{sum(epoch.seconds for epoch in own) / 60:.0f}",
             *(f"{reached[name]:.4f}" if name in reached else "–" for name in SETS))
        )  # fmt: skip
    return markdown_table(columns, rows)


_NEUTRAL = {"deposit": "blots", "slide": "marks"}  # what the composite calls by words of a microscope


def corruptions_table(by_corruption: Mapping[str, tuple[int, float]]) -> str:
    """Accuracy under each corruption of the composite set, as `evaluation.accuracy_by_corruption` gives it."""
    rows = [
        (corruption_in_words(name), _NEUTRAL.get(family := FAMILY_OF.get(name, ""), family), images,
         f"{accuracy:.3f}")
        for name, (images, accuracy) in by_corruption.items()
    ]  # fmt: skip
    return markdown_table(("corruption", "family", "n", "accuracy"), rows)


def corruption_in_words(name: str) -> str:
    """The name of a corruption of the composite set as a page shows it."""
    return _NEUTRAL.get(name, name).replace("_", " ")


def pairs_table(pairs: Mapping[str, object], columns: tuple[str, str]) -> str:
    """Two columns: names, with blanks for underscores, and values."""
    return markdown_table(columns, [(name.replace("_", " "), value) for name, value in pairs.items()])


def accuracy_interval(accuracy: float, n: int) -> tuple[float, float]:
    """The interval of `external.Share`."""
    share = Share.of(round(accuracy * n), n)
    return share.low, share.high


def interval_in_words(accuracy: float, n: int) -> str:
    """An accuracy with its interval for drawing ``n`` other cells."""
    low, high = accuracy_interval(accuracy, n)
    return f"{accuracy:.4f} ({low:.3f} to {high:.3f})"
