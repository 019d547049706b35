"""What several verbs say of what was measured."""

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from bloodcells.errors import say

if TYPE_CHECKING:
    from bloodcells.run import Measurement, Run


def say_accuracies(rows: "Sequence[Measurement]") -> None:
    """A line for each part and set."""
    for (part, name), own in groupby(rows, lambda row: (row.part, row.set)):
        accuracies = ", ".join(f"{row.metrics.accuracy:.4f} over {row.views} view(s)" for row in own)
        say(f"Accuracy on {part} cells, {name}: {accuracies}.")


def warning_of_chance(run: "Run", views: int) -> str | None:
    """A line where the network has learned nothing, measured on clean validation cells; None where it has."""
    from bloodcells.measuring import chance
    from bloodcells.run import Measurement, metrics_by_set

    clean = metrics_by_set(run.rows(Measurement), "validation", views)["clean"]
    counts = [sum(row) for row in clean.confusion]
    return chance.warning_of_chance(clean.accuracy, counts, run.config.competition.classes)
