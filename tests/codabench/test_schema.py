"""competition.yaml: what Codabench's documentation requires, allows and leaves unsaid."""

import copy
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest

from bloodcells.codabench.bundle import definition
from bloodcells.codabench.schema import check_definition
from bloodcells.codabench.task import PARTS
from bloodcells.errors import KitError

FILES = ["competition.yaml", "logo.png", "pages/terms.md"]
FILES += [f"{name}.zip" for name in ("solution", "starting_kit", *PARTS)]
FILES += [f"pages/{name}.md" for name in ("overview", "data", "submission", "evaluation")]
Change = Callable[[dict[str, Any]], Any]


def changed(change: Change) -> dict[str, Any]:
    document = copy.deepcopy(definition())
    change(document)
    return document


def test_the_kits_own_definition_passes() -> None:
    check_definition(definition(), FILES)


SECOND = {"name": "Final", "start": "2030-01-02", "tasks": [0], "index": 1}


def ending(document: dict[str, Any], end: Any) -> None:
    document["phases"][0]["end"] = end
    document["phases"].append(dict(SECOND))


GOOD: dict[str, Change] = {
    "the version as text": lambda d: d.update(version="2"),
    "folders in place of zips": lambda d: d["tasks"][0].update(scoring_program="pages", reference_data="pages/"),
    "a second phase": lambda d: ending(d, "2030-01-01 23:59:59"),
    "dates that YAML has read": lambda d: ending(d, datetime(2030, 1, 1, 12)),
    "a day that YAML has read": lambda d: ending(d, date(2030, 1, 1)),
    "no solution": lambda d: d.pop("solutions"),
    "a computed column": lambda d: d["leaderboards"][0]["columns"].append(
        {"title": "Mean", "key": "mean", "index": 9, "computation": "avg", "computation_indexes": [0, 1]}
    ),
}


@pytest.mark.parametrize("change", GOOD.values(), ids=GOOD.keys())
def test_what_codabench_accepts(change: Change) -> None:
    check_definition(changed(change), FILES)


def column(**values: Any) -> Change:
    return lambda d: d["leaderboards"][0]["columns"][1].update(values)


def phase(**values: Any) -> Change:
    return lambda d: d["phases"][0].update(values)


BAD: dict[str, tuple[Change, str]] = {
    "another version": (lambda d: d.update(version=1.5), "version: expected 2, got 1.5"),
    "no title": (lambda d: d.pop("title"), ": expected title, got none"),
    "no pages": (lambda d: d.pop("pages"), ": expected pages, got none"),
    "an empty title": (lambda d: d.update(title=" "), "title: expected a text, got ' '"),
    "a missing logo": (lambda d: d.update(image="pi.png"), "image: expected a file of the bundle, got pi.png"),
    "missing terms": (lambda d: d.update(terms="terms.md"), "terms: expected a file of the bundle, got terms.md"),
    "the documentation's own slip": (
        lambda d: d.update(leaderboard=d.pop("leaderboards")),
        "got leaderboard, which Codabench drops in silence",
    ),
    "text for a flag": (lambda d: d.update(forum_enabled="yes"), "forum_enabled: expected True or False, got 'yes'"),
    "pages as a mapping": (lambda d: d.update(pages={"a": "b"}), "pages: expected a list of keys and values, got {"),
    "no tasks": (lambda d: d.update(tasks=[]), "tasks: expected a list of keys and values, got []"),
    "a page without its file": (lambda d: d["pages"][2].pop("file"), "pages[2]: expected file, got none"),
    "no scoring program": (
        lambda d: d["tasks"][0].pop("scoring_program"),
        "tasks[0]: expected scoring_program, got none",
    ),
    "two tasks of one index": (
        lambda d: d["tasks"].append(d["tasks"][0]),
        "tasks: expected a different index for each, got 0 twice",
    ),
    "a phase of an unknown task": (
        phase(tasks=[0, 3]),
        "phases[0].tasks: expected indices of tasks (0), got 3",
    ),
    "a phase without tasks": (phase(tasks=[]), "phases[0].tasks: expected a list of whole numbers, got []"),
    "a solution of an unknown task": (
        lambda d: d["solutions"][0].update(tasks=[1]),
        "solutions[0].tasks: expected indices of tasks (0), got 1",
    ),
    "no start": (lambda d: d["phases"][0].pop("start"), "phases[0]: expected start, got none"),
    "no date": (phase(start="soon"), "phases[0].start: expected a date such as '2026-01-31 14:30:00', got 'soon'"),
    "the 31st of February": (phase(start="2026-02-31"), "phases[0].start: expected a date"),
    "a limit in words": (phase(execution_time_limit="10 min"), "execution_time_limit: expected a whole number"),
    "an open phase before another": (
        lambda d: d["phases"].append(dict(SECOND)),
        "phases: expected an end of Hidden set, which has a phase after it, got none",
    ),
    "phases that touch": (
        lambda d: ending(d, "2030-01-02"),
        "phases: expected Final to start after Hidden set has ended, got 2030-01-02 00:00:00",
    ),
    "migration to the first phase": (phase(auto_migrate_to_this_phase=True), "on later phases alone, got it on the"),
    "no columns": (lambda d: d["leaderboards"][0].update(columns=[]), "columns: expected a list of keys and values"),
    "two columns of one key": (column(key="accuracy"), "expected a different key for each, got accuracy twice"),
    "two columns of one index": (column(index=0), "expected a different index for each, got 0 twice"),
    "a long title": (column(title="x" * 37), "columns[1].title: expected at most 36 characters, got 37"),
    "sorting upwards": (column(sorting="up"), "columns[1].sorting: expected desc, asc, got up"),
    "an unknown rule": (
        lambda d: d["leaderboards"][0].update(submission_rule="Best"),
        "submission_rule: expected Add, Add_And_Delete, ",
    ),
    "a computation of nothing": (column(computation="avg"), "expected computation and computation_indexes together"),
    "a computation of itself": (
        column(computation="avg", computation_indexes=[0, 1]),
        "columns[1].computation_indexes: expected indices of columns (0, 2, 3), got 1",
    ),
}


@pytest.mark.parametrize(("change", "line"), BAD.values(), ids=BAD.keys())
def test_what_codabench_would_refuse_or_misread(change: Change, line: str) -> None:
    with pytest.raises(KitError) as caught:
        check_definition(changed(change), FILES)
    assert line in str(caught.value)
    assert str(caught.value).startswith("competition.yaml") and "\n" not in str(caught.value)


def test_a_file_that_holds_no_definition() -> None:
    with pytest.raises(KitError, match=r"^competition\.yaml: expected keys and values, got NoneType"):
        check_definition(None, FILES)
