"""How fast a packed submission predicts, beside plain ``keras.Model.predict`` of the same network in one run.

    bloodcells evaluate --run runs/NAME --data data/training_set.npz --tta 1
    bloodcells package --run runs/NAME --out runs/NAME/submission.zip --tta 1
    python tests/benchmarks/predict_speed.py --run runs/NAME --data data/training_set.npz --out predict_speed.json

Both predict the run's clean and corrupted hold-out, in turns of 256 images, so that a busy machine slows both alike;
the ratio is what to go by. Plain is the mean over the views of the level, in batches of 64. Two fresh processes, with
the flatbuffer and without it, give the seconds to the first label, the first also the memory for many images at the
highest level. Some minutes on 2 cores; ``--images 256`` for a first look.
"""

import argparse
import contextlib
import io
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bloodcells import walk
from bloodcells.codabench.archive import extract
from bloodcells.codabench.packager import FLATBUFFER
from bloodcells.competition import chosen_competition
from bloodcells.data.cells import CellSet
from bloodcells.data.sources import open_source
from bloodcells.environment import describe_environment, usable_cores
from bloodcells.files import sha256_of, write_json
from bloodcells.network.inference import TTA_VIEWS, dihedral, views_of
from bloodcells.run import Run

TURN = 256
PLAIN_BATCH = 64
PROCESS = Path(__file__).with_name("predict_process.py")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--run", type=Path, required=True, help="a run folder with its submission.zip")
    parser.add_argument("--data", required=True, help="the cells of the run")
    parser.add_argument("--images", type=int, default=1_024, help="of each set")
    parser.add_argument("--many", type=int, default=20_000, help="images for the memory; 0 leaves it out")
    parser.add_argument("--out", type=Path, help="the record")
    options = parser.parse_args()
    parts = walk.parts_of(options.run, open_source(options.data, Path("data"), chosen_competition()))
    sets = {
        name: cells.take(np.arange(min(options.images, len(cells)))) for name, cells in parts.sets("holdout").items()
    }
    with tempfile.TemporaryDirectory() as folder:
        submission = Path(folder) / "submission"
        extract(Run(options.run).submission, submission)
        processes = measure_processes(submission, sets["composite"].images, options.many)
        model = load_model(submission)
        network = Run(options.run).network()
        levels = sorted({0, model.settings["tta_level"]})
        gate = model.settings["gate"]
        result = {
            "run": options.run.resolve().name,
            "zip_sha256": sha256_of(Run(options.run).submission),
            "working_size": model.settings["working_size"],
            "threads": usable_cores(),
            "gate": gate,
            "levels": {name: compare(model, network, cells, levels, gate) for name, cells in sets.items()},
            "batches": compare_batches(model.network, network, sets["clean"].images[:TURN]),
            "processes": processes,
            "environment": describe_environment(),
        }
    print(table(result))
    if options.out:
        write_json(options.out, result)


def compare(model: Any, network: Any, cells: CellSet, levels: Sequence[int], gate: float | None) -> dict[str, Any]:
    """Images a second, accuracy and equal labels of a submission, against the plain mean over the views.

    Args:
        model: a ``Model`` of a submission.
        network: the ``keras.Model`` that it was made from.
        cells: what both predict.
        levels: of test-time augmentation.
        gate: of the submission; None leaves the gated figures out.

    Returns:
        By level: ``plain``, ``all_views`` and, above level 0, ``gated``; each with ``images_per_second`` and
        ``accuracy``, the last two also with ``times`` (as many images a second as plain) and ``equal_labels``.
    """
    views = views_of(max(levels))
    seconds: dict[Any, float] = {}
    answers: dict[Any, list[np.ndarray]] = {}

    def turn(key: Any, predict: Callable[[np.ndarray], np.ndarray], images: np.ndarray) -> None:
        started = time.perf_counter()
        answer = predict(images)
        seconds[key] = seconds.get(key, 0.0) + time.perf_counter() - started
        answers.setdefault(key, []).append(answer)

    def plain(images: np.ndarray) -> np.ndarray:
        return network.predict(images, batch_size=PLAIN_BATCH, verbose=0)

    def packed(level: int, threshold: float | None) -> Callable[[np.ndarray], np.ndarray]:
        def predict(images: np.ndarray) -> np.ndarray:
            model.settings |= {"tta_level": level, "gate": threshold}
            return model.predict_probabilities(images)

        return predict

    ways = {("all_views", level): packed(level, None) for level in levels}
    if gate is not None:
        ways |= {("gated", level): packed(level, gate) for level in levels if level}
    for predict in (plain, *ways.values()):
        predict(cells.images[:PLAIN_BATCH])  # traces and allocates
    for start in range(0, len(cells), TURN):
        images = cells.images[start : start + TURN]
        for view in views:
            turn(("plain", view), plain, np.ascontiguousarray(dihedral(images, view)))
        for key, predict in ways.items():
            turn(key, predict, images)

    probabilities = {key: np.concatenate(parts) for key, parts in answers.items()}
    return {
        f"tta{level}": _level_figures(level, [way for way, at in ways if at == level], seconds, probabilities, cells)
        for level in levels
    }


def _level_figures(
    level: int,
    ways: Sequence[str],
    seconds: Mapping[Any, float],
    probabilities: Mapping[Any, np.ndarray],
    cells: CellSet,
) -> dict[str, Any]:
    places = range(TTA_VIEWS[level])
    plain_seconds = sum(seconds["plain", place] for place in places)
    plain = np.mean([probabilities["plain", place] for place in places], axis=0).argmax(axis=1)
    figures: dict[str, Any] = {
        "images": len(cells),
        "plain": {
            "images_per_second": round(len(cells) / plain_seconds, 1),
            "accuracy": float(np.mean(plain == cells.labels)),
        },
    }
    for way in ways:
        labels = probabilities[way, level].argmax(axis=1)
        figures[way] = {
            "images_per_second": round(len(cells) / seconds[way, level], 1),
            "times": round(plain_seconds / seconds[way, level], 2),
            "equal_labels": float(np.mean(labels == plain)),
            "accuracy": float(np.mean(labels == cells.labels)),
        }
    return figures


def compare_batches(packed: Any, network: Any, images: np.ndarray) -> dict[str, Any]:
    """Images a second at level 0 by batch size, of the packed network (flatbuffer or not) and of plain Keras."""
    figures = {}
    for batch_size in (1, 16, 64):
        pixels = images[: 16 * batch_size].astype(np.float32)
        rates = {}
        for name, one in {"plain": network, "packed": packed}.items():
            one.predict(pixels[:batch_size], batch_size=batch_size, verbose=0)
            started = time.perf_counter()
            if batch_size == 1:  # one call for each image, as where they come one at a time
                for pixel in pixels:
                    one.predict(pixel[None], batch_size=1, verbose=0)
            else:
                one.predict(pixels, batch_size=batch_size, verbose=0)
            rates[name] = round(len(pixels) / (time.perf_counter() - started), 1)
        figures[str(batch_size)] = {**rates, "times": round(rates["packed"] / rates["plain"], 2)}
    return figures


def measure_processes(submission: Path, images: np.ndarray, many: int) -> dict[str, Any]:
    """Seconds to the first label with and without the flatbuffer, and memory for ``many`` images at the last level."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.npy"
        np.save(path, images)
        figures = {"packed": _process(submission, path, many, len(TTA_VIEWS) - 1)}
        if (submission / FLATBUFFER).exists():
            bare = shutil.copytree(submission, Path(folder) / "keras")
            (bare / FLATBUFFER).unlink()
            figures["keras"] = _process(bare, path, 1, 0)
    return figures


def _process(submission: Path, images: Path, many: int, level: int) -> dict[str, float]:
    command = [sys.executable, str(PROCESS), str(submission), str(images), str(many), str(level)]
    end = subprocess.run(command, capture_output=True, text=True, check=True, cwd=submission)
    return json.loads(end.stdout.splitlines()[-1])


def load_model(submission: Path) -> Any:
    """``Model()`` of an unpacked submission."""
    sys.path.append(str(submission))
    try:
        with contextlib.redirect_stdout(io.StringIO()) as said:
            from model import Model

            model = Model()
    finally:
        sys.path.remove(str(submission))
    if said.getvalue():
        sys.exit(said.getvalue())
    return model


def table(result: Mapping[str, Any]) -> str:
    lines = [f"{result['working_size']} px, {result['threads']} threads, gate {result['gate']}"]
    for name, levels in result["levels"].items():
        for level, figures in levels.items():
            plain = figures["plain"]
            lines.append(
                f"{name} {level}, {figures['images']} images: plain {plain['images_per_second']}/s, "
                f"accuracy {plain['accuracy']:.4f}"
            )
            lines += [
                f"    {way}: {figures[way]['images_per_second']}/s = {figures[way]['times']} times, labels equal "
                f"{figures[way]['equal_labels']:.4f}, accuracy {figures[way]['accuracy']:.4f}"
                for way in ("all_views", "gated")
                if way in figures
            ]
    for batch_size, rates in result["batches"].items():
        lines.append(
            f"batch {batch_size}: plain {rates['plain']}/s, packed {rates['packed']}/s = {rates['times']} times"
        )
    for name, process in result["processes"].items():
        lines.append(
            f"{name}: loaded in {process['load_seconds']:.1f} s, first label {process['first_seconds']:.2f} s later; "
            f"{process['images']:,} images in {process['seconds']:.0f} s, peak {process['peak_memory'] / 1e9:.2f} GB"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
