"""Predictions as a file: what a Kaggle-style competition asks for instead of code."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from bloodcells.data.classes import matched, spelled
from bloodcells.data.sources.csv_table import read_rows
from bloodcells.errors import KitError, say
from bloodcells.files import refuse_to_overwrite, replacing, write_csv

FORMS = ("index", "name", "proba")


@dataclass(frozen=True)
class Layout:
    """How a file of predictions looks.

    Attributes:
        form: one of ``FORMS``: the index of the class, its name, or the probability of each.
        id_column: name of the first column.
        columns: names of the others, each with the index of the class whose probability it holds; with another form
            there is one.
        names: the names of the classes, as the file spells them.
        ids: the ids of its rows, in their order; None for all pictures in theirs.
    """

    form: str
    id_column: str
    columns: Mapping[str, int]
    names: Sequence[str]
    ids: Sequence[str] | None = field(default=None, repr=False)


def plain_layout(form: str, classes: Sequence[str]) -> Layout:
    """The kit's own: ``id,label``, or ``id`` and a column for each class."""
    proba = form == "proba"
    return Layout(form, "id", {name: place for place, name in enumerate(classes)} if proba else {"label": 0}, classes)


def layout_like(path: Path, classes: Sequence[str]) -> Layout:
    """The layout of a competition's ``sample_submission.csv``: its columns, spelling, ids and their order.

    The first column holds the ids. Beside it stands one column for each class, for probabilities; or one alone, whose
    values say whether it is for names, for indices, or, with fractions and two classes, for the second's probability.

    Raises:
        KitError: it is none of these.
    """
    (id_column, *others), *rows = read_rows(path)
    ids = tuple(row[0] for row in rows)
    if len(set(ids)) < len(ids):
        raise KitError(f"{path}: expected each id once in column {id_column}, got some twice. Correct it.")
    by_column = {name: place for name, place in matched(others, classes).items() if place is not None}
    if len(others) == len(classes) and sorted(by_column.values()) == list(range(len(classes))):
        return Layout("proba", id_column, by_column, classes, ids)
    if len(others) != 1:
        raise KitError(
            f"{path}: expected a column beside {id_column} for the label, or one for each class "
            f"({', '.join(classes)}), got {', '.join(others) or 'none'}. Give the sample of this competition."
        )
    values = {row[1] for row in rows}
    if len(classes) == 2 and all(map(_is_number, values)) and any("." in value for value in values):
        return Layout("proba", id_column, {others[0]: 1}, classes, ids)
    own = {spelled(value): value for value in values}
    names = tuple(own.get(spelled(name), name) for name in classes)
    by_name = any(spelled(name) in own for name in classes)
    return Layout("name" if by_name else "index", id_column, {others[0]: 0}, names, ids)


def refuse_to_write(path: Path, force: bool) -> None:
    """Refuse, before any work, a file that `write_predictions` would not write.

    Raises:
        KitError: it is no ``.csv`` or ``.npy``, or exists and ``force`` is not set.
    """
    if path.suffix not in (".csv", ".npy"):
        raise KitError(f"cannot write predictions to {path}: expected .csv or .npy, got {path.suffix!r}. Rename it.")
    refuse_to_overwrite(path, force)


def rows_of(layout: Layout, names: Sequence[str]) -> tuple[np.ndarray, Sequence[str]]:
    """Which pictures the file has rows for: their M places among the N ``names``, int64, and the id of each.

    An id of the layout may lack the folders and the suffix of the picture's name.

    Raises:
        KitError: there is no picture for an id.
    """
    if layout.ids is None:
        return np.arange(len(names)), names
    by_name: dict[str, int | None] = {}
    for place, name in enumerate(names):
        for spelling in {name, PurePosixPath(name).name, PurePosixPath(name).stem}:
            by_name[spelling] = None if spelling in by_name else place
    found = {one: by_name.get(one) for one in layout.ids}
    missing = [one for one, place in found.items() if place is None]
    if missing:
        raise KitError(
            f"expected a picture for each of the {len(found):,} ids of the sample, got none for {len(missing):,}, the "
            f"first {missing[0]}. Give the pictures of this sample, and mend those that cannot be read."
        )
    if len(names) > len(found):
        say(f"{len(names) - len(found):,} pictures are not in the sample and are left out", file=sys.stderr)
    return np.array(list(found.values()), np.int64), layout.ids


def write_predictions(path: Path, ids: Sequence[str], probabilities: np.ndarray, layout: Layout) -> None:
    """Write predictions as ``.csv``, or their bare labels or probabilities as ``.npy``.

    Args:
        path: the path of the file; replaced if it exists.
        ids: the ids of the M rows.
        probabilities: (M, C) of the classes.
        layout: the layout of the file.
    """
    if path.suffix == ".csv":
        write_csv(path, (layout.id_column, *layout.columns), _rows(ids, probabilities, layout))
        return
    with replacing(path) as beside:
        np.save(beside, probabilities if layout.form == "proba" else probabilities.argmax(axis=1))


def _rows(ids: Sequence[str], probabilities: np.ndarray, layout: Layout) -> Iterator[dict[str, object]]:
    for one, row in zip(ids, probabilities.tolist(), strict=True):
        label = int(np.argmax(row))
        said = {"index": label, "name": layout.names[label]}.get(layout.form)
        values = {column: f"{row[place]:.7g}" if said is None else said for column, place in layout.columns.items()}
        yield {layout.id_column: one, **values}


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True
