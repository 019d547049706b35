import subprocess
import sys

import pytest

import bloodcells

SLOW = ("tensorflow", "keras", "numpy", "matplotlib", "sklearn")


def test_importing_the_kit_imports_nothing_that_takes_time() -> None:
    script = f"import sys, bloodcells; print([name for name in {SLOW} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", bloodcells.__all__)
def test_public_name_is_there_when_asked_for(name: str) -> None:
    assert callable(getattr(bloodcells, name))
    assert name in dir(bloodcells)


def test_another_name_is_none_of_the_kit() -> None:
    with pytest.raises(AttributeError, match="module 'bloodcells' has no attribute 'load_cell'"):
        _ = bloodcells.load_cell
