import json
import re
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from competitions import BLOOD
from invented_runs import ENVIRONMENT, begun_run, invented_config

from bloodcells.codabench import conversion, packager
from bloodcells.codabench.golden import GOLDEN_TOLERANCE, golden_images
from bloodcells.codabench.packager import FLATBUFFER, PackageSummary, package, package_ensemble
from bloodcells.codabench.worker import score
from bloodcells.data.cells import CellSet
from bloodcells.errors import KitError
from bloodcells.files import WEIGHTS
from bloodcells.measuring.evaluation import label_metrics
from bloodcells.measuring.gate import gated
from bloodcells.network.inference import predict_probabilities
from bloodcells.network.network import build_network
from bloodcells.recipe import Phase
from bloodcells.run import Gate, Run, Temperature

pytestmark = pytest.mark.usefixtures("small_backbone")
MEMBERS = (
    "model.py",
    "network.py",
    "inference.py",
    "pixels.py",
    WEIGHTS,
    "flatbuffer.py",
    FLATBUFFER,
    "submission.json",
)


@pytest.fixture
def broken_run(tmp_path: Path) -> Callable[..., Path]:
    """A function that makes a run folder whose weights no network has."""

    def make(kernel: np.ndarray, **groups: np.ndarray) -> Path:
        run = tmp_path / "run"
        begun_run(run)
        with h5py.File(run / WEIGHTS, "w") as file:
            file["layers/dense/vars/0"] = kernel
            for name, values in groups.items():
                file[f"{name}/vars/0"] = values
        return run

    return make


def refusal(run: Path, out: Path, tta_level: int = 0) -> str:
    with pytest.raises(KitError) as caught:
        package(run, out, tta_level)
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
    opened = "model.py, network.py, inference.py, pixels.py, weights.weights.h5, flatbuffer.py and submission.json"
    assert f"model.py opens {opened}" in line
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
    assert "does not fit the network of its config.json: " in line


def test_unknown_tta_level(broken_run: Callable[..., Path], tmp_path: Path) -> None:
    assert refusal(broken_run(np.ones(3)), tmp_path / "a.zip", tta_level=3).startswith("unknown TTA level: expected")


def test_unknown_backend(broken_run: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(KitError, match="unknown backend: expected tflite or keras, got 'onnx'"):
        package(broken_run(np.ones(3)), tmp_path / "a.zip", tta_level=0, backend="onnx")


def noise(n: int) -> np.ndarray:
    """Grainy squares of one colour each, (n, 96, 96, 3) uint8."""
    draw = np.random.default_rng(0)
    colours, grain = draw.integers(0, 256, (n, 1, 1, 3)), draw.integers(-20, 20, (n, 96, 96, 3))
    return (colours + grain).clip(0, 255).astype(np.uint8)


def told_apart(run: Path, seed: int, working_size: int) -> Path:
    """A run folder with a small network, which tells images apart without having learned anything.

    With the statistics that it starts from every image has the same probabilities; with those of one batch some
    channels are divided by nearly nothing, and the last bit of a sum changes labels. So they get a floor, and the
    head spreads what is left.
    """
    keras.utils.set_random_seed(seed)
    network = build_network(96, working_size, 8, dropout=0.2)
    images = np.concatenate([golden_images(96), noise(48)]).astype(np.float32)
    backbone, head = network.get_layer("efficientnetb3"), network.get_layer("probabilities")
    normalisations = [layer for layer in backbone.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in normalisations:
        layer.momentum = 0.0
    network(images, training=True)
    for layer in normalisations:
        layer.moving_variance.assign(layer.moving_variance + 0.03)
    features = keras.Model(network.input, network.layers[-2].output).predict(images, verbose=0)
    kernel = head.get_weights()[0]
    kernel *= 3 / ((features - features.mean(axis=0)) @ kernel).std()
    head.set_weights([kernel, -features.mean(axis=0) @ kernel])
    begun_run(run, phases=(Phase("training", 1, "none", working_size, batch_size=16, learning_rate=1e-3),))
    network.save_weights(run / WEIGHTS)
    return run


@pytest.fixture(scope="module")
def trained_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """At 32 px, with a gate and a temperature for four views."""
    run = told_apart(tmp_path_factory.mktemp("run"), 0, 32)
    Run(run).add(Gate(4, 0.5, ()))
    Run(run).add(Temperature(4, 0.8, ()))
    return run


@pytest.fixture(scope="module")
def another_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """At 40 px, with other weights."""
    return told_apart(tmp_path_factory.mktemp("another"), 1, 40)


@pytest.fixture(scope="module")
def packed(trained_run: Path) -> PackageSummary:
    return package(trained_run, trained_run / "submission.zip", tta_level=1)


def golden(packed: PackageSummary) -> list[list[float]]:
    with zipfile.ZipFile(packed.path) as archive:
        return json.loads(archive.read("submission.json"))["golden"]


def test_the_zip_is_flat_and_holds_what_is_listed(packed: PackageSummary) -> None:
    with zipfile.ZipFile(packed.path) as archive:
        assert tuple(archive.namelist()) == packed.members == MEMBERS
        assert archive.testzip() is None
        settings = json.loads(archive.read("submission.json"))
    assert (settings["working_size"], settings["tta_level"], len(settings["classes"])) == (32, 1, 8)
    assert (settings["gate"], settings["batch_size"], settings["flatbuffer"]) == (0.5, 8, FLATBUFFER)
    assert packed.gate == 0.5 and settings["temperature"] == 0.8
    stored = np.array(settings["golden"])
    assert stored.shape == (16, 8) and np.abs(stored - stored[0]).max() > 0.1
    assert packed.bytes == packed.path.stat().st_size
    assert 0 < packed.projected_seconds < 600


def test_two_builds_are_byte_for_byte_equal(
    packed: PackageSummary, trained_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packager, "_rehearsed_seconds", lambda *_: 1.0)
    monkeypatch.setattr(packager, "_rehearse_stand_in", lambda *_: None)
    monkeypatch.setattr(packager, "_golden_outputs", lambda network, settings: golden(packed))
    copy = tmp_path / "another place"
    shutil.copytree(trained_run, copy, ignore=shutil.ignore_patterns("*.zip"))
    assert package(copy, tmp_path / "b.zip", tta_level=1).sha256 == packed.sha256


def test_the_score_is_that_of_the_evaluation(packed: PackageSummary, trained_run: Path, tmp_path: Path) -> None:
    images = noise(70)
    network = build_network(96, 32, 8, dropout=0.2)
    network.load_weights(trained_run / WEIGHTS)
    predicted = predict_probabilities(network, images, tta_level=1, gate=0.5).argmax(axis=1)
    labels = np.where(np.arange(70) % 3, predicted, np.arange(70) // 3 % 8)
    scores = score(packed.path, CellSet(images, labels, "noise", BLOOD), tmp_path / "work", checks=False)
    assert len(set(predicted)) > 2
    expected = label_metrics(labels, predicted, 8)
    assert {key: scores[key] for key in expected} == expected


@pytest.mark.slow
def test_an_ensemble_gives_the_labels_of_the_mean_of_its_members(
    trained_run: Path, another_run: Path, tmp_path: Path
) -> None:
    packed = package_ensemble([trained_run, another_run], tmp_path / "both.zip", tta_level=1, gate=0.3)
    assert packed.members == (
        "model.py", "network.py", "inference.py", "pixels.py", "ensemble.py", "weights-1.weights.h5",
        "weights-2.weights.h5", "flatbuffer.py", "network-1.tflite", "network-2.tflite", "submission.json",
    )  # fmt: skip
    images, networks = noise(70), [Run(run).network() for run in (trained_run, another_run)]
    first, all_views = ([predict_probabilities(one, images, level) for one in networks] for level in (0, 1))
    expected = gated(np.mean(first, axis=0), np.mean(all_views, axis=0), 0.3).argmax(axis=1)
    assert all((gated(*views, 0.3).argmax(axis=1) != expected).any() for views in zip(first, all_views, strict=True))
    cells = CellSet(images, expected, "noise", BLOOD)
    assert score(packed.path, cells, tmp_path / "work", checks=False)["accuracy"] == 1


def test_runs_that_do_not_make_one_zip_are_refused_in_one_line(tmp_path: Path) -> None:
    blood, other = tmp_path / "blood", tmp_path / "other"
    begun_run(blood)
    Run(other).begin(invented_config(replace(BLOOD, classes=(*BLOOD.classes[:-1], "blast"))), ENVIRONMENT)
    with pytest.raises(KitError) as caught:
        package_ensemble([blood, other], tmp_path / "both.zip", tta_level=0)
    assert str(caught.value).startswith(f"{other} and {blood} do not make one zip: expected the classes basophil, ")
    with pytest.raises(KitError, match=r"^expected different runs, got one twice: "):
        package_ensemble([blood, blood], tmp_path / "both.zip", tta_level=0)
    assert not (tmp_path / "both.zip").exists()


def test_golden_outputs_notice_a_missing_standardisation(packed: PackageSummary, trained_run: Path) -> None:
    """Without it the weights load in silence, and every output is wrong."""
    code = (packager._NETWORK / "network.py").read_text()
    altered, replacements = re.subn(r"    x = keras\.layers\.Rescaling\(.*?\)\(x\)\n", "", code, flags=re.DOTALL)
    assert replacements == 1
    scope: dict[str, Callable[..., keras.Model]] = {}
    exec(altered, scope)
    network = scope["build_network"](96, 32, 8, dropout=0.2)
    network.load_weights(trained_run / WEIGHTS)
    probabilities = predict_probabilities(network, golden_images(96), 1, gate=0.5)
    difference = np.abs(probabilities - np.array(golden(packed))).max()
    assert difference > 10 * GOLDEN_TOLERANCE


TINY_NETWORK = """
class Network:
    def load_weights(self, path):
        pass

def build_network(image_size, working_size, classes, dropout, backbone):
    return Network()
"""

TINY_FLATBUFFER = """
class Flatbuffer:
    def __init__(self, path):
        self.shift = float(path.read_text())
"""

TINY_INFERENCE = """
import numpy as np

def predict_probabilities(network, images, tta_level=0, batch_size=64, gate=None):
    shift = getattr(network, "shift", 0)
    return np.exp(-np.abs(images.mean(axis=(1, 2, 3))[:, None] / 32 - 0.5 - shift - np.arange(8)))

def tempered(probabilities, temperature):
    return probabilities
"""


@pytest.fixture
def tiny_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., PackageSummary]:
    """A function that packages code without Keras; arguments: inference.py, the backend.

    The stored outputs are TINY_INFERENCE's. The flatbuffer is that of `TINY_FLATBUFFER`, which shifts them by the
    number in its file.
    """
    run, code = tmp_path / "run", tmp_path / "code"
    code.mkdir()
    (code / "network.py").write_text(TINY_NETWORK)
    (code / "flatbuffer.py").write_text(TINY_FLATBUFFER)
    shutil.copy(packager._NETWORK / "pixels.py", code)
    begun_run(run)
    with h5py.File(run / WEIGHTS, "w") as file:
        file["kernel"] = np.ones(3)
    scope: dict[str, Callable[..., np.ndarray]] = {}
    exec(TINY_INFERENCE, scope)
    stored = scope["predict_probabilities"](None, golden_images(96)).round(6).tolist()
    monkeypatch.setattr(packager, "_NETWORK", code)
    monkeypatch.setattr(Run, "network", lambda run: None)
    monkeypatch.setattr(packager, "_golden_outputs", lambda network, settings: stored)

    def make(inference: str, backend: str = "keras", shift: str = "0") -> PackageSummary:
        (code / "inference.py").write_text(inference)
        monkeypatch.setattr(conversion, "to_flatbuffer", lambda network: shift.encode())
        return package(run, tmp_path / "submission.zip", tta_level=0, backend=backend)

    return make


def test_code_that_gives_other_outputs_is_not_packaged(
    tiny_package: Callable[..., PackageSummary], tmp_path: Path
) -> None:
    with pytest.raises(KitError, match=r"^not packaged: golden outputs differ: expected the probabilities stored"):
        tiny_package(TINY_INFERENCE.replace("- 0.5", "- 0.4"))
    assert not (tmp_path / "submission.zip").exists()
    assert tiny_package(TINY_INFERENCE).path.exists()


def test_keras_alone_needs_no_flatbuffer(tiny_package: Callable[..., PackageSummary]) -> None:
    summary = tiny_package(TINY_INFERENCE, "keras")
    assert summary.members == ("model.py", "network.py", "inference.py", "pixels.py", WEIGHTS, "submission.json")
    with zipfile.ZipFile(summary.path) as archive:
        settings = json.loads(archive.read("submission.json"))
    assert (settings["gate"], settings["batch_size"], settings["flatbuffer"]) == (None, 64, None)
    assert summary.gate is None and settings["temperature"] == 1


def test_a_flatbuffer_that_gives_other_outputs_is_not_packaged(tiny_package: Callable[..., PackageSummary]) -> None:
    with pytest.raises(KitError, match=r"^not packaged: golden outputs differ: expected the probabilities stored"):
        tiny_package(TINY_INFERENCE, "tflite", shift="0.1")
    assert FLATBUFFER in tiny_package(TINY_INFERENCE, "tflite").members


def test_a_stand_in_that_gives_other_outputs_is_not_packaged(tiny_package: Callable[..., PackageSummary]) -> None:
    """It would be asked on a machine where the flatbuffer cannot be run, and nowhere before."""
    broken = TINY_INFERENCE.replace('"shift", 0)', '"shift", 0.1)')
    with pytest.raises(KitError, match=r"^not packaged: without network.tflite, .*: golden outputs differ: expected"):
        tiny_package(broken, "tflite")


def test_code_that_depends_on_the_order_is_not_packaged(tiny_package: Callable[..., PackageSummary]) -> None:
    with pytest.raises(KitError, match=r"^not packaged: another order of images: \d+ of 32 labels differ"):
        tiny_package(TINY_INFERENCE.replace("/ 32", "/ (32 + (len(images) == 32) * np.arange(len(images)))[:, None]"))
