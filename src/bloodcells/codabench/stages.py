"""One container run: its folders under ``/app``, its program, what counts as success, and what is taken from it."""

import os
import shlex
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import yaml

from bloodcells.codabench.isolation import Finished, Machine, run_isolated
from bloodcells.competition import Competition
from bloodcells.errors import KitError, first_line
from bloodcells.files import write_json

_HERE = Path(__file__).parent
PROGRAMS = _HERE / "programs"
_BESIDE: dict[str, tuple[Path, ...]] = {
    "ingestion": (),
    "scoring": (_HERE.parent / "measuring" / "evaluation.py", _HERE / "page.py", _HERE / "diagram.py"),
    "check": (PROGRAMS / "ingestion" / "ingestion.py",),
    "inspection": (_HERE / "modelfiles.py",),
}
"""Files that travel with each program."""
_FACTS = ("title", "classes", "metric", "leaderboard", "time_limit", "memory_limit", "hidden_images", "worker_versions")
_TAIL_LINES = 20
_NOTICEABLE = 0.2
_LARGEST_OUTPUT = 100_000_000  # bytes: labels and probabilities of 3,421 images have 200,000
_MOST_FILES = 100


class SubmissionFailed(KitError):
    """A submission that gets no score.

    Attributes:
        stage: ``zip``, ``prediction``, ``check`` or ``scoring``.
        log_tail: the last lines of what it printed, standard error last.
        at_a_limit: whether it was stopped for its time or its memory.
        remarks: what else is odd about it, one line each.
    """

    def __init__(self, stage: str, reason: str, log_tail: str = "", at_a_limit: bool = False) -> None:
        """``reason`` is the one line that the user reads."""
        super().__init__(reason)
        self.stage = stage
        self.log_tail = log_tail
        self.at_a_limit = at_a_limit
        self.remarks: list[str] = []


class Ended(NamedTuple):
    """How a run ended, and the files that it has written, read once: nothing of it is looked at again."""

    end: Finished
    files: dict[str, bytes]


@dataclass(frozen=True)
class Stage:
    """A container run: its name, the folder that stands for ``/app``, and where its logs go."""

    name: str
    app: Path
    logs: Path


def lay_out(name: str, work: Path) -> Stage:
    """Make the folders of the run ``name`` under ``work``, all but the one of its program."""
    stage = Stage(name, work.absolute() / name / "app", work.absolute() / name / "logs")
    for folder in (stage.app / "input_data", stage.app / "output", stage.logs):
        folder.mkdir(parents=True)
    return stage


def write_program(name: str, folder: Path, competition: Competition) -> None:
    """Write a program of a competition, one of those in ``PROGRAMS``, and all it needs, into ``folder``."""
    shutil.copytree(PROGRAMS / name, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for path in _BESIDE[name]:
        shutil.copy(path, folder)
    write_json(folder / "competition.json", competition_facts(competition))


def competition_facts(competition: Competition) -> dict[str, object]:
    """What the programs need to know of ``competition``; lies beside them as ``competition.json``."""
    return {key: getattr(competition, key) for key in _FACTS}


def run_program(stage: Stage, product: str, machine: Machine, working_directory: str = "program") -> Ended:
    """Run a stage's program as its ``metadata.yaml`` says; success means that ``product`` was written.

    Args:
        stage: laid out, its program included.
        product: a file of the output.
        machine: what it runs on.
        working_directory: below ``/app``.

    Raises:
        SubmissionFailed: it was killed, ended without ``product``, or wrote a file called ``metadata`` or too much.
    """
    end = run_isolated(_command(stage), stage.app, stage.logs, machine, f"/app/{working_directory}")
    if end.killed:
        advice = f"Make predict faster or smaller, or use a lower TTA level{busy_with_others(end.others)}."
        raise failure(stage, end, f"{end.killed}. {advice}")
    try:
        files = _files(stage.app / "output")
    except OSError as error:
        reason = f"expected a folder of at most {_MOST_FILES} files and {_LARGEST_OUTPUT:,} bytes as output"
        raise failure(stage, end, f"{reason}, got {error.strerror or error}. Write less.") from error
    if end.exit_code or product not in files:
        ending = f"signal {-end.exit_code}" if end.exit_code < 0 else f"exit code {end.exit_code}"
        reason = f"expected {product}, got {ending} and no such file. See the end of its output."
        raise failure(stage, end, _last_failure_line(end.stderr) or reason)
    if "metadata" in files:
        reason = "expected no file called metadata in the output, got one: Codabench writes its own. Rename it."
        raise failure(stage, end, reason)
    return Ended(end, files)


def _files(folder: Path) -> dict[str, bytes]:
    """The regular files of a folder whose owner is not trusted, by name: links lead nowhere, and pipes are not opened.

    Raises:
        OSError: it is no folder any more, or holds too much.
    """
    found: dict[str, bytes] = {}
    room = _LARGEST_OUTPUT
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        for name in sorted(os.listdir(opened)):  # noqa: PTH208 - of the opened folder, whatever its name leads to
            if not stat.S_ISREG(os.stat(name, dir_fd=opened, follow_symlinks=False).st_mode):
                continue
            file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=opened)
            with os.fdopen(file, "rb") as stream:
                found[name] = stream.read(room + 1)
            room -= len(found[name])
            if room < 0 or len(found) > _MOST_FILES:
                raise OSError("more")
        return found
    finally:
        os.close(opened)


def busy_with_others(share: float) -> str:
    """That other programs took so much of the processors' time, where it may have mattered; else nothing."""
    return f". Other programs took {share:.0%} of the processors meanwhile" if share > _NOTICEABLE else ""


def failure(stage: Stage, end: Finished, reason: str) -> SubmissionFailed:
    """The exception for a run that ended as ``end``, with the tail of its logs."""
    tail = []
    for path in (end.stdout, end.stderr):
        tail += path.read_text("utf-8", "replace").splitlines()[-_TAIL_LINES:]
    return SubmissionFailed(stage.name, f"{stage.name} run: {reason}", "\n".join(tail), bool(end.killed))


def _command(stage: Stage) -> list[str]:
    """The program and its arguments, with paths below ``/app``."""
    expected = f"{stage.name} program: expected 'command: python3 PROGRAM ...' in metadata.yaml"
    try:
        metadata = yaml.safe_load((stage.app / "program" / "metadata.yaml").read_text("utf-8"))
        interpreter, *words = shlex.split(str.strip(metadata["command"]))
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError, yaml.YAMLError) as error:
        raise KitError(f"{expected}, got none ({first_line(error)}). Write the bundle again.") from error
    if interpreter not in ("python", "python3") or not words:
        raise KitError(f"{expected}, got {metadata['command']!r:.80}. Write the bundle again.")
    return words


def _last_failure_line(stderr: Path) -> str:
    lines = [line for line in stderr.read_text("utf-8", "replace").splitlines() if line.startswith("FAILED ")]
    return lines[-1].removeprefix("FAILED ") if lines else ""
