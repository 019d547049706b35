"""The technical report as a PDF: ``report.typ`` typeset with the records that lie beside it."""

from pathlib import Path
from typing import Any

import typst

from bloodcells.errors import KitError, first_line
from bloodcells.files import replacing
from bloodcells.pages.record import read_records


def build_report(reports: Path) -> Path:
    """Write ``report.pdf`` into ``reports``; return its path.

    Raises:
        KitError: the report or a record that it reads is missing, or does not fit.
    """
    with replacing(reports / "report.pdf") as beside:
        try:
            typeset(reports, output=beside, timestamp=0)
        except RuntimeError as error:
            raise KitError(
                f"{reports / 'report.typ'} cannot be typeset: {first_line(error)}. Make its records first."
            ) from error
    return reports / "report.pdf"


def typeset(reports: Path, **how: Any) -> Any:
    """What `typst.compile` makes of ``report.typ`` and of the records of every published run.

    Only what lies in the folder is read; the fonts are those that come with the typesetter.
    """
    runs = {"runs": ",".join(read_records(reports))}
    return typst.compile(reports / "report.typ", root=reports, ignore_system_fonts=True, sys_inputs=runs, **how)
