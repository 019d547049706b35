"""An ablation: one shared start, then every arm with every seed on the same cells, steps and order of data.

Its folder holds

    start/                    run folder of the shared start
    runs/<arm>-<seed>/        run folder of an arm while it trains; removed when its record is written
    records/<arm>-<seed>.json the results

Arms know nothing of one another, so they may run one after another here or side by side as tasks of an engine
(`ablation.tasks`); what has a record is not trained again.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from bloodcells.ablation.arms import ARMS, RECIPE_BASELINE, RETIRED, arm_named
from bloodcells.ablation.budget import Budget
from bloodcells.ablation.records import ArmRecord, BalancedErrors, Elsewhere, packed_bits, record_path, write_record
from bloodcells.augmentation.pipeline import training_batches
from bloodcells.augmentation.policies import policy
from bloodcells.corruption import composite
from bloodcells.corruption.corruption_error import balanced_error, errors_by_severity
from bloodcells.data.cells import CellSet
from bloodcells.environment import describe_environment
from bloodcells.errors import KitError
from bloodcells.files import sha256_of
from bloodcells.measuring.evaluation import balanced_accuracy
from bloodcells.network.inference import predict_probabilities
from bloodcells.run import Epoch, Run
from bloodcells.training.loop import train

_SUBSET_SEED = 0
_CORRUPTION_SEED = 1
_BUFFERED_BATCHES = 6
_TIMED_BATCHES = 20


@dataclass(frozen=True)
class Experiment:
    """What the arms have in common. Plain values and arrays, so that it can be sent to another process.

    Attributes:
        training: the cells that every arm learns from.
        validation: the cells that every arm is measured on, clean and corrupted.
        budget: the means.
        folder: the folder of the ablation.
        external: labelled pictures from elsewhere that every arm is measured on too; None for none.
    """

    training: CellSet
    validation: CellSet
    budget: Budget
    folder: Path
    external: CellSet | None = None

    @property
    def start(self) -> Path:
        """The weights that every arm starts from."""
        return Run(self.folder / "start").weights

    def paired_sets(self) -> dict[str, CellSet]:
        """The validation cells as they are and under the frozen composite corruption, by set of ``PAIRED_SETS``."""
        return {"clean": self.validation, "composite": composite.corrupt(self.validation, _CORRUPTION_SEED)}


def prepare_experiment(
    training: CellSet, validation: CellSet, budget: Budget, init: str, folder: Path, external: CellSet | None = None
) -> Experiment:
    """Draw the cells of the budget and train the shared start, or go on with what is there.

    Raises:
        KitError: the folder holds another experiment, or the initial weights cannot be had.
    """
    known, validation = _subset(training, budget.start_cells), _subset(validation, budget.validation_cells)
    train(known, {"clean": validation}, budget.start_recipe(init), folder / "start")
    return Experiment(_subset(known, budget.cells), validation, budget, folder, external)


def pending(folder: Path, arms: Sequence[str], seeds: Sequence[int]) -> list[tuple[str, int]]:
    """The arms and seeds without a record, seed by seed, so that a first comparison stands early.

    Raises:
        KitError: an arm is unknown, or named twice.
    """
    for arm in arms:
        arm_named(arm)
    if len(set(arms)) < len(arms) or len(set(seeds)) < len(seeds):
        raise KitError(f"arms and seeds: expected each once, got {', '.join(arms)} and {list(seeds)}. Remove one.")
    return [(arm, seed) for seed in seeds for arm in arms if not record_path(folder, arm, seed).exists()]


def run_arm(experiment: Experiment, arm: str, seed: int) -> Path:
    """Train one arm with one seed, measure it and write its record; return the record's path."""
    keras.backend.clear_session()  # else every arm's graphs stay in memory
    budget, run = experiment.budget, experiment.folder / "runs" / f"{arm}-{seed}"
    config = budget.arm_recipe(arm_named(arm), seed, str(experiment.start))
    network = train(experiment.training, {}, config, run)
    epochs = Run(run).rows(Epoch)

    def predicted(cells: CellSet) -> np.ndarray:
        return predict_probabilities(network, cells.images).argmax(axis=1)

    validation = experiment.validation
    medmnist = validation.take(np.arange(min(budget.medmnist_cells, len(validation))))
    correct = {name: predicted(cells) == cells.labels for name, cells in experiment.paired_sets().items()}
    errors, medmnist_accuracy = errors_by_severity(predicted, medmnist, _CORRUPTION_SEED)
    record = ArmRecord(
        arm=arm,
        seed=seed,
        budget=budget.as_dict(),
        data_sha256=experiment.training.sha256,
        start_sha256=sha256_of(experiment.start),
        images={"clean": len(validation), "composite": len(validation), "medmnist_c": len(medmnist)},
        accuracy={
            **{name: float(right.mean()) for name, right in correct.items()},
            "medmnist_c": medmnist_accuracy,
        },
        correct=correct,
        balanced_error=BalancedErrors(
            balanced_error(medmnist, predicted(medmnist)), {name: tuple(own) for name, own in errors.items()}
        ),
        composite_families=_by_family(correct["composite"]),
        steps=budget.epochs * (len(experiment.training) // budget.batch_size),
        train_seconds=round(sum(epoch.seconds for epoch in epochs), 1),
        images_per_second=epochs[-1].images_per_second,
        policy_images_per_second=_throughput(experiment.training, config.policy, budget.batch_size),
        environment=describe_environment(),
        elsewhere=_elsewhere(experiment.external, predicted) if experiment.external else None,
    )
    path = write_record(experiment.folder, record)
    Run(run).discard()
    return path


def nearness() -> Mapping[str, frozenset[str]]:
    """What each arm's augmentation comes near to among the corruptions that test it."""
    near = {arm: policy(arm_named(arm).policy).near for arm in ARMS}
    return {**near, **dict.fromkeys(RETIRED, near[RECIPE_BASELINE])}


def _subset(cells: CellSet, count: int) -> CellSet:
    """At most ``count`` of the cells, drawn once; another budget of the same size draws the same."""
    drawn = np.random.default_rng(_SUBSET_SEED).permutation(len(cells))[:count]
    return cells.take(np.sort(drawn), f"{cells.origin}, {min(count, len(cells))} drawn")


def _elsewhere(pictures: CellSet, predicted: Callable[[CellSet], np.ndarray]) -> Elsewhere:
    found = predicted(pictures)
    balanced = balanced_accuracy(pictures.labels, found, len(pictures.competition.classes))
    right = packed_bits(found == pictures.labels)
    return Elsewhere(pictures.origin, pictures.sha256, len(pictures), right, balanced)


def _by_family(correct: np.ndarray) -> dict[str, float]:
    """Accuracy over the images whose chain holds a corruption of the family, by family."""
    held = [
        {composite.FAMILY_OF[word] for word in composite.words(chain)}
        for chain in composite.chains(len(correct), _CORRUPTION_SEED)
    ]
    chosen = {family: np.array([family in families for families in held]) for family in composite.FAMILIES}
    return {family: float(correct[holds].mean()) for family, holds in chosen.items() if holds.any()}


def _throughput(cells: CellSet, policy_name: str, batch_size: int) -> float:
    """Cells in a second that the pipeline gives when nobody trains, without those that it had ready."""
    batches = iter(training_batches(cells, policy_name, batch_size, 0, 0, 1_000))
    for _ in range(_BUFFERED_BATCHES):
        next(batches)
    began = time.perf_counter()
    for _ in range(_TIMED_BATCHES):
        next(batches)
    return round(_TIMED_BATCHES * batch_size / (time.perf_counter() - began), 1)
