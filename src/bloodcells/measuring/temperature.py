"""The temperature of probabilities (Guo et al. 2017, arXiv:1706.04599), chosen on validation cells."""

import numpy as np
from scipy.optimize import minimize_scalar

from bloodcells.measuring.evaluation import calibration_error, log_loss, reliability
from bloodcells.network.inference import tempered
from bloodcells.run import Measurement, Temperature, TemperatureEffect

LIMITS = (0.25, 4.0)
"""Between these it is looked for: where few validation cells are all right, no temperature is low enough."""


def choose_temperature(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """The temperature, in hundredths, at which the true classes have the least log loss.

    Args:
        labels: (N,) integers.
        probabilities: (N, C), averaged over the views.
    """
    found = minimize_scalar(
        lambda temperature: log_loss(labels, tempered(probabilities, temperature), probabilities.shape[1]),
        bounds=LIMITS,
        method="bounded",
    )
    return round(float(found.x), 2)


def temperature_effect(
    of: Measurement, labels: np.ndarray, probabilities: np.ndarray, temperature: float
) -> TemperatureEffect:
    """What a temperature does to the cells of a measurement; arguments as for `choose_temperature`."""
    after = tempered(probabilities, temperature)
    return TemperatureEffect(
        part=of.part,
        set=of.set,
        images=len(labels),
        before=of.metrics.calibration_error,
        after=calibration_error(labels, after),
        reliability=tuple((one.images, one.confidence, one.accuracy) for one in reliability(labels, after)),
    )


def temperature_in_words(chosen: Temperature) -> str:
    """What was chosen, and what it does to the calibration error of the hold-out."""
    changes = [
        f"from {one.before:.4f} to {one.after:.4f} on {one.set} ones" for one in chosen.effects if one.part == "holdout"
    ]
    return (
        f"Temperature {chosen.temperature:.2f} was chosen on the validation cells; with it the calibration error on "
        f"hold-out cells goes {' and '.join(changes)}."
    )
