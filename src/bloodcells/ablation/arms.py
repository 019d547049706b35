"""What is compared: an arm is an augmentation policy by its name, or one change to the recipe of training."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from bloodcells.augmentation.policies import POLICIES, policy
from bloodcells.errors import KitError


@dataclass(frozen=True)
class Arm:
    """How one arm is trained; all that it does not say is the budget's.

    Attributes:
        description: what it changes, for a table.
        policy: name of its augmentation policy.
        training: fields of `config.TrainingConfig`.
        phase: fields of `config.Phase`.
        rate: its learning rate as a multiple of the budget's.
    """

    description: str
    policy: str
    training: Mapping[str, Any] = field(default_factory=dict)
    phase: Mapping[str, Any] = field(default_factory=dict)
    rate: float = 1.0


BASELINE = "flips"
"""The arm that policies are compared with."""
RECIPE_BASELINE = "full"
"""The arm that changes to the recipe are compared with, and their policy."""

_RECIPES = {
    "half_rate": Arm("half the learning rate", RECIPE_BASELINE, rate=0.5),
    "double_rate": Arm("twice the learning rate", RECIPE_BASELINE, rate=2.0),
    "lion": Arm(
        "Lion (Chen et al. 2023, arXiv:2302.06675) at a tenth of AdamW's rate and ten times its decay",
        RECIPE_BASELINE,
        training={"optimizer": "lion", "weight_decay": 0.1},
        rate=0.1,
    ),
    "ema": Arm("an exponential moving average of the weights, momentum 0.98", RECIPE_BASELINE, {"ema_momentum": 0.98}),
    "hard_labels": Arm("no label smoothing", RECIPE_BASELINE, {"label_smoothing": 0.0}),
    "class_weights": Arm("classes weighted by their inverse frequency", RECIPE_BASELINE, {"class_weights": True}),
    "no_decay": Arm("no weight decay", RECIPE_BASELINE, {"weight_decay": 0.0}),
    "whole_depth": Arm("no stochastic depth", RECIPE_BASELINE, phase={"stochastic_depth": 0.0}),
    "frozen_batchnorm": Arm(
        "BatchNorm keeps the start's statistics, scale and shift", RECIPE_BASELINE, phase={"frozen_batchnorm": True}
    ),
    "precise_batchnorm": Arm(
        "BatchNorm's statistics are those of 2,304 augmented images in large batches (Wu and Johnson 2021, "
        "arXiv:2105.07576)",
        RECIPE_BASELINE,
        phase={"batchnorm_images": 2304},
    ),
    "soup": Arm(
        "the average of three trainings (Wortsman et al. 2022, arXiv:2203.05482), at three times the steps",
        RECIPE_BASELINE,
        phase={"soup": 3},
    ),
    "96_px": Arm("the backbone sees the cells at 96 px", RECIPE_BASELINE, phase={"working_size": 96}),
}
RECIPES = tuple(_RECIPES)
ARMS = POLICIES + RECIPES


def arm_named(name: str) -> Arm:
    """The arm of that name.

    Raises:
        KitError: unknown name.
    """
    if name not in ARMS:
        raise KitError(f"unknown arm: expected one of {', '.join(ARMS)}, got {name!r}. Choose among them.")
    return _RECIPES[name] if name in _RECIPES else Arm(policy(name).description, name)


def changes_recipe(arms: Collection[str]) -> bool:
    """Whether some of ``arms`` change the recipe of training, so that ``RECIPE_BASELINE`` is what to compare with."""
    return not set(RECIPES).isdisjoint(arms)
