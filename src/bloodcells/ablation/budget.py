"""What every arm of an ablation gets: cells, steps, sizes. Arms that are compared share one budget."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from bloodcells.ablation.arms import Arm
from bloodcells.decoding import Name, Positive, decoded_strictly
from bloodcells.recipe import Phase, Recipe, read_settings

BUDGETS = ("cpu", "gpu", "trial")
"""The budgets that come with the kit."""
_FOLDER = Path(__file__).parent / "budgets"


@dataclass(frozen=True)
class Budget:
    """One experiment's means.

    Attributes:
        name: the name of the file.
        start_cells: cells that the start is trained on; at most this many. A start that still has the cells to learn
            hides what an augmentation is worth.
        cells: cells of these that every arm is trained on; at most this many.
        working_size: height and width at which the backbone sees the cells, pixels.
        batch_size: cells per step.
        start_epochs: whole-network epochs, without augmentation, of the checkpoint that all arms start from.
        epochs: the epochs of each arm.
        learning_rate: peak rate of the start and of each arm.
        validation_cells: cells of the clean and of the composite set; at most this many.
        medmnist_cells: cells of each of the 55 copies of MedMNIST-C; at most this many.
    """

    name: Name
    start_cells: Positive
    cells: Positive
    working_size: Annotated[int, (32, 4096)]
    batch_size: Positive
    start_epochs: Positive
    epochs: Positive
    learning_rate: Annotated[float, (0, 1)]
    validation_cells: Positive
    medmnist_cells: Positive

    def as_dict(self) -> dict[str, Any]:
        """The budget as JSON-ready values."""
        return asdict(self)

    def start_recipe(self, init: str) -> Recipe:
        """How the shared start is trained: the head, then the whole network, on cells as they are."""
        phases = [Phase("fine-tuning", self.start_epochs, **self._common("none"))]
        if init != "scratch":
            phases.insert(0, Phase("head", 1, **{**self._common("none"), "learning_rate": 2e-3, "head_only": True}))
        return Recipe(init=init, phases=tuple(phases))

    def arm_recipe(self, arm: Arm, seed: int, start: str) -> Recipe:
        """How an arm is trained from the weights in ``start``: what it says is all that differs from another arm."""
        phase = Phase("arm", self.epochs, **self._common(arm.policy))
        phase = replace(phase, learning_rate=arm.rate * phase.learning_rate, **arm.phase)
        return Recipe(init=start, phases=(phase,), seed=seed, **arm.training)

    def _common(self, policy: str) -> dict[str, Any]:
        return {
            "policy": policy,
            "working_size": self.working_size,
            "batch_size": self.batch_size,
            "learning_rate": self.learning_rate,
            "warmup_steps": 20,
        }


def budget(name: str) -> Budget:
    """The budget of a file: one of ``BUDGETS``, or the path of another.

    Raises:
        KitError: the file is missing or no TOML, or a key is unknown, missing, of another type or out of its range.
    """
    values = read_settings(name, _FOLDER, BUDGETS, "budget")
    found: Budget = decoded_strictly(values, Budget, f"budget {name}", name=Path(name).stem)
    return found
