"""One container run: its folders under ``/app``, its program, and what counts as success."""

import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

from bloodcells.codabench.isolation import Finished, Machine, run_isolated
from bloodcells.competition import Competition
from bloodcells.errors import KitError
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


def run_program(stage: Stage, product: str, machine: Machine, working_directory: Path) -> Finished:
    """Run a stage's program as its ``metadata.yaml`` says; success means that ``product`` was written.

    Raises:
        SubmissionFailed: it was killed, ended without ``product``, or wrote a file called ``metadata``.
    """
    program, *arguments = _command(stage.app)
    end = run_isolated(Path(program), arguments, working_directory, stage.logs, machine)
    if end.killed:
        advice = f"Make predict faster or smaller, or use a lower TTA level{busy_with_others(end.others)}."
        raise failure(stage, end, f"{end.killed}. {advice}")
    if end.exit_code or not (stage.app / "output" / product).is_file():
        ending = f"signal {-end.exit_code}" if end.exit_code < 0 else f"exit code {end.exit_code}"
        reason = f"expected {product}, got {ending} and no such file. See the end of its output."
        raise failure(stage, end, _last_failure_line(end.stderr) or reason)
    if (stage.app / "output" / "metadata").exists():
        reason = "expected no file called metadata in the output, got one: Codabench writes its own. Rename it."
        raise failure(stage, end, reason)
    return end


def busy_with_others(share: float) -> str:
    """That other programs took so much of the processors' time, where it may have mattered; else nothing."""
    return f". Other programs took {share:.0%} of the processors meanwhile" if share > _NOTICEABLE else ""


def failure(stage: Stage, end: Finished, reason: str) -> SubmissionFailed:
    """The exception for a run that ended as ``end``, with the tail of its logs."""
    tail = []
    for path in (end.stdout, end.stderr):
        tail += path.read_text("utf-8", "replace").splitlines()[-_TAIL_LINES:]
    return SubmissionFailed(stage.name, f"{stage.name} run: {reason}", "\n".join(tail), bool(end.killed))


def _command(app: Path) -> list[str]:
    """The program and its arguments, with ``/app`` replaced by the stage's folder."""
    text = (app / "program" / "metadata.yaml").read_text("utf-8")
    interpreter, *words = shlex.split(text.removeprefix("command:"))
    if interpreter not in ("python", "python3"):
        raise KitError(f"metadata.yaml: expected a command that starts with python3, got {interpreter}. Change it.")
    return [re.sub(r"^/app(?=/)", lambda _: str(app), word) for word in words]


def _last_failure_line(stderr: Path) -> str:
    lines = [line for line in stderr.read_text("utf-8", "replace").splitlines() if line.startswith("FAILED ")]
    return lines[-1].removeprefix("FAILED ") if lines else ""
