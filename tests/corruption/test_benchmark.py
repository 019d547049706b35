import json

import numpy as np
import pytest
from competitions import BLOOD

from bloodcells.corruption import composite, medmnist_c, write_benchmark
from bloodcells.data.cells import load_cells
from bloodcells.errors import KitError
from bloodcells.files import sha256_of


@pytest.fixture(scope="module")
def cells(cells):
    return cells.take(np.unique(np.concatenate([np.flatnonzero(cells.labels == label)[:2] for label in range(8)])))


@pytest.fixture(scope="module")
def benchmark(cells, tmp_path_factory):
    out = tmp_path_factory.mktemp("a benchmark")
    write_benchmark(cells, out, seed=3)
    return out


def test_the_manifest_names_every_file_with_its_checksum(benchmark, cells):
    manifest = json.loads((benchmark / "manifest.json").read_text())
    assert manifest["cells_sha256"] == cells.sha256
    assert len(manifest["files"]) == 1 + len(medmnist_c.CORRUPTIONS) * len(medmnist_c.SEVERITIES)
    assert {path.relative_to(benchmark).as_posix() for path in benchmark.rglob("*.npz")} == set(manifest["files"])
    for name, checksum in manifest["files"].items():
        assert sha256_of(benchmark / name) == checksum


def test_a_copy_holds_the_corrupted_cells_with_their_labels(benchmark, cells):
    copy = load_cells(benchmark / "composite.npz", BLOOD)
    np.testing.assert_array_equal(copy.images, composite.corrupt(cells, 3).images)
    np.testing.assert_array_equal(copy.labels, cells.labels)
    assert len(copy.corruptions) == len(cells)
    assert set("+".join(copy.corruptions).split("+")) <= set(composite.FAMILY_OF)
    assert set(load_cells(benchmark / "medmnist_c" / "pixelate_3.npz", BLOOD).corruptions) == {"pixelate_3"}


def test_a_second_call_gives_the_same_checksums(benchmark, cells, tmp_path):
    again = write_benchmark(cells, tmp_path, seed=3)
    assert again.read_bytes() == (benchmark / "manifest.json").read_bytes()


def test_a_benchmark_that_is_there_is_not_overwritten(benchmark, cells):
    before = (benchmark / "manifest.json").read_bytes()
    with pytest.raises(KitError, match="holds a benchmark already"):
        write_benchmark(cells, benchmark, seed=4)
    assert (benchmark / "manifest.json").read_bytes() == before
