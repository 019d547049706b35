"""The first container: from images to labels, what it says of itself, and why a submission gave none."""

import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np

from bloodcells.codabench.isolation import Machine
from bloodcells.codabench.stages import Ended, Stage, SubmissionFailed, lay_out, run_program
from bloodcells.decoding import Amount, Count, Name, decoded
from bloodcells.errors import first_line

_STEPS = ("importing model.py", "creating Model()", "predict")
_UNLOADABLE = re.compile(r"(\S+) is (truncated|a Git LFS pointer|an HDF5 file)")
_NOT_THERE = ". Put the file into the zip"  # advice of the ingestion program, of which the other attempt knows better
_BY_CHANCE = re.compile(r"0x[0-9a-f]+|\d+")

Parts = Mapping[str, Mapping[str, bytes]]
"""The files of a task, by part and path."""
Tell = Callable[[str], None]
"""Called with a line for each stage, as it happens."""


def prediction_run(parts: Parts, work: Path, machine: Machine, tell: Tell) -> tuple[Ended, list[str]]:
    """The first container: from images to ``predictions.csv``; and remarks.

    What fails from the canonical working directory is tried once more from the submission's own folder, where some
    competitions start it; of two reasons the one that was met later is told.
    """
    try:
        return run_program(_lay_out_prediction(parts, work), "predictions.csv", machine), []
    except SubmissionFailed as error:
        if error.at_a_limit:
            raise
        canonical = error
    tell("The prediction failed; it is tried again from the submission's own folder.")
    shutil.rmtree(work / "prediction", ignore_errors=True)
    try:
        ended = run_program(_lay_out_prediction(parts, work), "predictions.csv", machine, "ingested_program")
    except SubmissionFailed as error:
        raise _met_later(canonical, error) from error
    return ended, [_path_remark("scored from the submission's own folder", canonical)]


def _lay_out_prediction(parts: Parts, work: Path) -> Stage:
    stage = lay_out("prediction", work)
    lay_out_part(parts["ingestion_program"], stage.app / "program")
    lay_out_part(parts["input_data"], stage.app / "input_data")
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
    reason = str(canonical).removeprefix("prediction run: ").partition(_NOT_THERE)[0].rstrip(".")
    return (
        f"opens a file by a relative path: {consequence}, but where the working directory is the ingestion program's "
        f"it fails ({reason}). Open it from the folder of __file__"
    )


def with_causes(error: SubmissionFailed, remarks: Sequence[str]) -> SubmissionFailed:
    """The same failure, with the file that explains it in its line, and all that is odd about the submission."""
    before_predict = error.stage == "prediction" and _step(error) < _STEPS.index("predict")
    causes = [remark for remark in remarks if _UNLOADABLE.match(remark) and before_predict]
    told = SubmissionFailed(error.stage, " ".join([str(error), *causes]), error.log_tail, error.at_a_limit)
    told.remarks = [*error.remarks, *(remark for remark in remarks if remark not in causes)]
    return told


def labels_in(prediction: Ended) -> np.ndarray:
    """What a prediction run has written, as far as it is labels."""
    lines = prediction.files["predictions.csv"].decode("utf-8", "replace").split()[1:]
    return np.array([int(line) if re.fullmatch(r"-?\d{1,9}", line) else -1 for line in lines])


@dataclass(frozen=True)
class Metadata:
    """What the kit goes by in the ``metadata.json`` of a prediction run."""

    duration: Annotated[float, (1e-9, 1e9)]
    load_seconds: Amount = 0.0
    peak_memory: Count = 0
    versions: Annotated[Mapping[str, Name], (0, 20)] = field(default_factory=dict)


def metadata_in(prediction: Ended) -> Metadata:
    """What a prediction run says of itself, if that can be.

    Raises:
        SubmissionFailed: it cannot: the submission has had its hands on it.
    """
    limit = prediction.end.seconds
    try:
        metadata: Metadata = decoded(json.loads(prediction.files.get("metadata.json", b"{}")), Metadata)
        if metadata.duration + metadata.load_seconds > limit:
            raise ValueError(f"duration: expected at most the {limit:.1f} s of the run, got {metadata.duration:.1f}")
    except (ValueError, RecursionError) as error:
        raise SubmissionFailed(
            "prediction",
            f"prediction run: expected metadata.json as the ingestion program writes it, got another "
            f"({first_line(error)}). Leave it alone.",
        ) from error
    return metadata


def lay_out_part(files: Mapping[str, bytes], folder: Path) -> None:
    """Write files by their paths into ``folder``."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
