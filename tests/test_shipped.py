from importlib import resources
from pathlib import Path

import pytest

from bloodcells.errors import KitError
from bloodcells.shipped import shipped

NAMES = ("submission/model.py", "LICENSE", "reports/ablation")


@pytest.mark.parametrize("name", NAMES)
def test_a_checkout_has_it_at_its_root(name: str) -> None:
    assert shipped(name) == Path(__file__).parents[1] / name


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a package that lies in no checkout."""
    package = tmp_path / "site-packages" / "bloodcells"
    package.mkdir(parents=True)
    monkeypatch.setattr(resources, "files", lambda name: tmp_path / "site-packages" / name)
    return package


@pytest.mark.parametrize("name", NAMES)
def test_a_wheel_has_it_in_the_package(name: str, installed: Path) -> None:
    (installed / name).mkdir(parents=True)
    assert shipped(name) == installed / name


def test_a_missing_piece_is_named(installed: Path) -> None:
    with pytest.raises(KitError, match=r"not whole: expected .*bloodcells/LICENSE, got no such file"):
        shipped("LICENSE")
