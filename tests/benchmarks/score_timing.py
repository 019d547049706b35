"""How long the local worker takes from a zip to its score, for as many images as the hidden set has.

    bloodcells package --run runs/training_set-full-0 --tta 0 --out runs/tta0.zip
    bloodcells package --run runs/training_set-full-0 --tta 1 --out runs/tta1.zip
    python tests/benchmarks/score_timing.py runs/tta0.zip runs/tta1.zip --data data/training_set.npz --json FILE

Every zip is scored on the same 3,421 cells (those of ``--data``, repeated where there are fewer), without the check run
and in a fresh process each time. The cost is that of the predictions: minutes a zip on two cores. The machine should
have nothing else to do: the figures are seconds, and the record names the hardware.
"""

import argparse
import json
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from bloodcells.codabench.worker import score
from bloodcells.competition import chosen_competition
from bloodcells.data.cells import CellSet
from bloodcells.data.sources import open_source
from bloodcells.files import read_json, sha256_of, write_json
from bloodcells.pages.tables import markdown_table

COLUMNS = ("zip", "tta", "images", "zip to score, s", "prediction run, s", "load, s", "predict, s", "images/s", "GB")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("zips", type=Path, nargs="+", metavar="ZIP")
    parser.add_argument("--data", default="synthetic", help="an .npz, synthetic or bloodmnist")
    parser.add_argument("--images", type=int, default=chosen_competition().hidden_images)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cells = repeated(open_source(options.data, Path("data"), chosen_competition()), options.images)
    rows = [measure(path, cells) for path in options.zips]
    print(table(rows))
    if options.json:
        from bloodcells.environment import describe_environment  # imports TensorFlow: after the measurement

        write_json(options.json, {"cells": cells.origin, "environment": describe_environment(), "zips": rows})


def repeated(cells: CellSet, images: int) -> CellSet:
    """``images`` cells: the first ones, or all of them again and again."""
    return cells.take(np.resize(np.arange(len(cells)), images))


def measure(zip_path: Path, cells: CellSet) -> dict[str, Any]:
    """One zip, unpacked, run and scored: seconds by stage, images in a second of predict, peak memory in bytes."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        started = time.perf_counter()
        scores = score(zip_path, cells, work, checks=False, time_limit=24 * 3600)
        seconds = time.perf_counter() - started
        run = read_json(work / "run.json")
        metadata = read_json(work / "prediction" / "app" / "output" / "metadata.json")
    return {
        "zip": zip_path.name,
        "zip_sha256": sha256_of(zip_path),
        "zip_bytes": zip_path.stat().st_size,
        "settings": settings(zip_path),
        "images": len(cells),
        "accuracy": scores["accuracy"],
        "zip_to_score_seconds": round(seconds, 2),
        "prediction_run_seconds": run["prediction"]["seconds"],
        "scoring_run_seconds": run["scoring"]["seconds"],
        "load_seconds": round(metadata["load_seconds"], 2),
        "predict_seconds": round(metadata["duration"], 2),
        "images_per_second": round(len(cells) / metadata["duration"], 1),
        "peak_memory": metadata["peak_memory"],
        "versions": run["versions"],
    }


def settings(zip_path: Path) -> dict[str, Any]:
    """What the zip's ``submission.json`` says of itself, without what is long; empty where there is none."""
    with zipfile.ZipFile(zip_path) as archive:
        if "submission.json" not in archive.namelist():
            return {}
        known = json.loads(archive.read("submission.json"))
    return {key: value for key, value in known.items() if isinstance(value, int | float | str)}


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as a Markdown table."""
    values = [
        (
            row["zip"],
            row["settings"].get("tta_level", ""),
            f"{row['images']:,}",
            f"{row['zip_to_score_seconds']:.1f}",
            f"{row['prediction_run_seconds']:.1f}",
            f"{row['load_seconds']:.1f}",
            f"{row['predict_seconds']:.1f}",
            f"{row['images_per_second']:.0f}",
            f"{row['peak_memory'] / 1e9:.2f}",
        )
        for row in rows
    ]
    return markdown_table(COLUMNS, values)


if __name__ == "__main__":
    main()
