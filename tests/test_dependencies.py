"""What pyproject.toml declares is what the kit imports, and replaces nothing where competitors train."""

import ast
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DECLARED = [Requirement(line) for line in PROJECT["dependencies"]]
PLATFORMS = sorted(Path(__file__).parent.glob("platforms/*.txt"))
"""What Colab and Kaggle have installed, from their public lists of versions."""


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda path: path.stem)
def test_pip_replaces_nothing_of_the_platform(platform: Path) -> None:
    lines = (line.split("==") for line in platform.read_text(encoding="utf-8").split())
    installed = {canonicalize_name(name): version for name, version in lines}
    found = [(one, installed[one.name]) for one in DECLARED if one.name in installed]
    assert len(found) >= 14
    assert [f"{one}, {version} is installed" for one, version in found if version not in one.specifier] == []


def test_every_package_that_the_kit_imports_is_declared_and_none_is_pinned() -> None:
    assert all("==" not in str(one) for one in DECLARED)
    declared = {canonicalize_name(one.name) for one in DECLARED}
    providers = metadata.packages_distributions()
    sources = [*REPOSITORY.glob("src/**/*.py"), *REPOSITORY.glob("submission/*.py")]
    elsewhere = {"jax", "ray", "IPython", "google"}  # extras, and what is there wherever a notebook runs
    foreign = set().union(*map(imported, sources)) - elsewhere - {"bloodcells", *(path.stem for path in sources)}
    assert not {name for name in foreign if not declared & set(map(canonicalize_name, providers[name]))}


def test_what_travels_in_the_zip_imports_nothing_of_the_kit() -> None:
    sources = [*REPOSITORY.glob("src/bloodcells/network/*.py"), *REPOSITORY.glob("submission/*.py")]
    assert len(sources) == 7
    assert set().union(*map(imported, sources)) == {"keras", "numpy", "tensorflow"}


def imported(source: Path) -> set[str]:
    """The packages that a module imports, without those of Python itself."""
    names = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module.split(".")[0])
    return names - sys.stdlib_module_names
