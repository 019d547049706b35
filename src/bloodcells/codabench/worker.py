"""Codabench's worker on this machine: what scores here scores there.

Two runs as in the competition, each in a folder that stands for a container's ``/app``, with its command lines and
files: the ingestion program asks the submission for labels, the scoring program compares. Around the first, a run that
reads the submission's files and one that checks what a single call of ``predict`` does not show add remarks; whether
it scores is for the two runs to say.
"""

import json
import math
import shutil
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bloodcells.codabench import page
from bloodcells.codabench.archive import check_archive, extract, layout_remarks
from bloodcells.codabench.isolation import Finished, Machine
from bloodcells.codabench.prediction import (
    Parts,
    Tell,
    labels_in,
    lay_out_part,
    metadata_in,
    prediction_run,
    with_causes,
)
from bloodcells.codabench.rehearsal import Rehearsal, rehearse
from bloodcells.codabench.sandbox import chosen_sandbox
from bloodcells.codabench.stages import Ended, SubmissionFailed, lay_out, run_program, write_program
from bloodcells.codabench.task import PARTS, Bundle, Task, unpack_task, write_task
from bloodcells.competition import Competition
from bloodcells.data.cells import CellSet
from bloodcells.decoding import Name, decoded
from bloodcells.errors import KitError, first_line
from bloodcells.files import claim, scratch_folder, write_json, write_text

_FOLDERS = ("submission", "inspection", "prediction", "check", "scoring", "worker")
RESULTS = ("scores.json", "detailed_results.html", "run.json")
"""The files that a score is."""
_READING_SECONDS, _READING_MEMORY = 120, 2_000_000_000
_EXPLAINED = 0.97  # accuracy from which nobody asks what went wrong


def score(
    zip_path: Path,
    test_set: CellSet | Bundle,
    work: Path,
    time_limit: float | None = None,
    memory_limit: int | None = None,
    checks: bool = True,
    python: str = sys.executable,
    tell: Tell = lambda line: None,
    sandbox: str = "auto",
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
        tell: called with a line for each stage, as it happens.
        sandbox: as `sandbox.chosen_sandbox` takes it.

    Returns:
        The leaderboard's columns: 0..1 for metrics, ``duration`` in seconds of ``predict``.

    Raises:
        SubmissionFailed: one line that names stage and reason.
        KitError: ``work`` holds what no score has made, or the sandbox is not there.
    """
    image = f"tensorflow/tensorflow:{test_set.competition.worker_versions['tensorflow']}"
    held, warning = chosen_sandbox(sandbox, image)
    if warning and sandbox != "none":
        tell(warning)
    claim(work, (*_FOLDERS, *RESULTS, "agreement.json"))
    with scratch_folder(work / "task") as folder:
        task = write_task(test_set, folder) if isinstance(test_set, CellSet) else unpack_task(test_set, folder)
        parts = {part: _files_below(folder / part) for part in PARTS}
    memory = memory_limit or task.cells.competition.memory_limit
    machine = Machine(time_limit or task.time_limit, memory, python, held)
    try:
        return _score_task(zip_path, task, parts, work, machine, checks, tell)
    except FileNotFoundError as error:
        raise SubmissionFailed(
            "prediction",
            f"prediction run: expected what this step has written, got no {error.filename}: the submission may have "
            "removed it. Score it with --sandbox required.",
        ) from error
    finally:
        for copy in ("submission", "inspection/app/ingested_program", "check/app/ingested_program"):
            shutil.rmtree(work / copy, ignore_errors=True)


def _files_below(folder: Path) -> dict[str, bytes]:
    """The files of a part of the task by their paths; in memory, so that no submission finds the truth on the disk."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def describe_run(record: Mapping[str, Any]) -> list[str]:
    """What ``run.json`` says beyond the score, line by line: time and memory against the limits, and the remarks."""
    limits = f"It took {record['prediction']['peak_memory'] / 1e9:.2f} GB of {record['memory_limit'] / 1e9:.2f} GB"
    if record["check"]:
        projected = f"{record['check']['projected_seconds']:.0f} s of {record['time_limit']:.0f} s"
        limits += f"; {record['check']['hidden_images']:,} images would take {projected}"
    return [f"{limits}.", *(f"remark: {remark}" for remark in record["remarks"])]


def _score_task(
    zip_path: Path, task: Task, parts: Parts, work: Path, machine: Machine, checks: bool, tell: Tell
) -> dict[str, float]:
    _clear(work)
    competition, remarks = task.cells.competition, list[str]()
    tell("Unpacking the zip and looking into it.")
    try:
        remarks += _unpack(zip_path, work / "submission", competition)
        remarks += _inspection_run(competition, work, machine)
        tell(f"Predicting {len(task.cells):,} images, in at most {machine.seconds:.0f} s.")
        prediction, path_remarks = prediction_run(parts, work, machine, tell)
        metadata = metadata_in(prediction)
        remarks += path_remarks
        tell(f"The prediction took {prediction.end.seconds:.1f} s.")
        check: dict[str, float] = {}
        if checks:
            tell("Trying other orders, types and numbers of images.")
            predicted = labels_in(prediction)
            check, check_remarks = _check_run(predicted, not path_remarks, task.cells, work, machine)
            remarks += check_remarks
        tell("Scoring the labels.")
        scoring = _scoring_run(prediction, parts, work, machine)
        scores = _read_scores(scoring, task.columns)
    except SubmissionFailed as error:
        failed = with_causes(error, remarks)
        logs = {"output": error.log_tail} if error.log_tail else {}
        html = page.failure_page(competition.title, str(failed), logs, failed.remarks)
        write_text(work / "detailed_results.html", html)
        raise failed from error
    (work / "detailed_results.html").write_bytes(scoring.files.get("detailed_results.html", b""))
    if "corruptions.npy" not in parts["reference_data"]:
        remarks += _junk_remarks(task.cells, prediction, scores)
    record = {
        "submission": zip_path.name,
        "cells": task.cells.origin,
        "cells_sha256": task.cells.sha256,
        "remarks": remarks,
        "versions": metadata.versions,
        "time_limit": machine.seconds,
        "memory_limit": machine.memory,
        "prediction": _as_record(prediction.end),
        "check": check,
        "scoring": _as_record(scoring.end),
    }
    write_json(work / "run.json", record)
    write_json(work / "scores.json", scores)
    return scores


def _clear(work: Path) -> None:
    for folder in _FOLDERS:
        shutil.rmtree(work / folder, ignore_errors=True)
    for file in (*RESULTS, "agreement.json"):
        (work / file).unlink(missing_ok=True)


def _unpack(zip_path: Path, folder: Path, competition: Competition) -> list[str]:
    try:
        members = check_archive(zip_path, competition.size_limit)
        extract(zip_path, folder)
    except KitError as error:
        raise SubmissionFailed("zip", str(error)) from error
    return layout_remarks(members)


def _inspection_run(competition: Competition, work: Path, machine: Machine) -> list[str]:
    """What the submission's files show without being run: remarks alone.

    Made by the kit's own interpreter, which has h5py.
    """
    stage = lay_out("inspection", work)
    write_program("inspection", stage.app / "program", competition)
    shutil.copytree(work / "submission", stage.app / "ingested_program")
    reader = replace(machine, seconds=_READING_SECONDS, memory=_READING_MEMORY, python=sys.executable)
    try:
        files = run_program(stage, "remarks.json", reader).files
        return list(decoded(json.loads(files["remarks.json"]), tuple[Name, ...]))
    except (SubmissionFailed, ValueError) as error:
        return [f"the files could not be looked into: {error}"]


def _check_run(
    predicted: np.ndarray, from_the_program: bool, cells: CellSet, work: Path, machine: Machine
) -> tuple[dict[str, float], list[str]]:
    """The run that no competition makes: its figures and remarks; a failure if golden outputs differ.

    Args:
        predicted: the labels of the prediction run.
        from_the_program: whether it was started in the ingestion program's folder.
        cells: that it labelled.
        work: gets the folder ``check``.
        machine: what it runs on.
    """

    def rehearsed(working_directory: str) -> Rehearsal:
        shutil.rmtree(work / "check", ignore_errors=True)
        return rehearse(work / "submission", cells.images, work, machine, cells.competition, working_directory)

    try:
        rehearsal = rehearsed("ingested_program")
        remarks = []
        predicted = predicted[: len(rehearsal.labels)]
        different = _differing(rehearsal, predicted)
        if different and from_the_program and _differing(rehearsed("program"), predicted) < different:
            remarks.append(
                f"the labels depend on the working directory: {different} of {len(predicted)} differ where it is "
                "the submission's own folder, and not the ingestion program's. Open files from the folder of __file__"
            )
        elif different:
            remarks.append(
                f"{different} of the first {len(predicted)} labels differ from those of predict for all {len(cells):,} "
                "images at once"
            )
    except SubmissionFailed as error:
        return {}, [f"the checks did not end: {error}"]
    remarks += [*rehearsal.remarks, *rehearsal.time_remarks(machine.seconds)]
    if rehearsal.golden_problem():
        raise SubmissionFailed("check", f"check run: {rehearsal.golden_problem()}")
    figures = {
        "load_seconds": round(rehearsal.load_seconds, 2),
        "images_per_second": round(1 / rehearsal.seconds_per_image, 1),
        "hidden_images": rehearsal.hidden_images,
        "projected_seconds": round(rehearsal.projected_seconds, 1),
    }
    return figures, remarks


def _differing(rehearsal: Rehearsal, predicted: np.ndarray) -> int:
    """How many labels of the images that both have seen are not equal."""
    return int((np.array(rehearsal.labels[: len(predicted)]) != predicted[: len(rehearsal.labels)]).sum())


def _junk_remarks(cells: CellSet, prediction: Ended, scores: Mapping[str, float]) -> list[str]:
    """Why a score may be low through no fault of the submission: pictures that are no cells."""
    if scores.get("accuracy", 1) >= _EXPLAINED:
        return []
    from bloodcells.cleaning import CleaningSettings, examine

    junk = examine(cells, CleaningSettings(allow_any_removal=True)).junk
    if not junk.any() or junk.all():
        return []
    right = (labels_in(prediction) == cells.labels)[~junk].mean()
    return [f"{junk.sum():,} of {len(junk):,} pictures are no cells; without them accuracy is {right:.3f}"]


def _scoring_run(prediction: Ended, parts: Parts, work: Path, machine: Machine) -> Ended:
    """The second container: from what the first has written, and the truth, to ``scores.json``."""
    stage = lay_out("scoring", work)
    lay_out_part(parts["scoring_program"], stage.app / "program")
    lay_out_part(parts["input_data"], stage.app / "input_data")
    lay_out_part(prediction.files, stage.app / "input" / "res")
    lay_out_part(parts["reference_data"], stage.app / "input" / "ref")
    return run_program(stage, "scores.json", machine)


def _read_scores(scoring: Ended, columns: tuple[str, ...]) -> dict[str, float]:
    """The scores of a finished scoring run, if the leaderboard can hold them."""
    try:
        scores = json.loads(scoring.files["scores.json"])
    except (ValueError, RecursionError) as error:
        raise _unfit(f"expected scores.json, got no JSON ({first_line(error)}). Correct the program.") from error
    if not isinstance(scores, dict) or set(scores) != set(columns):
        got = ", ".join(scores) if isinstance(scores, dict) else f"{scores!r:.80}"
        raise _unfit(
            f"expected the leaderboard's columns {', '.join(columns)}, got {got}. Correct the scoring program."
        )
    for name, value in scores.items():
        if not isinstance(value, int | float) or not math.isfinite(value) or abs(value) >= 1e10:
            raise _unfit(f"expected a number below 1e10 for {name}, got {value}. Correct the metric.")
    return {name: scores[name] for name in columns}


def _unfit(reason: str) -> SubmissionFailed:
    return SubmissionFailed("scoring", f"scoring run: {reason}")


def _as_record(end: Finished) -> dict[str, float]:
    return {"seconds": round(end.seconds, 2), "peak_memory": end.peak_memory}
