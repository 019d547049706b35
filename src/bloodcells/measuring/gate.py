"""Gated views: images of which the first view is sure are spared the others. The gate is chosen on validation cells."""

import math

import numpy as np

from bloodcells.measuring.evaluation import label_metrics
from bloodcells.network.inference import margins, unsure
from bloodcells.run import GateEffect, Measurement

EQUAL_LABELS = 0.999
"""Share of the validation labels that the gate must leave as all views give them: accuracy then cannot lose more
than 0.1 points on them. Other cells may lose more."""


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
    of: Measurement, labels: np.ndarray, first: np.ndarray, all_views: np.ndarray, gate: float
) -> GateEffect:
    """What a gate does to the cells of a measurement.

    Args:
        of: what was measured with the gate.
        labels: (N,) integers.
        first: (N, C) probabilities of the first view.
        all_views: (N, C) probabilities averaged over all views.
        gate: what `choose_gate` gives.
    """
    classes = first.shape[1]
    return GateEffect(
        part=of.part,
        set=of.set,
        images=len(labels),
        accuracy_first_view=label_metrics(labels, first.argmax(axis=1), classes)["accuracy"],
        accuracy_all_views=label_metrics(labels, all_views.argmax(axis=1), classes)["accuracy"],
        accuracy_gated=of.metrics.accuracy,
        equal_labels=float(np.mean(gated(first, all_views, gate).argmax(axis=1) == all_views.argmax(axis=1))),
        views_per_image=1 + (of.views - 1) * float(np.mean(unsure(first, gate))),
    )
