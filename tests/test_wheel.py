"""The wheel serves without the repository: the notebooks, then the verbs, in an empty folder and its own environment.

Nothing is downloaded: the environment sees the packages of this one, but not its kit. It shows that everything works,
with a small network that learns next to nothing from a few cells. The notebooks find themselves on Colab.
"""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bloodcells.data.sources.synthetic import FEWEST_CELLS, draw_smear

REPOSITORY = Path(__file__).resolve().parents[1]
NAMES = ("01_explore", "02_clean", "03_augment", "04_train", "05_submit")
RECIPE = """
backbone = "MobileNetV3Large"
[[phases]]
name = "a glance"
epochs = 1
policy = "flips"
working_size = 32
batch_size = 32
learning_rate = 1e-3
"""
COLAB = """
from pathlib import Path

class drive:
    def mount(place):
        Path(place, "MyDrive").mkdir(parents=True, exist_ok=True)

class files:
    def download(path):
        Path("downloaded").write_text(path)
"""
EXECUTE = """
import sys, nbformat
from nbclient import NotebookClient
for name in sys.argv[1:]:
    notebook = nbformat.read(f"notebooks/{name}.ipynb", as_version=4)
    NotebookClient(notebook, timeout=1800, resources={"metadata": {"path": "notebooks"}}).execute()
"""

Launch = Callable[..., str]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, REPOSITORY)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def run_in(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Launch:
    """A function that runs a program of an environment that holds the wheel, in a folder that holds a set of cells."""
    environment = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "of_the_tests.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    pip("--python", environment / "bin" / "python", "install", "--ignore-installed", "--no-deps", "--no-index", wheel)
    place = tmp_path_factory.mktemp("elsewhere")
    pretend_colab(packages, place / "content")
    cells = draw_smear(FEWEST_CELLS).cells
    np.savez(place / "content" / "training_set.npz", images=cells.images, labels=cells.labels)
    recipe = place / "glance.toml"
    recipe.write_text(RECIPE)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "BLOODCELLS"))}
    settings = {"BLOODCELLS_INIT": "scratch", "BLOODCELLS_PROFILE": str(recipe)}

    def run(program: str, *arguments: str) -> str:
        command = [environment / "bin" / program, *arguments]
        done = subprocess.run(command, cwd=place, env=clean | settings, capture_output=True, text=True)
        assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    run.place = place
    return run


def pretend_colab(packages: Path, content: Path) -> None:
    """Give an environment the package that Colab has, and the folder that it has there as /content."""
    (packages / "google" / "colab").mkdir(parents=True)
    (packages / "google" / "colab" / "__init__.py").write_text(COLAB)
    (packages / "sitecustomize.py").write_text(
        f"import pathlib, bloodcells.platforms\nbloodcells.platforms.COLAB = pathlib.Path({str(content)!r})\n"
    )
    content.mkdir()


def pip(*arguments: object) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *map(str, arguments)]
    subprocess.run(command, check=True)


@pytest.mark.trains
def test_everything_works_from_the_wheel_alone(run_in: Launch) -> None:
    place = run_in.place
    assert run_in("python", "-c", "import bloodcells; print(bloodcells.__file__)").startswith(str(place.parent))
    shutil.copytree(REPOSITORY / "notebooks", place / "notebooks")
    run_in("python", "-c", EXECUTE, *NAMES)
    run = place / "content" / "drive" / "MyDrive" / "bloodcells" / "runs" / "training_set-glance-0"
    left = {"cleaning", "split.csv", "config.json", "metrics.jsonl", "evaluation.json", "submission.zip", "score"}
    assert left <= {path.name for path in run.iterdir()}
    assert (place / "notebooks" / "downloaded").read_text() == str(run / "submission.zip")

    # The same folder: what the notebooks have trained goes on to be scored by the command line.
    cells, recipe = "content/training_set.npz", ("--recipe", "glance.toml", "--init", "scratch")
    told = run_in("bloodcells", "run", "--data", cells, *recipe, "--tta", "0", "--out", str(run))
    assert "Accuracy of the zip on the hold-out: " in told and "is trained already" in told
    assert (run / "report" / "index.md").exists()

    run_in("bloodcells", "package", "--weights", "kit", "--tta", "0", "--backend", "keras", "--out", "kit.zip")
    scores = json.loads(run_in("bloodcells", "score", "kit.zip", "--data", cells, "--json"))
    assert scores["accuracy"] > 0.5
    run_in("bloodcells", "bundle", "--data", cells, "--solution", "kit.zip", "--out", "bundle.zip")
    with zipfile.ZipFile(place / "bundle.zip") as bundle:
        assert bundle.read("LICENSE") == (REPOSITORY / "LICENSE").read_bytes()
