"""The benchmark at a size that a test can afford, with a step that takes a known time."""

import time

import pytest
from augmentation_throughput import measure, table


@pytest.fixture(scope="module")
def result(cells):
    measured = measure(cells, ("none", "stain"), lambda: time.sleep(0.1), 16, batches=4, steps=2, rounds=2)
    environment = {"cores": 2, "cpu": "Invented CPU"}
    return {"data": cells.origin, "working_size": 64, **measured, "environment": environment}


def test_the_step_is_not_faster_than_it_is(result):
    """A busy machine makes it slower; a step that is not counted, or not waited for, would make it faster."""
    assert 0 < result["training"]["images_per_second"] <= 160
    assert len(result["training"]["by_round"]) == 2


def test_policies_are_measured_against_the_step(result):
    assert list(result["policies"]) == ["none", "stain"]
    for figures in result["policies"].values():
        assert len(figures["by_round"]) == 2
        times = figures["images_per_second"] / result["training"]["images_per_second"]
        assert figures["times"] == pytest.approx(times, rel=0.01)


def test_the_table_says_what_is_enough(result):
    slow = {**result, "policies": {**result["policies"], "stain": {"images_per_second": 200.0, "times": 1.3}}}
    lines = table(slow).splitlines()
    assert lines[-1] == "| stain | 200 | 1.3 | no |"
    assert lines[-2].startswith("| none |") and lines[-2].endswith("| yes |")
    assert "2 cores (Invented CPU)" in lines[0]
