"""What a person decided about single images: keep it, drop it, or keep it under another label."""

import csv
import hashlib
import io
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from bloodcells.data.cells import CellSet
from bloodcells.data.classes import matched
from bloodcells.data.sources.csv_table import read_rows
from bloodcells.errors import KitError, quoted
from bloodcells.files import write_text

KEEP, DROP, RELABEL = CHOICES = ("keep", "drop", "relabel")
COLUMNS = ("number", "file", "decision", "label", "cells")


@dataclass(frozen=True)
class Decision:
    """What is to happen to one image.

    Attributes:
        number: the number of the image, from 0.
        file: its name, for the reader alone; empty where it has none.
        choice: one of ``CHOICES``.
        label: the class in words; empty where it is not to change.
    """

    number: int
    file: str
    choice: str
    label: str


@dataclass(frozen=True)
class Decisions:
    """A person's decisions about one set of cells.

    Attributes:
        rows: by number, none twice.
        cells: SHA-256 of the cells, as `CellSet.sha256` gives it.
    """

    rows: tuple[Decision, ...]
    cells: str

    @cached_property
    def text(self) -> str:
        """All of them as the CSV file that the cleaning page saves."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows((row.number, row.file, row.choice, row.label, self.cells) for row in self.rows)
        return stream.getvalue()

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of ``text``: a file whose rows are in another order has the same."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def write(self, path: Path) -> None:
        """Write ``text``."""
        write_text(path, self.text)

    def choices(self, images: int) -> np.ndarray:
        """(``images``,) str: the choice for each image, empty where nothing was decided."""
        found = np.full(images, "", f"<U{max(map(len, CHOICES))}")
        for row in self.rows:
            found[row.number] = row.choice
        return found

    def relabelled(self, cells: CellSet) -> CellSet:
        """The ``cells`` with the labels that were decided.

        Raises:
            KitError: the decisions are about other cells, there is no such image, or no such class.
        """
        if self.cells != cells.sha256:
            raise KitError(
                f"the decisions were made for other cells: expected those of {cells.origin} with sha256 "
                f"{cells.sha256[:12]}, got {self.cells[:12]}. Decide on the page that clean writes for them."
            )
        last, labels = len(cells) - 1, cells.labels.copy()
        places = matched([row.label for row in self.rows if row.label], cells.competition.classes)
        for row in self.rows:
            if row.number > last:
                raise KitError(f"the decisions: expected numbers 0..{last}, got {row.number}. Correct them.")
            if row.label:
                place = places[row.label]
                if place is None:
                    raise KitError(
                        f"the decisions: expected one of {', '.join(cells.competition.classes)} for image "
                        f"{row.number}, got {quoted(row.label)}. Correct them."
                    )
                labels[row.number] = place
        return replace(cells, labels=labels)


def read_decisions(path: Path) -> Decisions:
    """Read what the cleaning page saved, or somebody wrote in its columns; ``file`` may be missing.

    Raises:
        KitError: it is missing or no such table, decides about an image twice, or mixes two sets of cells.
    """
    if not path.is_file():
        raise KitError(f"no decisions: expected the file {path}, got none. Save it on the page that clean writes.")
    header, *body = read_rows(path)
    lacking = [name for name in COLUMNS if name not in header and name != "file"]
    if lacking:
        raise KitError(f"{path}: expected the columns {', '.join(COLUMNS)}, got no {', '.join(lacking)}. Add them.")
    rows = [dict(zip(header, line, strict=True)) for line in body]
    found: dict[int, Decision] = {}
    for place, row in enumerate(rows, start=2):
        decision = _decision(row, f"{path}, row {place}")
        if decision.number in found:
            raise KitError(f"{path}, row {place}: expected each image once, got {decision.number} again. Remove one.")
        found[decision.number] = decision
    sets = {row["cells"] for row in rows}
    if len(sets) > 1:
        raise KitError(f"{path}: expected one checksum in the column cells, got {len(sets)}. Keep the rows of one set.")
    return Decisions(tuple(found[number] for number in sorted(found)), *sets)


def _decision(row: dict[str, str], where: str) -> Decision:
    number, choice, label = row["number"], row["decision"], row["label"]
    if not (number.isascii() and number.isdecimal() and len(number) <= 12):
        raise KitError(f"{where}: expected the number of an image, got {quoted(number)}. Correct it.")
    if choice not in CHOICES:
        raise KitError(f"{where}: expected one of {', '.join(CHOICES)}, got {quoted(choice)}. Correct it.")
    if bool(label) != (choice == RELABEL):
        wanted = "a label" if choice == RELABEL else "no label"
        raise KitError(f"{where}: expected {wanted} beside {choice}, got {quoted(label)}. Correct it.")
    return Decision(int(number), row.get("file", ""), choice, label)
