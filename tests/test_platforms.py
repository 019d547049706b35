"""Colab and Kaggle, laid out in a folder."""

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

from bloodcells import platforms
from bloodcells.cleaning import CleaningSettings
from bloodcells.cleaning.decisions import Decision, Decisions
from bloodcells.errors import KitError
from bloodcells.notebook import read_settings

COLAB = """
DOWNLOADED = []

class drive:
    def mount(place):
        if not {allowed}:
            raise ValueError("mount failed")
        __import__("pathlib").Path(place, "MyDrive").mkdir(parents=True, exist_ok=True)

class files:
    download = DOWNLOADED.append
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, where neither of the two is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(platforms, "COLAB", tmp_path / "content")
    monkeypatch.setattr(platforms, "KAGGLE", tmp_path / "kaggle")
    for name in ("DATA", "PROFILE", "INIT", "CELLS", "RUN", "MINUTES", "DECISIONS"):
        monkeypatch.delenv(f"BLOODCELLS_{name}", raising=False)
    return tmp_path


@pytest.fixture
def colab(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    with_colab(home, monkeypatch, allowed=True)
    return home


def with_colab(home: Path, monkeypatch: pytest.MonkeyPatch, allowed: bool) -> None:
    package = home / "packages" / "google" / "colab"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(COLAB.format(allowed=allowed))
    google = ModuleType("google")
    google.__spec__ = ModuleSpec("google", None, is_package=True)
    google.__path__ = [str(package.parent)]
    monkeypatch.setitem(sys.modules, "google", google)
    monkeypatch.setitem(sys.modules, "google.colab", google)  # so that what the test imports goes with it
    del sys.modules["google.colab"]


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"cells")
    return path


def test_at_home_the_run_lies_in_runs_and_without_a_file_a_smear_is_drawn(home: Path) -> None:
    settings = read_settings()
    assert (settings.data, settings.run) == ("synthetic", Path("runs/synthetic-quick-0"))
    put(home / "data" / "training_set.npz")
    assert read_settings().data == "data/training_set.npz"


def test_on_kaggle_the_file_is_found_among_the_inputs_and_the_run_outlives_the_session(home: Path) -> None:
    (home / "kaggle" / "working").mkdir(parents=True)
    cells = put(home / "kaggle" / "input" / "blood" / "deep" / "training_set.npz")
    settings = read_settings()
    assert settings.data == str(cells)
    assert settings.run == home / "kaggle" / "working" / "runs" / "training_set-quick-0"


def test_on_kaggle_the_run_of_an_earlier_session_is_gone_on_with(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "kaggle" / "working").mkdir(parents=True)
    config = put(home / "kaggle" / "input" / "training" / "runs" / "synthetic-quick-0" / "config.json")
    config.chmod(0o444)
    run = read_settings().run
    assert (run / "config.json").read_bytes() == b"cells"
    assert str(config.parent) in capsys.readouterr().out
    (run / "config.json").write_bytes(b"gone on with")
    read_settings()
    assert (run / "config.json").read_bytes() == b"gone on with"
    assert capsys.readouterr().out == ""


def test_on_colab_drive_holds_the_run_and_an_uploaded_file_comes_before_one_in_drive(colab: Path) -> None:
    drive = colab / "content" / "drive" / "MyDrive"
    in_drive = put(drive / "competition" / "training_set.npz")
    settings = read_settings()
    assert settings.data == str(in_drive)
    assert settings.run == drive / "bloodcells" / "runs" / "training_set-quick-0"
    uploaded = put(colab / "content" / "training_set.npz")
    assert read_settings().data == str(uploaded)


def test_without_drive_the_user_is_told_that_the_run_ends_with_the_session(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_colab(home, monkeypatch, allowed=False)
    assert read_settings().run == home / "content" / "runs" / "synthetic-quick-0"
    assert "Drive is not mounted: what is written here ends with the session." in capsys.readouterr().out


def test_the_zip_is_offered_by_the_browser_on_colab(colab: Path) -> None:
    platforms.offer(Path("submission.zip"))
    assert sys.modules["google.colab"].DOWNLOADED == ["submission.zip"]


def test_the_zip_is_a_link_elsewhere(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import IPython.display

    shown = []
    monkeypatch.setattr(IPython.display, "display", lambda bundle, raw: shown.append(bundle))
    platforms.offer(Path("../runs/my & first/submission.zip"))
    (bundle,) = shown
    assert bundle["text/plain"] == "../runs/my & first/submission.zip"
    assert 'href="../runs/my%20%26%20first/submission.zip"' in bundle["text/html"]
    assert ">../runs/my &amp; first/submission.zip</a>" in bundle["text/html"]


@pytest.mark.parametrize("name", ["CELLS", "MINUTES"])
def test_what_should_be_a_number_is_refused_otherwise(home: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"BLOODCELLS_{name}", "many")
    with pytest.raises(KitError, match=f"BLOODCELLS_{name}: expected a number, got 'many'"):
        read_settings()


def test_what_a_person_decided_is_read_where_the_variable_names_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_settings().cleaning() == CleaningSettings()
    decisions = Decisions((Decision(3, "", "drop", ""),), "ab" * 32)
    decisions.write(home / "mine.csv")
    monkeypatch.setenv("BLOODCELLS_DECISIONS", "mine.csv")
    assert read_settings().cleaning() == CleaningSettings(decisions=decisions)
