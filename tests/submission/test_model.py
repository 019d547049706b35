"""submission/model.py on its own: what it accepts and returns, with a network of three lines beside it."""

import hashlib
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

REPOSITORY = Path(__file__).parents[2]
MODEL = REPOSITORY / "submission" / "model.py"
PIXELS = REPOSITORY / "src" / "bloodcells" / "network" / "pixels.py"

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

def tempered(probabilities, temperature):
    return probabilities ** (1 / temperature)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An unpacked submission, in a folder with a space and an accent in its name."""
    folder = tmp_path / "la soumission é"
    folder.mkdir()
    shutil.copy(MODEL, folder)
    shutil.copy(PIXELS, folder)
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
        "temperature": 0.5,
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


def as_given(cells: np.ndarray) -> dict[str, Any]:
    """The same cells in every form that somebody might pass."""
    types = ("u1", "i4", "i8", "f2", "f4", "f8", ">f4", ">i8")
    read_only = cells.copy()
    read_only.setflags(write=False)
    return {
        **{name: cells.astype(name) for name in types},
        "not contiguous": np.repeat(cells, 2, axis=2)[:, :, ::2],
        "backwards in memory": np.ascontiguousarray(cells[::-1])[::-1],
        "columns first": np.asfortranarray(cells.astype(np.float32)),
        "read-only": read_only,
        "a list": list(cells),
        "nested lists": cells.tolist(),
    }


def test_every_form_of_the_same_pixels_gives_the_same_integer_labels_in_silence(
    model: Any, cells: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, given in as_given(cells).items():
        labels = model.predict(given)
        assert labels.dtype == np.int64 and labels.tolist() == EXPECTED.tolist(), name
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("n", [0, 1, 4, 5, 16])
def test_every_number_of_images(model: Any, cells: np.ndarray, n: int) -> None:
    labels = model.predict(cells[:n])
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(labels, EXPECTED[:n])


def test_an_empty_list_has_no_labels(model: Any) -> None:
    assert model.predict([]).shape == (0,)


@pytest.mark.parametrize("n", [1, 16])
@pytest.mark.parametrize("overshoot", [None, 1.0001, 1.02, -0.01])
def test_0_to_1_is_scaled_and_announced_with_pixels_that_overshoot(
    model: Any, cells: np.ndarray, n: int, overshoot: float | None, capsys: pytest.CaptureFixture[str]
) -> None:
    given = (cells[:n] / 255).astype(np.float32)
    if overshoot is not None:
        given[0, 0, 0, 0] = overshoot
    np.testing.assert_array_equal(model.predict(given), EXPECTED[:n])
    said = capsys.readouterr().out
    assert said.startswith("predict: float images in 0..1 are scaled to 0..255\n")
    assert ("are clipped to 0..1\n" in said) == (overshoot is not None)


def test_the_range_is_that_of_all_images_not_of_a_chunk(model: Any, cells: np.ndarray) -> None:
    cells[:8] = 1
    assert model.predict(cells.astype(np.float32))[:8].tolist() == [0] * 8


def test_overshooting_pixels_are_clipped(model: Any, cells: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    noisy = cells.astype(np.float32)
    noisy[3, 0, 0] = (-20, 300, 5)
    np.testing.assert_array_equal(model.predict(noisy), EXPECTED)
    assert capsys.readouterr().out == (
        "predict: values -20..300 in 1 of 16 images, the first at index 3, are clipped to 0..255\n"
    )


def test_dark_floats_are_taken_as_uint8_is_and_said_to_be_ambiguous(
    model: Any, cells: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    dark = (cells > 100).astype(np.float32)
    np.testing.assert_array_equal(model.predict(dark), model.predict(dark.astype(np.uint8)))
    assert capsys.readouterr().out == "predict: values 0..1 are ambiguous: taken as dark images in 0..255\n"


@pytest.mark.parametrize(
    "other",
    [
        lambda cells: cells / 127.5 - 1,
        lambda cells: (cells / 255 - 0.7) / 0.2,
        lambda cells: cells.astype(np.uint16) * 257,
        lambda cells: cells.astype(np.float32) * 257,
    ],
    ids=["-1..1", "standardised", "16 bits", "16 bits as floats"],
)
def test_another_range_is_refused_and_not_guessed(model: Any, cells: np.ndarray, other: Any) -> None:
    with pytest.raises(ValueError, match=r"^predict: expected values 0\.\.255 or 0\.\.1, got "):
        model.predict(other(cells))


@pytest.mark.parametrize(
    "given", [np.zeros((96, 96, 3)), np.full((1, 96, 96, 3), "a"), np.full((1, 96, 96, 3), np.nan)]
)
def test_what_is_no_set_of_images_is_refused_in_one_line(model: Any, given: np.ndarray) -> None:
    with pytest.raises(ValueError) as caught:
        model.predict(given)
    assert str(caught.value).startswith("predict: ") and "\n" not in str(caught.value)


def test_threads_take_turns_with_the_network(folder: Path, cells: np.ndarray) -> None:
    """An interpreter that is asked by two threads at once raises a RuntimeError."""
    busy = "    assert not network.__dict__.get('busy')\n    network.busy = True\n    import time; time.sleep(0.001)\n"
    idle = "    network.busy = False\n"
    code = INFERENCE.replace("    levels", busy + "    levels").replace("    return", idle + "    return")
    (folder / "inference.py").write_text(code)
    model = load(folder)
    with ThreadPoolExecutor(4) as pool:
        for labels in pool.map(model.predict, [cells] * 16):
            np.testing.assert_array_equal(labels, EXPECTED)


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
    """Modules called network, inference and pixels come first on the path, and must not be taken."""
    for name in ("network", "inference", "pixels"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong module')")
    code = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}]; sys.path.append({str(folder)!r})\n"
        "import numpy as np; from model import Model\n"
        "print(Model().predict(np.full((2, 96, 96, 3), 100, np.uint8)).tolist())"
    )
    end = subprocess.run([sys.executable, "-c", code], cwd="/", capture_output=True, text=True, check=True)
    assert end.stdout == "[3, 3]\n"


def test_probabilities_are_those_at_the_temperature(model: Any, cells: np.ndarray) -> None:
    probabilities = model.predict_probabilities(cells)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, np.square(model._averaged(cells)), rtol=1e-6)


def test_members_of_an_ensemble_are_asked_as_one(folder: Path) -> None:
    """Each has its own weights; here what they know is averaged, of 32 and of 64 grey levels a class."""
    settings = json.loads((folder / "submission.json").read_text())
    own = {name: settings.pop(name) for name in ("working_size", "dropout", "flatbuffer", "weights")}
    (folder / "more.weights.h5").write_text("64")
    settings["members"] = [own, {**own, "weights": "more.weights.h5"}]
    (folder / "submission.json").write_text(json.dumps(settings))
    (folder / "ensemble.py").write_text(
        "class Ensemble:\n    def __init__(self, members):\n"
        "        self.step, self.classes = sum(one.step for one in members) / 2, members[0].classes\n"
    )
    assert load(folder).network.step == 48
