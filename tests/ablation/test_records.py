import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bloodcells.ablation.records import (
    Elsewhere,
    packed_bits,
    read_record,
    read_records,
    record_path,
    write_record,
)
from bloodcells.errors import KitError


@pytest.fixture
def folder(invent_arms, tmp_path) -> Path:
    for record in invent_arms(["flips", "cutmix"], [0, 1], images=21):
        write_record(tmp_path, record)
    return tmp_path


def change(path: Path, **values) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_a_record_is_read_as_it_was_written(invent_arms, tmp_path):
    (written,) = invent_arms(["cutmix"], [3], images=21)
    path = write_record(tmp_path, written)
    assert path == tmp_path / "records" / "cutmix-3.json" == record_path(tmp_path, "cutmix", 3)
    read = read_record(path)
    for name, right in written.correct.items():
        assert read.correct[name].dtype == bool
        np.testing.assert_array_equal(read.correct[name], right)
    assert replace(read, correct={}).__dict__ == replace(written, correct={}).__dict__


def test_right_and_wrong_take_one_bit_an_image(folder):
    assert len(json.loads(record_path(folder, "flips", 0).read_text())["correct"]["clean"]) == 2 * 3


def test_what_is_there_is_read_in_order(folder):
    record_path(folder, "cutmix", 0).unlink()
    assert [(record.arm, record.seed) for record in read_records(folder)] == [("cutmix", 1), ("flips", 0), ("flips", 1)]


def test_a_record_that_is_being_written_is_left_out(folder):
    (folder / "records" / ".part-x1flips-2.json").write_text('{"arm": "fl')
    assert len(read_records(folder)) == 4


def test_no_records_are_told_in_one_line(tmp_path):
    with pytest.raises(KitError, match=r"no records: expected ARM-SEED.json in .*records, got none"):
        read_records(tmp_path)


def test_a_truncated_record_is_refused(folder):
    path = record_path(folder, "flips", 0)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(KitError, match="not complete JSON"):
        read_records(folder)


def test_a_record_that_lacks_something_is_refused(folder):
    path = record_path(folder, "flips", 0)
    path.write_text(json.dumps({"arm": "flips", "seed": 0}))
    with pytest.raises(KitError, match="is damaged: expected correct, got nothing"):
        read_record(path)


@pytest.mark.parametrize(
    "damage",
    [
        {"correct": {"clean": "ff", "composite": "ff"}},
        {"correct": {"clean": "zz0000", "composite": "000000"}},
        {"correct": {"clean": "ffffff"}},
        {"accuracy": {"clean": 0.5}},
        {"correct": [1]},
        {"balanced_error": 0.5},
        {"images": {"clean": 10**12, "composite": 21, "medmnist_c": 200}},
        {"images": {"clean": -21, "composite": 21, "medmnist_c": 200}},
        {"accuracy": {"clean": float("nan"), "composite": 0.5, "medmnist_c": 0.5}},
        {"composite_families": {"blur": -0.5}},
        {"composite_families": {"magic": 0.5}},
        {"steps": "150"},
        {"train_seconds": -1},
        {"seed": 7},
        {"arm": "../cutmix"},
        {"environment": {"python": "3.11"}},
        {"environment": []},
    ],
)
def test_a_damaged_record_is_refused(folder, damage):
    path = record_path(folder, "flips", 0)
    change(path, **damage)
    with pytest.raises(KitError, match=r"flips-0.json is damaged"):
        read_record(path)


def test_a_record_without_every_corruption_is_refused(folder):
    path = record_path(folder, "flips", 0)
    change(path, balanced_error={"clean": 0.1, "medmnist_c": {"bubble": [0.1] * 5}})
    with pytest.raises(KitError, match="expected errors for"):
        read_record(path)


def test_a_record_whose_figures_contradict_its_images_is_refused(folder):
    path = record_path(folder, "flips", 0)
    change(path, accuracy={**json.loads(path.read_text())["accuracy"], "composite": 0.1234})
    with pytest.raises(KitError, match=r"contradicts itself: expected composite accuracy 0\.\d+ by its images, got 0"):
        read_record(path)


@pytest.mark.parametrize(
    "other", [{"budget": {"name": "gpu"}}, {"data_sha256": "ef" * 32}, {"start_sha256": "ef" * 32}]
)
def test_records_of_two_experiments_are_not_joined(folder, other):
    change(record_path(folder, "flips", 1), **other)
    with pytest.raises(KitError, match=f"different experiments: flips-1 has {next(iter(other))}"):
        read_records(folder)


def test_each_seed_may_have_a_start_of_its_own(folder):
    for arm in ("flips", "cutmix"):
        change(record_path(folder, arm, 1), start_sha256="ef" * 32)
    assert len(read_records(folder)) == 4


def test_what_an_arm_makes_of_pictures_from_elsewhere_is_read_again(invent_arms, tmp_path):
    right = np.array([True, False, True])
    (record,) = invent_arms(["flips"], [0], images=21)
    record = replace(record, elsewhere=Elsewhere("a laboratory", "ef" * 32, 3, packed_bits(right), 0.5))
    read = read_record(write_record(tmp_path, record)).elsewhere
    assert read == record.elsewhere
    np.testing.assert_array_equal(read.correct, right)


def test_records_of_other_pictures_from_elsewhere_are_not_of_one_experiment(invent_arms, tmp_path):
    with_pictures, without = invent_arms(["flips", "cutmix"], [0], images=21)
    write_record(tmp_path, replace(with_pictures, elsewhere=Elsewhere("a laboratory", "ef" * 32, 3, "a0", 0.5)))
    write_record(tmp_path, without)
    with pytest.raises(KitError, match="records of different experiments: flips-0 has elsewhere"):
        read_records(tmp_path)


def test_bits_of_another_number_of_images_from_elsewhere_are_refused():
    with pytest.raises(ValueError, match="expected 9 images"):
        Elsewhere("a laboratory", "ef" * 32, 9, "a0", 0.5)
