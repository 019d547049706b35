"""The published runs by recipe: those that differ in their seed alone are one row of a table."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bloodcells.ablation.statistics import Spread, spread
from bloodcells.pages.record import RunRecord


@dataclass(frozen=True)
class Seeds:
    """One recipe on the same cells, once or with several seeds.

    Attributes:
        runs: the records by the folder of their page, the lowest seed first.
    """

    runs: Mapping[str, RunRecord]

    @property
    def first(self) -> RunRecord:
        """That of the lowest seed."""
        return next(iter(self.runs.values()))

    @property
    def minutes(self) -> tuple[float, float]:
        """What the quickest and the slowest run took, all stages."""
        taken = [sum(record.seconds.values()) / 60 for record in self.runs.values()]
        return min(taken), max(taken)

    @property
    def changes(self) -> tuple[str, ...]:
        """What ``--set`` changed, each ``key=value`` once, whatever the phase."""
        words = [word for command in self.first.config.commands[:1] for word in _options(command)]
        return tuple(dict.fromkeys(word.removeprefix("phases.").lstrip("0123456789.") for word in words))

    def accuracy(self, of: str) -> Spread:
        """Of the zips on the hold-out, in one of ``SETS``."""
        return spread([record.summary.scores[of]["accuracy"] for record in self.runs.values()])


def by_recipe(records: Mapping[str, RunRecord]) -> list[Seeds]:
    """The records of equal recipes and cells together, in the order of the first of each."""
    grouped: dict[Any, dict[str, RunRecord]] = {}
    for page, record in records.items():
        grouped.setdefault(_told(record), {})[page] = record
    return [Seeds(dict(sorted(own.items(), key=lambda one: one[1].config.recipe.seed))) for own in grouped.values()]


def _told(record: RunRecord) -> Any:
    """What the whole network was taught; names of phases, and how a head is trained before, make no other recipe."""
    config = record.config
    taught = [replace(phase, name="", least_steps=0) for phase in config.recipe.phases if not phase.head_only]
    return replace(config.recipe, seed=0, phases=tuple(taught)), config.data_sha256, config.note


def _options(command: str) -> Iterator[str]:
    words = iter(shlex.split(command))
    return (next(words, "") for word in words if word == "--set")
