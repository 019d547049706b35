import time
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from invented_runs import begun_run, invented_metrics

from bloodcells.errors import KitError
from bloodcells.files import WEIGHTS
from bloodcells.network.network import build_network
from bloodcells.run import Config, HandedOn, Measurement, Run
from bloodcells.weights.publishing import publish_weights

pytestmark = pytest.mark.usefixtures("small_backbone", "no_graphs")


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    keras.utils.set_random_seed(0)
    build_network(96, 32, 8, 0.2).save_weights(folder / WEIGHTS)
    begun_run(folder).add(Measurement("holdout", "clean", 1, invented_metrics(0.9, 0)))
    return folder


@pytest.fixture(scope="module")
def published(run, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("published") / "weights"
    publish_weights(run, out)
    return out


def test_the_file_is_half_as_large_and_loads_like_a_run(run, published):
    assert (published / WEIGHTS).stat().st_size < 0.55 * (run / WEIGHTS).stat().st_size
    whole, half = Run(run).network(), Run(published).network()
    for before, after in zip(whole.get_weights(), half.get_weights(), strict=True):
        np.testing.assert_array_equal(after, before.astype(np.float16).astype(before.dtype))


def test_published_again_it_is_the_same_file(run, published, tmp_path):
    """HDF5 keeps the second in which something was made, where it is asked to keep the order."""
    time.sleep(1)
    assert publish_weights(run, tmp_path).sha256 == Run(published).read(HandedOn).sha256


def test_what_half_precision_costs_is_written_down(published):
    card = Run(published).read(HandedOn)
    assert card.precision == "float16"
    assert 0 < card.largest_change_of_a_probability < 0.01
    assert card.bytes == (published / WEIGHTS).stat().st_size


def test_what_the_records_do_not_say_is_kept(run, tmp_path):
    publish_weights(run, tmp_path, note="made by hand")
    assert Run(tmp_path).read(Config).note == "made by hand"


def test_no_folder_of_whoever_trained_is_handed_on(published):
    for path in published.glob("*.json"):
        assert "somebody" not in path.read_text(), path.name


def test_weights_that_are_there_are_not_overwritten_unasked(run, published):
    with pytest.raises(KitError, match="exists already"):
        publish_weights(run, published)
    assert publish_weights(run, published, force=True).sha256


def test_a_weight_beyond_half_precision_is_refused_and_nothing_is_written(run, tmp_path):
    large = tmp_path / "large"
    large.mkdir()
    for name in ("config.json", "environment.json", "evaluation.json", WEIGHTS):
        (large / name).write_bytes((run / name).read_bytes())
    with h5py.File(large / WEIGHTS, "r+") as file:
        names: list[str] = []
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        file[names[0]][...] = 1e6
    with pytest.raises(KitError, match="cannot be stored at half precision"):
        publish_weights(large, tmp_path / "out")
    assert not (tmp_path / "out" / WEIGHTS).exists()
