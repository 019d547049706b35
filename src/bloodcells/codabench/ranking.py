"""A folder of submissions, as a teacher has them: all are scored alike, and one table ranks them with the reasons."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bloodcells.codabench import page
from bloodcells.codabench.prediction import Tell
from bloodcells.codabench.stages import SubmissionFailed
from bloodcells.codabench.task import Bundle
from bloodcells.codabench.worker import score
from bloodcells.competition import Competition
from bloodcells.data.cells import CellSet
from bloodcells.errors import KitError
from bloodcells.files import claim, read_json, write_csv, write_text
from bloodcells.measuring.evaluation import METRICS

TABLE, PAGE = "ranking.csv", "ranking.html"


@dataclass(frozen=True)
class Row:
    """One submission.

    Attributes:
        zip: its file name.
        scores: the leaderboard's columns; empty where it failed.
        reason: why it failed, in one line; empty where it did not.
        remarks: what is odd about it, one line each.
        rank: from 1; equal scores share one; None where it failed.
    """

    zip: str
    scores: dict[str, float]
    reason: str
    remarks: tuple[str, ...]
    rank: int | None = None


def rank_folder(
    folder: Path, test_set: CellSet | Bundle, out: Path, python: str, tell: Tell, sandbox: str = "auto"
) -> list[Row]:
    """Score every zip in ``folder`` and rank them by the competition's metric.

    ``out`` gets ``ranking.csv``, ``ranking.html``, both renewed after each zip, and for each zip a folder by its name
    with what `worker.score` writes.

    Args:
        folder: the folder of the zips; not searched further down.
        test_set: what all are scored on.
        out: folder to work in.
        python: the interpreter of all runs.
        tell: called with a line for each stage, as it happens.
        sandbox: as `sandbox.chosen_sandbox` takes it.

    Returns:
        The rows, the best first, what failed last.

    Raises:
        KitError: there is no zip, or what `worker.score` raises that is not the submission's fault.
    """
    zips = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".zip" and path.is_file())
    if not zips:
        raise KitError(f"{folder}: expected submission zips, got none. Give the folder that holds them.")
    claim(out, (TABLE, PAGE))
    competition, rows = test_set.competition, list[Row]()
    for count, path in enumerate(zips, start=1):
        tell(f"{count} of {len(zips)}: {path.name}")
        rows = ranked([*rows, _scored(path, test_set, out / path.name, python, tell, sandbox)], competition)
        _write(rows, competition, out)
    return rows


def ranked(rows: Sequence[Row], competition: Competition) -> list[Row]:
    """The rows in the order of the competition's metric, with their ranks."""
    metric = competition.metric
    sign = -1 if METRICS[metric].higher_is_better else 1
    values = sorted(sign * row.scores[metric] for row in rows if row.scores)
    numbered = (replace(row, rank=values.index(sign * row.scores[metric]) + 1 if row.scores else None) for row in rows)
    return sorted(numbered, key=lambda row: (row.rank is None, row.rank or 0, row.zip))


def _scored(path: Path, test_set: CellSet | Bundle, work: Path, python: str, tell: Tell, sandbox: str) -> Row:
    try:
        scores = score(path, test_set, work, python=python, tell=tell, sandbox=sandbox)
    except SubmissionFailed as error:
        return Row(path.name, {}, str(error), tuple(error.remarks))
    return Row(path.name, scores, "", tuple(read_json(work / "run.json")["remarks"]))


def _write(rows: Sequence[Row], competition: Competition, out: Path) -> None:
    columns = ("rank", "zip", *competition.leaderboard, "reason", "remarks")
    table: list[dict[str, Any]] = [
        {
            **dict.fromkeys(competition.leaderboard, ""),
            **row.scores,
            "rank": row.rank or "",
            "zip": row.zip,
            "reason": row.reason,
            "remarks": "; ".join(row.remarks),
        }
        for row in rows
    ]
    write_csv(out / TABLE, columns, table)
    write_text(out / PAGE, page.ranking_page(competition.title, competition.leaderboard, table))
