import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import norm, t

from bloodcells.ablation.statistics import paired_difference, spread


def test_spread_has_the_deviation_of_a_sample():
    one = spread([0.1, 0.2, 0.3])
    assert (one.values, one.mean, one.sd) == ((0.1, 0.2, 0.3), pytest.approx(0.2), pytest.approx(0.1))
    assert spread([0.4]).sd is None


def test_the_difference_is_that_of_the_accuracies():
    draw = np.random.default_rng(0)
    arm, baseline = draw.random((3, 200)) < 0.8, draw.random((3, 200)) < 0.6
    found = paired_difference(arm, baseline)
    assert found.mean == pytest.approx(arm.mean() - baseline.mean())
    assert (found.seeds, found.images) == (3, 200)
    opposite = paired_difference(baseline, arm)
    assert (opposite.low, opposite.high) == (pytest.approx(-found.high), pytest.approx(-found.low))


def test_the_interval_of_one_seed_is_that_of_the_images():
    arm = (np.arange(40) < 30)[None]
    found = paired_difference(arm, np.zeros((1, 40), bool))
    half = t.ppf(0.975, 39) * np.std(arm[0], ddof=1) / np.sqrt(40)
    assert (found.low, found.high) == (pytest.approx(0.75 - half), pytest.approx(0.75 + half))


def test_equal_arms_differ_by_nothing():
    right = np.random.default_rng(0).random((3, 50)) < 0.5
    found = paired_difference(right, right)
    assert found.mean == found.low == found.high == 0


def test_where_only_the_seeds_differ_it_is_the_t_interval_of_their_means():
    """Every image says the same: the seeds' means, two degrees of freedom."""
    arm = np.repeat([[True], [True], [False]], 40, axis=1)
    found = paired_difference(arm, np.zeros((3, 40), bool))
    half = t.ppf(0.975, 2) * np.std([1, 1, 0], ddof=1) / np.sqrt(3)
    assert (found.low, found.high) == (pytest.approx(2 / 3 - half), pytest.approx(2 / 3 + half))


def test_where_only_the_images_differ_it_is_the_normal_interval_of_the_images():
    """Every seed says the same: McNemar's case, as with one deterministic network."""
    arm = np.repeat((np.arange(40) < 30)[None], 3, axis=0)
    found = paired_difference(arm, np.zeros((3, 40), bool))
    half = norm.ppf(0.975) * np.std(arm[0], ddof=1) / np.sqrt(40)
    assert (found.low, found.high) == (pytest.approx(0.75 - half), pytest.approx(0.75 + half))


def test_mean_squares_worked_by_hand():
    """Differences (1 0 0 1), (1 1 0 1): means .5 and .75; by image 1, .5, 0, 1."""
    arm = np.array([[1, 0, 0, 1], [1, 1, 0, 1]], bool)
    found = paired_difference(arm, np.zeros((2, 4), bool))
    seeds = 4 * np.var([0.5, 0.75], ddof=1)
    images = 2 * np.var([1, 0.5, 0, 1], ddof=1)
    left = (2 * 0.125**2 * 3 + 2 * 0.375**2) / 3
    square = seeds + images - left
    half = t.ppf(0.975, (square / seeds) ** 2) * np.sqrt(square / 8)
    assert (found.low, found.high) == (pytest.approx(0.625 - half), pytest.approx(0.625 + half))


@pytest.mark.parametrize("seed_effect", [0.0, 0.1])
def test_the_interval_covers_the_truth_as_often_as_it_says(seed_effect):
    """300 invented ablations of three seeds and 300 images, of which the truth is known, beside the usual intervals."""
    draw = np.random.default_rng(4)
    scale = np.sqrt(1 + 0.5 + seed_effect**2 + 0.5)
    truth = ndtr(0.7 / scale) - ndtr(0.4 / scale)

    def right(ability: float, difficulty: np.ndarray) -> np.ndarray:
        own = draw.normal(0, np.sqrt(0.5), 300) + draw.normal(0, seed_effect, (3, 1))
        return ability + difficulty + own + draw.normal(0, np.sqrt(0.5), (3, 300)) > 0

    ends = []
    for _ in range(300):
        difficulty = draw.normal(size=300)
        arm, baseline = right(0.7, difficulty), right(0.4, difficulty)
        found = paired_difference(arm, baseline)
        by_image, by_seed = (np.mean(arm.astype(float) - baseline, axis=axis) for axis in (0, 1))
        over_images = norm.ppf(0.975) * np.std(by_image, ddof=1) / np.sqrt(300)
        over_seeds = t.ppf(0.975, 2) * np.std(by_seed, ddof=1) / np.sqrt(3)
        ends.append([(found.low, found.high), *((found.mean - h, found.mean + h) for h in (over_images, over_seeds))])
    low, high = np.moveaxis(np.array(ends), 2, 0)
    ours, images_alone, seeds_alone = ((low <= truth) & (truth <= high)).mean(axis=0)
    width, _, width_of_seeds_alone = (high - low).mean(axis=0)
    assert 0.915 <= ours <= 0.985
    assert width < width_of_seeds_alone
    if seed_effect:
        assert images_alone < 0.88
    else:
        assert seeds_alone < 0.93
