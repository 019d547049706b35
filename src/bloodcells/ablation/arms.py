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
        training: fields of `config.Recipe`.
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
    "hard_labels": Arm("no label smoothing", RECIPE_BASELINE, {"label_smoothing": 0.0}),
    "no_decay": Arm("no weight decay", RECIPE_BASELINE, {"weight_decay": 0.0}),
    "whole_depth": Arm("no stochastic depth", RECIPE_BASELINE, phase={"stochastic_depth": 0.0}),
    "96_px": Arm("the backbone sees the cells at 96 px", RECIPE_BASELINE, phase={"working_size": 96}),
}
RECIPES = tuple(_RECIPES)
ARMS = POLICIES + RECIPES

RETIRED = {
    "lion": "Lion (Chen et al. 2023, arXiv:2302.06675) at a tenth of AdamW's rate and ten times its decay",
    "ema": "an exponential moving average of the weights, momentum 0.98",
    "class_weights": "classes weighted by their inverse frequency",
    "frozen_batchnorm": "BatchNorm keeps the start's statistics, scale and shift",
    "precise_batchnorm": "BatchNorm's statistics are those of 2,304 augmented images in large batches (Wu and Johnson "
    "2021, arXiv:2105.07576)",
}
"""Changes to the recipe that were measured and did not earn a place in training: what their records tell of."""


def arm_named(name: str) -> Arm:
    """The arm of that name.

    Raises:
        KitError: unknown name.
    """
    if name not in ARMS:
        raise KitError(f"unknown arm: expected one of {', '.join(ARMS)}, got {name!r}. Choose among them.")
    return _RECIPES[name] if name in _RECIPES else Arm(policy(name).description, name)


def describe_arm(name: str) -> str:
    """What an arm of a record changes, retired ones included; nothing for one that was never known."""
    if name in RETIRED:
        return RETIRED[name]
    return arm_named(name).description if name in ARMS else ""


def changes_recipe(arms: Collection[str]) -> bool:
    """Whether some of ``arms`` change the recipe of training, so that ``RECIPE_BASELINE`` is what to compare with."""
    return not {*RECIPES, *RETIRED}.isdisjoint(arms)
