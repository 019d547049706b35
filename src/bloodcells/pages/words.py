"""What tables and figures have in common to say: sets, views, starts, hardware."""

from collections.abc import Mapping
from dataclasses import asdict
from itertools import groupby
from typing import Any

from bloodcells.run import Environment

PARTS = {"train": "training", "validation": "validation", "holdout": "hold-out"}
"""The parts of a split."""
VIEWS = {1: "single view", 4: "4 rotations", 8: "8 dihedral views"}
"""Test-time augmentation, by number of views."""
STAND_IN = (
    "ImageNet stand-in: torchvision's weights, briefly fine-tuned on photographs of cattle; no weights trained from it "
    "are published."
)
_STAND_IN_FILE = "efficientnetb3_imagenet_like_notop.h5"


def hardware(environment: Mapping[str, Any] | Environment) -> str:
    """The cores, processor and GPUs of a record's environment, and those that its run was continued on."""
    known = asdict(environment) if isinstance(environment, Environment) else environment
    machines = [_machine(one) for one in (known, *known.get("continued", []))]
    return ", then on ".join(machine for machine, _ in groupby(machines))


def _machine(environment: Mapping[str, Any]) -> str:
    cores, gpus = environment["cores"], environment["accelerators"]
    counted = f"{cores} core{'' if cores == 1 else 's'}"
    return f"{counted} ({environment['cpu']}), " + (f"{len(gpus)} GPU" if gpus else "no GPU")


def start_in_words(init: str) -> str:
    """Where a run started: ``scratch``, ``kit``, ``imagenet``, the name of a file, or what the published file is."""
    return "ImageNet stand-in" if init == _STAND_IN_FILE else init
