"""A file of weights is loaded whole and finite, or refused in a line."""

import shutil
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from damage import Reader, counted
from invented_runs import begun_run

from bloodcells.errors import KitError
from bloodcells.files import WEIGHTS
from bloodcells.network import network as builder
from bloodcells.run import Run
from bloodcells.weights.loading import load_weights


def tiny() -> keras.Model:
    pixels = keras.Input((8, 8, 3))
    x = keras.layers.BatchNormalization()(keras.layers.Conv2D(4, 3)(pixels))
    return keras.Model(pixels, keras.layers.Dense(8)(keras.layers.GlobalAveragePooling2D()(x)))


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return tiny()


@pytest.fixture(scope="module")
def saved(network: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / WEIGHTS
    network.save_weights(path)
    return path


def a_kernel(file: h5py.File) -> str:
    return next(f"layers/{name}/vars/0" for name in file["layers"] if name.startswith("conv"))


def put(path: Path, values: object) -> None:
    with h5py.File(path, "r+") as file:
        name = a_kernel(file)
        del file[name]
        file[name] = values


DAMAGES = {
    "cut off": (lambda path: path.write_bytes(path.read_bytes()[:5000]), r"cannot be read \(truncated\?\)"),
    "no HDF5": (lambda path: path.write_bytes(b"PK"), r"cannot be read \(truncated\?\)"),
    "NaN": (lambda path: put(path, np.full((3, 3, 3, 4), np.nan, np.float32)), "holds NaN or infinity"),
    "infinity": (lambda path: put(path, np.full((3, 3, 3, 4), np.inf, np.float32)), "holds NaN or infinity"),
    "another shape": (lambda path: put(path, np.zeros((3, 3, 3, 5), np.float32)), "does not fit the network"),
    "no array": (lambda path: put(path, h5py.Empty("f4")), "does not fit the network"),
}


@pytest.mark.parametrize(("damage", "line"), DAMAGES.values(), ids=DAMAGES.keys())
def test_what_cannot_be_used_is_refused_in_a_line(network, saved, tmp_path, damage, line):
    path = tmp_path / WEIGHTS
    shutil.copy(saved, path)
    damage(path)
    with pytest.raises(ValueError, match=f"^{line}") as caught:
        load_weights(network, path)
    assert "\n" not in str(caught.value)


def test_a_small_file_that_declares_gigabytes_is_refused_before_it_is_read(network, saved, tmp_path):
    path = tmp_path / WEIGHTS
    shutil.copy(saved, path)
    with h5py.File(path, "r+") as file:
        name = a_kernel(file)
        del file[name]
        file.create_dataset(name, shape=(10**9,), dtype="f4", chunks=(1000,))
    with pytest.raises(ValueError, match=r"declares 4,000,\d+,\d+ bytes of weights"):
        load_weights(network, path)


def test_an_optimizer_with_nan_is_refused_too(saved, tmp_path):
    trained = tiny()
    trained.compile("adam", "mse")
    trained.fit(np.zeros((2, 8, 8, 3)), np.zeros((2, 8)), verbose=0)
    trained.save_weights(tmp_path / WEIGHTS)
    load_weights(trained, tmp_path / WEIGHTS)
    trained.optimizer.variables[-1].assign(np.full(trained.optimizer.variables[-1].shape, np.nan))
    trained.save_weights(tmp_path / WEIGHTS)
    with pytest.raises(ValueError, match="holds NaN"):
        load_weights(trained, tmp_path / WEIGHTS)


@pytest.fixture
def reader(network: keras.Model, saved: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """Of the weights of a run whose network is tiny."""
    monkeypatch.setattr(builder, "build_network", lambda *_: network)

    def write(folder: Path) -> list[Path]:
        begun_run(folder)
        return [Path(shutil.copy(saved, folder))]

    def holds(network: keras.Model) -> bool:
        return all(np.isfinite(values).all() for values in network.get_weights())

    return Reader(write, lambda folder: Run(folder).network(), holds)


def test_damaged_weights_are_refused_in_a_line_or_loaded_whole(reader, tmp_path):
    counts = counted(reader, tmp_path, cases=40, seed=0)
    assert counts["refused"] > 10 and counts["accepted"] > 0


@pytest.mark.slow
def test_thousands_of_damaged_weights(reader, tmp_path, capsys):
    counts = counted(reader, tmp_path, cases=3000, seed=1)
    with capsys.disabled():
        print(f"\nweights: 3,000 cases, {counts['refused']:,} refused, {counts['accepted']:,} read")


def test_a_run_says_which_file_it_is(reader, tmp_path):
    (path,) = reader.write(tmp_path)
    put(path, np.full((3, 3, 3, 4), np.nan, np.float32))
    with pytest.raises(KitError) as caught:
        Run(tmp_path).network()
    assert str(caught.value) == f"{path} holds NaN or infinity. Train again into another folder."
