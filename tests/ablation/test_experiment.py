from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from bloodcells.ablation import experiment
from bloodcells.ablation.budget import budget
from bloodcells.ablation.experiment import pending, prepare_experiment, run_arm
from bloodcells.ablation.records import read_record, read_records
from bloodcells.ablation.tasks import run_arms_on_ray
from bloodcells.errors import KitError
from bloodcells.run import Epoch, Run

BUDGET = replace(budget("trial"), start_cells=80, medmnist_cells=4)


@pytest.fixture
def trained_at_once(monkeypatch) -> list[tuple[str, int, int]]:
    """Training replaced by a network that sees brightness alone; what would have been trained is noted."""
    noted: list[tuple[str, int, int]] = []

    def train(training, validation, config, run: Path) -> keras.Model:
        noted.append((config.policy, config.seed, len(training)))
        run.mkdir(parents=True)
        Run(run).add(Epoch(1, "arm", 0.5, 1.0, {}, 1e-3, 2.0, 24.0))
        Run(run).weights.write_bytes(b"weights")
        pixels = keras.Input((96, 96, 3))
        pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(pixels))
        return keras.Model(pixels, keras.layers.Dense(8, activation="softmax")(pooled))

    monkeypatch.setattr(experiment, "train", train)
    return noted


@pytest.mark.trains
def test_an_arm_leaves_one_record_that_tells_the_whole_experiment(cells, trained_at_once, tmp_path):
    shared = prepare_experiment(cells, cells, BUDGET, "scratch", tmp_path)
    record = read_record(run_arm(shared, "gaussian_noise", 4))
    assert trained_at_once == [("none", 0, 80), ("gaussian_noise", 4, 64)]
    assert (record.arm, record.seed) == ("gaussian_noise", 4)
    assert record.images == {"clean": 32, "composite": 32, "medmnist_c": 4}
    assert record.data_sha256 == shared.training.sha256
    assert record.steps == BUDGET.epochs * (BUDGET.cells // BUDGET.batch_size)
    assert record.train_seconds == 2.0
    assert record.policy_images_per_second > 0
    assert not (tmp_path / "runs" / "gaussian_noise-4").exists()


@pytest.mark.trains
def test_an_arm_is_measured_on_pictures_from_elsewhere_too(cells, trained_at_once, tmp_path):
    pictures = cells.take(np.flatnonzero(cells.labels < 2)[:6], "two classes from elsewhere")
    shared = prepare_experiment(cells, cells, BUDGET, "scratch", tmp_path, pictures)
    found = read_record(run_arm(shared, "flips", 0)).elsewhere
    assert (found.pictures, found.sha256, found.images) == ("two classes from elsewhere", pictures.sha256, 6)
    recalls = [found.correct[pictures.labels == label].mean() for label in (0, 1)]
    assert found.balanced_accuracy == pytest.approx(np.mean(recalls))


@pytest.mark.trains
def test_what_has_a_record_is_not_trained_again(cells, trained_at_once, tmp_path):
    shared = prepare_experiment(cells, cells, BUDGET, "scratch", tmp_path)
    run_arm(shared, "flips", 0)
    assert pending(tmp_path, ["flips", "none"], [0, 1]) == [("none", 0), ("flips", 1), ("none", 1)]


@pytest.mark.trains
def test_all_arms_see_the_same_cells_whatever_the_source_order_of_the_seed(cells, trained_at_once, tmp_path):
    first = prepare_experiment(cells, cells, BUDGET, "scratch", tmp_path / "a")
    again = prepare_experiment(cells, cells, BUDGET, "scratch", tmp_path / "b")
    assert first.training.sha256 == again.training.sha256
    assert len(first.training) == BUDGET.cells


@pytest.mark.parametrize(("arms", "message"), [(["flips", "magic"], "got 'magic'"), (["flips", "flips"], "each once")])
def test_unknown_and_repeated_arms_are_refused_before_anything_is_trained(arms, message, tmp_path):
    with pytest.raises(KitError, match=message):
        pending(tmp_path, arms, [0])


def test_families_are_counted_over_the_images_whose_chain_holds_them():
    families = experiment._by_family(np.ones(200, bool))
    assert set(families.values()) == {1.0}
    half = experiment._by_family(np.arange(200) % 2 == 0)
    assert all(0.2 < value < 0.8 for value in half.values())


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(KitError, match=r"pip install \"bloodcells\[ray\]\""):
        next(run_arms_on_ray(None, [("flips", 0)], "local", 1, 0))


@pytest.mark.slow
def test_two_arms_really_trained_side_by_side_on_ray_leave_their_records(cells, tmp_path):
    ray = pytest.importorskip("ray")
    shared = prepare_experiment(cells, cells, BUDGET, "scratch", tmp_path)
    ray.init(num_cpus=2, include_dashboard=False)
    try:
        written = list(run_arms_on_ray(shared, [("none", 0), ("flips", 0)], "auto", 1, 0))
    finally:
        ray.shutdown()
    assert {path.name for path in written} == {"none-0.json", "flips-0.json"}
    assert [record.arm for record in read_records(tmp_path)] == ["flips", "none"]
