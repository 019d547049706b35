from importlib import metadata
from pathlib import Path

import pytest

from bloodcells import cli
from bloodcells.pins import differing_pins

REQUIREMENTS = Path(__file__).parents[1] / "requirements.txt"


def test_what_is_installed_otherwise_is_named(tmp_path: Path) -> None:
    numpy = metadata.version("numpy")
    path = tmp_path / "requirements.txt"
    path.write_text(f"# pins\nnumpy=={numpy}   # fine\npytest==0.1\nno-such-package==2.0\n")
    assert differing_pins(path) == {"pytest": ("0.1", metadata.version("pytest")), "no-such-package": ("2.0", "none")}


def test_an_import_error_in_another_environment_is_one_line_with_the_pins(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def fail(_: object) -> None:
        raise ImportError("cannot import name 'ops' from 'keras'")

    monkeypatch.setattr(cli, "_cells", fail)
    (tmp_path / "requirements.txt").write_text("keras==2.0\n")
    monkeypatch.setattr(cli, "CHECKOUT", tmp_path)
    assert cli.main(["clean", "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err == (
        "error: cannot import name 'ops' from 'keras': expected the packages of requirements.txt, "
        f"got keras {metadata.version('keras')} (2.0 is pinned). Install them with make run.\n"
    )


def test_an_import_error_with_every_pin_in_place_is_a_defect(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(_: object) -> None:
        raise ImportError("no such name")

    monkeypatch.setattr(cli, "_cells", fail)
    (tmp_path / "requirements.txt").write_text("")
    monkeypatch.setattr(cli, "CHECKOUT", tmp_path)
    with pytest.raises(ImportError):
        cli.main(["clean", "--out", str(tmp_path)])
