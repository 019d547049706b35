import pytest

from bloodcells.measuring.chance import warning_of_chance

TWELVE = tuple(f"class {one}" for one in range(12))


@pytest.mark.parametrize(
    ("accuracy", "counts", "warned"),
    [
        (0.0833, [5] * 12, True),
        (0.13, [5] * 12, True),
        (0.3, [5] * 12, False),
        (0.9, [90, 10], True),
        (0.99, [90, 10], False),
        (0.55, [50, 50], True),
    ],
)
def test_an_accuracy_that_the_largest_class_alone_may_reach_is_warned_of(accuracy, counts, warned) -> None:
    assert (warning_of_chance(accuracy, counts, TWELVE) is not None) == warned


def test_the_warning_names_the_largest_class_and_its_share() -> None:
    said = warning_of_chance(0.5, [30, 70], ("rose", "tulip"))
    assert said is not None and "always answering tulip gets 0.7000" in said and said.startswith("do not upload")
