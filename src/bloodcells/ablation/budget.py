"""What every arm of an ablation gets: cells, steps, sizes. Arms that are compared share one budget."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from bloodcells.ablation.arms import Arm
from bloodcells.errors import looked_up
from bloodcells.recipe import Phase, Recipe


@dataclass(frozen=True)
class Budget:
    """One experiment's means.

    Attributes:
        name: of the preset.
        start_cells: cells that the start is trained on; at most this many. A start that still has the cells to learn
            hides what an augmentation is worth.
        cells: cells of these that every arm is trained on; at most this many.
        working_size: height and width at which the backbone sees the cells, pixels.
        batch_size: cells per step.
        start_epochs: whole-network epochs, without augmentation, of the checkpoint that all arms start from.
        epochs: of each arm.
        learning_rate: peak rate of the start and of each arm.
        validation_cells: cells of the clean and of the composite set; at most this many.
        medmnist_cells: cells of each of the 55 copies of MedMNIST-C; at most this many.
    """

    name: str
    start_cells: int
    cells: int
    working_size: int
    batch_size: int
    start_epochs: int
    epochs: int
    learning_rate: float
    validation_cells: int
    medmnist_cells: int

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


_BUDGETS = {
    # 2 CPU cores: about ten minutes for the start, four for an arm on one core.
    "cpu": Budget(
        "cpu", start_cells=1_000_000, cells=2400, working_size=64, batch_size=32, start_epochs=3, epochs=3,
        learning_rate=5e-4, validation_cells=600, medmnist_cells=80,
    ),
    # One GPU: every cell at full size.
    "gpu": Budget(
        "gpu", start_cells=1_000_000, cells=1_000_000, working_size=96, batch_size=64, start_epochs=3, epochs=8,
        learning_rate=5e-4, validation_cells=1_000_000, medmnist_cells=1_000_000,
    ),
    # A trial of the machinery: too little for a conclusion.
    "trial": Budget(
        "trial", start_cells=64, cells=64, working_size=32, batch_size=16, start_epochs=1, epochs=1,
        learning_rate=1e-3, validation_cells=32, medmnist_cells=8,
    ),
}  # fmt: skip

BUDGETS = tuple(_BUDGETS)


def budget(name: str) -> Budget:
    """The preset of that name.

    Raises:
        KitError: unknown name.
    """
    return looked_up(_BUDGETS, name, "budget")
