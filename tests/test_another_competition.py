"""From a folder of pictures that are no cells to a scored zip and a Kaggle submission, with a small backbone."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from sklearn.datasets import load_digits

from bloodcells import cli
from bloodcells.run import Config, Run

pytestmark = [pytest.mark.usefixtures("small_backbone"), pytest.mark.trains]

RECIPE = """
[[phases]]
name = "all at once"
epochs = 2
policy = "none"
working_size = 32
batch_size = 16
learning_rate = 3e-3
warmup_steps = 10
stochastic_depth = 0
least_steps = 160
"""
Pictures = Iterator[tuple[str, Image.Image]]


def shapes(each: int, draw: np.random.Generator) -> Pictures:
    """Twelve classes: four shapes in three colours, each picture with its own place, size and mottled ground."""
    for colour, ink in {"red": (200, 30, 30), "green": (30, 160, 30), "blue": (30, 30, 200)}.items():
        for shape in ("disc", "ring", "bar", "frame"):
            for _ in range(each):
                mottled = Image.fromarray(draw.integers(110, 256, (5, 6, 3), dtype=np.uint8))
                picture = mottled.resize((72, 60), Image.Resampling.BICUBIC)
                _put(shape, ink, picture, draw)
                noise = draw.normal(0, 8, (60, 72, 3))
                yield f"{colour} {shape}", Image.fromarray(np.clip(picture + noise, 0, 255).astype(np.uint8))


def _put(shape: str, ink: tuple[int, int, int], picture: Image.Image, draw: np.random.Generator) -> None:
    pen, (x, y), r = ImageDraw.Draw(picture), draw.integers((28, 24), (44, 36)).tolist(), int(draw.integers(14, 20))
    box = (x - r, y - r, x + r, y + r)
    if shape in ("disc", "ring"):
        pen.ellipse(box, ink if shape == "disc" else None, ink, width=5)
    else:
        pen.rectangle(box if shape == "frame" else (x - r, y - r // 3, x + r, y + r // 3), None, ink, width=5)


def digits(each: int, draw: np.random.Generator) -> Pictures:
    """Two classes of handwriting, 8 px made 64, grey."""
    images, labels = load_digits(return_X_y=True)
    for digit, name in ((3, "three"), (8, "eight")):
        for one in images[labels == digit][:each]:
            picture = Image.fromarray((255 - one.reshape(8, 8) * 15).astype(np.uint8))
            yield name, picture.resize((64, 64), Image.Resampling.BICUBIC)


def bloodcells(*arguments: object) -> None:
    assert cli.main([str(one) for one in arguments]) == 0


@pytest.mark.parametrize(
    ("draw_pictures", "each", "classes", "chance"), [(shapes, 40, 12, 0.084), (digits, 100, 2, 0.5)]
)
def test_pictures_that_are_no_cells_go_the_whole_way(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    draw_pictures: Callable[[int, np.random.Generator], Pictures],
    each: int,
    classes: int,
    chance: float,
) -> None:
    monkeypatch.chdir(tmp_path)
    truth = {}
    for place, (name, picture) in enumerate(draw_pictures(each, np.random.default_rng(0))):
        held_out = place % 5 == 0
        path = Path("test" if held_out else f"train/{name}") / f"{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path)
        if held_out:
            truth[str(place)] = name
    Path("recipe.toml").write_text(RECIPE)
    Path("sample.csv").write_text("id,kind\n" + "".join(f"{one},{name}\n" for one, name in sorted(truth.items())))

    bloodcells("new", "small", "--data", "train")
    told = ("--data", "train", "--competition", "small.toml", "--recipe", "recipe.toml", "--init", "scratch")
    bloodcells("run", *told, "--tta", "0", "--out", "run")
    said = capsys.readouterr().out
    assert "Upload run/submission.zip." in said and "do not upload" not in said
    run = Run(Path("run"))
    scores = json.loads((run.score("clean") / "scores.json").read_text())
    assert set(scores) == {"accuracy", "balanced_accuracy", "macro_f1", "duration"}
    assert "small" in (run.report / "index.md").read_text()
    assert scores["accuracy"] > (3 * chance if classes > 2 else 0.75)
    competition = run.read(Config).competition
    assert len(competition.classes) == classes and set(scores) == set(competition.leaderboard)
    assert competition.title in (run.folder / "report" / "index.md").read_text(encoding="utf-8")
    with (run.cleaning / "cleaning.csv").open() as stream:
        dropped = [row["file"] for row in csv.DictReader(stream) if row["reason"] == "junk"]
    assert dropped == []

    bloodcells("predict", "--run", "run", "--data", "test", "--tta", "0", "--like", "sample.csv", "--out", "kaggle.csv")
    with Path("kaggle.csv").open() as stream:
        predicted = {row["id"]: row["kind"] for row in csv.DictReader(stream)}
    assert list(predicted) == sorted(truth)
    right = np.mean([predicted[one] == name for one, name in truth.items()])
    assert right > (3 * chance if classes > 2 else 0.75)
