"""Where a notebook runs, at home, on Colab or on Kaggle: where the pictures lie, and what outlives the session."""

import shutil
from dataclasses import dataclass
from html import escape
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from bloodcells.errors import say
from bloodcells.run import Config, Run

COLAB, KAGGLE = Path("/content"), Path("/kaggle")


@dataclass(frozen=True)
class Platform:
    """What is special of a place.

    Attributes:
        kept: the folder in which ``runs/`` outlives the session.
        searched: folders, and how deep in them a ``training_set.npz`` may lie (a pattern of `Path.glob`), in order.
        note: what the user should know; empty where there is nothing.
    """

    kept: Path
    searched: tuple[tuple[Path, str], ...]
    note: str = ""

    def data(self) -> str:
        """The first ``training_set.npz`` that is found; ``synthetic`` where there is none."""
        found = (path for folder, deep in self.searched for path in folder.glob(f"{deep}training_set.npz"))
        return str(next(found, "synthetic"))


def this_platform(root: Path) -> Platform:
    """Where this process runs; on Colab, Drive is mounted, for which Colab asks.

    Args:
        root: the folder that holds ``data/`` and ``runs/`` at home.
    """
    beside = ((root / "data", ""), (root, ""), (Path(), ""))
    if _on_colab():
        drive = _mounted_drive()
        if drive is None:
            note = "Drive is not mounted: what is written here ends with the session."
            return Platform(COLAB, (*beside, (COLAB, "")), note)
        return Platform(drive / "bloodcells", (*beside, (COLAB, ""), (drive, ""), (drive, "*/")))
    if (KAGGLE / "working").is_dir():
        return Platform(KAGGLE / "working", (*beside, (KAGGLE / "input", "**/")))
    return Platform(root, beside)


def bring_earlier_run(run: Path) -> None:
    """Copy the run folder of an earlier session to ``run``, unless a run has begun there.

    On Kaggle every notebook has a session of its own: the output of one is added to the next as an input.
    """
    earlier = sorted(path for path in (KAGGLE / "input").glob(f"**/{run.name}") if Run(path).holds(Config))
    if earlier and not Run(run).holds(Config):
        say(f"the run goes on that lies in {earlier[0]}")
        shutil.copytree(earlier[0], run, copy_function=shutil.copyfile, dirs_exist_ok=True)


def offer(path: Path) -> None:
    """Let the user download ``path``: by the browser on Colab, as a link elsewhere.

    IPython's ``FileLink`` puts the user's folders beside it, into the notebook that is handed on.
    """
    if _on_colab():
        from google.colab import files

        files.download(str(path))
        return
    from IPython.display import display

    link = f'<a href="{quote(path.as_posix())}" target="_blank">{escape(path.as_posix())}</a>'
    display({"text/html": link, "text/plain": path.as_posix()}, raw=True)


def _on_colab() -> bool:
    return find_spec("google") is not None and find_spec("google.colab") is not None


def _mounted_drive() -> Path | None:
    """The user's own folder of Drive; None where the user does not want it mounted, or it cannot be."""
    from google.colab import drive

    place = COLAB / "drive"
    try:
        drive.mount(str(place))
    except Exception:  # of several kinds, by what the user did in the dialogue
        return None
    return place / "MyDrive"
