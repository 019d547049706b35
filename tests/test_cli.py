import json
import re
import subprocess
import sys
import zipfile
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from data.sources.test_folder import pictures
from invented_runs import begun_run
from PIL import Image

from bloodcells import cli, walk
from bloodcells.cleaning import calibration, suspicion
from bloodcells.cleaning.decisions import Decision, Decisions
from bloodcells.cli import making, options
from bloodcells.data.cells import save_cells
from bloodcells.data.sources import Reading, bloodmnist
from bloodcells.data.sources.pictures import Fit
from bloodcells.data.sources.synthetic import FEWEST_CELLS, draw_smear
from bloodcells.errors import KitError, say

VERBS = [verb.name for group in cli.GROUPS for verb in group.verbs]


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
    assert streams.out.startswith("Cleaning ") and streams.out.count("\n") == 1
    assert streams.err.startswith("error: cannot read ")
    assert streams.err.count("\n") == 1


def test_debug_shows_the_traceback(tmp_path):
    with pytest.raises(KitError):
        cli.main(["clean", "--debug", "--data", str(tmp_path / "absent.npz"), "--out", str(tmp_path)])


def test_an_interruption_ends_with_130_and_says_what_is_kept(tmp_path, monkeypatch, capsys):
    interruption = KeyboardInterrupt()

    def interrupted(_):
        raise interruption

    monkeypatch.setattr(options, "cells", interrupted)
    clean = ["clean", "--data", "synthetic", "--out", str(tmp_path)]
    assert cli.main(clean) == 130
    assert capsys.readouterr().err == "interrupted: what is finished is kept; give the same command again\n"
    interruption.add_note("the same command goes on after epoch 2 of 3")
    assert cli.main(clean) == 130
    assert capsys.readouterr().err == "interrupted: the same command goes on after epoch 2 of 3\n"


def test_help_begins_with_what_the_kit_does_and_lists_every_verb_in_a_group(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    told = capsys.readouterr().out
    assert told.splitlines()[2].startswith("This kit cleans a competition's pictures, trains a network")
    assert re.findall(r"^  ([a-z]+) {2,}", told, re.MULTILINE) == VERBS


@pytest.fixture
def beside_the_file(tmp_path, monkeypatch):
    """A folder with the file of the competition at its usual place."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "training_set.npz").touch()
    monkeypatch.setattr(options, "cells", lambda told: (_ for _ in ()).throw(KitError(f"{told.data} is taken")))


@pytest.mark.usefixtures("beside_the_file")
def test_a_forgotten_data_is_refused_in_a_pipe_where_the_users_file_is(capsys):
    assert cli.main(["clean", "--out", "out"]) == 1
    line = "error: --data: expected data/training_set.npz, which is here, or synthetic, got neither. Say which.\n"
    assert capsys.readouterr().err == line


@pytest.mark.usefixtures("beside_the_file")
@pytest.mark.parametrize(("answer", "taken"), [("", "data/training_set.npz"), ("n", "synthetic")])
def test_a_forgotten_data_is_asked_about_on_a_terminal(monkeypatch, capsys, answer, taken):
    monkeypatch.setattr("builtins.input", lambda question: answer)
    for stream in (sys.stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    assert cli.main(["clean", "--out", "out"]) == 1
    streams = capsys.readouterr()
    assert streams.err == f"error: {taken} is taken\n"
    assert streams.out == f"Cleaning {taken}; the decisions go to out.\n"


def test_without_data_and_a_file_the_smear_is_drawn_and_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(options, "cells", lambda told: (_ for _ in ()).throw(KitError(f"{told.data} is taken")))
    assert cli.main(["clean", "--out", "out"]) == 1
    assert capsys.readouterr().out == "Cleaning synthetic; the decisions go to out.\n"


@pytest.mark.draws
def test_cleaning_without_labels_does_not_import_tensorflow(smear_file, tmp_path):
    script = "import sys; from bloodcells import cli; code = cli.main(sys.argv[1:]); print('tensorflow' in sys.modules)"
    clean = [sys.executable, "-c", script, "clean", "--data", str(smear_file), "--out", str(tmp_path / "out")]
    done = subprocess.run(clean, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False" and done.stderr == ""


@pytest.fixture(scope="module")
def smear_file(cells, tmp_path_factory):
    """A file of cells to clean, with defects."""
    path = tmp_path_factory.mktemp("data") / "my cells.npz"
    save_cells(path, cells)
    return path


@pytest.fixture
def quick_calibration(monkeypatch):
    few = partial(calibration.calibrate, n_cells=40, copies_per_kind=2)
    monkeypatch.setattr(calibration, "calibrate", few)


@pytest.mark.usefixtures("quick_calibration")
@pytest.mark.draws
def test_clean_works_on_its_own(smear_file, tmp_path, capsys):
    assert cli.main(["clean", "--data", str(smear_file), "--out", str(tmp_path / "out")]) == 0
    counts = json.loads((tmp_path / "out" / "cleaning.json").read_text())
    assert counts["images"] > FEWEST_CELLS > counts["kept"]
    said = capsys.readouterr().out
    assert f"{counts['kept']} of {counts['images']} images are kept; {counts['junk']} are junk, " in said
    assert "Labels were not examined" in said
    assert (tmp_path / "out" / "cleaning.html").read_text().startswith("<!doctype html>")


@pytest.mark.usefixtures("quick_calibration")
@pytest.mark.draws
def test_clean_obeys_what_a_person_decided(smear_file, cells, tmp_path, capsys):
    decisions = Decisions((Decision(0, "", "drop", ""),), cells.sha256)
    decisions.write(tmp_path / "decisions.csv")
    source = ["--data", str(smear_file), "--decisions", str(tmp_path / "decisions.csv")]
    assert cli.main(["clean", *source, "--out", str(tmp_path / "out")]) == 0
    first = (tmp_path / "out" / "cleaning.csv").read_text().splitlines()[1]
    assert ",drop,a person's decision," in first and first.endswith(",drop")
    counts = json.loads((tmp_path / "out" / "cleaning.json").read_text())
    assert counts["decisions_sha256"] == decisions.sha256
    assert f"{counts['kept']} of {counts['images']} images are kept" in (said := capsys.readouterr().out)
    assert "1 are dropped by your decision." in said


@pytest.mark.parametrize("verb", ["clean", "run", "train", "ablate"])
def test_every_verb_that_cleans_refuses_decisions_that_it_cannot_read(smear_file, tmp_path, capsys, verb):
    decisions = tmp_path / "decisions.csv"
    decisions.write_text("number,decision\n1,keep\n")
    source = ["--data", str(smear_file), "--decisions", str(decisions), "--out", str(tmp_path / "out")]
    assert cli.main([verb, *source, *(["--init", "kit"] if verb != "clean" else [])]) == 1
    assert "expected the columns number, file, decision, label, cells, got no label, cells" in capsys.readouterr().err


BY_BRIGHTNESS = """
import numpy as np

class Model:
    def predict(self, X):
        print("a line of the submission")
        return np.array([min(int(image.mean()) // 32, 7) for image in X], int)
"""


@pytest.fixture
def to_score(smear_file, tmp_path):
    """A function that gives the arguments of score: code for model.py -> arguments."""

    def arguments(code):
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.writestr("model.py", code)
        return ["score", str(tmp_path / "a.zip"), "--data", str(smear_file), "--out", str(tmp_path / "out")]

    return arguments


def test_score_says_what_the_run_cost_and_what_to_mind(to_score, capsys):
    assert cli.main(to_score(BY_BRIGHTNESS)) == 0
    _, scores, cost, *remarks, page = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"accuracy 0\.\d{4}, balanced_accuracy .*, duration \d+\.\d\d s", scores)
    assert re.match(r"It took 0\.\d\d GB of 4\.00 GB; 3,421 images would take \d+ s of 600 s\.$", cost)
    remark, junk = remarks
    assert remark.startswith("remark: float32 in 0..1: neither recognised nor refused")
    assert re.fullmatch(r"remark: \d+ of \d+ pictures are no cells; without them accuracy is 0\.\d{3}", junk)
    assert page.startswith("Look at ") and page.endswith("detailed_results.html.")


@pytest.mark.usefixtures("quick_calibration")
@pytest.mark.draws
def test_clean_examines_the_labels_when_it_is_given_weights(smear_file, tmp_path, monkeypatch, capsys):
    def examined(cells, table, init, progress, backbone):
        progress("looking", 1, 1)
        probabilities = np.full((len(table), 8), 0.02)
        probabilities[np.arange(len(table)), table.label] = 0.86
        one = table.kept[0]
        probabilities[one] = np.roll(probabilities[one], 1)
        assert (init, backbone) == ("weights.h5", "EfficientNetB0")
        return table.with_suspected_labels(probabilities)

    monkeypatch.setattr(suspicion, "examine_labels", examined)
    clean = ["clean", "--data", str(smear_file), "--out", str(tmp_path), "--init", "weights.h5"]
    assert cli.main([*clean, "--backbone", "EfficientNetB0"]) == 0
    streams = capsys.readouterr()
    assert "The labels of 1 kept images are suspected to be wrong." in streams.out
    assert json.loads((tmp_path / "cleaning.json").read_text())["suspected_labels"] == 1
    assert "Suspected labels: 1" in (tmp_path / "cleaning.html").read_text()
    assert {"dropped.jpg", "suspects.jpg", "distances.png"} <= {path.name for path in tmp_path.iterdir()}


def test_score_prints_one_json_object_and_nothing_else(to_score, capsys):
    assert cli.main([*to_score(BY_BRIGHTNESS), "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"accuracy", "balanced_accuracy", "macro_f1", "duration"}


def test_a_failed_submission_ends_with_1_one_line_and_the_end_of_its_output(to_score, capsys):
    code = BY_BRIGHTNESS.replace("return", "return 1 / 0 #")
    assert cli.main([*to_score(code), "--json"]) == 1
    streams = capsys.readouterr()
    assert streams.out == ""
    first, *tail = streams.err.splitlines()
    assert first == "error: prediction run: predict: ZeroDivisionError: division by zero"
    assert "    a line of the submission" in tail and tail[-1].startswith("    FAILED predict: ")


def test_nothing_of_others_reaches_the_terminal_raw(to_score, tmp_path, capsys, monkeypatch):
    forged = "\\x1b[2J\\r\\nerror: forged"
    codes = {
        "exception": f"raise ValueError('{forged}')", "import": f"import os; os.write(2, b'{forged}'); 1 / 0",
        "output": f"print('{forged}'); raise OSError('{forged}')",
    }  # fmt: skip
    for code in codes.values():
        assert cli.main(to_score(f"{code}\n{BY_BRIGHTNESS}")) == 1
    monkeypatch.chdir(tmp_path)
    np.savez("a.npz", **{"a\x1b[2J\nkey": np.ones(1)})
    names = ["a.npz", "no\x1b[2J\nfile.npz", "a.npz\x9b2J\u202e"]
    for name in names:
        assert cli.main(["clean", "--data", name, "--out", "clean"]) == 1
    monkeypatch.setattr(bloodmnist, "fetch_bloodmnist", lambda _: say(*names))
    assert cli.main(["fetch"]) == 0
    streams = capsys.readouterr()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", streams.out + streams.err)
    assert not re.search(r"^error: forged", streams.err, re.MULTILINE)
    assert len(re.findall(r"^error: ", streams.err, re.MULTILINE)) == len(codes) + len(names)


@pytest.mark.parametrize("source", [[], ["--data", "a.npz", "--bundle", "b.zip"]])
def test_score_takes_data_or_a_bundle(source):
    with pytest.raises(SystemExit) as end:
        cli.main(["score", "a.zip", *source])
    assert end.value.code == 2


def test_score_with_another_interpreter(to_score, capsys):
    assert cli.main([*to_score(BY_BRIGHTNESS), "--worker", "/nowhere/python"]) == 1
    assert "error: no interpreter at /nowhere/python" in capsys.readouterr().err


@pytest.mark.scores
def test_a_bundle_is_written_and_scored(to_score, tmp_path, capsys):
    arguments = to_score(BY_BRIGHTNESS)
    bundle = str(tmp_path / "bundle.zip")
    given = ["bundle", "--data", arguments[3], "--solution", str(tmp_path / "a.zip"), "--out", bundle]
    assert cli.main(given) == 0
    out = capsys.readouterr().out
    assert "The solution scores accuracy " in out and "competition.yaml" in out and "sha256 " in out
    assert cli.main(given) == 1
    assert "exists already" in capsys.readouterr().err
    assert cli.main([*arguments[:2], "--bundle", bundle, "--out", str(tmp_path / "out"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] > 0


def test_init_is_taken_from_the_data_unless_it_is_said(capsys):
    def recipe(*told):
        return making._recipe(cli.parser().parse_args(["train", "--data", "synthetic", *told]))

    assert recipe().init == "kit"
    assert recipe("--init", "a.h5").init == "a.h5"
    assert "The weights start from kit." in capsys.readouterr().out


def test_the_weights_that_come_with_the_kit_are_packed_without_a_run(tmp_path, monkeypatch, capsys):
    from bloodcells.codabench import packager
    from bloodcells.training.start import KIT

    def package(run, out, *_):
        assert run == KIT
        return packager.PackageSummary(out, 1, "ab" * 32, ("model.py",), 60.0, 0.5)

    monkeypatch.setattr(packager, "package", package)
    assert cli.main(["package", "--weights", "kit", "--out", str(tmp_path / "kit.zip")]) == 0
    assert "less than 0.50 apart" in capsys.readouterr().out
    with pytest.raises(SystemExit) as end:
        cli.main(["package", "--weights", "kit", "--run", "runs/a", "--out", str(tmp_path / "kit.zip")])
    assert end.value.code == 2


def test_several_runs_with_their_cells_become_one_zip_that_is_scored(tmp_path, monkeypatch, capsys):
    from bloodcells import ensembling
    from bloodcells.codabench.packager import PackageSummary
    from bloodcells.training.start import KIT

    scores = {"clean": {"accuracy": 0.99}, "composite": {"accuracy": 0.96}}
    asked = []

    def make_ensemble(*told):
        asked.append(told)
        summary = PackageSummary(told[2], 1, "ab" * 32, ("model.py",), 60.0, 0.5)
        return summary, SimpleNamespace(measurements=(), scores=scores)

    monkeypatch.setattr(ensembling, "make_ensemble", make_ensemble)
    begun_run(tmp_path / "run")
    save_cells(tmp_path / "cells.npz", draw_smear(FEWEST_CELLS, seed=3).cells)
    told = ["package", "--run", str(tmp_path / "run"), "--run", "kit", "--out", str(tmp_path / "both.zip")]
    assert cli.main([*told, "--data", str(tmp_path / "cells.npz"), "--tta", "1"]) == 0
    (runs, cells, out, level, force, backend, command), *_ = asked
    assert (runs, out, level, force, backend) == ([tmp_path / "run", KIT], tmp_path / "both.zip", 1, False, "tflite")
    assert len(cells) > 100 and command.startswith("bloodcells package --run ")
    said = capsys.readouterr().out
    assert "Accuracy of the zip on the hold-out: 0.9900 clean, 0.9600 composite. The record is " in said
    assert "both.json." in said and "less than 0.50 apart" in said


def test_an_ablation_is_measured_on_pictures_from_elsewhere_beside_its_own_cells(tmp_path, monkeypatch):
    from bloodcells.ablation import experiment
    from bloodcells.pages import ablation_page

    pictures(tmp_path / "other laboratory", "Basophil/1.png", "ig/1.png")
    seen = []
    monkeypatch.setattr(experiment, "prepare_experiment", lambda *told: seen.append(told))
    monkeypatch.setattr(experiment, "run_arm", lambda *_: "a record")
    monkeypatch.setattr(ablation_page, "draw_ablation", lambda *_: "a page")
    save_cells(tmp_path / "cells.npz", draw_smear(FEWEST_CELLS, seed=3).cells)
    told = ["ablate", "--data", str(tmp_path / "cells.npz"), "--arms", "flips", "--seeds", "0", "--init", "scratch"]
    external = ["--external", str(tmp_path / "other laboratory")]
    assert cli.main([*told, *external, "--out", str(tmp_path / "ablation")]) == 0
    assert seen[0][5].labels.tolist() == [0, 3] and len(seen[0][0]) > 50
    assert cli.main([*told, "--out", str(tmp_path / "another")]) == 0
    assert seen[1][5] is None


def test_a_run_is_published_with_its_sha256(tmp_path, monkeypatch, capsys):
    from bloodcells.run import HandedOn
    from bloodcells.weights import publishing

    notes = []

    def publish(run, out, force, note):
        notes.append(note)
        return HandedOn("w.h5", 21, "cd" * 32, "float16", 1e-4)

    monkeypatch.setattr(publishing, "publish_weights", publish)
    assert cli.main(["publish", "--run", "runs/a", "--out", str(tmp_path), "--note", "made by hand"]) == 0
    assert "sha256 cdcd" in capsys.readouterr().out
    assert notes == ["made by hand"]


def test_labels_are_predicted_for_unlabelled_images(tmp_path, monkeypatch):
    from bloodcells.run import Run

    images = np.random.default_rng(0).integers(0, 256, (3, 96, 96, 3)).astype(np.uint8)
    np.savez(tmp_path / "hidden.npz", images=images)
    begun_run(tmp_path)
    monkeypatch.setattr(Run, "predict", lambda _, images, level: np.eye(8)[: len(images)])
    out = tmp_path / "labels.csv"
    data = str(tmp_path / "hidden.npz")
    assert cli.main(["predict", "--run", str(tmp_path), "--data", data, "--out", str(out)]) == 0
    assert out.read_text().splitlines() == ["id,label", "0,0", "1,1", "2,2"]


def test_pictures_are_predicted_by_the_kits_weights_as_a_sample_asks(tmp_path, monkeypatch, capsys):
    from bloodcells.run import Run

    pictures(tmp_path / "test", "b.png", "a.png")
    (tmp_path / "sample.csv").write_text("image,class\nb.png,platelet\na.png,platelet\n")
    monkeypatch.setattr(Run, "predict", lambda _, images, level: np.eye(8)[: len(images)])
    out = tmp_path / "submission.csv"
    told = ["predict", "--weights", "kit", "--data", str(tmp_path / "test"), "--out", str(out)]
    assert cli.main([*told, "--like", str(tmp_path / "sample.csv")]) == 0
    assert out.read_text() == "image,class\nb.png,basophil\na.png,eosinophil\n"
    assert capsys.readouterr().out.endswith(f"\n2 predictions are in {out}.\n")
    assert cli.main(told) == 1
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (["run"], Reading()),
        (["corrupt", "--out", "x"], Reading(fewest=0)),
        (["clean", "--out", "x", "--keys", "data, labels", "--strict"], Reading(None, True, ("data", "labels"), 0)),
        (
            ["train", "--split", "val", "--fit", "crop=0.5"],
            Reading(Fit("crop", 0.5), keys=("val_images", "val_labels")),
        ),
    ],
)
def test_options_say_how_a_source_is_read(told, expected):
    assert options.reading(cli.parser().parse_args(told)) == expected


def test_one_key_is_not_two(tmp_path, capsys):
    assert cli.main(["clean", "--data", "a.npz", "--keys", "data", "--out", str(tmp_path)]) == 1
    assert "--keys: expected two names, IMAGES,LABELS, got 'data'" in capsys.readouterr().err


def test_another_competitions_pictures_are_refused_with_the_way_to_their_own(tmp_path, capsys):
    pictures(tmp_path / "flowers", "rose/1.png", "tulip/1.png")
    assert cli.main(["clean", "--data", str(tmp_path / "flowers"), "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert "got rose, tulip. For another competition: bloodcells new NAME --data " in said and said.count("\n") == 1


def test_pictures_from_elsewhere_are_measured_by_the_kits_weights(tmp_path, monkeypatch, capsys):
    from bloodcells.run import Run

    pictures(tmp_path / "other laboratory", "Basophil/1.png", "ig/1.png", "ig/2.png")
    monkeypatch.setattr(Run, "predict", lambda _, images, level: np.eye(8)[[0, 3, 5]])
    record, told = tmp_path / "external.json", ["evaluate", "--weights", "kit"]
    assert cli.main([*told, "--external", str(tmp_path / "other laboratory"), "--out", str(record)]) == 0
    assert "immature granulocyte: 0.5000 (0.095 to 0.905, n = 2), else monocyte" in capsys.readouterr().out
    assert json.loads(record.read_text())["accuracy"]["right"] == 2
    assert cli.main([*told, "--data", "synthetic"]) == 1
    assert "expected --run, or --external beside --weights kit" in capsys.readouterr().err


def test_with_white_balance_the_network_sees_the_ground_of_its_training_cells(tmp_path, monkeypatch, capsys):
    from bloodcells.data.white_balance import typical_ground
    from bloodcells.run import Config, Run
    from bloodcells.training.start import KIT

    seen = []
    monkeypatch.setattr(Run, "predict", lambda _, images, level: seen.append(images) or np.eye(8)[[0] * len(images)])
    folder, out = tmp_path / "other laboratory", ("--out", str(tmp_path / "labels.csv"))
    pictures(folder, "Basophil/1.png", "ig/1.png", "ig/2.png")
    for path in folder.rglob("*.png"):
        Image.new("RGB", (96, 96), (180, 200, 210)).save(path)
    assert cli.main(["predict", "--weights", "kit", "--data", str(folder), "--white-balance", *out]) == 0
    assert np.allclose(typical_ground(seen[0]), Run(KIT).read(Config).ground, atol=1)
    begun = begun_run(tmp_path / "run")
    assert begun.read(Config).ground is None
    told = ["predict", "--run", str(begun.folder), "--data", str(folder), "--white-balance", *out, "--force"]
    assert cli.main(told) == 1
    assert "--white-balance: expected the ground of the training cells" in capsys.readouterr().err
    assert cli.main(["evaluate", "--run", str(begun.folder), "--data", "synthetic", "--white-balance"]) == 1
    assert "Give --external." in capsys.readouterr().err


def test_the_module_runs_as_a_program():
    done = subprocess.run([sys.executable, "-m", "bloodcells", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == cli.__version__


def test_evaluate_tells_the_temperature_of_the_level_that_was_measured(run_folder, monkeypatch, capsys):
    monkeypatch.setattr(options, "cells", lambda told: None)
    monkeypatch.setattr(walk, "parts_of", lambda *_: None)
    monkeypatch.setattr(walk, "measure", lambda *_: ())
    assert cli.main(["evaluate", "--run", str(run_folder), "--data", "cells.npz", "--tta", "1"]) == 0
    assert "Temperature 0.60 was chosen on the validation cells; with it" in capsys.readouterr().out
