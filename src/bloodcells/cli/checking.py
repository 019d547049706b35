"""The verbs that check the zips of others."""

import json
import sys
from argparse import Namespace
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bloodcells.cli import options
from bloodcells.cli.verb import Group, one_of, option
from bloodcells.errors import say
from bloodcells.files import read_json
from bloodcells.lock import lock_beside, lock_in

if TYPE_CHECKING:
    from bloodcells.codabench.task import Bundle
    from bloodcells.data.cells import CellSet

GROUP = Group("check the zips of others")


@GROUP.verb(
    "score",
    "score a submission zip as Codabench does, or rank a folder of them",
    lambda told: f"Scoring {told.zip} on {told.data or told.bundle} as Codabench does.",
    option("zip", type=Path, help="the submission, or a folder of submissions: scored to one table"),
    one_of(
        option("--data", help="labelled images, as for run"),
        option("--bundle", type=Path, help="a competition bundle: its programs and its hidden set"),
        required=True,
    ),
    *options.READING,
    options.COMPETITION,
    option("--worker", metavar="PYTHON", help="score with this interpreter as well, one with the versions of the "
           "competition's machine, and refuse a zip that answers otherwise there"),
    option("--sandbox", default="auto", metavar="HOW", help="auto: bubblewrap where it is installed; required: it, or "
           "a refusal, for strangers' zips; docker or docker=IMAGE; none (default: auto)"),
    option("--out", type=Path, help="folder to work in (default: runs/score/ZIP)"),
    option("--json", action="store_true", help="print the scores as one JSON object and nothing else"),
    lock=lambda told: lock_in(_score_folder(told)),
)  # fmt: skip
def _score(told: Namespace) -> None:
    if told.zip.is_dir():
        _rank(told)
    else:
        _score_one(told)


@GROUP.verb(
    "bundle",
    "write a Codabench competition with your own hidden set",
    lambda told: f"Packing a competition with the hidden set {told.data}; its solution is scored first.",
    option("--data", required=True, help="the hidden set: labelled images, as for run"),
    *options.READING,
    options.COMPETITION,
    option("--solution", type=Path, required=True, help="a submission zip, as package writes it"),
    option("--out", type=Path, required=True, help="the zip"),
    options.FORCE,
    lock=lambda told: lock_beside(told.out),
)
def _bundle(told: Namespace) -> None:
    from bloodcells.codabench.bundle import write_bundle

    summary = write_bundle(options.cells(told), told.solution, told.out, told.force)
    say(f"The solution scores {_in_words(summary.scores)}.", summary)


def _score_one(told: Namespace) -> None:
    from bloodcells.codabench.agreement import score_with_worker
    from bloodcells.codabench.worker import describe_run, score

    work, tell, agreement = _score_folder(told), _teller(told), None
    with redirect_stdout(sys.stderr):
        test_set = _test_set(told)
        if told.worker:
            scores, agreement = score_with_worker(told.zip, test_set, work, told.worker, tell, told.sandbox)
        else:
            scores = score(told.zip, test_set, work, tell=tell, sandbox=told.sandbox)
    if told.json:
        print(json.dumps(scores))
        return
    say(_in_words(scores))
    say(*describe_run(read_json(work / "run.json")))
    if agreement:
        say(f"Compared with {agreement}.")
    say(f"Look at {work / 'detailed_results.html'}.")


def _rank(told: Namespace) -> None:
    from bloodcells.codabench.ranking import PAGE, TABLE, rank_folder

    work, python = _score_folder(told), told.worker or sys.executable
    with redirect_stdout(sys.stderr):
        rows = rank_folder(told.zip, _test_set(told), work, python, _teller(told), told.sandbox)
    if told.json:
        print(json.dumps([asdict(row) for row in rows]))
        return
    say(*(f"{row.rank or '-'} {row.zip}: {row.reason or _in_words(row.scores)}" for row in rows))
    say(f"The table is {work / TABLE}, with a page beside it: {work / PAGE}.")


def _score_folder(told: Namespace) -> Path:
    return told.out or options.RUNS / "score" / told.zip.stem


def _test_set(told: Namespace) -> "CellSet | Bundle":
    from bloodcells.codabench.task import Bundle

    return Bundle(told.bundle, options.competition(told)) if told.bundle else options.cells(told)


def _teller(told: Namespace) -> Callable[[str], None]:
    return (lambda line: None) if told.json else partial(say, file=sys.stderr)


def _in_words(scores: dict[str, float]) -> str:
    units = {name: f"{value:.2f} s" if name == "duration" else f"{value:.4f}" for name, value in scores.items()}
    return ", ".join(f"{name} {value}" for name, value in units.items())
