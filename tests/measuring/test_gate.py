import numpy as np
import pytest

from bloodcells.decoding import decoded
from bloodcells.measuring.evaluation import evaluate
from bloodcells.measuring.gate import choose_gate, gate_effect, gated
from bloodcells.run import GateEffect, Measurement, Metrics


def probabilities(margins: np.ndarray, best: np.ndarray | None = None) -> np.ndarray:
    """Rows of three classes: class ``best`` (0 if not given) is ahead of the next by ``margins``."""
    rows = np.stack([(1 + margins) / 2, (1 - margins) / 2, np.zeros(len(margins))], axis=1)
    return rows if best is None else np.take_along_axis(rows, (np.arange(3) - best[:, None]) % 3, axis=1)


MARGINS = np.linspace(0.001, 0.999, 1000)


def views_that_change(*images: int) -> np.ndarray:
    best = np.zeros(1000, int)
    best[list(images)] = 1
    return probabilities(np.full(1000, 0.5), best)


def test_the_gate_lets_one_label_in_a_thousand_stay_wrong() -> None:
    first = probabilities(MARGINS)
    assert choose_gate(first, views_that_change(900, 555, 100)) == pytest.approx(0.56)
    assert choose_gate(first, views_that_change(900)) == 0.0
    assert choose_gate(first, first) == 0.0


def test_the_gate_is_the_lowest_that_does_it() -> None:
    first, views = probabilities(MARGINS), views_that_change(900, 555, 100)
    gate = choose_gate(first, views)
    equal = [np.mean(gated(first, views, g).argmax(axis=1) == views.argmax(axis=1)) for g in (gate - 0.01, gate)]
    assert equal == [pytest.approx(0.998), pytest.approx(0.999)]


def test_in_a_small_set_no_label_may_differ() -> None:
    first, views = probabilities(MARGINS)[::10], views_that_change(900)[::10]
    assert choose_gate(first, views) == pytest.approx(0.91)


def test_a_certain_image_can_still_be_caught() -> None:
    """The margin 1.0 has no gate above it; 1.0 is the highest, and leaves that image as it is."""
    first = probabilities(np.ones(3))
    assert choose_gate(first, probabilities(np.ones(3), np.ones(3, int))) == 1.0


def test_what_a_gate_does() -> None:
    first, views = probabilities(MARGINS), views_that_change(900, 100)
    labels = views.argmax(axis=1)
    metrics = decoded(evaluate(labels, gated(first, views, 0.5)), Metrics)
    effect = gate_effect(Measurement("holdout", "clean", 8, metrics), labels, first, views, 0.5)
    assert effect == GateEffect(
        part="holdout",
        set="clean",
        images=1000,
        accuracy_first_view=pytest.approx(0.998),
        accuracy_all_views=1.0,
        accuracy_gated=pytest.approx(0.999),
        equal_labels=pytest.approx(0.999),
        views_per_image=pytest.approx(1 + 7 * 0.5),
    )


def test_without_a_gate_all_views_count() -> None:
    first, views = probabilities(MARGINS), views_that_change(3)
    np.testing.assert_array_equal(gated(first, views, None), views)
    np.testing.assert_array_equal(gated(first, views, 0.0), first)
