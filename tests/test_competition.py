"""The file of facts, and what another one changes; `test_another_competition` goes the whole way with others."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from competitions import BLOOD, SHAPES

from bloodcells import cli
from bloodcells.codabench.task import write_task
from bloodcells.competition import BLOOD_CELLS, VARIABLE, chosen_competition, read_competition
from bloodcells.data.cells import load_cells, save_cells
from bloodcells.data.sources.synthetic import draw_smear
from bloodcells.errors import KitError
from bloodcells.pages.galleries import cells_by_class


def facts(**changes: str) -> str:
    """The blood cells' file with some lines replaced, by the name that they begin with."""
    text = BLOOD_CELLS.read_text(encoding="utf-8")
    start, end = text.index("classes = ["), text.index("]\n", text.index("classes = [")) + 2
    own = text[start:end]
    lines = (text.replace(own, "classes = " + own.partition("=")[2].replace("\n", " ").strip() + "\n")).splitlines()
    return "\n".join(changes.get(line.split(" ")[0], line) for line in lines)


def test_the_blood_cells_are_the_default_and_an_option_goes_before_the_variable(monkeypatch, tmp_path):
    assert chosen_competition() == BLOOD
    assert len(BLOOD.classes) == 8 and BLOOD.image_shape == (96, 96, 3)
    for name in ("variable", "option"):
        (tmp_path / name).write_text(facts(title=f'title = "{name}"'), encoding="utf-8")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "variable"))
    assert chosen_competition().title == "variable"
    assert chosen_competition(tmp_path / "option").title == "option"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title = ", "expected TOML, got "),
        ('title = "x"', "expected classes, got nothing"),
        ("price = 3\n" + facts(), "expected keys of title, classes, .*, got 'price'"),
        (facts(title='title = " "'), "expected names that can be read, got ' '"),
        (facts(title='title = "\\u001b[2J"'), r"expected names that can be read, got '\\x1b\[2J'"),
        (facts(image_size='image_size = "96"'), "image_size: expected a whole number, got '96'"),
        (facts(image_size="image_size = 0"), "image_size: expected 8 to 4096, got 0"),
        (facts(image_size="image_size = -96"), "image_size: expected 8 to 4096, got -96"),
        (facts(metric='metric = "f1"'), r"metric: expected one of accuracy, .*, roc_auc, got 'f1'\. Correct it;"),
        (facts(leaderboard='leaderboard = ["accuracy", "f2"]'), r"leaderboard\.1: expected one of .*, got 'f2'"),
        (facts(leaderboard='leaderboard = ["accuracy", "accuracy"]'), "leaderboard: expected different names"),
        (facts(leaderboard='leaderboard = ["macro_f1"]'), "leaderboard: expected accuracy among its names, got none"),
        (facts(numpy=""), "worker_versions: expected tensorflow, keras, numpy, got none of numpy"),
        (facts(classes='classes = ["a"]'), r"classes: expected 2 to 1000 entries, got \['a'\]"),
        (facts(classes='classes = ["a", "a"]'), "classes: expected different names, got one twice"),
        (facts(classes='classes = ["a", ""]'), r"classes\.1: expected 1 to 1000 characters, got ''"),
        (facts(classes='classes = ["a", 1]'), r"classes\.1: expected text, got 1"),
        (facts(memory_limit="memory_limit = -1"), "memory_limit: expected at least 1, got -1"),
        (facts(size_limit="size_limit = true"), "size_limit: expected a whole number, got True"),
        (facts(time_limit='time_limit = "long"'), "time_limit: expected a number, got 'long'"),
        (facts(time_limit="time_limit = nan"), "time_limit: expected a finite number, got nan"),
        (facts(time_limit="time_limit = inf"), "time_limit: expected a finite number, got inf"),
        (facts(time_limit="time_limit = -600"), r"time_limit: expected 1 to 1e\+07, got -600"),
        (facts(hidden_images="hidden_images = 0"), "hidden_images: expected at least 1, got 0"),
        (facts(metric='metric = "log_loss"'), "leaderboard: expected log_loss among its names, got none"),
        (facts(leaderboard="leaderboard = [[1], 2]"), r"leaderboard\.0: expected text, got \[1\]"),
        ("x = " + "[" * 9_000, "expected TOML, got "),
        ("a." * 4_000 + "a = 1", "expected keys of title, .*, got 'a'"),
        ("a." * 20_000 + "a = 1", "expected at most 10,000 bytes, got 40,005. Shorten it."),
    ],
)
def test_a_file_that_is_not_right_is_refused_in_one_line(text, message, tmp_path):
    path = tmp_path / "competition.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(KitError, match=message) as refusal:
        read_competition(path)
    assert "\n" not in str(refusal.value)


def test_two_competitions_live_in_one_process(tmp_path: Path):
    labels = np.repeat(np.arange(len(SHAPES.classes)), 2)
    images = np.random.default_rng(1).integers(0, 256, (len(labels), *SHAPES.image_shape), np.uint8)
    np.savez(tmp_path / "shapes.npz", images=images, labels=labels)
    save_cells(tmp_path / "blood.npz", draw_smear(100).cells)
    for _ in range(2):
        for competition, path in ((SHAPES, tmp_path / "shapes.npz"), (BLOOD, tmp_path / "blood.npz")):
            cells = load_cells(path, competition)
            assert cells.images.shape[1:] == competition.image_shape
            assert [tick.get_text() for tick in cells_by_class(cells, "").axes[0].get_yticklabels()] == [
                f"{name} ({(cells.labels == label).sum()})" for label, name in enumerate(competition.classes)
            ]
            task = write_task(cells.take(np.arange(4)), tmp_path / "task")
            facts = json.loads((task.scoring_program / "competition.json").read_text())
            assert (facts["classes"], facts["metric"]) == (list(competition.classes), competition.metric)
            shutil.rmtree(task.folder)
    with pytest.raises(KitError, match=r"images has shape \(10, 64, 64, 3\); expected .*96, 96, 3"):
        load_cells(tmp_path / "shapes.npz", BLOOD)


def test_importing_the_kit_reads_no_file_of_the_user(tmp_path: Path):
    modules = "bloodcells, bloodcells.cli, bloodcells.competition, bloodcells.data.sources, bloodcells.codabench.worker"
    environment = {**os.environ, VARIABLE: str(tmp_path / "absent.toml")}
    subprocess.run([sys.executable, "-c", f"import {modules}"], env=environment, check=True)


def test_the_smear_is_refused_where_other_pictures_are_asked_for(tmp_path: Path, monkeypatch, capsys):
    classes = "classes = " + json.dumps(SHAPES.classes)
    (tmp_path / "shapes.toml").write_text(facts(title='title = "Shapes"', classes=classes), encoding="utf-8")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "shapes.toml"))
    assert cli.main(["clean", "--data", "synthetic", "--out", str(tmp_path / "cleaning")]) == 1
    assert "error: synthetic: expected images of Shapes, got blood cells" in capsys.readouterr().err
