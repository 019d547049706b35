"""What a walk through the notebooks takes, from the first cell to the scored zip, in the environment that runs this.

    .venv-colab/bin/python tests/benchmarks/notebook_walk.py --data data/training_set.npz --platform Colab \\
        --json reports/speed/notebooks_colab.json

The notebooks run as a newcomer runs them, one after another in kernels of their own, in a new folder that only holds
them; the kit is the one that is installed. The profile is the quick one, unless ``BLOODCELLS_PROFILE`` names another.
The figures are seconds: the machine should have nothing else to do, and the record names it.
"""

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from bloodcells.environment import describe_environment
from bloodcells.files import read_json, write_json
from bloodcells.run import Measurement, Run

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
SETS = ("clean", "composite")


def main() -> None:
    """Walk, and write the record."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="a training set")
    parser.add_argument("--platform", required=True, help="whose packages these are, as the table names it")
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        record = walk(options.data.resolve(), Path(folder))
    write_json(options.json, {"platform": options.platform, **record, "environment": describe_environment()})
    for name, seconds in record["seconds"].items():
        print(f"{name}: {seconds:.0f} s")


def walk(data: Path, folder: Path) -> dict[str, Any]:
    """Run every notebook in ``folder`` on the cells in ``data``.

    Returns:
        ``cells``, the name of their file; ``images`` of the hold-out; ``profile``; ``seconds`` by notebook; ``scores``,
        the accuracy of the zip by set.
    """
    shutil.copytree(NOTEBOOKS, folder / "notebooks")
    run = folder / "run"
    profile = os.environ.setdefault("BLOODCELLS_PROFILE", "quick")
    os.environ |= {"BLOODCELLS_DATA": str(data), "BLOODCELLS_RUN": str(run)}
    seconds = {}
    for path in sorted((folder / "notebooks").glob("*.ipynb")):
        began = time.perf_counter()
        notebook, place = nbformat.read(path, as_version=4), {"metadata": {"path": str(path.parent)}}
        NotebookClient(notebook, timeout=None, kernel_name="python3", resources=place).execute()
        seconds[path.stem] = round(time.perf_counter() - began, 1)
    scores = {name: read_json(Run(run).score(name) / "scores.json")["accuracy"] for name in SETS}
    images = next(row.metrics.images for row in Run(run).rows(Measurement) if row.part == "holdout")
    return {"cells": data.name, "images": images, "profile": profile, "seconds": seconds, "scores": scores}


if __name__ == "__main__":
    main()
