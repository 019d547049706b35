"""The check run: what the one call of ``predict`` in a competition does not show, in its own isolated process."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np

from bloodcells.codabench.golden import GOLDEN_TOLERANCE, golden_images
from bloodcells.codabench.isolation import Machine
from bloodcells.codabench.stages import busy_with_others, failure, lay_out, run_program, write_program
from bloodcells.competition import Competition
from bloodcells.decoding import Amount, Count, Name, Share, decoded
from bloodcells.errors import first_line

_IMAGES = 257
_MOST_REMARKS = 30


@dataclass(frozen=True)
class Rehearsal:
    """What the checks found.

    Attributes:
        golden_difference: largest difference from the stored probabilities, 0..1; None where none are stored.
        remarks: one line for each check that did not hold.
        load_seconds: from the import of model.py until Model() was there.
        seconds_per_image: what predict takes for an image, measured on 257 images.
        peak_memory: bytes of resident memory.
        hidden_images: the number of pictures in the competition's hidden set.
        labels: the labels of the first 257 images; empty where predict failed.
        others: share of the processors that other programs took meanwhile, 0..1.
    """

    golden_difference: float | None
    remarks: Sequence[str]
    load_seconds: float
    seconds_per_image: float
    peak_memory: int
    hidden_images: int
    labels: Sequence[int] = ()
    others: float = 0.0

    @property
    def projected_seconds(self) -> float:
        """Seconds that a prediction run over the competition's hidden set will take on this machine."""
        return self.load_seconds + self.hidden_images * self.seconds_per_image

    def time_remarks(self, limit: float) -> list[str]:
        """A remark if the competition's hidden set will take longer than ``limit`` seconds."""
        if self.projected_seconds <= limit:
            return []
        return [
            f"predict is too slow: projected {self.projected_seconds:.0f} s for {self.hidden_images:,} images on this "
            f"machine, limit {limit:.0f} s. Use a lower TTA level{busy_with_others(self.others)}"
        ]

    def golden_problem(self) -> str:
        """Why the submission is not the network that was trained, in one line; empty if it is."""
        if self.golden_difference is None or self.golden_difference <= GOLDEN_TOLERANCE:
            return ""
        return (
            f"golden outputs differ: expected the probabilities stored at packing within {GOLDEN_TOLERANCE}, got a "
            f"difference of {self.golden_difference:.3f}. The code in the zip does not fit its weights: package again."
        )


def rehearse(
    submission: Path,
    images: np.ndarray,
    work: Path,
    machine: Machine,
    competition: Competition,
    working_directory: str = "ingested_program",
) -> Rehearsal:
    """Check an unpacked submission.

    Args:
        submission: the unpacked zip; it is copied.
        images: (N, S, S, 3) uint8, at least one; repeated where fewer than 257.
        work: gets the folder ``check``.
        machine: what it runs on; its limits hold for the whole check.
        competition: what it was made for.
        working_directory: its own folder, ``ingested_program``, or that of the ``program``.

    Raises:
        SubmissionFailed: the model cannot be created, or a limit was reached.
    """
    stage = lay_out("check", work)
    write_program("check", stage.app / "program", competition)
    shutil.copytree(submission, stage.app / "ingested_program")
    np.save(stage.app / "input_data" / "images.npy", np.resize(images[:_IMAGES], (_IMAGES, *images.shape[1:])))
    np.save(stage.app / "input_data" / "golden.npy", golden_images(competition.image_size))
    end, files = run_program(stage, "checks.json", machine, working_directory)
    try:
        report = decoded(json.loads(files["checks.json"]), _Report)
    except (ValueError, RecursionError) as error:
        reason = f"expected checks.json as check.py writes it, got another ({first_line(error)}). Leave it alone."
        raise failure(stage, end, reason) from error
    return Rehearsal(**vars(report), hidden_images=competition.hidden_images, others=end.others)


@dataclass(frozen=True)
class _Report:
    """What ``checks.json`` holds, whoever has written it."""

    golden_difference: Share | None
    remarks: Annotated[tuple[Name, ...], (0, _MOST_REMARKS)]
    labels: Annotated[tuple[Count, ...], (0, _IMAGES)]
    load_seconds: Amount
    seconds_per_image: Annotated[float, (1e-9, 1e9)]
    peak_memory: Count
