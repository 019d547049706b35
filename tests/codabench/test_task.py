"""What the local worker goes by in a bundle's competition.yaml, and what of it is refused before anything runs."""

import copy
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from competitions import BLOOD, SHAPES

from bloodcells.codabench.bundle import definition
from bloodcells.codabench.task import PARTS, Bundle, Task, unpack_task, write_task
from bloodcells.data.cells import CellSet
from bloodcells.errors import KitError

Change = Callable[[dict[str, Any]], Any]


@pytest.fixture
def unpacked(brightness_cells: CellSet, tmp_path: Path) -> Callable[[Change], Task]:
    """The task of a bundle of the kit, its definition changed, its programs and data as folders."""
    folder = tmp_path / "written"
    folder.mkdir()
    write_task(brightness_cells, folder)

    def unpack(change: Change) -> Task:
        document = copy.deepcopy(definition(BLOOD))
        document["tasks"][0].update(zip(PARTS, PARTS, strict=True))
        change(document)
        path = tmp_path / "bundle.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("competition.yaml", yaml.safe_dump(document))
            for file in folder.rglob("*"):
                archive.write(file, file.relative_to(folder))
        (tmp_path / "task").mkdir()
        return unpack_task(Bundle(path, BLOOD), tmp_path / "task")

    return unpack


def test_the_first_phase_says_which_task_is_scored(unpacked: Callable[[Change], Task], brightness_cells: CellSet):
    def two_phases(document: dict[str, Any]) -> None:
        document["tasks"].append({**document["tasks"][0], "index": 7})
        document["tasks"][0]["scoring_program"] = "input_data"
        first = {**document["phases"][0], "index": 0, "tasks": [7], "execution_time_limit": 9}
        document["phases"] = [{**document["phases"][0], "index": 1}, first]

    task = unpacked(two_phases)
    assert (task.scoring_program / "scoring.py").is_file()
    assert (task.time_limit, task.columns, task.cells.sha256) == (9, BLOOD.leaderboard, brightness_cells.sha256)


def test_what_codabench_reads_and_the_worker_does_not_is_let_through(unpacked: Callable[[Change], Task]) -> None:
    task = unpacked(lambda d: (d.update(competition_type="benchmark"), d["phases"][0].pop("execution_time_limit")))
    assert task.time_limit == BLOOD.time_limit


BAD: dict[str, tuple[Change, str]] = {
    "no phases": (lambda d: d.pop("phases"), "expected phases, got nothing."),
    "tasks as text": (lambda d: d.update(tasks="all"), "tasks: expected a list, got 'all'."),
    "no tasks": (lambda d: d.update(tasks=[]), "tasks: expected 1 to 1000 entries, got []."),
    "a phase in words": (lambda d: d.update(phases=["x"]), "phases.0: expected an object, got 'x'."),
    "no scoring program": (lambda d: d["tasks"][0].pop("scoring_program"), "tasks.0: expected scoring_program, got"),
    "an index in words": (
        lambda d: d["tasks"][0].update(index="0"),
        "tasks.0.index: expected a whole number, got '0'.",
    ),
    "an unknown task": (
        lambda d: d["phases"][0].update(tasks=[3]),
        "phases.tasks: expected the index of one of the tasks (0), got 3.",
    ),
    "a phase without tasks": (lambda d: d["phases"][0].update(tasks=[]), "phases.0.tasks: expected 1 to 1000 entries"),
    "two tasks of one index": (lambda d: d["tasks"].append(d["tasks"][0]), "phases.tasks: expected the index of one"),
    "a missing program": (
        lambda d: d["tasks"][0].update(scoring_program="x.zip"),
        "tasks.scoring_program: expected a file of the bundle, got 'x.zip'.",
    ),
    "a file outside": (
        lambda d: d["tasks"][0].update(input_data="../../bundle.zip"),
        "tasks.input_data: expected a file of the bundle, got '../../bundle.zip'.",
    ),
    "no columns": (lambda d: d["leaderboards"][0].update(columns=[]), "leaderboards.0.columns: expected 1 to 100"),
    "a column without a key": (
        lambda d: d["leaderboards"][0]["columns"][1].pop("key"),
        "leaderboards.0.columns.1: expected key, got nothing",
    ),
    "a limit in words": (
        lambda d: d["phases"][0].update(execution_time_limit="10 min"),
        "phases.0.execution_time_limit: expected a number, got '10 min'.",
    ),
    "no limit at all": (
        lambda d: d["phases"][0].update(execution_time_limit=float("nan")),
        "phases.0.execution_time_limit: expected a finite number, got nan.",
    ),
    "far too long": (lambda d: d.update(title="x" * 200_000), "expected at most 100,000 bytes, got 20"),
}


@pytest.mark.parametrize(("change", "line"), BAD.values(), ids=BAD.keys())
def test_what_the_worker_cannot_go_by_is_refused(unpacked: Callable[[Change], Task], change: Change, line: str) -> None:
    with pytest.raises(KitError) as caught:
        unpacked(change)
    assert str(caught.value).startswith(f"competition.yaml: {line}") and "\n" not in str(caught.value)


def test_a_lower_metric_is_sorted_upwards() -> None:
    columns = definition(replace(SHAPES, metric="log_loss", leaderboard=("accuracy", "log_loss")))["leaderboards"]
    assert [(one["key"], one["sorting"]) for one in columns[0]["columns"]] == [
        ("log_loss", "asc"),
        ("accuracy", "desc"),
    ]
