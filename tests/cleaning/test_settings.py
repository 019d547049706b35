"""Thresholds that cannot mean anything are refused with their range."""

import pytest

from bloodcells.cleaning import CleaningSettings


@pytest.mark.parametrize("distance", [4.0, "4", None, True])
def test_a_distance_that_is_no_whole_number(distance):
    with pytest.raises(TypeError, match="max_distance: expected a whole number of bits"):
        CleaningSettings(max_distance=distance)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("max_distance", -1, "0..64"),
        ("max_distance", 65, "0..64"),
        ("min_similarity", 1.5, "-1..1"),
        ("junk_threshold", -0.1, "0..inf"),
        ("max_removed_share", 2, "0..1"),
        ("max_removed_share", float("nan"), "0..1"),
    ],
)
def test_a_value_out_of_its_range(name, value, allowed):
    with pytest.raises(ValueError, match=f"{name}: expected {allowed}, got"):
        CleaningSettings(**{name: value})
