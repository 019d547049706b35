"""Notebooks executed in place, with the outputs that are worth keeping."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from bloodcells.errors import KitError
from bloodcells.files import write_text


def execute(path: Path) -> None:
    """Run a notebook from top to bottom in its own folder, and write it back with its outputs.

    What came on standard error is left out (TensorFlow greets there, and names folders), and so are the times of the
    cells, which would make every execution another file.

    Raises:
        KitError: a cell fails; the file is left as it was.
    """
    notebook = nbformat.read(path, as_version=4)
    place = {"metadata": {"path": path.parent}}
    client = NotebookClient(notebook, timeout=None, kernel_name="python3", record_timing=False, resources=place)
    try:
        client.execute()
    except CellExecutionError as error:
        raise KitError(f"{path.name} stopped: {error.ename}: {error.evalue}. Repair it and run it again.") from error
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    write_text(path, nbformat.writes(notebook) + "\n")
