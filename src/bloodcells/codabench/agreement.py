"""One zip in two environments: what is scored here must be scored on the competition's machine as well."""

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from bloodcells.codabench.golden import GOLDEN_TOLERANCE
from bloodcells.codabench.prediction import Tell
from bloodcells.codabench.stages import SubmissionFailed
from bloodcells.codabench.task import Bundle
from bloodcells.codabench.worker import RESULTS, score
from bloodcells.data.cells import CellSet
from bloodcells.errors import KitError
from bloodcells.files import read_json, write_json

_OUTPUT = Path("scoring") / "app" / "input" / "res"


@dataclass(frozen=True)
class Agreement:
    """How far two environments agree on one submission.

    Attributes:
        versions: of Python and the packages that the submission loaded there, by name.
        images: how many were labelled.
        different_labels: how many of them otherwise.
        largest_difference: the largest difference of a probability, 0..1; None where the submission shows none.
    """

    versions: dict[str, str]
    images: int
    different_labels: int
    largest_difference: float | None

    def __str__(self) -> str:
        """In one line."""
        there = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        labels = f"{self.images - self.different_labels:,} of {self.images:,} labels equal"
        if self.largest_difference is None:
            return f"{there}: {labels}, no probabilities to compare"
        return f"{there}: {labels}, probabilities within {self.largest_difference:.1g}"


def score_with_worker(
    zip_path: Path, test_set: CellSet | Bundle, work: Path, python: str, tell: Tell, sandbox: str = "auto"
) -> tuple[dict[str, float], Agreement | None]:
    """Score a zip here and with another interpreter, which has the last word: what it needs may be there alone.

    Returns:
        The scores, and how far both agree; None where the zip scores there alone, which is a remark then.

    Raises:
        SubmissionFailed: it fails there.
        KitError: what `agree` raises.
    """
    python = _interpreter(python)
    try:
        scores = score(zip_path, test_set, work, tell=tell, sandbox=sandbox)
    except SubmissionFailed as error:
        tell(f"{error}. The other environment decides.")
        failed_here = str(error)
    else:
        tell(f"Now with {python}.")
        return scores, agree(zip_path, test_set, work, python, sandbox)
    there = work / "worker"
    scores = score(zip_path, test_set, there, python=python, tell=tell, sandbox=sandbox)
    for name in RESULTS:
        shutil.copyfile(there / name, work / name)
    record = read_json(there / "run.json")
    record["remarks"] = [
        f"scored with {python} alone; in the kit's own environment it fails ({failed_here.rstrip('.')})",
        *_version_remarks(record["versions"], test_set, python),
        *record["remarks"],
    ]
    write_json(work / "run.json", record)
    return scores, None


def agree(zip_path: Path, test_set: CellSet | Bundle, work: Path, python: str, sandbox: str = "auto") -> Agreement:
    """Score a zip with another interpreter and compare with the run that `worker.score` has left in ``work``.

    ``work`` gets the folder ``worker`` with that second run, and ``agreement.json``; the remarks of its ``run.json``
    say so where the interpreter has other versions than the competition's machine.

    Args:
        zip_path: the submission.
        test_set: what ``work`` was scored on.
        work: the folder of the first run.
        python: an interpreter with the versions of the machine that scores.
        sandbox: as `sandbox.chosen_sandbox` takes it.

    Raises:
        KitError: the interpreter cannot be run, a label differs, or a probability by more than ``GOLDEN_TOLERANCE``;
            what ``worker.score`` raises.
    """
    python = _interpreter(python)
    there = work / "worker"
    score(zip_path, test_set, there, checks=False, python=python, sandbox=sandbox)
    result = _compare(work, there)
    write_json(work / "agreement.json", asdict(result))
    record = read_json(work / "run.json")
    record["remarks"] += _version_remarks(result.versions, test_set, python)
    write_json(work / "run.json", record)
    if result.different_labels or (result.largest_difference or 0) > GOLDEN_TOLERANCE:
        raise KitError(
            "the zip gives other answers in the competition's environment: expected equal labels and probabilities "
            f"within {GOLDEN_TOLERANCE}, got {result}. Do not upload it."
        )
    return result


def _interpreter(python: str) -> str:
    """Its absolute path, since the worker starts it from other folders; not resolved: a link makes an environment."""
    if not Path(python).is_file():
        raise KitError(f"no interpreter at {python}. Build the environment with 'make test-worker'.")
    return str(Path(python).absolute())


def _version_remarks(versions: dict[str, str], test_set: CellSet | Bundle, python: str) -> list[str]:
    wanted = test_set.competition.worker_versions
    return [
        f"{python} is not the competition's environment: expected {name} {wanted[name]}, got {version}. Build it with "
        "'make test-worker'"
        for name, version in versions.items()
        if wanted.get(name, version) != version
    ]


def _compare(here: Path, there: Path) -> Agreement:
    labels = [_column(work / _OUTPUT / "predictions.csv") for work in (here, there)]
    paths = [work / _OUTPUT / "probabilities.npy" for work in (here, there)]
    difference = None
    if all(path.is_file() for path in paths):
        difference = float(np.abs(np.subtract(*(np.load(path) for path in paths))).max())
    return Agreement(
        versions=read_json(there / "run.json")["versions"],
        images=len(labels[0]),
        different_labels=int((labels[0] != labels[1]).sum()),
        largest_difference=difference,
    )


def _column(path: Path) -> np.ndarray:
    return np.array(path.read_text("utf-8").split()[1:], np.int64)
