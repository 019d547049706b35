"""A table that names picture files and their classes: a CSV beside them, as Kaggle hands it out."""

import csv
import io
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from bloodcells.data.sources.pictures import SUFFIXES as PICTURES
from bloodcells.data.sources.pictures import Listing, pictures_below
from bloodcells.errors import KitError, first_line, say

SUFFIXES = (".csv", ".tsv")
_LABELS = ("label", "labels", "class", "classname", "target", "category", "species", "diagnosis", "y")
_LOOKED_AT = 200  # rows from which a column is recognised

Files = Mapping[str, Path | None]
"""Picture files by path below the folder, by name and by stem; None where two have it and neither is meant."""


def tables_in(folder: Path) -> list[Path]:
    """The tables in ``folder`` that name picture files below it."""
    tables = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not tables:
        return []
    pictures = pictures_below(folder)
    return [path for path in tables if _file_column(read_rows(path), _by_name(path, pictures)) is not None]


def list_table(path: Path, columns: tuple[str, str] | None = None, labelled: bool = True) -> Listing:
    """The pictures that a table names, and their classes.

    Args:
        path: the path of the table; the pictures lie in its folder or in folders below it.
        columns: those of the file and the class; recognised, and said, when None.
        labelled: whether the classes are asked for.

    Raises:
        KitError: the table cannot be read, is empty, or its columns cannot be recognised.
    """
    rows, files = read_rows(path), _by_name(path, pictures_below(path.parent))
    header = rows[0]
    if any(_file(cell, files) for cell in header):  # a table without a header
        header = [str(place) for place in range(len(header))]
        rows = [header, *rows]
    labels: list[str] | None = None
    if columns:
        file_column, label_column = (_place(path, header, column) for column in columns)
        labels = [row[label_column] for row in rows[1:]]
    else:
        file_column = _guessed_files(path, rows, files)
        labels = _guessed_labels(path, rows, file_column) if labelled else None
    names = [row[file_column] for row in rows[1:]]
    found = [_file(name, files) for name in names]
    left = len({path for path in files.values() if path}) - len({one for one in found if one})
    if left > 0:
        say(f"{path.name}: pictures beside it that it does not name are left out: {left:,}", file=sys.stderr)
    return Listing(
        path,
        tuple(one or path.parent / PurePosixPath(name).name for one, name in zip(found, names, strict=True)),
        tuple(one.relative_to(path.parent).as_posix() if one else name for one, name in zip(found, names, strict=True)),
        tuple(_without_fraction(labels)) if labels else None,
    )


def _without_fraction(labels: Sequence[str]) -> Sequence[str]:
    """``6.0`` as ``6``, which pandas writes where a label was missing, if all labels are whole numbers."""
    whole = [re.fullmatch(r"(\d+)(\.0*)?", label) for label in labels]
    return [one[1] for one in whole if one] if all(whole) else labels


def read_rows(path: Path) -> list[list[str]]:
    """The header and the rows of a comma-, semicolon- or tab-separated table; all rows are as long as the header.

    Raises:
        KitError: it is missing, empty or no such table.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        head = text.partition("\n")[0]
        delimiter = max(",;\t", key=head.count)
        rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text), delimiter=delimiter) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise KitError(f"{path}: expected a table in UTF-8, got {first_line(error)}. Save it as CSV.") from error
    if len(rows) < 2:
        raise KitError(f"{path}: expected a header and a row for each picture, got {len(rows)} rows. Fill it.")
    wrong = next((place for place, row in enumerate(rows, start=1) if len(row) != len(rows[0])), None)
    if wrong:
        raise KitError(
            f"{path}: expected {len(rows[0])} columns in each row, got {len(rows[wrong - 1])} in row {wrong}. "
            "Correct it."
        )
    return rows


def _by_name(table: Path, pictures: Iterable[Path]) -> Files:
    """The pictures below the folder of a table; of two of one name, that in a folder which shares a word with it."""
    folder, words = table.parent, _words(table.stem)
    named: dict[str, list[Path]] = {}
    for path in pictures:
        for name in {path.relative_to(folder).as_posix(), path.name, path.stem}:
            named.setdefault(name, []).append(path)
    own = {
        name: [path for path in paths if words & _words(path.parent.relative_to(folder).as_posix())]
        for name, paths in named.items()
        if len(paths) > 1
    }
    return {name: chosen[0] if len(chosen := own.get(name, paths)) == 1 else None for name, paths in named.items()}


def _words(name: str) -> set[str]:
    return set(re.findall(r"[a-z]+", name.casefold()))


def _file(cell: str, files: Files) -> Path | None:
    """The picture that a cell names by its path, its name or its stem."""
    name = PurePosixPath(cell.replace("\\", "/"))
    return files.get(name.as_posix()) or files.get(name.name)


def _file_column(rows: Sequence[Sequence[str]], files: Files) -> int | None:
    """The column of which most cells name a picture; None where no column has one for half of its rows.

    A number may be the stem of a file and yet count the rows: of two columns the one with suffixes is meant.
    """
    looked_at = rows[1 : 1 + _LOOKED_AT]
    columns = [[row[place] for row in looked_at] for place in range(len(rows[0]))]
    hits = [sum(_file(cell, files) is not None for cell in column) for column in columns]
    whole = [sum(cell.lower().endswith(PICTURES) for cell in column) for column in columns]
    best = max(range(len(hits)), key=lambda place: (hits[place], whole[place]))
    return best if hits[best] * 2 >= len(looked_at) else None


def _guessed_files(path: Path, rows: Sequence[Sequence[str]], files: Files) -> int:
    column = _file_column(rows, files)
    if column is None:
        raise KitError(
            f"{path}: expected a column with names of pictures below {path.parent}, got {', '.join(rows[0])}. Put the "
            "pictures there, or name the columns with --keys FILE,LABEL."
        )
    return column


def _guessed_labels(path: Path, rows: Sequence[Sequence[str]], file_column: int) -> list[str] | None:
    """The class of each row: of the only other column, of the one called so, or of the column that holds the 1."""
    header, body = rows[0], rows[1:]
    others = [place for place in range(len(header)) if place != file_column]
    called = [place for place in others if header[place].replace("_", "").casefold() in _LABELS]
    if len(others) > 1 and len(called) != 1:
        one_hot = [[place for place in others if _is_one(row[place])] for row in body]
        if all(len(ones) == 1 for ones in one_hot):
            _say(path, header[file_column], "the column that holds the 1")
            return [header[ones[0]] for ones in one_hot]
        raise KitError(
            f"{path}: expected one column of labels beside {header[file_column]}, got "
            f"{', '.join(header[place] for place in others)}. Name the two with --keys {header[file_column]},LABEL."
        )
    if not others:
        return None
    label_column = called[0] if called else others[0]
    _say(path, header[file_column], header[label_column])
    return [row[label_column] for row in body]


def _say(path: Path, file_column: str, label_column: str) -> None:
    say(f"{path.name}: files from column {file_column}, labels from {label_column}; --keys changes that",
          file=sys.stderr)  # fmt: skip


def _is_one(cell: str) -> bool:
    try:
        return float(cell) == 1
    except ValueError:
        return False


def _place(path: Path, header: Sequence[str], column: str) -> int:
    if column not in header:
        raise KitError(f"{path}: expected the column {column}, got {', '.join(header)}. Correct --keys.")
    return header.index(column)
