"""What a competition's one call of ``predict`` does not show: other sizes, types and orders, and stored outputs.

    python3 check.py INPUT_DATA OUTPUT PROGRAM SUBMISSION

INPUT_DATA holds ``images.npy``, (N, S, S, 3) uint8, N at least 257, and ``golden.npy``, the images whose
probabilities a submission may have stored under ``golden`` in its ``submission.json``. OUTPUT gets ``checks.json``:
``golden_difference`` (largest absolute difference, or null), ``remarks`` (one line for each check that did not
hold), ``labels`` (of the first 257 images; empty where predict failed), ``load_seconds``, ``seconds_per_image`` and
``peak_memory`` in bytes. Only a submission that cannot be created at all ends with exit code 1. The ingestion program
lies beside this file.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ingestion
import numpy as np

SIZES = (1, 7, 257)
FEW = 32


def main() -> None:
    """Create the model, run every check, write the report."""
    input_data, output, program, submission = (Path(argument) for argument in sys.argv[1:5])
    classes = len(json.loads((program / "competition.json").read_text("utf-8"))["classes"])
    images = np.load(input_data / "images.npy")
    started = time.monotonic()
    with ingestion.step("importing model.py"):
        model_class = ingestion.import_model(submission)
    with ingestion.step("creating Model()"):
        model = ingestion.created(model_class)
    loaded = time.monotonic()

    def labels(cells: np.ndarray) -> np.ndarray:
        return ingestion.checked_labels(model.predict(cells), len(cells), classes)

    remarks, seconds_per_image, most = size_remarks(labels, images)
    remarks += equality_remarks(labels, images[:FEW])
    report = {
        "golden_difference": golden_difference(
            model, submission / "submission.json", np.load(input_data / "golden.npy")
        ),
        "remarks": remarks,
        "labels": most,
        "load_seconds": loaded - started,
        "seconds_per_image": seconds_per_image,
        "peak_memory": ingestion.peak_memory(),
    }
    (output / "checks.json").write_text(json.dumps(report, allow_nan=False), "utf-8")


def size_remarks(labels: Callable[[np.ndarray], np.ndarray], images: np.ndarray) -> tuple[list[str], float, list[int]]:
    """Remarks for the numbers of images that predict cannot take; its seconds an image and its labels for the most."""
    remarks: list[str] = []
    for size in SIZES:
        started, found = time.monotonic(), []
        try:
            found = labels(images[:size]).tolist()
        except Exception as error:
            remarks.append(f"predict of {size} images: {reason(error)}")
        seconds = time.monotonic() - started
    return remarks, seconds / SIZES[-1], found


def reason(error: Exception) -> str:
    """What went wrong with one call, in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def equality_remarks(labels: Callable[[np.ndarray], np.ndarray], cells: np.ndarray) -> list[str]:
    """Remarks for the calls that should give the same labels as uint8 in order, and do not."""
    try:
        expected = labels(cells)
    except Exception:
        return []  # the sizes have reported it
    order = np.random.default_rng(0).permutation(len(cells))
    remarks = []
    calls: dict[str, tuple[np.ndarray, np.ndarray]] = {
        "float32 in 0..255": (cells.astype(np.float32), expected),
        "float64 in 0..255": (cells.astype(np.float64), expected),
        "another order of images": (cells[order], expected[order]),
        "the same images again": (cells, expected),
    }
    for name, (given, wanted) in calls.items():
        try:
            different = int((labels(given) != wanted).sum())
        except Exception as error:
            remarks.append(f"{name}: {reason(error)}")
        else:
            remarks += [f"{name}: {different} of {len(cells)} labels differ"] if different else []
    return remarks + unit_range_remarks(labels, cells, expected)


def unit_range_remarks(
    labels: Callable[[np.ndarray], np.ndarray], cells: np.ndarray, expected: np.ndarray
) -> list[str]:
    """A remark if pixels in 0..1 are neither recognised nor refused."""
    try:
        different = int((labels((cells / 255).astype(np.float32)) != expected).sum())
    except Exception:
        return []  # a refusal is as good as recognition
    if not different:
        return []
    return [f"float32 in 0..1: neither recognised nor refused, {different} of {len(cells)} labels differ"]


def golden_difference(model: Any, settings: Path, images: np.ndarray) -> float | None:
    """Largest difference between stored and present probabilities; None where nothing is stored.

    Not-a-number counts as the largest difference that probabilities can have.
    """
    if not settings.is_file() or not hasattr(model, "predict_probabilities"):
        return None
    stored = json.loads(settings.read_text("utf-8")).get("golden")
    if stored is None:
        return None
    difference = float(np.abs(model.predict_probabilities(images) - np.array(stored)).max())
    return difference if difference <= 1 else 1.0


if __name__ == "__main__":
    main()
