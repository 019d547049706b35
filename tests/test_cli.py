import json
import subprocess
import sys

import numpy as np
import pytest

from bloodcells import cli
from bloodcells.cells import save_cells
from bloodcells.sources.synthetic import FEWEST_CELLS, draw_smear

VERBS = ("run", "clean", "train", "evaluate", "predict", "package", "score", "fetch", "corrupt", "report")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main([verb, "--help"])
    assert end.value.code == 0
    assert "usage: bloodcells" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["fly"], ["package"], ["run", "--tta", "3"], ["clean", "--out"]])
def test_wrong_usage_ends_with_2(arguments):
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    assert end.value.code == 2


def test_a_refusal_is_one_line_on_standard_error_and_ends_with_1(tmp_path, capsys):
    assert cli.main(["clean", "--data", str(tmp_path / "absent.npz"), "--out", str(tmp_path)]) == 1
    streams = capsys.readouterr()
    assert streams.out == ""
    assert streams.err.startswith("error: training set not found")
    assert streams.err.count("\n") == 1


def test_debug_shows_the_traceback(tmp_path):
    with pytest.raises(cli.KitError):
        cli.main(["clean", "--debug", "--data", str(tmp_path / "absent.npz"), "--out", str(tmp_path)])


def test_an_interruption_ends_with_130_and_says_that_it_resumes(tmp_path, monkeypatch, capsys):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_cells", interrupted)
    assert cli.main(["clean", "--out", str(tmp_path)]) == 130
    assert "goes on where it stopped" in capsys.readouterr().err


def test_clean_works_on_its_own(tmp_path, capsys):
    cells = draw_smear(FEWEST_CELLS).cells
    data = tmp_path / "my cells.npz"
    save_cells(data, cells)
    assert cli.main(["clean", "--data", str(data), "--out", str(tmp_path / "out")]) == 0
    counts = json.loads((tmp_path / "out" / "cleaning.json").read_text())
    assert counts["images"] == len(cells)
    assert f"kept {counts['kept']}" in capsys.readouterr().out
    assert (tmp_path / "out" / "cleaning.html").read_text().startswith("<!doctype html>")


def test_score_prints_one_json_object_and_nothing_else(tmp_path, monkeypatch, capsys):
    from bloodcells.codabench import worker

    def noisy(*_):
        print("a line that is not JSON")
        return {"accuracy": 0.5}

    monkeypatch.setattr(worker, "score", noisy)
    data = tmp_path / "test.npz"
    save_cells(data, draw_smear(FEWEST_CELLS).cells)
    arguments = ["score", str(tmp_path / "a.zip"), "--data", str(data), "--out", str(tmp_path), "--json"]
    assert cli.main(arguments) == 0
    assert json.loads(capsys.readouterr().out) == {"accuracy": 0.5}


def test_init_is_taken_from_the_data_unless_it_is_said(capsys):
    parse = cli._parser().parse_args
    assert cli._training_config(parse(["train"])).init == "scratch"
    assert cli._training_config(parse(["train", "--init", "a.h5"])).init == "a.h5"
    assert "init: scratch" in capsys.readouterr().out


def test_labels_are_predicted_for_unlabelled_images(tmp_path, monkeypatch):
    from bloodcells import inference, training

    images = np.random.default_rng(0).integers(0, 256, (3, 96, 96, 3)).astype(np.uint8)
    np.savez(tmp_path / "hidden.npz", images=images)
    monkeypatch.setattr(training, "load_network", lambda run: run)
    monkeypatch.setattr(inference, "predict_probabilities", lambda network, images, level: np.eye(8)[: len(images)])
    out = tmp_path / "labels.csv"
    data = str(tmp_path / "hidden.npz")
    assert cli.main(["predict", "--run", str(tmp_path), "--data", data, "--out", str(out)]) == 0
    assert out.read_text().splitlines() == ["id,label", "0,0", "1,1", "2,2"]


def test_the_module_runs_as_a_program():
    done = subprocess.run([sys.executable, "-m", "bloodcells", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == cli.__version__
