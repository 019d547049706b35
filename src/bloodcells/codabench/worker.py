"""Codabench's worker on this machine: what scores here scores there.

Two runs as in the competition, each in a folder that stands for a container's ``/app``, with its command lines and
files: the ingestion program asks the submission for labels, the scoring program compares. Around the first, a run that
reads the submission's files and one that checks what a single call of ``predict`` does not show add remarks; whether
it scores is for the two runs to say.
"""

import math
import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bloodcells.codabench import page
from bloodcells.codabench.archive import check_archive, extract, layout_remarks
from bloodcells.codabench.isolation import Finished, Machine
from bloodcells.codabench.rehearsal import Rehearsal, rehearse
from bloodcells.codabench.stages import Stage, SubmissionFailed, failure, lay_out, run_program, write_program
from bloodcells.codabench.task import Bundle, Task, unpack_task, write_task
from bloodcells.competition import Competition
from bloodcells.data.cells import CellSet
from bloodcells.errors import KitError
from bloodcells.files import claim, read_json, scratch_folder, write_json, write_text

_FOLDERS = ("submission", "inspection", "prediction", "check", "scoring", "worker")
RESULTS = ("scores.json", "detailed_results.html", "run.json")
"""The files that a score is."""
_READER = Machine(seconds=120, memory=2_000_000_000)
"""Reads the submission's files, in the kit's own interpreter, which has h5py."""
_STEPS = ("importing model.py", "creating Model()", "predict")
_UNLOADABLE = re.compile(r"(\S+) is (truncated|a Git LFS pointer|an HDF5 file)")
_BY_CHANCE = re.compile(r"0x[0-9a-f]+|\d+")
_EXPLAINED = 0.97  # accuracy from which nobody asks what went wrong

Tell = Callable[[str], None]
"""Called with a line for each stage, as it happens."""


def score(
    zip_path: Path,
    test_set: CellSet | Bundle,
    work: Path,
    time_limit: float | None = None,
    memory_limit: int | None = None,
    checks: bool = True,
    python: str = sys.executable,
    tell: Tell = lambda line: None,
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

    Returns:
        The leaderboard's columns: 0..1 for metrics, ``duration`` in seconds of ``predict``.

    Raises:
        SubmissionFailed: one line that names stage and reason.
        KitError: ``work`` holds what no score has made.
    """
    claim(work, (*_FOLDERS, *RESULTS, "agreement.json"))
    with scratch_folder(work / "task") as folder:
        task = write_task(test_set, folder) if isinstance(test_set, CellSet) else unpack_task(test_set, folder)
        machine = Machine(time_limit or task.time_limit, memory_limit or task.cells.competition.memory_limit, python)
        return _score_task(zip_path, task, work, machine, checks, tell)


def describe_run(record: Mapping[str, Any]) -> list[str]:
    """What ``run.json`` says beyond the score, line by line: time and memory against the limits, and the remarks."""
    limits = f"memory {record['prediction']['peak_memory'] / 1e9:.2f} GB of {record['memory_limit'] / 1e9:.2f} GB"
    if record["check"]:
        projected = f"{record['check']['projected_seconds']:.0f} s of {record['time_limit']:.0f} s"
        limits = f"time for {record['check']['hidden_images']:,} images, projected: {projected}; {limits}"
    return [limits, *(f"remark: {remark}" for remark in record["remarks"])]


def _score_task(zip_path: Path, task: Task, work: Path, machine: Machine, checks: bool, tell: Tell) -> dict[str, float]:
    _clear(work)
    competition, remarks = task.cells.competition, list[str]()
    try:
        remarks += _unpack(zip_path, work / "submission", competition)
        remarks += _inspection_run(competition, work)
        tell(f"prediction run: {len(task.cells):,} images, at most {machine.seconds:.0f} s")
        prediction, prediction_end, path_remarks = _prediction_run(task, work, machine, tell)
        remarks += path_remarks
        tell(f"prediction run: {prediction_end.seconds:.1f} s")
        check: dict[str, float] = {}
        if checks:
            tell("check run: other orders, types and numbers of images")
            check, check_remarks = _check_run(prediction, not path_remarks, task.cells, work, machine)
            remarks += check_remarks
        tell("scoring run")
        scoring, scoring_end = _scoring_run(prediction, task, work, machine)
        scores = _read_scores(scoring, scoring_end, task.columns)
    except SubmissionFailed as error:
        failed = _with_causes(error, remarks)
        logs = {"output": error.log_tail} if error.log_tail else {}
        html = page.failure_page(competition.title, str(failed), logs, failed.remarks)
        write_text(work / "detailed_results.html", html)
        raise failed from error
    shutil.copyfile(scoring.app / "output" / "detailed_results.html", work / "detailed_results.html")
    remarks += _junk_remarks(task.cells, prediction, scores)
    record = {
        "submission": zip_path.name,
        "cells": task.cells.origin,
        "cells_sha256": task.cells.sha256,
        "remarks": remarks,
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
    for file in (*RESULTS, "agreement.json"):
        (work / file).unlink(missing_ok=True)


def _unpack(zip_path: Path, folder: Path, competition: Competition) -> list[str]:
    try:
        members = check_archive(zip_path, competition.size_limit)
        extract(zip_path, folder)
    except KitError as error:
        raise SubmissionFailed("zip", str(error)) from error
    return layout_remarks(members)


def _inspection_run(competition: Competition, work: Path) -> list[str]:
    """What the submission's files show without being run: remarks alone."""
    stage = lay_out("inspection", work)
    write_program("inspection", stage.app / "program", competition)
    shutil.copytree(work / "submission", stage.app / "ingested_program")
    try:
        run_program(stage, "remarks.json", _READER, stage.app / "program")
    except SubmissionFailed as error:
        return [f"the files could not be looked into: {error}"]
    return [str(line) for line in read_json(stage.app / "output" / "remarks.json")]


def _prediction_run(task: Task, work: Path, machine: Machine, tell: Tell) -> tuple[Stage, Finished, list[str]]:
    """The first container: from images to ``predictions.csv``. Returns the stage, its end, and remarks.

    What fails from the canonical working directory is tried once more from the submission's own folder, where some
    competitions start it; of two reasons the one that was met later is told.
    """
    stage = _lay_out_prediction(task, work)
    try:
        return stage, run_program(stage, "predictions.csv", machine, stage.app / "program"), []
    except SubmissionFailed as error:
        if error.at_a_limit:
            raise
        canonical = error
    tell("prediction run: failed, tries again from the submission's own folder")
    shutil.rmtree(work / "prediction")
    stage = _lay_out_prediction(task, work)
    try:
        end = run_program(stage, "predictions.csv", machine, stage.app / "ingested_program")
    except SubmissionFailed as error:
        raise _met_later(canonical, error) from error
    return stage, end, [_path_remark("scored from the submission's own folder", canonical)]


def _lay_out_prediction(task: Task, work: Path) -> Stage:
    stage = lay_out("prediction", work)
    shutil.copytree(task.ingestion_program, stage.app / "program")
    shutil.copytree(task.input_data, stage.app / "input_data", dirs_exist_ok=True)
    shutil.copytree(work / "submission", stage.app / "ingested_program")
    return stage


def _met_later(canonical: SubmissionFailed, own_folder: SubmissionFailed) -> SubmissionFailed:
    """The failure of the attempt that got further; where both stopped at one step, that of the own folder."""
    if _step(canonical) > _step(own_folder) or _alike(canonical, own_folder):
        return canonical
    own_folder.remarks = [_path_remark("this is what the submission's own folder shows", canonical)]
    return own_folder


def _step(error: SubmissionFailed) -> int:
    return max((place for place, step in enumerate(_STEPS) if f"run: {step}: " in str(error)), default=-1)


def _alike(one: SubmissionFailed, other: SubmissionFailed) -> bool:
    return _BY_CHANCE.sub("", str(one)) == _BY_CHANCE.sub("", str(other))


def _path_remark(consequence: str, canonical: SubmissionFailed) -> str:
    return (
        f"opens a file by a relative path: {consequence}, but where the working directory is the ingestion program's "
        f"it fails ({str(canonical).rstrip('.')}). Open it from the folder of __file__"
    )


def _with_causes(error: SubmissionFailed, remarks: Sequence[str]) -> SubmissionFailed:
    """The same failure, with the file that explains it in its line, and all that is odd about the submission."""
    before_predict = error.stage == "prediction" and _step(error) < _STEPS.index("predict")
    causes = [remark for remark in remarks if _UNLOADABLE.match(remark) and before_predict]
    told = SubmissionFailed(error.stage, " ".join([str(error), *causes]), error.log_tail, error.at_a_limit)
    told.remarks = [*error.remarks, *(remark for remark in remarks if remark not in causes)]
    return told


def _check_run(
    prediction: Stage, from_the_program: bool, cells: CellSet, work: Path, machine: Machine
) -> tuple[dict[str, float], list[str]]:
    """The run that no competition makes: its figures and remarks; a failure if golden outputs differ."""

    def rehearsed(working_directory: str) -> Rehearsal:
        shutil.rmtree(work / "check", ignore_errors=True)
        return rehearse(work / "submission", cells.images, work, machine, cells.competition, working_directory)

    try:
        rehearsal = rehearsed("ingested_program")
        remarks = []
        predicted = _labels(prediction)[: len(rehearsal.labels)]
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


def _labels(prediction: Stage) -> np.ndarray:
    """What a prediction run has written, as far as it is labels."""
    lines = (prediction.app / "output" / "predictions.csv").read_text("utf-8", "replace").split()[1:]
    return np.array([int(line) if re.fullmatch(r"-?\d{1,9}", line) else -1 for line in lines])


def _junk_remarks(cells: CellSet, prediction: Stage, scores: Mapping[str, float]) -> list[str]:
    """Why a score may be low through no fault of the submission: pictures that are no cells."""
    if cells.corruptions is not None or scores.get("accuracy", 1) >= _EXPLAINED:
        return []
    from bloodcells.cleaning import CleaningSettings, examine

    junk = examine(cells, CleaningSettings(allow_any_removal=True)).junk
    if not junk.any() or junk.all():
        return []
    right = (_labels(prediction) == cells.labels)[~junk].mean()
    return [f"{junk.sum():,} of {len(junk):,} pictures are no cells; without them accuracy is {right:.3f}"]


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
