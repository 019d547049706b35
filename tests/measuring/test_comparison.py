"""Two runs on one hold-out: which images flipped, what that is worth, and what cannot be compared."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from compared_runs import answered

from bloodcells.errors import KitError
from bloodcells.measuring.comparison import Difference, differences, flipped, read_answers
from bloodcells.run import Errors, Measurement, Run


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    return [answered(tmp_path / "old", [0, 1], range(0, 40)), answered(tmp_path / "new", [1, 2, 3], range(10, 45))]


def test_images_flip_where_one_run_alone_is_right(runs):
    old, new = read_answers(runs)
    assert flipped(new, old, "clean") == ([0], [2, 3])
    assert flipped(new, old, "composite") == (list(range(10)), list(range(40, 45)))


def test_every_group_counts_its_images_and_its_flips(runs):
    rows = {(row.set, row.group, row.name): row for row in differences(read_answers(runs))}
    every = rows["composite", "all", ""]
    assert (every.images, every.gained, every.lost, every.right) == (160, 10, 5, pytest.approx(125 / 160))
    by_class = [row for key, row in rows.items() if key[:2] == ("composite", "class")]
    assert [row.images for row in by_class] == [20] * 8
    assert sum(row.gained for row in by_class) == 10 and sum(row.lost for row in by_class) == 5
    jpeg, smear = (rows["composite", "corruption", name] for name in ("jpeg", "smear"))
    assert (jpeg.images, jpeg.gained, jpeg.lost) == (160, 10, 5) and (smear.images, smear.gained) == (80, 5)
    assert not [key for key in rows if key[:2] == ("clean", "corruption")]


def test_the_interval_covers_the_difference_of_other_images_nineteen_times_in_twenty():
    draw, covered = np.random.default_rng(0), 0
    for _ in range(2000):
        gained, lost, _ = draw.multinomial(300, (0.05, 0.02, 0.93))
        low, high = Difference("a", "b", "clean", "all", "", 300, 0.9, int(gained), int(lost)).interval
        covered += low <= 0.03 <= high
    assert 0.93 < covered / 2000 < 0.98


def test_flips_that_are_even_say_nothing_and_uneven_ones_much():
    def p_value(gained: int, lost: int) -> float:
        return Difference("a", "b", "clean", "all", "", 300, 0.9, gained, lost).p_value

    assert p_value(0, 0) == p_value(5, 5) == 1 and p_value(20, 2) < 0.001
    assert p_value(6, 0) == pytest.approx(2 / 64)


def test_other_hold_outs_are_refused(runs, tmp_path):
    other = answered(tmp_path / "other", [0], [0], sha256="cd" * 32)
    with pytest.raises(KitError, match=r"other and old were measured on different hold-outs: .* got cdcd"):
        read_answers([*runs, other])


def test_one_run_and_the_same_run_twice_are_refused(runs):
    for folders in (runs[:1], [runs[0], runs[0]]):
        with pytest.raises(KitError, match="expected two different runs or more"):
            read_answers(folders)


def test_runs_of_one_name_are_told_apart_by_their_folders(runs, tmp_path):
    again = answered(tmp_path / "elsewhere" / "old", [0], [0])
    assert [one.run for one in read_answers([runs[0], again])] == [str(runs[0]), str(again)]


def without_errors(run: Run) -> None:
    (run.folder / "errors.npz").unlink()


def without_checksums(run: Run) -> None:
    run.add(*(replace(row, cells_sha256=None) for row in run.rows(Measurement)))


def with_errors_of_another_evaluation(run: Run) -> None:
    errors: Mapping[str, Errors] = run.read_errors()["holdout"]
    fewer = Errors(*(array[:1] for array in vars(errors["composite"]).values()))
    run.write_errors({part: {**errors, "composite": fewer} for part in ("validation", "holdout")})


@pytest.mark.parametrize("change", [without_errors, without_checksums, with_errors_of_another_evaluation])
def test_a_run_that_does_not_say_which_images_are_wrong_is_refused(runs, change):
    change(Run(runs[1]))
    with pytest.raises(KitError, match=r"new does not say which images of its hold-out are wrong: .*evaluate --run"):
        read_answers(runs)
