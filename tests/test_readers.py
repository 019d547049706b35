"""Whatever is in a file, its reader returns what is right or refuses in a line: no traceback, no hang, no memory.

A few hundred damaged files are read in seconds; ``-m slow`` reads thousands of each kind and prints the counts.
"""

import json
import shutil
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from competitions import BLOOD
from damage import Reader, counted
from invented_arms import invented_arms
from invented_runs import invented_run
from PIL import Image

from bloodcells import recipe
from bloodcells.ablation.records import read_records, write_record
from bloodcells.ablation.summary import summarise
from bloodcells.codabench.bundle import definition
from bloodcells.codabench.task import PARTS as TASK_PARTS
from bloodcells.codabench.task import Bundle, Task, unpack_task, write_task
from bloodcells.competition import BLOOD_CELLS, Competition, read_competition
from bloodcells.data.cells import CellSet, load_cells, save_cells
from bloodcells.data.predictions import layout_like
from bloodcells.data.sources.archive import load_archive
from bloodcells.data.sources.bloodmnist import load_bloodmnist
from bloodcells.data.sources.csv_table import list_table
from bloodcells.data.splitting import PARTS, Split, read_split
from bloodcells.decoding import decoded
from bloodcells.pages import ablation_page
from bloodcells.pages.record import read_record, run_record
from bloodcells.pages.run_page import run_page
from bloodcells.recipe import Recipe, read_recipe
from bloodcells.run import (
    CleaningCounts,
    Config,
    Environment,
    Epoch,
    Gate,
    Measurement,
    MedmnistC,
    Run,
    Summary,
    Temperature,
)

SMALL = replace(BLOOD, image_size=8)
LABELS = np.repeat(np.arange(8), 2)
CELLS = CellSet(
    np.random.default_rng(0).integers(0, 256, (16, 8, 8, 3), dtype=np.uint8), LABELS, "invented", SMALL,
    np.array(["blur", "jpeg+tone"] * 8),
)  # fmt: skip


def copied(path: Path, name: str) -> Callable[[Path], Sequence[Path]]:
    return lambda folder: [Path(shutil.copy(path, folder / name))]


def write_split(folder: Path) -> Sequence[Path]:
    Split(np.arange(2, 30), np.array([0]), np.array([1])).write(folder / "split.csv")
    return [folder / "split.csv"]


def write_arms(folder: Path) -> Sequence[Path]:
    return [write_record(folder, record) for record in invented_arms(["flips", "cutmix"], [0, 1], images=21)]


def write_ablation_page(folder: Path) -> Sequence[Path]:
    write_arms(folder)
    near = {"flips": ["blur"], "cutmix": []}
    (folder / "ablation.json").write_text(json.dumps({"competition": "Invented", "near": near, "arms": []}))
    return [folder / "ablation.json"]


def write_run(*names: str) -> Callable[[Path], Sequence[Path]]:
    def write(folder: Path) -> Sequence[Path]:
        invented_run(folder)
        return [folder / name for name in names]

    return write


def write_run_record(folder: Path) -> Sequence[Path]:
    run_record(invented_run(folder / "run")).write(folder)
    return [folder / "record.json"]


def read_run(folder: Path) -> Run:
    run = Run(folder)
    for once in (Config, Environment, CleaningCounts, MedmnistC, Summary):
        record = run.read(once)
        assert decoded(asdict(record), once) == record
    for many in (Epoch, Gate, Temperature, Measurement):
        rows = run.rows(many)
        assert run.add(*rows) == rows if rows else True
    run.read_split()
    run.read_errors()
    run_page(run_record(folder))
    return run


def gate_holds(run: Run) -> bool:
    return all(0 <= row.gate <= 1 + 1e-6 and row.views in (1, 4, 8) for row in run.rows(Gate))


def temperature_holds(run: Run) -> bool:
    return all(row.temperature > 0 and row.views in (1, 4, 8) for row in run.rows(Temperature))


def write_cells(folder: Path) -> Sequence[Path]:
    save_cells(folder / "cells.npz", CELLS)
    return [folder / "cells.npz"]


def write_bloodmnist(folder: Path) -> Sequence[Path]:
    np.savez_compressed(folder / "cells.npz", train_images=CELLS.images, train_labels=LABELS[:, None])
    return [folder / "cells.npz"]


def cells_hold(cells: CellSet) -> bool:
    shaped = cells.images.dtype == np.uint8 and cells.images.shape[1:] == (8, 8, 3) and len(cells.images) > 0
    labelled = cells.labels.dtype == np.int64 and cells.labels.shape == (len(cells.images),)
    return shaped and labelled and cells.labels.min() >= 0 and cells.labels.max() < 8


def write_bundle(folder: Path) -> Sequence[Path]:
    (folder / "written").mkdir()
    write_task(CELLS, folder / "written")
    document = definition(SMALL)
    document["tasks"][0].update(zip(TASK_PARTS, TASK_PARTS, strict=True))
    document["tasks"][0]["input_data"] = "input_data.zip"
    with zipfile.ZipFile(folder / "input_data.zip", "w") as archive:
        archive.write(folder / "written" / "input_data" / "images.npy", "images.npy")
    with zipfile.ZipFile(folder / "bundle.zip", "w") as archive:
        archive.write(folder / "input_data.zip", "input_data.zip")
        archive.writestr("competition.yaml", yaml.safe_dump(document))
        for file in (folder / "written").rglob("*.*"):
            archive.write(file, file.relative_to(folder / "written"))
    return [folder / "bundle.zip"]


def read_bundle(folder: Path) -> Task:
    shutil.rmtree(folder / "task", ignore_errors=True)
    (folder / "task").mkdir()
    return unpack_task(Bundle(folder / "bundle.zip", SMALL), folder / "task")


def write_table(folder: Path) -> Sequence[Path]:
    for place in range(4):
        Image.fromarray(CELLS.images[place]).save(folder / f"{place}.png")
    (folder / "table.csv").write_text("file,label\n" + "".join(f"{n}.png,basophil\n" for n in range(4)))
    return [folder / "table.csv"]


def write_sample(folder: Path) -> Sequence[Path]:
    (folder / "sample.csv").write_text("id,label\n" + "".join(f"{n}.png,basophil\n" for n in range(4)))
    return [folder / "sample.csv"]


def competition_holds(competition: Competition) -> bool:
    named = all(name.strip() and name.isprintable() for name in (competition.title, *competition.classes))
    limits = (competition.memory_limit, competition.time_limit, competition.size_limit, competition.hidden_images)
    return named and competition.image_size >= 8 and all(0 < limit < 1e300 for limit in limits)


def recipe_holds(recipe: Recipe) -> bool:
    return recipe.epochs > 0 and all(0 <= phase.learning_rate <= 1 for phase in recipe.phases) and decoded(
        recipe.as_dict(), Recipe
    ) == recipe  # fmt: skip


def split_holds(split: Split) -> bool:
    parts = [getattr(split, part) for part in PARTS]
    indices = np.concatenate(parts)
    return all(map(len, parts)) and len(np.unique(indices)) == len(indices) and indices.min() >= 0


READERS = {
    "competition.toml": Reader(
        copied(BLOOD_CELLS, "own.toml"), lambda folder: read_competition(folder / "own.toml"), competition_holds
    ),
    "recipe.toml": Reader(
        copied(Path(recipe.__file__).parent / "recipes" / "quick.toml", "own.toml"),
        lambda folder: read_recipe(str(folder / "own.toml"), "scratch", 0), recipe_holds,
    ),
    "split.csv": Reader(write_split, lambda folder: read_split(folder / "split.csv"), split_holds),
    "run records": Reader(
        write_run("config.json", "environment.json", "metrics.jsonl", "evaluation.json", "medmnist_c.json",
                  "summary.json", "cleaning/cleaning.json", "split.csv"), read_run,
    ),
    "gate.json": Reader(write_run("gate.json"), read_run, gate_holds),
    "temperature.json": Reader(write_run("temperature.json"), read_run, temperature_holds),
    "errors.npz": Reader(write_run("errors.npz"), read_run),
    "record.json": Reader(write_run_record, lambda folder: run_page(read_record(folder))),
    "ablation records": Reader(
        write_arms,
        lambda folder: ablation_page.ablation_page(summarise(read_records(folder)), "Invented", {}, {}),
        lambda page: "nan" not in page,
    ),
    "ablation.json": Reader(write_ablation_page, lambda folder: ablation_page.redraw_ablation(folder)),
    "cells.npz": Reader(write_cells, lambda folder: load_cells(folder / "cells.npz", SMALL), cells_hold),
    "any .npz": Reader(
        write_cells, lambda folder: load_archive(folder / "cells.npz", SMALL, resize=True), cells_hold
    ),
    "bloodmnist.npz": Reader(
        write_bloodmnist, lambda folder: load_bloodmnist(folder / "cells.npz", SMALL), cells_hold
    ),
    "bundle.zip": Reader(write_bundle, read_bundle, lambda task: task.time_limit > 0 and len(task.columns) > 0),
    "table.csv": Reader(write_table, lambda folder: list_table(folder / "table.csv")),
    "sample_submission.csv": Reader(write_sample, lambda folder: layout_like(folder / "sample.csv", SMALL.classes)),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """What needs TensorFlow or draws is not the subject."""
    monkeypatch.setattr(recipe, "_refuse_unknown_names", lambda recipe: None)
    monkeypatch.setattr(ablation_page, "_figures", lambda summary, near: {})


@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_is_refused_in_a_line_or_read_rightly(name: str, tmp_path: Path) -> None:
    counts = counted(READERS[name], tmp_path, cases=40, seed=0)
    assert counts["refused"] > 10


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_thousands_of_damaged_files(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    counts = counted(READERS[name], tmp_path, cases=3000, seed=1)
    with capsys.disabled():
        print(
            f"\n{name}: 3,000 cases, {counts['refused']:,} refused, {counts['accepted']:,} read, 0 tracebacks, 0 hangs"
        )
