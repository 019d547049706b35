"""An ablation in figures: every arm over its seeds, the best on the composite set first."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bloodcells.ablation.arms import BASELINE, RECIPE_BASELINE, changes_recipe
from bloodcells.ablation.records import PAIRED_SETS, SETS, ArmRecord
from bloodcells.ablation.statistics import PairedDifference, Spread, paired_difference, spread
from bloodcells.corruption.corruption_error import ErrorRow, be, error_row, relative_be

WANTED_SEEDS = 3
"""Of each arm: with fewer, the spread over them says little."""


@dataclass(frozen=True)
class ArmSummary:
    """One arm over its seeds.

    Attributes:
        arm: its name.
        seeds: those that have a record.
        accuracy: by set, 0..1.
        difference: by set of ``PAIRED_SETS``, accuracy minus the baseline's; None where no seed is common to both,
            and for the baseline itself.
        errors: balanced errors, 0..1, mean over the seeds.
        be: BE of MedMNIST-C; AlexNet has 1, lower is better.
        relative_be: relative BE.
        composite_families: accuracy by family, 0..1, mean over the seeds.
        train_seconds: the seconds of training one seed.
        images_per_second: training cells in a second, mean over the seeds.
        policy_images_per_second: cells in a second of the augmentation pipeline alone, mean over the seeds.
    """

    arm: str
    seeds: tuple[int, ...]
    accuracy: Mapping[str, Spread]
    difference: Mapping[str, PairedDifference | None]
    errors: ErrorRow
    be: Spread
    relative_be: Spread
    composite_families: Mapping[str, float]
    train_seconds: Spread
    images_per_second: float
    policy_images_per_second: float


@dataclass(frozen=True)
class ElsewhereSummary:
    """What one arm makes of pictures from elsewhere, over its seeds.

    Attributes:
        accuracy: 0..1.
        balanced_accuracy: 0..1.
        difference: accuracy minus the baseline's, as in `ArmSummary`.
    """

    accuracy: Spread
    balanced_accuracy: Spread
    difference: PairedDifference | None


@dataclass(frozen=True)
class AblationSummary:
    """All arms, and what they have in common.

    Attributes:
        baseline: the arm that the others are compared with.
        arms: best mean accuracy on the composite set first.
        budget: the budget of every arm.
        steps: training steps of every arm, where they are the same; else None.
        images: images of each set.
        data_sha256: the SHA-256 of the training cells.
        start_sha256: the SHA-256 of the weights that the arms started from, each once.
        environments: versions and hardware, each once.
        pictures: where the pictures from elsewhere come from; empty where there were none.
        elsewhere: what each arm makes of them, by arm.
    """

    baseline: str
    arms: tuple[ArmSummary, ...]
    budget: Mapping[str, Any]
    steps: int | None
    images: Mapping[str, int]
    data_sha256: str
    start_sha256: tuple[str, ...]
    environments: tuple[Mapping[str, Any], ...]
    pictures: str
    elsewhere: Mapping[str, ElsewhereSummary]

    @property
    def unfinished(self) -> dict[str, int]:
        """How many seeds an arm has, by arm, where it is fewer than ``WANTED_SEEDS``."""
        return {arm.arm: len(arm.seeds) for arm in self.arms if len(arm.seeds) < WANTED_SEEDS}

    def as_dict(self) -> dict[str, Any]:
        """Everything, as JSON-ready values."""
        return {"kind": "ablation", **asdict(self)}


def summarise(records: Sequence[ArmRecord]) -> AblationSummary:
    """The summary of ``records``, which `read_records` has checked; at least one."""
    baseline = RECIPE_BASELINE if changes_recipe([record.arm for record in records]) else BASELINE
    by_arm: dict[str, list[ArmRecord]] = {}
    for record in records:
        by_arm.setdefault(record.arm, []).append(record)
    others = {arm: by_arm.get(baseline, []) if arm != baseline else [] for arm in by_arm}
    arms = [_summary_of(own, others[arm]) for arm, own in by_arm.items()]
    one = records[0]
    environments = [record.environment for record in records]
    steps = {record.steps for record in records}
    return AblationSummary(
        baseline=baseline,
        arms=tuple(sorted(arms, key=lambda arm: -arm.accuracy["composite"].mean)),
        budget=one.budget,
        steps=steps.pop() if len(steps) == 1 else None,
        images=one.images,
        data_sha256=one.data_sha256,
        start_sha256=tuple(dict.fromkeys(record.start_sha256 for record in records)),
        environments=tuple(one for place, one in enumerate(environments) if one not in environments[:place]),
        pictures=one.elsewhere.pictures if one.elsewhere else "",
        elsewhere={arm: _elsewhere_of(own, others[arm]) for arm, own in by_arm.items()} if one.elsewhere else {},
    )


def _summary_of(records: Sequence[ArmRecord], baseline: Sequence[ArmRecord]) -> ArmSummary:
    rows = [_errors(record) for record in records]
    return ArmSummary(
        arm=records[0].arm,
        seeds=tuple(record.seed for record in records),
        accuracy={name: spread([record.accuracy[name] for record in records]) for name in SETS},
        difference={name: _difference(_correct(records, name), _correct(baseline, name)) for name in PAIRED_SETS},
        errors=_mean_row(rows),
        be=spread([be(row) for row in rows]),
        relative_be=spread([relative_be(row) for row in rows]),
        composite_families=_mean_by_name([record.composite_families for record in records]),
        train_seconds=spread([record.train_seconds for record in records]),
        images_per_second=float(np.mean([record.images_per_second for record in records])),
        policy_images_per_second=float(np.mean([record.policy_images_per_second for record in records])),
    )


def _correct(records: Sequence[ArmRecord], name: str) -> dict[int, np.ndarray]:
    return {record.seed: record.correct[name] for record in records}


def _elsewhere_of(records: Sequence[ArmRecord], baseline: Sequence[ArmRecord]) -> ElsewhereSummary:
    found = [record.elsewhere for record in records if record.elsewhere]
    return ElsewhereSummary(
        spread([float(one.correct.mean()) for one in found]),
        spread([one.balanced_accuracy for one in found]),
        _difference({record.seed: record.elsewhere.correct for record in records if record.elsewhere},
                    {record.seed: record.elsewhere.correct for record in baseline if record.elsewhere}),
    )  # fmt: skip


def _difference(correct: Mapping[int, np.ndarray], baseline: Mapping[int, np.ndarray]) -> PairedDifference | None:
    """Over the seeds that both have; ``correct`` and ``baseline`` are (N,) bool by seed."""
    common = [seed for seed in correct if seed in baseline]
    if not common:
        return None
    return paired_difference(
        np.stack([correct[seed] for seed in common]), np.stack([baseline[seed] for seed in common])
    )


def _errors(record: ArmRecord) -> ErrorRow:
    return error_row(record.arm, record.balanced_error.clean, record.balanced_error.medmnist_c)


def _mean_row(rows: Sequence[ErrorRow]) -> ErrorRow:
    corrupted = _mean_by_name([row.corrupted for row in rows])
    return ErrorRow(rows[0].name, float(np.mean([row.clean for row in rows])), corrupted)


def _mean_by_name(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
