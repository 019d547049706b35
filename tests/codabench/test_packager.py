import json
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from bloodcells.cells import CellSet
from bloodcells.codabench import packager
from bloodcells.codabench.golden import GOLDEN_TOLERANCE, golden_images
from bloodcells.codabench.packager import WEIGHTS, PackageSummary, package
from bloodcells.codabench.worker import score
from bloodcells.errors import KitError
from bloodcells.evaluation import label_metrics
from bloodcells.files import write_json
from bloodcells.inference import predict_probabilities
from bloodcells.network import build_network

SUBMISSION = Path(__file__).parents[2] / "submission"
MEMBERS = ("model.py", "network.py", "inference.py", WEIGHTS, "submission.json")


@pytest.fixture
def broken_run(tmp_path: Path) -> Callable[..., Path]:
    """A function that makes a run folder whose weights no network has."""

    def make(kernel: np.ndarray, **groups: np.ndarray) -> Path:
        run = tmp_path / "run"
        write_json(run / "config.json", {"working_size": 32, "dropout": 0.2})
        with h5py.File(run / WEIGHTS, "w") as file:
            file["layers/dense/vars/0"] = kernel
            for name, values in groups.items():
                file[f"{name}/vars/0"] = values
        return run

    return make


def refusal(run: Path, out: Path, tta_level: int = 0) -> str:
    with pytest.raises(KitError) as caught:
        package(run, out, SUBMISSION, tta_level)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_existing_zip_is_not_replaced(tmp_path: Path) -> None:
    out = tmp_path / "submission.zip"
    out.write_bytes(b"precious")
    assert refusal(tmp_path / "run", out) == (
        f"{out} exists already. Choose another name with --out, or replace it with --force."
    )
    assert out.read_bytes() == b"precious"


def test_missing_weights_list_what_model_py_opens(tmp_path: Path) -> None:
    line = refusal(tmp_path / "run", tmp_path / "submission.zip")
    assert "model.py opens model.py, network.py, inference.py, weights.weights.h5 and submission.json" in line
    assert f"but {tmp_path / 'run' / WEIGHTS} is missing" in line


def test_weights_that_must_not_be_sent(broken_run: Callable[..., Path], tmp_path: Path) -> None:
    out = tmp_path / "submission.zip"
    assert "holds 1 NaN or infinite weights in layers/dense/vars/0" in refusal(broken_run(np.array([1, np.nan])), out)
    run = broken_run(np.ones(3, np.float32), optimizer=np.ones(6, np.float32))
    assert "carries 24 bytes of optimizer slots" in refusal(run, out)
    (run / WEIGHTS).write_bytes((run / WEIGHTS).read_bytes()[:2000])
    assert "weights.weights.h5 is truncated or not an HDF5 file, size 2,000" in refusal(run, out)
    assert not out.exists()


def test_weights_of_another_network_are_refused(broken_run: Callable[..., Path], tmp_path: Path) -> None:
    line = refusal(broken_run(np.ones(3, np.float32)), tmp_path / "submission.zip")
    assert "does not fit the network of its config.json" in line


def test_unknown_tta_level(broken_run: Callable[..., Path], tmp_path: Path) -> None:
    assert refusal(broken_run(np.ones(3)), tmp_path / "a.zip", tta_level=3).startswith("unknown TTA level: expected")


@pytest.fixture(scope="module")
def trained_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with the real network at 32 px, untrained.

    The statistics of one batch in its batch normalisation let the images reach the output: with those of the
    start every image has the same probabilities.
    """
    run = tmp_path_factory.mktemp("run")
    network = build_network(96, 32, 8, dropout=0.2)
    for layer in network.get_layer("efficientnetb3").layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    network(golden_images(96).astype(np.float32), training=True)
    write_json(run / "config.json", {"working_size": 32, "dropout": 0.2})
    network.save_weights(run / WEIGHTS)
    return run


@pytest.fixture(scope="module")
def packed(trained_run: Path) -> PackageSummary:
    return package(trained_run, trained_run / "submission.zip", SUBMISSION, tta_level=0)


def golden(packed: PackageSummary) -> list[list[float]]:
    with zipfile.ZipFile(packed.path) as archive:
        return json.loads(archive.read("submission.json"))["golden"]


def test_the_zip_is_flat_and_holds_what_is_listed(packed: PackageSummary) -> None:
    with zipfile.ZipFile(packed.path) as archive:
        assert tuple(archive.namelist()) == packed.members == MEMBERS
        assert archive.testzip() is None
        settings = json.loads(archive.read("submission.json"))
    assert (settings["working_size"], settings["tta_level"], len(settings["classes"])) == (32, 0, 8)
    stored = np.array(settings["golden"])
    assert stored.shape == (16, 8) and np.abs(stored - stored[0]).max() > 0.1
    assert packed.bytes == packed.path.stat().st_size
    assert 0 < packed.projected_seconds < 600


def test_two_builds_are_byte_for_byte_equal(
    packed: PackageSummary, trained_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packager, "_rehearsed_seconds", lambda path: 1.0)
    monkeypatch.setattr(packager, "_golden_outputs", lambda run, settings: golden(packed))
    copy = tmp_path / "another place"
    shutil.copytree(trained_run, copy, ignore=shutil.ignore_patterns("*.zip"))
    assert package(copy, tmp_path / "b.zip", SUBMISSION, tta_level=0).sha256 == packed.sha256
    assert package(copy, tmp_path / "b.zip", SUBMISSION, tta_level=2, force=True).sha256 != packed.sha256


def test_the_score_is_that_of_the_evaluation(packed: PackageSummary, trained_run: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = (
        (rng.integers(0, 256, (70, 1, 1, 3)) + rng.integers(-20, 20, (70, 96, 96, 3))).clip(0, 255).astype(np.uint8)
    )
    network = build_network(96, 32, 8, dropout=0.2)
    network.load_weights(trained_run / WEIGHTS)
    predicted = predict_probabilities(network, images, tta_level=0).argmax(axis=1)
    labels = np.where(np.arange(70) % 3, predicted, rng.integers(0, 8, 70))
    scores = score(packed.path, CellSet(images, labels, "noise"), tmp_path / "work", checks=False)
    assert len(set(predicted)) > 2
    expected = label_metrics(labels, predicted, 8)
    assert {key: scores[key] for key in expected} == expected


def test_golden_outputs_notice_a_missing_standardisation(packed: PackageSummary, trained_run: Path) -> None:
    """Without it the weights load in silence, and every output is wrong."""
    code = (packager._PACKAGE / "network.py").read_text()
    altered, replacements = re.subn(r"    x = keras\.layers\.Rescaling\(.*?\)\(x\)\n", "", code, flags=re.DOTALL)
    assert replacements == 1
    scope: dict[str, Callable[..., keras.Model]] = {}
    exec(altered, scope)
    network = scope["build_network"](96, 32, 8, dropout=0.2)
    network.load_weights(trained_run / WEIGHTS)
    difference = np.abs(predict_probabilities(network, golden_images(96)) - np.array(golden(packed))).max()
    assert difference > 10 * GOLDEN_TOLERANCE


TINY_NETWORK = """
class Network:
    def load_weights(self, path):
        pass

def build_network(image_size, working_size, classes, dropout):
    return Network()
"""

TINY_INFERENCE = """
import numpy as np

def predict_probabilities(network, images, tta_level=0, batch_size=64):
    return np.exp(-np.abs(images.mean(axis=(1, 2, 3))[:, None] / 32 - 0.5 - np.arange(8)))
"""


@pytest.fixture
def tiny_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], PackageSummary]:
    """A function that packages code without Keras; argument: inference.py. The stored outputs are TINY_INFERENCE's."""
    run, code = tmp_path / "run", tmp_path / "code"
    code.mkdir()
    (code / "network.py").write_text(TINY_NETWORK)
    write_json(run / "config.json", {"working_size": 32, "dropout": 0.2})
    with h5py.File(run / WEIGHTS, "w") as file:
        file["kernel"] = np.ones(3)
    scope: dict[str, Callable[..., np.ndarray]] = {}
    exec(TINY_INFERENCE, scope)
    stored = scope["predict_probabilities"](None, golden_images(96)).round(6).tolist()
    monkeypatch.setattr(packager, "_PACKAGE", code)
    monkeypatch.setattr(packager, "_golden_outputs", lambda run, settings: stored)

    def make(inference: str) -> PackageSummary:
        (code / "inference.py").write_text(inference)
        return package(run, tmp_path / "submission.zip", SUBMISSION, tta_level=0)

    return make


def test_code_that_gives_other_outputs_is_not_packaged(
    tiny_package: Callable[[str], PackageSummary], tmp_path: Path
) -> None:
    with pytest.raises(KitError, match=r"^not packaged: golden outputs differ: expected the probabilities stored"):
        tiny_package(TINY_INFERENCE.replace("- 0.5", "- 0.4"))
    assert not (tmp_path / "submission.zip").exists()
    assert tiny_package(TINY_INFERENCE).path.exists()


def test_code_that_depends_on_the_order_is_not_packaged(tiny_package: Callable[[str], PackageSummary]) -> None:
    with pytest.raises(KitError, match=r"^not packaged: another order of images: \d+ of 32 labels differ"):
        tiny_package(TINY_INFERENCE.replace("/ 32", "/ (32 + (len(images) == 32) * np.arange(len(images)))[:, None]"))
