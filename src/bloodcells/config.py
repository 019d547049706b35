"""What a training run is told: frozen values, and the two profiles that give them."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bloodcells.errors import KitError


@dataclass(frozen=True)
class TrainingConfig:
    """One training run. Two equal configs on equal data give the same run.

    Attributes:
        init: where the backbone starts: ``imagenet`` (downloaded once), ``scratch``, or the path of an
            ImageNet-style ``.h5`` file without the top.
        policy: name of the augmentation policy.
        working_size: height and width at which the backbone sees the cells, pixels.
        batch_size: images per step.
        head_epochs: epochs with the backbone frozen; 0 starts with the whole network.
        epochs: epochs with the whole network.
        head_learning_rate: peak rate while the backbone is frozen.
        learning_rate: peak rate of AdamW for the whole network, reached after the warm-up, then cosine to 0.
        warmup_steps: steps from rate 0 to the peak.
        weight_decay: decoupled weight decay of AdamW.
        label_smoothing: share of the label spread over all classes, 0..1.
        dropout: dropout before the head, 0..1.
        seed: of the data order, the head's initialisation and the augmentation.
    """

    init: str
    policy: str
    working_size: int
    batch_size: int
    head_epochs: int
    epochs: int
    learning_rate: float
    warmup_steps: int
    head_learning_rate: float = 2e-3
    weight_decay: float = 0.01
    label_smoothing: float = 0.1
    dropout: float = 0.2
    seed: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The config as JSON-ready values."""
        return asdict(self)


PROFILES = ("quick", "full")


def starting_point(init: str, data: str) -> str:
    """Where training starts: ``init`` itself, or for ``auto`` ImageNet, and scratch for the ``synthetic`` smear.

    The smear is there to try the kit without any download.
    """
    if init != "auto":
        return init
    return "scratch" if data == "synthetic" else "imagenet"


def run_name(data: str, profile: str, seed: int) -> str:
    """The name of a run folder: ``training_set-quick-0``."""
    return f"{Path(data).stem}-{profile}-{seed}"


def training_config(profile: str, init: str, seed: int) -> TrainingConfig:
    """The config of a profile.

    Both profiles run the same code. ``quick`` works at 64 px, where a CPU trains about twice as many
    images in a second as at 96 px, and is over in minutes; ``full`` is what a competitor uploads.
    A backbone that starts from scratch needs small batches, a higher rate and no head phase.

    Raises:
        KitError: unknown profile.
    """
    scratch = init == "scratch"
    if profile == "quick":
        return TrainingConfig(
            init=init,
            policy="flips",
            working_size=64,
            batch_size=16 if scratch else 64,
            head_epochs=0 if scratch else 1,
            epochs=3 if scratch else 2,
            learning_rate=1.5e-3 if scratch else 1e-3,
            warmup_steps=60,
            seed=seed,
        )
    if profile == "full":
        return TrainingConfig(
            init=init,
            policy="chain",
            working_size=96,
            batch_size=32 if scratch else 64,
            head_epochs=0 if scratch else 1,
            epochs=100 if scratch else 8,
            learning_rate=2e-3 if scratch else 6e-4,
            warmup_steps=200,
            seed=seed,
        )
    raise KitError(f"unknown profile: expected {' or '.join(PROFILES)}, got {profile!r}. Choose one with --profile.")
