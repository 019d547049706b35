"""What lies in an output folder and is not the kit's stays as it is, whichever verb is told to write there."""

from pathlib import Path

import pytest
from invented_runs import invented_run
from tiny_submissions import packed

from bloodcells import cli
from bloodcells.data.cells import save_cells
from bloodcells.data.sources.synthetic import FEWEST_CELLS, draw_smear
from bloodcells.run import Run

SOURCE = ("--data", "cells.npz")
INTO_A_FOLDER = {
    "clean": ("cleaning.csv", ("clean", *SOURCE)),
    "clean, its page": ("cleaning.html", ("clean", *SOURCE)),
    "train": ("config.json", ("train", *SOURCE, "--init", "scratch")),
    "train, its cleaning": ("cleaning", ("train", *SOURCE, "--init", "scratch")),
    "run": ("submission.zip", ("run", *SOURCE, "--init", "scratch")),
    "publish": ("config.json", ("publish", "--run", "a run")),
    "score": ("submission", ("score", "a.zip", *SOURCE)),
    "score, a folder": ("ranking.csv", ("score", "zips", *SOURCE)),
    "corrupt": ("composite.npz", ("corrupt", *SOURCE)),
    "ablate": ("records", ("ablate", *SOURCE, "--arms", "flips", "--init", "scratch")),
    "report": ("index.md", ("report", "--run", "a run")),
}
INTO_A_FILE = {
    "new": ("new", "mine", "--data", "cells.npz"),
    "evaluate --external": ("evaluate", "--weights", "kit", "--external", "cells.npz"),
    "predict": ("predict", "--weights", "kit", "--data", "cells.npz"),
    "package": ("package", "--weights", "kit"),
    "bundle": ("bundle", *SOURCE, "--solution", "a.zip"),
}


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("given")
    save_cells(folder / "cells.npz", draw_smear(FEWEST_CELLS).cells)
    (folder / "zips").mkdir()
    for place in (folder, folder / "zips"):
        packed(place, name="a.zip")
    Run(invented_run(folder / "a run")).weights.write_bytes(b"invented")
    return folder


@pytest.mark.parametrize("name", INTO_A_FOLDER)
def test_a_folder_with_something_of_the_users_is_refused(name, given, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(given)
    monkeypatch.setattr(Run, "network", lambda _: None)
    theirs, arguments = INTO_A_FOLDER[name]
    (tmp_path / theirs).write_text("mine")
    assert cli.main([*arguments, "--out", str(tmp_path)]) == 1
    refusal = capsys.readouterr().err.splitlines()[-1]
    assert refusal.startswith("error: ")
    assert theirs in refusal
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == [theirs]
    assert (tmp_path / theirs).read_text() == "mine"


@pytest.mark.parametrize("name", INTO_A_FILE)
def test_a_file_of_the_users_is_refused(name, given, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(given)
    theirs = tmp_path / {"predict": "mine.csv"}.get(name, "mine.zip")
    theirs.write_text("mine")
    assert cli.main([*INTO_A_FILE[name], "--out", str(theirs)]) == 1
    assert theirs.name in capsys.readouterr().err.splitlines()[-1]
    assert theirs.read_text() == "mine"
