"""The run folder: what is written is read back, what is damaged is refused in one line, what was cut off goes on."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from invented_runs import COMMAND, ENVIRONMENT, begun_run, invented_config, invented_metrics

from bloodcells.errors import KitError
from bloodcells.pages.record import run_record
from bloodcells.recipe import Phase
from bloodcells.run import (
    CleaningCounts,
    Config,
    Environment,
    Epoch,
    Gate,
    HandedOn,
    Measurement,
    MedmnistC,
    Run,
    Summary,
    Temperature,
    is_complete,
)  # fmt: skip

ONCE = (Config, Environment, CleaningCounts, MedmnistC, Summary, HandedOn)
MANY = (Epoch, Gate, Temperature, Measurement)


@pytest.fixture
def run(run_folder: Path) -> Run:
    run = Run(run_folder)
    run.write(HandedOn("weights.weights.h5", 21, "cd" * 32, "float16", 0.001))
    return run


def test_what_is_written_is_read_back(run: Run) -> None:
    for kind in ONCE:
        record = run.read(kind)
        run.write(record)
        assert run.read(kind) == record
    for kind in MANY:
        rows = run.rows(kind)
        assert len(rows) > 0
        assert run.add(*rows) == run.rows(kind) == rows


def test_another_view_adds_rows_and_the_same_one_replaces_them(run: Run) -> None:
    before = run.rows(Measurement)
    of = invented_metrics(0.5, 9)
    run.add(Measurement("validation", "clean", 8, of), Measurement("holdout", "clean", 1, of))
    after = run.rows(Measurement)
    assert [(row.part, row.set, row.views) for row in after[:3]] == [
        ("validation", "clean", 1), ("validation", "clean", 4), ("validation", "clean", 8)
    ]  # fmt: skip
    assert len(after) == len(before) + 1
    assert [row for row in after if row.metrics == of] == [after[2], after[5]]


def test_gates_are_kept_by_the_number_of_views(run: Run) -> None:
    run.add(Gate(8, 0.25, ()))
    assert (run.gate(1), run.gate(4), run.gate(8)) == (None, 0.5, 0.25)


def test_temperatures_are_kept_by_the_number_of_views_and_1_where_there_is_none(run: Run) -> None:
    run.add(Temperature(8, 0.5, ()))
    assert (run.temperature(1), run.temperature(4), run.temperature(8)) == (1.0, 0.6, 0.5)


def test_commands_are_noted_once_in_order(run: Run) -> None:
    for command in ("bloodcells evaluate --tta 1", COMMAND, "bloodcells evaluate --tta 1"):
        run.note_commands(command)
    assert run.read(Config).commands == (COMMAND, "bloodcells evaluate --tta 1")


def test_another_run_is_refused_and_the_same_one_goes_on(run: Run) -> None:
    again = replace(invented_config(), commands=("bloodcells train",), commit="1111111", version="9")
    run.begin(again, ENVIRONMENT)
    assert run.read(Config) == replace(invented_config(), commands=(COMMAND, "bloodcells train"))
    classes = tuple(reversed(again.competition.classes))
    others = {
        "seed": invented_config(seed=1), "data_sha256": replace(again, data_sha256="cd" * 32),
        "decisions_sha256": replace(again, decisions_sha256="cd" * 32),
        "classes": replace(again, competition=replace(again.competition, classes=classes)),
    }  # fmt: skip
    for key, other in others.items():
        with pytest.raises(KitError, match=f"holds another run: expected {key} = "):
            run.begin(other, ENVIRONMENT)


def test_a_run_that_was_cut_off_while_it_began_begins_again(tmp_path: Path, monkeypatch) -> None:
    """A kill after any of the writes: the next one finds a folder that it can claim."""
    write = Run.write
    for kind in (Environment, Config):
        folder = tmp_path / kind.__name__

        def killed(run: Run, record, kind=kind) -> None:
            if isinstance(record, kind):
                raise KeyboardInterrupt
            write(run, record)

        monkeypatch.setattr(Run, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            begun_run(folder)
        monkeypatch.setattr(Run, "write", write)
        assert begun_run(folder).read(Environment) == ENVIRONMENT


def test_new_weights_take_what_was_measured_on_the_old_ones_with_them(run: Run) -> None:
    with pytest.raises(RuntimeError), run.finishing() as beside:
        raise RuntimeError("killed")
    assert run.weights.read_bytes() == b"weights" and run.holds(Summary)
    with run.finishing() as beside:
        beside.write_bytes(b"new weights")
    assert run.weights.read_bytes() == b"new weights"
    assert (
        not any(run.holds(kind) for kind in (Gate, Temperature, Measurement, MedmnistC, Summary))
        and run.read_errors() == {}
    )


def test_the_last_two_checkpoints_and_their_epochs_are_kept(run: Run) -> None:
    for epoch in (1, 2, 3, 10):
        path = run.checkpoint(epoch)
        path.parent.mkdir(exist_ok=True)
        path.touch()
    run.drop_old_checkpoints(10)
    assert list(run.checkpoints(10)) == [10, 3]
    run.drop_epochs_after(3)
    assert [epoch.epoch for epoch in run.rows(Epoch)] == [1, 2, 3]


def test_what_is_no_checkpoint_of_the_run_is_passed_over_and_stays(run: Run) -> None:
    folder = run.checkpoint(0).parent
    folder.mkdir()
    foreign = ["epoch-copy.weights.h5", "epoch-9999.weights.h5", "epoch-0000.weights.h5", "epoch-2.weights.h5",
               "epoch-0002.weights (copy).h5", "epoch-99999999999999999999.weights.h5", "notes.txt"]  # fmt: skip
    for name in (*foreign, "epoch-0001.weights.h5", "epoch-0002.weights.h5", "epoch-0003.weights.h5"):
        (folder / name).touch()
    assert list(run.checkpoints(3)) == [3, 2, 1]
    run.drop_old_checkpoints(3)
    assert list(run.checkpoints(3)) == [3, 2]
    assert all((folder / name).exists() for name in foreign)


def test_a_run_without_its_environment_goes_on(run: Run) -> None:
    (run.folder / "environment.json").unlink()
    run.go_on_in(replace(ENVIRONMENT, after_epoch=3))
    assert run.read(Environment).after_epoch == 3


def test_a_training_is_discarded_and_nothing_else(run: Run) -> None:
    (run.folder / ".bloodcells").touch()
    run.checkpoint(1).parent.mkdir()
    run.checkpoint(1).touch()
    shutil.rmtree(run.cleaning)
    for name in ("submission.zip", "split.csv"):
        (run.folder / name).rename(run.folder.parent / name)
    (run.folder / "notes.txt").touch()
    run.discard()
    assert [path.name for path in run.folder.iterdir()] == ["notes.txt"]
    (run.folder / "notes.txt").unlink()
    run.discard()
    assert not run.folder.exists()


def test_folders_of_whoever_ran_it_are_taken_out() -> None:
    published = invented_config().without_folders()
    assert "somebody" not in repr(published)
    assert published.recipe.init == "backbone.h5" and published.data == "training_set.npz"


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda record: record[0].update(gate=1.5), "0.gate: expected 0 to 1, got 1.5"),
        (lambda record: record[0].update(gate=-0.5), "0.gate: expected 0 to 1, got -0.5"),
        (lambda record: record[0].update(gate=1e308), "0.gate: expected 0 to 1, got 1e+308"),
        (lambda record: record[0].update(views=3), "0.views: expected one of 1, 4, 8, got 3"),
        (lambda record: record[0].update(gate=float("nan")), "0.gate: expected a finite number, got nan"),
        (lambda record: record[0].pop("gate"), "0: expected gate, got nothing"),
        (lambda record: record[0].update(views="8"), "0.views: expected a whole number, got '8'"),
        (lambda record: record[0].update(views=True), "0.views: expected a whole number, got True"),
    ],
)
def test_what_does_not_fit_is_named(run: Run, change: Callable[[list[dict]], None], line: str) -> None:
    path = run.folder / "gate.json"
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))
    with pytest.raises(KitError) as caught:
        run.rows(Gate)
    assert str(caught.value) == (f"{path} is damaged: {line}. Run the step that writes it again.")


def test_a_key_of_a_later_kit_is_passed_over(run: Run) -> None:
    path = run.folder / "summary.json"
    before = run.read(Summary)
    path.write_text(json.dumps({**json.loads(path.read_text()), "mood": "good"}))
    assert run.read(Summary) == before


def test_figures_that_contradict_each_other_are_refused(run: Run) -> None:
    path = run.folder / "evaluation.json"
    rows = json.loads(path.read_text())
    rows[1]["metrics"]["accuracy"] = 0.123
    path.write_text(json.dumps(rows))
    with pytest.raises(
        KitError, match=r"damaged: confusion: expected 160 images and an accuracy of 0.1230, got 160 an"
    ):
        run.rows(Measurement)


def test_a_row_that_is_there_twice_is_refused(run: Run) -> None:
    path = run.folder / "gate.json"
    path.write_text(json.dumps(2 * json.loads(path.read_text())))
    with pytest.raises(KitError, match=r"gate.json is damaged: expected each row once, got one twice"):
        run.rows(Gate)


def test_what_holds_itself_a_thousand_times_is_refused(run: Run) -> None:
    path = run.folder / "environment.json"
    once = path.read_text().replace('"continued": []', '"continued": [%s]')
    nested = once
    for _ in range(200):
        nested = nested % once
    path.write_text(nested % "")
    with pytest.raises(KitError, match=r"environment.json is damaged"):
        run.read(Environment)


@pytest.mark.parametrize(
    ("key", "change", "line"),
    [
        ("holdout_clean_labels", lambda array: array + 8, r"labels: expected 0\.\.7, got others"),
        (
            "holdout_clean_labels",
            lambda array: array[:2],
            r"labels: expected one for each error, got int64 of \(2,\)",
        ),
        (
            "holdout_clean_labels",
            lambda array: array.astype(float),
            r"labels: expected one for each error, got float64 of \(3,\)",
        ),
        ("validation_composite_images", lambda array: array[:, :8], "images: expected those of Blood cells"),
        ("validation_composite_images", lambda array: array / 255, "images: expected one for each error, got float64"),
        ("holdout_clean_confidence", lambda array: array * 2, "confidence and maps: expected 0 to 1, got others"),
        ("holdout_clean_maps", lambda array: array * float("nan"), "confidence and maps: expected 0 to 1, got others"),
        (
            "holdout_clean_maps",
            lambda array: array[0],
            r"maps: expected one for each error, got float64 of \(3, 3\)",
        ),
    ],
)
def test_errors_of_another_kind_are_refused(run: Run, key: str, change: Callable[..., np.ndarray], line: str) -> None:
    path = run.folder / "errors.npz"
    arrays = dict(np.load(path))
    np.savez(path, **{**arrays, key: change(arrays[key])})
    with pytest.raises(KitError, match=rf"errors.npz is damaged: {line}"):
        run.read_errors()


def test_every_prefix_of_the_files_is_a_folder_that_can_be_gone_on_with(run: Run, tmp_path: Path) -> None:
    order = ["cleaning/cleaning.json", "split.csv", "environment.json", "config.json", "metrics.jsonl",
             "weights.weights.h5", "gate.json", "temperature.json", "errors.npz", "evaluation.json",
             "submission.zip"]  # fmt: skip
    for count in range(len(order) + 1):
        cut = Run(tmp_path / str(count))
        for name in order[:count]:
            (cut.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(run.folder / name, cut.folder / name)
        if not cut.holds(Config):
            cut.folder.mkdir(exist_ok=True)
            (cut.folder / ".bloodcells").write_text("split.csv\nenvironment.json\n")
            cut.claim()
        cut.begin(invented_config(), ENVIRONMENT)
        cut.go_on_in(ENVIRONMENT)
        cut.add(replace(run.rows(Epoch)[-1], epoch=99))
        cut.add(*run.rows(Measurement))
        cut.add(*run.rows(Gate))
        with pytest.raises(KitError, match=r"file not found: .*summary.json"):
            run_record(cut.folder)


def test_an_older_recipe_lacks_only_what_has_a_default(run: Run) -> None:
    path = run.folder / "config.json"
    config = json.loads(path.read_text())
    del config["recipe"]["phases"][0]["untouched"]
    path.write_text(json.dumps(config))
    assert run.read(Config).recipe.phases[0].untouched == Phase.untouched


def test_the_few_errors_that_an_earlier_kit_kept_are_read(run: Run) -> None:
    kept = run.read_errors()["holdout"]
    names = ("images", "labels", "predicted", "confidence", "maps")
    arrays = {f"{of}_{name}": getattr(one, name) for of, one in kept.items() for name in names}
    np.savez(run.folder / "errors.npz", **arrays)
    earlier = run.read_errors()
    assert set(earlier) == {"holdout"} and not is_complete(earlier)
    np.testing.assert_array_equal(earlier["holdout"]["composite"].images, kept["composite"].images)
