import numpy as np
import pytest
from invented_runs import invented_metrics

from bloodcells.measuring.temperature import LIMITS, choose_temperature, temperature_effect, temperature_in_words
from bloodcells.network.inference import tempered
from bloodcells.run import Measurement, Temperature, TemperatureEffect


def answers(right: float, confidence: float, images: int = 1000) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities of three classes: ``right`` of them, all with one ``confidence``."""
    probabilities = np.full((images, 3), (1 - confidence) / 2)
    probabilities[:, 0] = confidence
    return (np.arange(images) >= right * images).astype(int), probabilities


@pytest.mark.parametrize(("right", "confidence", "sharper"), [(0.95, 0.8, True), (0.7, 0.9, False)])
def test_probabilities_come_to_be_right_as_often_as_they_say(right: float, confidence: float, sharper: bool) -> None:
    labels, probabilities = answers(right, confidence)
    temperature = choose_temperature(labels, probabilities)
    assert (temperature < 1) == sharper
    assert tempered(probabilities, temperature)[0, 0] == pytest.approx(right, abs=0.02)


def test_where_all_is_right_the_temperature_stays_within_its_limits() -> None:
    assert choose_temperature(*answers(1.0, 0.8, images=20)) == pytest.approx(LIMITS[0], abs=0.01)


def test_the_effect_is_the_calibration_error_before_and_after() -> None:
    labels, probabilities = answers(0.95, 0.8)
    of = Measurement("holdout", "clean", 4, invented_metrics(0.9, 0))
    effect = temperature_effect(of, labels, probabilities, 0.5)
    confidence = 0.8**2 / (0.8**2 + 2 * 0.1**2)
    assert (effect.part, effect.set, effect.images) == ("holdout", "clean", 1000)
    assert effect.before == of.metrics.calibration_error
    assert effect.after == pytest.approx(confidence - 0.95)
    assert effect.reliability == ((1000, pytest.approx(confidence), 0.95),)


def test_what_a_temperature_does_is_one_sentence():
    effects = tuple(
        TemperatureEffect(part, name, 160, 0.09, 0.01 * place, ())
        for part in ("validation", "holdout")
        for place, name in enumerate(("clean", "composite"), start=1)
    )
    assert temperature_in_words(Temperature(8, 0.6, effects)) == (
        "Temperature 0.60 was chosen on the validation cells; with it the calibration error on hold-out cells goes "
        "from 0.0900 to 0.0100 on clean ones and from 0.0900 to 0.0200 on composite ones."
    )
