"""What a training run is told: frozen values, and the two profiles that give them."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bloodcells.errors import KitError


@dataclass(frozen=True)
class Phase:
    """Some epochs of a run, trained with one optimizer on one kind of batch.

    Attributes:
        name: of what is done.
        epochs: passes over the training cells.
        policy: name of the augmentation policy.
        working_size: height and width at which the backbone sees the cells, pixels.
        batch_size: cells per step.
        learning_rate: peak rate of the optimizer, reached after the warm-up, then cosine to 0.
        warmup_steps: steps from rate 0 to the peak; at most half of the phase.
        head_only: train the head with Adam at a constant rate; the backbone and its BatchNorm statistics stay.
        stochastic_depth: share of the images for which the last residual block is left out, 0..1; falls linearly to 0
            at the first block (Huang et al. 2016, arXiv:1603.09382).
        untouched: share of the images that the policy's first layer alone changes, 0..1, so that the network and the
            statistics of its BatchNorm do not lose sight of clean cells.
    """

    name: str
    epochs: int
    policy: str
    working_size: int
    batch_size: int
    learning_rate: float
    warmup_steps: int = 0
    head_only: bool = False
    stochastic_depth: float = 0.2
    untouched: float = 0.0


@dataclass(frozen=True)
class TrainingConfig:
    """One training run. Two equal configs on equal data give the same run.

    Attributes:
        init: where the weights start: ``imagenet``, ``kit``, ``scratch`` or the path of a file, as
            `pretrained.initialise` takes it.
        phases: what is done, in order. The network keeps the working size of the last.
        weight_decay: decoupled weight decay of the optimizer, AdamW.
        label_smoothing: share of the label spread over all classes, 0..1.
        dropout: dropout before the head, 0..1.
        seed: of the data order, the head's initialisation and the augmentation.
    """

    init: str
    phases: tuple[Phase, ...]
    weight_decay: float = 0.01
    label_smoothing: float = 0.1
    dropout: float = 0.2
    seed: int = 0

    @property
    def epochs(self) -> int:
        """Epochs of all phases."""
        return sum(phase.epochs for phase in self.phases)

    @property
    def working_size(self) -> int:
        """Of the trained network, pixels."""
        return self.phases[-1].working_size

    @property
    def policy(self) -> str:
        """Of the last phase."""
        return self.phases[-1].policy

    def as_dict(self) -> dict[str, Any]:
        """The config as JSON-ready values, with the ``policy`` and the ``working_size`` of the trained network."""
        values = asdict(self)
        return {
            **values, "phases": list(values["phases"]), "policy": self.policy, "working_size": self.working_size
        }  # fmt: skip


def run_name(data: str, profile: str, seed: int) -> str:
    """The name of a run folder: ``training_set-quick-0``."""
    return f"{Path(data).stem}-{profile}-{seed}"


def training_config(profile: str, init: str, seed: int) -> TrainingConfig:
    """The config of a profile.

    Both profiles run the same code; where much is to be learned at 64 px first, at which a CPU trains about twice as
    many images in a second as at 96 px. ``quick`` is over in minutes; ``full`` is what a competitor uploads.

    Raises:
        KitError: unknown profile.
    """
    if profile not in PROFILES:
        known = " or ".join(PROFILES)
        raise KitError(f"unknown profile: expected {known}, got {profile!r}. Choose one with --profile.")
    phases = _PHASES[profile]
    return TrainingConfig(init=init, phases=phases.get(init, phases["a backbone"]), seed=seed)


_PHASES: dict[str, dict[str, tuple[Phase, ...]]] = {
    "quick": {
        "a backbone": (
            Phase("head", 1, "flips", 64, batch_size=64, learning_rate=2e-3, head_only=True),
            Phase("fine-tuning", 2, "flips", 64, batch_size=64, learning_rate=1e-3, warmup_steps=60),
        ),
        # The head is there too. Two epochs of `chain` on the smear left 0.97 or 0.85 on its clean cells, run by run.
        "kit": (Phase("fine-tuning", 1, "flips", 96, batch_size=32, learning_rate=5e-4, warmup_steps=40),),
        # From scratch: smaller batches and a higher rate, and without augmentation first, since a network that knows no
        # cell yet learns little from a distorted one.
        "scratch": (Phase("training", 3, "flips", 64, batch_size=16, learning_rate=1.5e-3, warmup_steps=60),),
    },
    "full": {
        # With eight views the epochs at 96 px trade 0.2 points on clean validation cells for 0.7 on corrupted ones.
        "a backbone": (
            Phase("head, 64 px", 1, "flips", 64, batch_size=64, learning_rate=2e-3, head_only=True),
            Phase(
                "a third clean, 64 px",
                20,
                "full",
                64,
                batch_size=32,
                learning_rate=1e-3,
                warmup_steps=200,
                stochastic_depth=0.0,
                untouched=0.33,
            ),
            Phase(
                "a third clean, 96 px",
                3,
                "full",
                96,
                batch_size=32,
                learning_rate=5e-4,
                warmup_steps=100,
                stochastic_depth=0.0,
                untouched=0.33,
            ),
        ),
        "kit": (
            Phase(
                "a third clean, 96 px",
                3,
                "full",
                96,
                batch_size=64,
                learning_rate=3e-4,
                warmup_steps=50,
                stochastic_depth=0.1,
                untouched=0.33,
            ),
        ),
        "scratch": (
            Phase("flips, 64 px", 3, "flips", 64, batch_size=32, learning_rate=2e-3, warmup_steps=200),
            Phase("chain, 64 px", 14, "chain", 64, batch_size=32, learning_rate=1.5e-3, warmup_steps=200),
            Phase("warm restart, 64 px", 6, "chain", 64, batch_size=32, learning_rate=1e-3, warmup_steps=100),
            Phase(
                "whole depth, 64 px",
                28,
                "chain",
                64,
                batch_size=32,
                learning_rate=1.5e-3,
                warmup_steps=200,
                stochastic_depth=0.0,
            ),
            Phase(
                "full, 64 px",
                28,
                "full",
                64,
                batch_size=32,
                learning_rate=1.5e-3,
                warmup_steps=200,
                stochastic_depth=0.0,
            ),
            # `full` alone left 0.8 of the clean basophils as eosinophils.
            Phase(
                "a third clean, 64 px",
                3,
                "full",
                64,
                batch_size=32,
                learning_rate=3e-4,
                warmup_steps=50,
                stochastic_depth=0.0,
                untouched=0.33,
            ),
            Phase(
                "a third clean, longer, 64 px",
                30,
                "full",
                64,
                batch_size=32,
                learning_rate=1.2e-3,
                warmup_steps=200,
                stochastic_depth=0.0,
                untouched=0.33,
            ),
            # Batches of 32 leave the moving averages of BatchNorm too far off to see at 96 px what is learned there.
            Phase(
                "a third clean, 96 px",
                125,
                "full",
                96,
                batch_size=128,
                learning_rate=2e-3,
                warmup_steps=370,
                stochastic_depth=0.1,
                untouched=0.33,
            ),
        ),
    },
}
PROFILES = tuple(_PHASES)
