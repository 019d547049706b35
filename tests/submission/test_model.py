"""submission/model.py on its own: what it accepts and returns, with a network of three lines beside it."""

import hashlib
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

MODEL = Path(__file__).parents[2] / "submission" / "model.py"

NETWORK = """
class Network:
    def load_weights(self, path):
        with open(path) as file:
            self.step = int(file.read())

def build_network(image_size, working_size, classes, dropout, backbone):
    network = Network()
    network.classes = classes
    return network
"""

INFERENCE = """
import numpy as np

largest_call = 0

def predict_probabilities(network, images, tta_level, batch_size, gate):
    global largest_call
    assert (tta_level, batch_size, gate) == (1, 64, 0.5)
    largest_call = max(largest_call, len(images))
    assert images.dtype == np.float32 and images.min() >= 0 and images.max() <= 255
    levels = images.mean(axis=(1, 2, 3)) / network.step - 0.5
    return np.exp(-np.abs(levels[:, None] - np.arange(network.classes))).astype(np.float32)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An unpacked submission, in a folder with a space and an accent in its name."""
    folder = tmp_path / "la soumission é"
    folder.mkdir()
    shutil.copy(MODEL, folder)
    (folder / "network.py").write_text(NETWORK)
    (folder / "inference.py").write_text(INFERENCE)
    (folder / "weights.weights.h5").write_text("32")
    settings = {
        "image_size": 96,
        "working_size": 96,
        "dropout": 0.2,
        "classes": list("abcdefgh"),
        "tta_level": 1,
        "gate": 0.5,
        "batch_size": 64,
        "flatbuffer": None,
        "weights": "weights.weights.h5",
    }
    (folder / "submission.json").write_text(json.dumps(settings))
    return folder


def load(folder: Path) -> Any:
    spec = importlib.util.spec_from_file_location("submission_model", folder / "model.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module._CHUNK = 4
    return module.Model()


@pytest.fixture
def model(folder: Path) -> Any:
    return load(folder)


FLATBUFFER = """
class Flatbuffer:
    def __init__(self, path):
        self.step, self.classes = int(path.read_bytes()), 8
"""


@pytest.fixture
def folder_with_flatbuffer(folder: Path) -> Path:
    """The same, but the flatbuffer has only half the labels, so that it shows which of both was asked."""
    (folder / "flatbuffer.py").write_text(FLATBUFFER)
    (folder / "network.tflite").write_text("64")
    settings = json.loads((folder / "submission.json").read_text())
    flatbuffer = {"flatbuffer": "network.tflite", "flatbuffer_sha256": hashlib.sha256(b"64").hexdigest()}
    (folder / "submission.json").write_text(json.dumps({**settings, **flatbuffer}))
    return folder


@pytest.fixture
def cells() -> np.ndarray:
    """Sixteen grey squares, two of each label."""
    values = (np.repeat(np.arange(8), 2) * 32 + 16).astype(np.uint8)
    return np.broadcast_to(values[:, None, None, None], (16, 96, 96, 3)).copy()


EXPECTED = np.repeat(np.arange(8), 2)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float16, np.float32, np.float64])
def test_every_type_of_pixels_gives_the_same_integer_labels(model: Any, cells: np.ndarray, dtype: type) -> None:
    labels = model.predict(cells.astype(dtype))
    assert labels.dtype == np.int64 and labels.shape == (16,)
    np.testing.assert_array_equal(labels, EXPECTED)


@pytest.mark.parametrize("n", [0, 1, 4, 5, 16])
def test_every_number_of_images(model: Any, cells: np.ndarray, n: int) -> None:
    labels = model.predict(cells[:n])
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(labels, EXPECTED[:n])


def test_floats_in_0_to_1_are_scaled_and_announced(
    model: Any, cells: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    np.testing.assert_array_equal(model.predict((cells / 255).astype(np.float32)), EXPECTED)
    assert capsys.readouterr().out == "predict: float images in 0..1 are scaled to 0..255\n"
    black = np.zeros((1, 96, 96, 3), np.uint8)
    assert model.predict(black + np.uint8(1)).tolist() == [0]
    assert capsys.readouterr().out == ""


def test_the_range_is_that_of_all_images_not_of_a_chunk(model: Any, cells: np.ndarray) -> None:
    cells[:8] = 1
    assert model.predict(cells.astype(np.float32))[:8].tolist() == [0] * 8


def test_overshooting_pixels_are_clipped(model: Any, cells: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    noisy = cells.astype(np.float32)
    noisy[3, 0, 0] = (-20, 300, 5)
    np.testing.assert_array_equal(model.predict(noisy), EXPECTED)
    assert capsys.readouterr().out == "predict: values -20..300 are clipped to 0..255\n"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_is_refused_with_its_place(model: Any, cells: np.ndarray, value: float) -> None:
    broken = cells.astype(np.float32)
    broken[5:7, 1, 2, 0] = value
    with pytest.raises(ValueError, match=r"^predict: expected .*, got 2 images with NaN or infinity, first at index 5"):
        model.predict(broken)


@pytest.mark.parametrize("shape", [(3, 3, 96, 96), (3, 64, 64, 3), (96, 96, 3), (3, 96, 96), (3, 96, 96, 1), ()])
def test_another_shape_is_refused(model: Any, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"^predict: expected numbers of shape \(N, 96, 96, 3\), values 0..255, got"):
        model.predict(np.zeros(shape))


def test_other_kinds_of_values_are_refused(model: Any) -> None:
    with pytest.raises(ValueError, match="got <U1 of shape"):
        model.predict(np.full((1, 96, 96, 3), "a"))


def test_the_input_is_left_as_it_was(model: Any, cells: np.ndarray) -> None:
    given = (cells / 255).astype(np.float32)
    before = given.copy()
    model.predict(given)
    np.testing.assert_array_equal(given, before)


def test_the_flatbuffer_predicts_where_there_is_one(folder_with_flatbuffer: Path, cells: np.ndarray) -> None:
    (folder_with_flatbuffer / "network.py").write_text("raise SystemExit('Keras was not to be asked')")
    np.testing.assert_array_equal(load(folder_with_flatbuffer).predict(cells), EXPECTED // 2)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("network.tflite", "it is not the file that was packed"),
        ("flatbuffer.py", "No module named 'litert'"),
        ("absent", r".* No such file or directory: .*network\.tflite'"),
    ],
)
def test_where_the_flatbuffer_cannot_be_run_keras_predicts_and_one_line_says_so(
    folder_with_flatbuffer: Path, cells: np.ndarray, capsys: pytest.CaptureFixture[str], broken: str, reason: str
) -> None:
    if broken == "absent":
        (folder_with_flatbuffer / "network.tflite").unlink()
    else:
        (folder_with_flatbuffer / broken).write_text("import litert")
    np.testing.assert_array_equal(load(folder_with_flatbuffer).predict(cells), EXPECTED)
    line = rf"Model: network\.tflite cannot be used here \({reason}\); Keras predicts instead, more slowly\n"
    assert re.fullmatch(line, capsys.readouterr().out)


def test_neither_working_directory_nor_path_order_matter(folder: Path, tmp_path: Path) -> None:
    """Modules called network and inference come first on the path, and must not be taken."""
    for name in ("network", "inference"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong module')")
    code = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}]; sys.path.append({str(folder)!r})\n"
        "import numpy as np; from model import Model\n"
        "print(Model().predict(np.full((2, 96, 96, 3), 100, np.uint8)).tolist())"
    )
    end = subprocess.run([sys.executable, "-c", code], cwd="/", capture_output=True, text=True, check=True)
    assert end.stdout == "[3, 3]\n"
