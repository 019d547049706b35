"""Gated views: images of which the first view is sure are spared the others. The gate is chosen on validation cells.

A run folder keeps it, for one level of test-time augmentation, in ``gate.json`` with what it was measured to do.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bloodcells.files import read_json, write_json
from bloodcells.measuring.evaluation import label_metrics
from bloodcells.network.inference import TTA_VIEWS, margins, unsure

EQUAL_LABELS = 0.999
"""Share of the validation labels that the gate must leave as all views give them: accuracy then cannot lose more
than 0.1 points on them. Other cells may lose more."""

_FILE = "gate.json"


def choose_gate(first: np.ndarray, all_views: np.ndarray) -> float:
    """The lowest gate, in hundredths, that leaves `EQUAL_LABELS` of the labels as all views give them.

    Args:
        first: (N, C) probabilities of the first view.
        all_views: (N, C) probabilities averaged over all views.

    Returns:
        0..1: what `inference.unsure` takes.
    """
    changed = first.argmax(axis=1) != all_views.argmax(axis=1)
    allowed = math.floor(len(first) * (1 - EQUAL_LABELS))
    to_catch = np.sort(margins(first)[changed])[::-1][allowed:]
    return min((math.floor(float(to_catch[0]) * 100) + 1) / 100, 1.0) if len(to_catch) else 0.0


def gated(first: np.ndarray, all_views: np.ndarray, gate: float | None) -> np.ndarray:
    """What `inference.predict_probabilities` gives with this gate, from both sets of probabilities; all (N, C)."""
    return np.where(unsure(first, gate)[:, None], all_views, first)


def gate_effect(
    labels: np.ndarray, first: np.ndarray, all_views: np.ndarray, gate: float, level: int
) -> dict[str, Any]:
    """What a gate does to one set of cells.

    Args:
        labels: (N,) integers.
        first: (N, C) probabilities of the first view.
        all_views: (N, C) probabilities averaged over all views of ``level``.
        gate: what `choose_gate` gives.
        level: of test-time augmentation.

    Returns:
        ``images``; ``accuracy_first_view``, ``accuracy_all_views``, ``accuracy_gated``; ``equal_labels``, the share
        equal to those of all views; ``views_per_image``, the mean.
    """
    classes = first.shape[1]
    chosen = gated(first, all_views, gate).argmax(axis=1)
    return {
        "images": len(labels),
        "accuracy_first_view": label_metrics(labels, first.argmax(axis=1), classes)["accuracy"],
        "accuracy_all_views": label_metrics(labels, all_views.argmax(axis=1), classes)["accuracy"],
        "accuracy_gated": label_metrics(labels, chosen, classes)["accuracy"],
        "equal_labels": float(np.mean(chosen == all_views.argmax(axis=1))),
        "views_per_image": 1 + (TTA_VIEWS[level] - 1) * float(np.mean(unsure(first, gate))),
    }


def write_gate(run: Path, level: int, gate: float, effects: Mapping[str, Any]) -> None:
    """Keep the gate of a run; ``effects`` are those of `gate_effect`, by part and set."""
    write_json(run / _FILE, {"tta_level": level, "gate": gate, "chosen_on": "validation", "effects": effects})


def read_gate(run: Path, level: int) -> float | None:
    """The gate of a run at a level of test-time augmentation; None where none was measured: all images, all views."""
    if not (run / _FILE).exists():
        return None
    kept = read_json(run / _FILE)
    return float(kept["gate"]) if kept["tta_level"] == level else None
