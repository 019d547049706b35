"""Notebooks that open elsewhere, and that keep the outputs that are worth keeping."""

import json
import tomllib
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from bloodcells.errors import KitError
from bloodcells.files import write_text

_INSTALL = """\
# On Colab and Kaggle this installs the kit; where it is installed, nothing happens.
from importlib.util import find_spec
from pathlib import Path

if find_spec("bloodcells") is None:
    wheels = [*Path().glob("bloodcells-*.whl"), *Path("/kaggle/input").glob("**/bloodcells-*.whl")]
    kit = wheels[0] if wheels else "git+{address}"
    %pip install --quiet {{kit}}"""
_TRAINS = "04_train"


def open_elsewhere(folder: Path, pyproject: Path) -> list[Path]:
    """Let the notebooks in ``folder`` be opened on Colab and Kaggle: links, a cell that installs, and the GPU.

    Args:
        folder: the folder of the notebooks, in the repository.
        pyproject: the file that says where the repository is published.

    Returns:
        The files written: the notebooks, and the description that ``kaggle kernels push`` takes.
    """
    address = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]["urls"]["Repository"]
    paths = sorted(folder.glob("*.ipynb"))
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        opening, second = notebook.cells[:2]
        title, *rest = opening.source.split("\n")
        body = "\n".join(line for line in rest if not line.startswith("[Open in")).strip("\n")
        opening.source = f"{title}\n\n{links(address, path)}\n\n{body}"
        install = nbformat.v4.new_code_cell(_INSTALL.format(address=address), id="install")
        notebook.cells[1 : 2 if second.id == "install" else 1] = [install]
        notebook.metadata |= {"accelerator": "GPU", "colab": {"gpuType": "T4", "provenance": []}}
        write_text(path, nbformat.writes(notebook) + "\n")
    described = folder / "kernel-metadata.json"
    write_text(described, json.dumps(_kaggle_kernel(address), indent=2) + "\n")
    return [*paths, described]


def links(address: str, notebook: Path) -> str:
    """Two links in Markdown that open a notebook of the repository at ``address``."""
    place = f"blob/main/notebooks/{notebook.name}"
    colab = address.replace("https://github.com/", "https://colab.research.google.com/github/")
    kaggle = f"https://www.kaggle.com/kernels/welcome?src={address}/{place}"
    return f"[Open in Colab]({colab}/{place}) · [Open in Kaggle]({kaggle})"


def _kaggle_kernel(address: str) -> dict[str, object]:
    owner, name = address.removesuffix("/").split("/")[-2:]
    return {
        "id": f"{owner}/{name}",
        "title": name,
        "code_file": f"{_TRAINS}.ipynb",
        "language": "python",
        "kernel_type": "notebook",
        "is_private": True,
        "enable_gpu": True,
        "machine_shape": "NvidiaTeslaT4",
        "enable_internet": True,
        "dataset_sources": [],
        "competition_sources": [],
        "kernel_sources": [],
    }


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
