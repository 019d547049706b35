from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from bloodcells.errors import KitError
from reports.make.notebooks import execute

pytestmark = pytest.mark.draws


def write(path: Path, *sources: str) -> None:
    nbformat.write(new_notebook(cells=[new_code_cell(source, id=f"c{n}") for n, source in enumerate(sources)]), path)


def test_outputs_are_kept_but_not_standard_error_and_times(tmp_path: Path) -> None:
    path = tmp_path / "small.ipynb"
    write(path, "import sys\nprint('kept')\nprint('dropped', file=sys.stderr)", "import os\nos.listdir()")
    execute(path)
    first, second = nbformat.read(path, as_version=4).cells
    assert [output.text for output in first.outputs] == ["kept\n"]
    assert second.outputs[0].data["text/plain"] == "['small.ipynb']"
    once = path.read_bytes()
    assert b"iopub" not in once
    execute(path)
    assert path.read_bytes() == once


def test_failing_cell_leaves_the_file(tmp_path: Path) -> None:
    path = tmp_path / "small.ipynb"
    write(path, "1 / 0")
    before = path.read_bytes()
    with pytest.raises(KitError, match=r"small\.ipynb stopped: ZeroDivisionError"):
        execute(path)
    assert path.read_bytes() == before
