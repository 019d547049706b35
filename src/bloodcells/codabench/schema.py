"""What Codabench accepts as ``competition.yaml``, version 2.

Facts of docs.codabench.org (*Yaml Structure*, *Competition Bundle Structure*) and of what its unpacker does where the
documentation is silent: pages must be listed, the last phase alone may have no end, a phase must not begin when the
one before it ends, titles and keys have a largest length. A key that Codabench does not know is dropped there in
silence (``leaderboard`` for ``leaderboards``, say), so here it is refused. Tasks and data that are already on Codabench
may be named there by a UUID; here everything must be in the bundle.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from typing import Any

from bloodcells.errors import KitError


@dataclass(frozen=True)
class Key:
    """One key of the definition.

    Attributes:
        kind: a key of ``_KINDS``.
        required: whether it must be there.
        longest: characters of a text.
        choices: the only texts allowed; any where empty.
    """

    kind: str
    required: bool = False
    longest: int = 0
    choices: tuple[str, ...] = ()


DEFINITION: dict[str, Key] = {
    "version": Key("version 2", required=True),
    "title": Key("text", required=True),
    "image": Key("file", required=True),
    "terms": Key("file", required=True),
    "pages": Key("list", required=True),
    "phases": Key("list", required=True),
    "tasks": Key("list", required=True),
    "leaderboards": Key("list", required=True),
    "solutions": Key("list"),
    "description": Key("text"),
    "registration_auto_approve": Key("flag"),
    "docker_image": Key("text"),
    "make_programs_available": Key("flag"),
    "make_input_data_available": Key("flag"),
    "queue": Key("text"),
    "enable_detailed_results": Key("flag"),
    "show_detailed_results_in_submission_panel": Key("flag"),
    "show_detailed_results_in_leaderboard": Key("flag"),
    "contact_email": Key("text"),
    "reward": Key("text"),
    "auto_run_submissions": Key("flag"),
    "can_participants_make_submissions_public": Key("flag"),
    "forum_enabled": Key("flag"),
    "fact_sheet": Key("mapping"),
}
PAGE = {"title": Key("text", required=True), "file": Key("file", required=True)}
PHASE: dict[str, Key] = {
    "name": Key("text", required=True),
    "start": Key("date", required=True),
    "tasks": Key("indices", required=True),
    "end": Key("date"),
    "index": Key("whole number"),
    "description": Key("text"),
    "max_submissions": Key("whole number"),
    "max_submissions_per_day": Key("whole number"),
    "auto_migrate_to_this_phase": Key("flag"),
    "execution_time_limit": Key("whole number"),
    "hide_output": Key("flag"),
    "hide_prediction_output": Key("flag"),
    "hide_score_output": Key("flag"),
    "starting_kit": Key("file"),
    "public_data": Key("file"),
    "accepts_only_result_submissions": Key("flag"),
}
TASK: dict[str, Key] = {
    "index": Key("whole number", required=True),
    "name": Key("text", required=True),
    "scoring_program": Key("file", required=True),
    "description": Key("text"),
    "input_data": Key("file"),
    "reference_data": Key("file"),
    "ingestion_program": Key("file"),
    "ingestion_only_during_scoring": Key("flag"),
}
SOLUTION: dict[str, Key] = {
    "index": Key("whole number", required=True),
    "tasks": Key("indices", required=True),
    "path": Key("file", required=True),
    "name": Key("text"),
    "description": Key("text"),
}
LEADERBOARD: dict[str, Key] = {
    "title": Key("text", required=True, longest=64),
    "key": Key("text", required=True, longest=36),
    "columns": Key("list", required=True),
    "submission_rule": Key(
        "text",
        choices=(
            "Add",
            "Add_And_Delete",
            "Add_And_Delete_Multiple",
            "Force_Last",
            "Force_Latest_Multiple",
            "Force_Best",
        ),
    ),
    "hidden": Key("flag"),
}
COLUMN: dict[str, Key] = {
    "title": Key("text", required=True, longest=36),
    "key": Key("text", required=True, longest=36),
    "index": Key("whole number", required=True),
    "sorting": Key("text", choices=("desc", "asc")),
    "computation": Key("text", choices=("sum", "avg", "min", "max")),
    "computation_indexes": Key("indices"),
    "precision": Key("whole number"),
    "hidden": Key("flag"),
}

_KINDS: dict[str, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str) and value.strip() != "",
    "file": lambda value: isinstance(value, str) and value.strip() != "",
    "flag": lambda value: isinstance(value, bool),
    "whole number": lambda value: _is_whole(value),
    "indices": lambda value: isinstance(value, list) and value != [] and all(map(_is_whole, value)),
    "date": lambda value: _as_time(value) is not None,
    "list": lambda value: isinstance(value, list) and value != [] and all(isinstance(item, dict) for item in value),
    "mapping": lambda value: isinstance(value, dict),
    "version 2": lambda value: str(value) == "2",
}


def check_definition(definition: Any, files: Collection[str]) -> None:
    """Refuse a definition that Codabench would refuse, crash on, or understand otherwise.

    Args:
        definition: what ``competition.yaml`` holds.
        files: names of the files in the bundle, ``/`` between folders.

    Raises:
        KitError: the first thing that is wrong, by its place in the file.
    """
    _check(definition, DEFINITION, files, "")
    for name, keys in (("pages", PAGE), ("tasks", TASK), ("solutions", SOLUTION), ("phases", PHASE)):
        for place, item in enumerate(definition.get(name, [])):
            _check(item, keys, files, f"{name}[{place}]")
    known = _unique(definition["tasks"], "index", "tasks")
    for name in ("phases", "solutions"):
        for place, item in enumerate(definition.get(name, [])):
            _check_pointers(item["tasks"], known, f"{name}[{place}].tasks", "of tasks")
    _unique(definition.get("solutions", []), "index", "solutions")
    _check_order(definition["phases"])
    for place, leaderboard in enumerate(definition["leaderboards"]):
        _check_leaderboard(leaderboard, files, f"leaderboards[{place}]")


def _check(value: Any, keys: Mapping[str, Key], files: Collection[str], place: str) -> None:
    """Check one mapping against its keys."""
    if not isinstance(value, dict):
        raise _refusal(place, f"expected keys and values, got {type(value).__name__}")
    unknown = [str(name) for name in value if name not in keys]
    if unknown:
        raise _refusal(place, f"expected only {', '.join(keys)}, got {unknown[0]}, which Codabench drops in silence")
    missing = [name for name, key in keys.items() if key.required and name not in value]
    if missing:
        raise _refusal(place, f"expected {missing[0]}, got none")
    for name, item in value.items():
        _check_value(item, keys[name], files, f"{place}.{name}" if place else name)


def _check_value(value: Any, key: Key, files: Collection[str], place: str) -> None:
    if not _KINDS[key.kind](value):
        raise _refusal(place, f"expected {_WORDS.get(key.kind, f'a {key.kind}')}, got {value!r}")
    if key.choices and value not in key.choices:
        raise _refusal(place, f"expected {', '.join(key.choices)}, got {value}")
    if key.longest and len(value) > key.longest:
        raise _refusal(place, f"expected at most {key.longest} characters, got {len(value)}")
    if key.kind == "file" and not any(file == value or file.startswith(f"{value.rstrip('/')}/") for file in files):
        raise _refusal(place, f"expected a file of the bundle, got {value}")


_WORDS = {
    "indices": "a list of whole numbers",
    "list": "a list of keys and values",
    "flag": "True or False",
    "date": "a date such as '2026-01-31 14:30:00'",
    "version 2": "2",
}


def _check_leaderboard(leaderboard: Any, files: Collection[str], place: str) -> None:
    _check(leaderboard, LEADERBOARD, files, place)
    for number, column in enumerate(leaderboard["columns"]):
        _check(column, COLUMN, files, f"{place}.columns[{number}]")
    indices = _unique(leaderboard["columns"], "index", f"{place}.columns")
    _unique(leaderboard["columns"], "key", f"{place}.columns")
    for number, column in enumerate(leaderboard["columns"]):
        where = f"{place}.columns[{number}]"
        if ("computation" in column) != ("computation_indexes" in column):
            raise _refusal(where, "expected computation and computation_indexes together, got one")
        others = [index for index in indices if index != column["index"]]
        _check_pointers(column.get("computation_indexes", []), others, f"{where}.computation_indexes", "of columns")


def _check_pointers(pointers: list[int], known: list[int], place: str, words: str) -> None:
    wrong = [pointer for pointer in pointers if pointer not in known]
    if wrong:
        raise _refusal(place, f"expected indices {words} ({', '.join(map(str, known))}), got {wrong[0]}")


def _unique(items: list[dict[str, Any]], name: str, place: str) -> list[Any]:
    """The values of ``name``, all of them different."""
    values = [item[name] for item in items]
    twice = [value for value in values if values.count(value) > 1]
    if twice:
        raise _refusal(place, f"expected a different {name} for each, got {twice[0]} twice")
    return values


def _check_order(phases: list[dict[str, Any]]) -> None:
    """Phases follow each other by index, without overlap; only the last may be open."""
    ordered = sorted(phases, key=lambda phase: phase.get("index", 0))
    if ordered[0].get("auto_migrate_to_this_phase"):
        raise _refusal("phases", "expected auto_migrate_to_this_phase on later phases alone, got it on the first")
    for before, after in pairwise(ordered):
        name, ends, starts = before["name"], _as_time(before.get("end")), _as_time(after["start"])
        if ends is None:
            raise _refusal("phases", f"expected an end of {name}, which has a phase after it, got none")
        if starts is None or starts <= ends:
            raise _refusal("phases", f"expected {after['name']} to start after {name} has ended, got {starts}")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _as_time(value: Any) -> datetime | None:
    """A date of the file as a time; YAML reads unquoted ones itself."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    if isinstance(value, str) and re.match(r"\d{4}-\d{2}-\d{2}", value):
        try:
            return datetime.fromisoformat(value).replace(tzinfo=None)
        except ValueError:
            return None
    return None


def _refusal(place: str, reason: str) -> KitError:
    where = f"competition.yaml, {place}" if place else "competition.yaml"
    return KitError(f"{where}: {reason}. Correct it, or write the bundle again.")
