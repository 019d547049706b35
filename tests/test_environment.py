import getpass
import json
import socket
from importlib import metadata, resources
from pathlib import Path

import pytest

from bloodcells import cli, environment
from bloodcells.environment import (
    checkout_commit,
    describe_environment,
    installed_otherwise,
    installed_version,
    usable_cores,
)


def test_says_what_a_result_was_measured_with():
    environment = describe_environment()
    assert environment["packages"]["keras"].count(".") == 2
    assert environment["cores"] >= 1
    assert environment["accelerators"] == []


def test_names_no_machine_and_no_user():
    text = json.dumps(describe_environment())
    assert socket.gethostname() not in text
    assert getpass.getuser() not in text.split('"')


def test_tensorflow_may_be_installed_by_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name != "tensorflow-cpu":
            raise metadata.PackageNotFoundError(name)
        return "2.20.0"

    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setattr(metadata, "packages_distributions", lambda: {"tensorflow": ["tensorflow-cpu"]})
    assert installed_version("tensorflow") == "2.20.0"
    assert installed_version("keras") == "none"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the package takes for its checkout; with no requirements.txt it is none."""
    monkeypatch.setattr(resources, "files", lambda _: tmp_path / "src" / "bloodcells")
    return tmp_path


def test_a_checkout_asks_for_its_pins(checkout: Path) -> None:
    numpy, pytest_version = metadata.version("numpy"), metadata.version("pytest")
    pins = f"# pins\nnumpy=={numpy}   # fine\npytest==0.1\n"
    (checkout / "requirements.txt").write_text(pins)
    assert installed_otherwise() == {"pytest": ("==0.1", pytest_version)}
    (checkout / "requirements.txt").write_text(f"{pins}no-such-package==2.0\n")
    assert installed_otherwise() == {"no-such-package": ("==2.0", "none")}


def test_a_wheel_asks_for_the_ranges_that_it_declares(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    declared = ["numpy>=2.0", "keras<100,>=99", "ray==1.0; extra == 'ray'"]
    monkeypatch.setattr(metadata, "requires", lambda _: declared)
    assert installed_otherwise() == {"keras": ("<100,>=99", metadata.version("keras"))}
    monkeypatch.setattr(metadata, "requires", lambda _: [*declared, "no-such-package"])
    assert installed_otherwise() == {"no-such-package": ("", "none")}


def fail_to_import(_: object) -> None:
    raise ImportError("cannot import name 'ops' from 'keras'")


def test_an_import_error_in_another_environment_is_one_line_with_what_differs(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(cli.options, "cells", fail_to_import)
    (checkout / "requirements.txt").write_text("keras==2.0\n")
    assert cli.main(["clean", "--data", "synthetic", "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err == (
        "error: cannot import name 'ops' from 'keras': expected the packages that the kit asks for, "
        f"got keras {metadata.version('keras')} (asked for: ==2.0). Install those.\n"
    )


def test_an_import_error_with_everything_as_asked_is_a_defect(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cli.options, "cells", fail_to_import)
    (checkout / "requirements.txt").write_text("")
    with pytest.raises(ImportError):
        cli.main(["clean", "--data", "synthetic", "--out", str(tmp_path)])


def test_the_cores_are_those_that_the_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {1, 5, 6}, raising=False)
    assert usable_cores() == 3
    monkeypatch.delattr("os.sched_getaffinity")
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    assert usable_cores() == 4


def test_the_commit_is_that_of_the_checkout(monkeypatch, tmp_path):
    monkeypatch.setattr(environment, "__file__", str(tmp_path / "environment.py"))
    assert checkout_commit() is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert checkout_commit() is None
