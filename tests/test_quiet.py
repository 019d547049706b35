"""TensorFlow is imported in silence; what it wrote is shown where the import fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TALKS = "import os; os.write(2, b'from the libraries\\n')\n"
LOOKS = "class config:\n    list_physical_devices = lambda: os.write(2, b'from the first look at GPUs\\n')\n"
FAILS = "raise ImportError('a library is missing')\n"


def imported(folder: Path, code: str, **environment: str) -> list[str]:
    """The lines on standard error when a process imports the kit and then a TensorFlow of this ``code``."""
    (folder / "tensorflow").mkdir()
    (folder / "tensorflow" / "__init__.py").write_text(code)
    script = (
        "import logging, sys, bloodcells, tensorflow; logging.getLogger('tensorflow').warning('of its Python'); "
        "print('of the program', file=sys.stderr)"
    )
    usual = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(folder)!r}); {script}"],
        stderr=subprocess.PIPE, text=True, env={**usual, **environment}, check=False,
    )  # fmt: skip
    return done.stderr.splitlines()


@pytest.mark.parametrize("inherited", [{}, {"TF_CPP_MIN_LOG_LEVEL": "3"}])
def test_its_libraries_write_nothing_while_it_is_imported(tmp_path: Path, inherited: dict[str, str]) -> None:
    assert imported(tmp_path, TALKS + LOOKS, **inherited) == ["of the program"]


def test_a_failed_import_shows_what_it_wrote_and_its_traceback(tmp_path: Path) -> None:
    first, *_, last = imported(tmp_path, TALKS + FAILS)
    assert (first, last) == ("from the libraries", "ImportError: a library is missing")


def test_whoever_asks_for_its_lines_gets_them(tmp_path: Path) -> None:
    lines = imported(tmp_path, TALKS + LOOKS, TF_CPP_MIN_LOG_LEVEL="0")
    assert lines[0] == "from the libraries" and lines[-2:] == ["of its Python", "of the program"]


def test_a_closed_standard_error_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "tensorflow").mkdir()
    (tmp_path / "tensorflow" / "__init__.py").write_text(LOOKS.replace("os.write", "print").replace("2, b", ""))
    script = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import bloodcells, tensorflow"
    assert subprocess.run(["sh", "-c", '"$@" 2>&-', "sh", sys.executable, "-c", script], check=False).returncode == 0
