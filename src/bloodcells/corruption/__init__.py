"""Frozen corrupted copies of a set of cells: what a network is tested on and never trained with."""

from pathlib import Path

from bloodcells.corruption import composite, medmnist_c
from bloodcells.data.cells import CellSet, save_cells
from bloodcells.errors import KitError, say
from bloodcells.files import claim, sha256_of, write_json

__all__ = ["write_benchmark"]


def write_benchmark(cells: CellSet, out: Path, seed: int) -> Path:
    """Write the composite and the 55 MedMNIST-C copies of ``cells`` as ``.npz`` files in the competition's format.

    Copies that are there already from an interrupted call are written again, to the same bytes.

    Args:
        cells: N cells; each copy takes N x S x S x 3 bytes.
        out: folder for ``composite.npz``, ``medmnist_c/<corruption>_<severity>.npz`` and ``manifest.json``.
        seed: the seed of every random draw.

    Returns:
        The path of ``manifest.json``: the origin and SHA-256 of ``cells``, the seed, and the SHA-256 of each file.

    Raises:
        KitError: a complete benchmark is there already, or files of somebody else.
    """
    manifest = out / "manifest.json"
    if manifest.exists():
        raise KitError(f"{out} holds a benchmark already: expected no {manifest.name}. Choose another --out.")
    claim(out, ("composite.npz", "medmnist_c", manifest.name))
    save_cells(out / "composite.npz", composite.corrupt(cells, seed))
    written = [out / "composite.npz"]
    for corruption in medmnist_c.CORRUPTIONS:
        for severity in medmnist_c.SEVERITIES:
            path = out / "medmnist_c" / f"{corruption}_{severity}.npz"
            save_cells(path, medmnist_c.corrupt(cells, corruption, severity, seed))
            written.append(path)
        say(f"{corruption}: {len(medmnist_c.SEVERITIES)} severities")
    write_json(
        manifest,
        {
            "cells": cells.origin,
            "cells_sha256": cells.sha256,
            "seed": seed,
            "files": {path.relative_to(out).as_posix(): sha256_of(path) for path in written},
        },
    )
    return manifest
