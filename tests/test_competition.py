"""The file of facts, and the whole way with another one: five classes of shapes at 64 px."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bloodcells.competition import BLOOD_CELLS, COMPETITION, VARIABLE, read_competition
from bloodcells.errors import KitError

SIZE = 64
SHAPES = ("disc", "ring", "square", "bar", "cross")


def facts(**changes: str) -> str:
    """The blood cells' file with some lines replaced, by the name that they begin with."""
    text = BLOOD_CELLS.read_text(encoding="utf-8")
    start, end = text.index("classes = ["), text.index("]\n", text.index("classes = [")) + 2
    own = text[start:end]
    lines = (text.replace(own, "classes = " + own.partition("=")[2].replace("\n", " ").strip() + "\n")).splitlines()
    return "\n".join(changes.get(line.split(" ")[0], line) for line in lines)


def shapes(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """``count`` pictures of each shape: own place, size and colours in each."""
    y, x = np.mgrid[:SIZE, :SIZE]
    images, labels = [], []
    for label in np.repeat(np.arange(len(SHAPES)), count):
        cy, cx, r = rng.uniform(24, 40), rng.uniform(24, 40), rng.uniform(12, 20)
        dy, dx = np.abs(y - cy), np.abs(x - cx)
        far, distance = np.maximum(dy, dx), np.hypot(dy, dx)
        inside = {
            "disc": distance < r,
            "ring": (distance < r) & (distance > 0.65 * r),
            "square": far < 0.85 * r,
            "bar": (dy < 0.25 * r) & (dx < 1.3 * r),
            "cross": (np.minimum(dy, dx) < 0.25 * r) & (far < 1.2 * r),
        }[SHAPES[label]]
        ground, ink = rng.integers(150, 250, 3), rng.integers(0, 110, 3)
        noise = rng.normal(0, 6, (SIZE, SIZE, 3))
        images.append(np.clip(np.where(inside[..., None], ink, ground) + noise, 0, 255).astype(np.uint8))
        labels.append(label)
    return np.stack(images), np.array(labels)


def test_the_blood_cells_are_the_default():
    assert read_competition(BLOOD_CELLS) == COMPETITION
    assert len(COMPETITION.classes) == 8 and COMPETITION.image_shape == (96, 96, 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title = ", "expected a competition in TOML, got "),
        ('title = "x"', r"got another set \(classes, hidden_images"),
        (facts(image_size='image_size = "96"'), "expected image_size as int, got '96'"),
        (facts(metric='metric = "f1"'), "expected a metric of accuracy, .*, got 'f1'. Choose one."),
        (facts(leaderboard='leaderboard = ["accuracy", "f2"]'), "expected a leaderboard of .*, got .*'f2'"),
        (facts(leaderboard='leaderboard = ["macro_f1"]'), "with accuracy and the metric in it, got"),
        (facts(numpy=""), "expected worker_versions with numpy, got none. Add them."),
        (facts(time_limit='time_limit = "long"'), "expected time_limit as number, got 'long'"),
        (facts(classes='classes = ["a", "a"]'), "two or more classes"),
    ],
)
def test_a_file_that_is_not_right_is_refused_in_one_line(text, message, tmp_path):
    path = tmp_path / "competition.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(KitError, match=message) as refusal:
        read_competition(path)
    assert "\n" not in str(refusal.value)


def test_another_competition_goes_the_whole_way(tmp_path: Path):
    competition, data, run = tmp_path / "shapes.toml", tmp_path / "shapes.npz", tmp_path / "run"
    competition.write_text(
        facts(
            title='title = "Shapes"',
            classes="classes = " + json.dumps(SHAPES),
            image_size=f"image_size = {SIZE}",
            metric='metric = "macro_f1"',
        ),
        encoding="utf-8",
    )
    images, labels = shapes(40, np.random.default_rng(0))
    np.savez(data, images=images, labels=labels)

    def bloodcells(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "bloodcells", *arguments]
        environment = {**os.environ, VARIABLE: str(competition)}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    done = bloodcells("run", "--data", str(data), "--init", "kit", "--tta", "0", "--out", str(run))
    assert done.returncode == 0, done.stderr
    assert "tells 8 classes apart, not 5: the head starts anew" in done.stdout
    record = json.loads((run / "evaluation.json").read_text())
    assert len(record["validation"]["clean"]["tta0"]["per_class_recall"]) == len(SHAPES)
    scores = json.loads((run / "score" / "clean" / "scores.json").read_text())
    assert set(scores) == set(COMPETITION.leaderboard)
    assert "Shapes" in (run / "report" / "index.md").read_text()
    refused = bloodcells("clean", "--data", "synthetic", "--out", str(tmp_path / "cleaning"))
    assert refused.returncode == 1
    assert "error: synthetic: expected images of Shapes, got blood cells" in refused.stderr
