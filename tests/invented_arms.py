"""Records of an ablation that nobody ran."""

from collections.abc import Sequence

import numpy as np

from bloodcells.ablation.records import ArmRecord, BalancedErrors
from bloodcells.corruption import composite, medmnist_c


def invented_arms(arms: Sequence[str], seeds: Sequence[int], images: int = 300) -> list[ArmRecord]:
    """Records of an ablation that nobody ran: each arm is better on corrupted cells than the one before it."""
    draw = np.random.default_rng(7)
    difficulty = draw.random(images)
    records = []
    for place, arm in enumerate(arms):
        for seed in seeds:
            share = 0.45 + 0.4 * place / len(arms) + 0.02 * np.random.default_rng((seed, place)).normal()
            correct = {
                "clean": difficulty + 0.05 * draw.normal(size=images) < 0.96,
                "composite": difficulty + 0.2 * draw.normal(size=images) < share,
            }
            rises = (0.6, 0.8, 1, 1.2, 1.4)
            lost = {name: 0.35 * (1 - share) * (1 + column / 10) for column, name in enumerate(medmnist_c.CORRUPTIONS)}
            records.append(
                ArmRecord(
                    arm=arm,
                    seed=seed,
                    budget={"name": "invented", "cells": 1600, "epochs": 3, "batch_size": 32},
                    data_sha256="ab" * 32,
                    start_sha256="cd" * 32,
                    images={"clean": images, "composite": images, "medmnist_c": 200},
                    accuracy={
                        **{name: float(right.mean()) for name, right in correct.items()},
                        "medmnist_c": 1 - float(np.mean(list(lost.values()))),
                    },
                    correct=correct,
                    balanced_error=BalancedErrors(
                        0.03, {name: tuple(error * rise for rise in rises) for name, error in lost.items()}
                    ),
                    composite_families={
                        name: share - 0.02 * column + 0.1 for column, name in enumerate(composite.FAMILIES)
                    },
                    steps=150,
                    train_seconds=160.0 + 7 * (place % 3) + draw.random(),
                    images_per_second=30.0 - place % 3,
                    policy_images_per_second=2000.0 / (1 + place),
                    environment={
                        "python": "3.11.7", "packages": {"keras": "3.15.1"}, "backend": "tensorflow",
                        "system": "Linux x86_64", "cpu": "Invented CPU", "cores": 2, "accelerators": [],
                    },
                )
            )  # fmt: skip
    return records
