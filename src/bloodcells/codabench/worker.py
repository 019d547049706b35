"""Codabench's worker on this machine: what scores here scores there.

Two runs as in the competition, each in a folder that stands for a container's ``/app``, with its command lines and
files: the ingestion program asks the submission for labels before the truth is laid out, the scoring program
compares. Between them a third run checks what one call of ``predict`` does not show.
"""

import math
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bloodcells.codabench import page
from bloodcells.codabench.archive import check_archive, extract
from bloodcells.codabench.isolation import Finished, Machine
from bloodcells.codabench.modelfiles import check_model_files
from bloodcells.codabench.rehearsal import rehearse
from bloodcells.codabench.stages import Stage, SubmissionFailed, failure, lay_out, run_program
from bloodcells.codabench.task import Bundle, Task, unpack_task, write_task
from bloodcells.competition import Competition
from bloodcells.data.cells import CellSet
from bloodcells.errors import KitError
from bloodcells.files import claim, read_json, scratch_folder, write_json, write_text

_FOLDERS = ("submission", "prediction", "check", "scoring", "worker")
_FILES = ("scores.json", "detailed_results.html", "run.json", "agreement.json")
_MISSING_FILE = re.compile(r"no such file|file not found|filenotfound|unable to .*open file", re.IGNORECASE)


def score(
    zip_path: Path,
    test_set: CellSet | Bundle,
    work: Path,
    time_limit: float | None = None,
    memory_limit: int | None = None,
    checks: bool = True,
    python: str = sys.executable,
) -> dict[str, float]:
    """Score a submission zip on labelled cells, as the competition would.

    ``work`` gets ``scores.json``, ``detailed_results.html`` (also for a failure), ``run.json`` (remarks, versions,
    seconds and peak memory of the runs) and the folders ``prediction``, ``check`` and ``scoring`` with their logs.
    What an earlier call left there is removed first; a folder that holds anything else by these names is refused.

    Args:
        zip_path: the submission.
        test_set: labelled cells; or a competition bundle, which brings its own programs and data.
        work: folder to work in.
        time_limit: seconds for each run, imports included; the competition's, or the bundle's, where None.
        memory_limit: bytes of resident memory; the competition's where None.
        checks: also make the check run; without it where packaging has just made it.
        python: the interpreter of all runs; it needs what the submission needs, and NumPy.

    Returns:
        The leaderboard's columns: 0..1 for metrics, ``duration`` in seconds of ``predict``.

    Raises:
        SubmissionFailed: one line that names stage and reason.
        KitError: ``work`` holds what no score has made.
    """
    claim(work, (*_FOLDERS, *_FILES))
    with scratch_folder(work / "task") as folder:
        task = write_task(test_set, folder) if isinstance(test_set, CellSet) else unpack_task(test_set, folder)
        machine = Machine(time_limit or task.time_limit, memory_limit or task.competition.memory_limit, python)
        return _score_task(zip_path, task, work, machine, checks)


def describe_run(record: Mapping[str, Any]) -> list[str]:
    """What ``run.json`` says beyond the score, line by line: time and memory against the limits, and the remarks."""
    limits = f"memory {record['prediction']['peak_memory'] / 1e9:.2f} GB of {record['memory_limit'] / 1e9:.2f} GB"
    if record["check"]:
        projected = f"{record['check']['projected_seconds']:.0f} s of {record['time_limit']:.0f} s"
        limits = f"time for {record['check']['hidden_images']:,} images, projected: {projected}; {limits}"
    return [limits, *(f"remark: {remark}" for remark in record["remarks"])]


def _score_task(zip_path: Path, task: Task, work: Path, machine: Machine, checks: bool) -> dict[str, float]:
    _clear(work)
    try:
        remarks = _unpack(zip_path, work / "submission", task.competition)
        prediction, prediction_end, path_remarks = _prediction_run(task, work, machine)
        check, check_remarks = _check_run(prediction, task.competition, work, machine) if checks else ({}, [])
        scoring, scoring_end = _scoring_run(prediction, task, work, machine)
        scores = _read_scores(scoring, scoring_end, task.columns)
    except SubmissionFailed as error:
        logs = {"output": error.log_tail} if error.log_tail else {}
        write_text(work / "detailed_results.html", page.failure_page(task.competition.title, str(error), logs))
        raise
    shutil.copyfile(scoring.app / "output" / "detailed_results.html", work / "detailed_results.html")
    record = {
        "submission": zip_path.name,
        "cells": task.origin,
        "cells_sha256": task.cells_sha256,
        "remarks": remarks + path_remarks + check_remarks,
        "versions": read_json(prediction.app / "output" / "metadata.json")["versions"],
        "time_limit": machine.seconds,
        "memory_limit": machine.memory,
        "prediction": _as_record(prediction_end),
        "check": check,
        "scoring": _as_record(scoring_end),
    }
    write_json(work / "run.json", record)
    write_json(work / "scores.json", scores)
    return scores


def _clear(work: Path) -> None:
    for folder in _FOLDERS:
        shutil.rmtree(work / folder, ignore_errors=True)
    for file in _FILES:
        (work / file).unlink(missing_ok=True)


def _unpack(zip_path: Path, folder: Path, competition: Competition) -> list[str]:
    try:
        check_archive(zip_path, competition.size_limit)
        extract(zip_path, folder)
        return check_model_files(folder, competition.worker_versions["keras"])
    except KitError as error:
        raise SubmissionFailed("zip", str(error)) from error


def _prediction_run(task: Task, work: Path, machine: Machine) -> tuple[Stage, Finished, list[str]]:
    """The first container: from images to ``predictions.csv``. Returns the stage, its end, and remarks.

    Where a file is not found from the canonical working directory, a second attempt starts in the
    submission's own folder, as some competitions do.
    """
    stage = lay_out("prediction", work)
    shutil.copytree(task.ingestion_program, stage.app / "program")
    shutil.copytree(task.input_data, stage.app / "input_data", dirs_exist_ok=True)
    shutil.move(work / "submission", stage.app / "ingested_program")
    try:
        return stage, run_program(stage, "predictions.csv", machine, stage.app / "program"), []
    except SubmissionFailed as error:
        if not _MISSING_FILE.search(str(error)):
            raise
        canonical = error
    try:
        end = run_program(stage, "predictions.csv", machine, stage.app / "ingested_program")
    except SubmissionFailed:
        raise canonical from None
    remark = (
        "opens a file by a relative path: scored from the submission's own folder, but where the working directory "
        "is the ingestion program's it fails. Open it from the folder of __file__"
    )
    return stage, end, [remark]


def _check_run(
    prediction: Stage, competition: Competition, work: Path, machine: Machine
) -> tuple[dict[str, float], list[str]]:
    """The run that no competition makes: its figures and remarks; a failure if golden outputs differ."""
    images = np.load(prediction.app / "input_data" / "images.npy", mmap_mode="r")
    try:
        rehearsal = rehearse(prediction.app / "ingested_program", images, work, machine, competition)
    except SubmissionFailed as error:
        return {}, [f"the checks did not end: {error}"]
    if rehearsal.golden_problem():
        raise SubmissionFailed("check", f"check run: {rehearsal.golden_problem()}")
    figures = {
        "load_seconds": round(rehearsal.load_seconds, 2),
        "images_per_second": round(1 / rehearsal.seconds_per_image, 1),
        "hidden_images": rehearsal.hidden_images,
        "projected_seconds": round(rehearsal.projected_seconds, 1),
    }
    return figures, [*rehearsal.remarks, *rehearsal.time_remarks(machine.seconds)]


def _scoring_run(prediction: Stage, task: Task, work: Path, machine: Machine) -> tuple[Stage, Finished]:
    """The second container: from ``predictions.csv`` and the truth to ``scores.json``."""
    stage = lay_out("scoring", work)
    shutil.copytree(task.scoring_program, stage.app / "program")
    shutil.copytree(task.input_data, stage.app / "input_data", dirs_exist_ok=True)
    shutil.copytree(prediction.app / "output", stage.app / "input" / "res")
    shutil.copytree(task.reference_data, stage.app / "input" / "ref")
    return stage, run_program(stage, "scores.json", machine, stage.app / "program")


def _read_scores(stage: Stage, end: Finished, columns: tuple[str, ...]) -> dict[str, float]:
    """The scores of a finished scoring run, if the leaderboard can hold them."""
    scores = read_json(stage.app / "output" / "scores.json")
    if set(scores) != set(columns):
        raise failure(
            stage,
            end,
            f"expected the leaderboard's columns {', '.join(columns)}, got {', '.join(scores)}. "
            "Correct the scoring program.",
        )
    for name, value in scores.items():
        if not isinstance(value, int | float) or not math.isfinite(value) or abs(value) >= 1e10:
            raise failure(stage, end, f"expected a number below 1e10 for {name}, got {value}. Correct the metric.")
    return {name: scores[name] for name in columns}


def _as_record(end: Finished) -> dict[str, float]:
    return {"seconds": round(end.seconds, 2), "peak_memory": end.peak_memory}
