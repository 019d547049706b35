"""The notebooks are well formed and light; `test_wheel.py` runs them."""

import ast
import re
import shutil
from pathlib import Path

import nbformat
import pytest

from reports.make.notebooks import open_elsewhere

REPOSITORY = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
NAMES = ("01_explore", "02_clean", "03_augment", "04_train", "05_submit")


def test_all_five_are_there() -> None:
    assert tuple(path.stem for path in NOTEBOOKS) == NAMES


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_well_formed_and_light(path: Path) -> None:
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    assert path.stat().st_size < 1_500_000
    opening, closing = notebook.cells[0], notebook.cells[-1]
    assert opening.cell_type == "markdown"
    assert all(f"**{word}**" in opening.source for word in ("Reads", "Writes", "Costs"))
    assert closing.cell_type == "code" and "assert " in closing.source


def defined_in(module: str) -> set[str]:
    """The names at the top of a module of the kit, read from its source: to import it would take seconds."""
    place = REPOSITORY / "src" / Path(*module.split("."))
    source = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    names = {path.stem for path in place.iterdir()} if place.is_dir() else set()
    for node in ast.parse(source.read_text(encoding="utf-8")).body:
        named = node.targets if isinstance(node, ast.Assign) else [node]
        names |= {name for one in named for name in (getattr(one, "name", ""), getattr(one, "id", ""))}
        names |= {alias.name for alias in getattr(node, "names", ())}
        names |= {node.target.id} if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) else set()
    return names


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_name_that_a_notebook_imports_is_there(path: Path) -> None:
    code = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    told = "\n".join(line for source in code for line in source.splitlines() if line.startswith("from bloodcells"))
    for node in ast.parse(told).body:
        assert isinstance(node, ast.ImportFrom) and node.module
        assert {alias.name for alias in node.names} <= defined_in(node.module), ast.unparse(node)


def test_they_open_elsewhere_from_the_address_that_pyproject_names(tmp_path: Path) -> None:
    """Writing the links and the cell that installs again changes nothing."""
    shutil.copytree(REPOSITORY / "notebooks", tmp_path / "notebooks")
    for path in open_elsewhere(tmp_path / "notebooks", REPOSITORY / "pyproject.toml"):
        assert path.read_bytes() == (REPOSITORY / "notebooks" / path.name).read_bytes(), "run make reports"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_kept_outputs_name_no_folder_and_no_error(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.output_type == "error"]
    words = [str(output.get("text", "")) + str(output.get("data", {}).get("text/plain", "")) for output in outputs]
    assert not re.search(r"(^|[\s'\"(])(/[\w.-]+){2,}", "\n".join(words))
