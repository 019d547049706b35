"""Codabench scoring program: compares predictions with the truth.

    python3 scoring.py INPUT OUTPUT

INPUT holds ``res/`` (what the ingestion program wrote) and ``ref/`` with ``labels.npy``, (N,) integers, and perhaps
``corruptions.npy``, (N,) strings. OUTPUT gets ``scores.json``, whose keys are exactly the leaderboard's columns, and
``detailed_results.html``. Beside this file lie ``competition.json`` and three modules of the kit, ``evaluation.py``,
``page.py`` and ``diagram.py``. A failure ends with one line on standard error, ``FAILED comparing: <reason>``, and
exit code 1.
"""

import json
import math
import re
import sys
from pathlib import Path

import diagram
import evaluation
import numpy as np
import page

# Leaderboard values are stored with twenty digits, ten of them after the point.
SCORE_LIMIT = 1e10


class Refusal(Exception):
    """Why there is no score, in one line."""


def main() -> None:
    """Read, compare, write."""
    inputs, output = (Path(argument) for argument in sys.argv[1:3])
    competition = json.loads(Path(__file__).with_name("competition.json").read_text("utf-8"))
    classes = len(competition["classes"])
    truth = np.load(inputs / "ref" / "labels.npy")
    try:
        predicted = read_predictions(inputs / "res" / "predictions.csv", len(truth), classes)
        metadata = read_metadata(inputs / "res" / "metadata.json")
        probabilities = read_probabilities(inputs / "res" / "probabilities.npy", (len(truth), classes))
        scores = {
            **metric_scores(truth, predicted, probabilities, classes, competition["leaderboard"]),
            "duration": metadata["duration"],
        }
        scores = checked_scores(scores, competition["leaderboard"])
    except Refusal as error:
        sys.exit(f"FAILED comparing: {error}")
    (output / "scores.json").write_text(json.dumps(scores, allow_nan=False), "utf-8")
    bins = [] if probabilities is None else confidence_bins(truth, probabilities)
    html = page.result_page(
        competition,
        scores,
        evaluation.confusion(truth, predicted, classes).tolist(),
        metadata,
        bins,
        diagram.reliability_diagram(bins),
        by_corruption(inputs / "ref" / "corruptions.npy", truth, predicted),
        evaluation.METRICS[competition["metric"]].higher_is_better,
    )
    (output / "detailed_results.html").write_text(html, "utf-8")
    print(json.dumps(scores))


def read_predictions(path: Path, n: int, classes: int) -> np.ndarray:
    """The labels in ``predictions.csv``, (n,) int64 in 0..classes-1.

    Raises:
        Refusal: missing, empty, not one integer per line, NaN, out of range, or another number of them.
    """
    expected = f"expected {path.name} with the line 'label', then {n} lines with one label 0..{classes - 1} each"
    if not path.is_file():
        raise Refusal(f"{expected}, got no such file. Let predict return the labels.")
    lines = path.read_text("utf-8", "replace").strip().splitlines()
    if not lines:
        raise Refusal(f"{expected}, got an empty file. Let predict return the labels.")
    if lines[0].strip() != "label":
        raise Refusal(f"{expected}, got {lines[0][:40]!r} in line 1. Write one column, label.")
    values = [number(line, index, expected) for index, line in enumerate(lines[1:])]
    not_finite = [index for index, value in enumerate(values) if not math.isfinite(value)]
    if not_finite:
        raise Refusal(f"{expected}, got {len(not_finite)} NaN or infinite, first at index {not_finite[0]}. Repair it.")
    outside = [index for index, value in enumerate(values) if value not in range(classes)]
    if outside:
        first = f"{values[outside[0]]:g} at index {outside[0]}"
        raise Refusal(f"{expected}, got {len(outside)} other values, first {first}. Count classes from 0.")
    if len(values) != n:
        kind = "surplus" if len(values) > n else "missing"
        first_index = min(len(values), n)
        raise Refusal(
            f"{expected}, got {len(values)} labels for {n} images: first {kind} index {first_index}. "
            "Return one label for each image."
        )
    return np.array(values, np.int64)


def number(text: str, index: int, expected: str) -> float:
    """``text`` as a number, or a Refusal that names its place."""
    if len(re.split(r"[,;\s]+", text.strip())) > 1:
        raise Refusal(f"{expected}, got more than one column, {text[:40]!r}, at index {index}. Write one column.")
    try:
        return float(text)
    except ValueError:
        raise Refusal(f"{expected}, got {text[:40]!r} at index {index}. Write numbers.") from None


def read_metadata(path: Path) -> dict[str, float]:
    """What the ingestion program has measured.

    Raises:
        Refusal: it is not there or cannot be: the submission has had its hands on it.
    """
    try:
        metadata = json.loads(path.read_text("utf-8"))
        measured = {name: metadata[name] for name in ("duration", "load_seconds", "peak_memory")}
        fits = metadata["duration"] > 0 and all(0 <= value < SCORE_LIMIT * 1000 for value in measured.values())
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        fits = False
    if not fits:
        raise Refusal(f"expected {path.name} as the ingestion program writes it, got another. Leave it alone.")
    return measured


def read_probabilities(path: Path, shape: tuple[int, int]) -> np.ndarray | None:
    """Probabilities of this shape, (n, classes); None where the ingestion program has written none.

    Raises:
        Refusal: something else was written.
    """
    if not path.is_file():
        return None
    try:
        probabilities = np.load(path)
        fits = probabilities.shape == shape and probabilities.dtype.kind == "f"
        fits = fits and bool(((probabilities >= 0) & (probabilities <= 1)).all())
    except (OSError, ValueError, AttributeError):
        fits = False
    if not fits:
        raise Refusal(f"expected {path.name} of shape {shape} with values 0..1, got something else. Leave it alone.")
    return probabilities


def metric_scores(
    truth: np.ndarray, predicted: np.ndarray, probabilities: np.ndarray | None, classes: int, columns: list[str]
) -> dict[str, float]:
    """Those of the columns that are metrics, by name.

    Raises:
        Refusal: one of them needs probabilities, and there are none.
    """
    scores = {}
    for name in columns:
        metric = evaluation.METRICS.get(name)
        if metric is None:
            continue
        if metric.of_probabilities and probabilities is None:
            raise Refusal(
                f"expected probabilities for {name}, got labels alone. Let predict go through a method "
                "predict_probabilities(X) of the same Model."
            )
        scores[name] = metric.function(truth, probabilities if metric.of_probabilities else predicted, classes)
    return scores


def checked_scores(scores: dict[str, float], columns: list[str]) -> dict[str, float]:
    """The scores that the leaderboard shows: an unknown column would stay blank there, and NaN stop the upload."""
    unknown = sorted(set(columns) - set(scores))
    if unknown:
        raise Refusal(f"expected columns among {sorted(scores)}, got {unknown}. Correct the leaderboard.")
    chosen = {name: scores[name] for name in columns}
    for name, value in chosen.items():
        if not math.isfinite(value) or abs(value) >= SCORE_LIMIT:
            raise Refusal(f"expected a number below {SCORE_LIMIT:g} for {name}, got {value}. Correct the metric.")
    return chosen


def confidence_bins(truth: np.ndarray, probabilities: np.ndarray) -> list[tuple[int, float, float]]:
    """The bins of the reliability diagram."""
    bins = evaluation.reliability(truth, probabilities)
    return [(bin_.images, bin_.confidence, bin_.accuracy) for bin_ in bins]


def by_corruption(path: Path, truth: np.ndarray, predicted: np.ndarray) -> dict[str, tuple[int, float]]:
    """Images and accuracy by corruption, the worst first; nothing where the test set names none."""
    if not path.is_file():
        return {}
    return evaluation.accuracy_by_corruption(truth, predicted, np.load(path).tolist())


if __name__ == "__main__":
    main()
