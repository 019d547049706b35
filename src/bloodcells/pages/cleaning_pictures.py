"""What the cleaning page shows, as picture files for where HTML is not drawn: a repository's page, a slide, a mail."""

from pathlib import Path

from bloodcells.cleaning import CleaningSettings, CleaningTable
from bloodcells.cleaning.calibration import Calibration
from bloodcells.data.cells import CellSet
from bloodcells.pages.cleaning_figures import distance_distributions
from bloodcells.pages.galleries import dropped_images, suspected_labels
from bloodcells.pages.plots import save_contact_sheet, save_figure

DROPPED, SUSPECTS, DISTANCES = "dropped.jpg", "suspects.jpg", "distances.png"
_MOST = 60  # pictures on a sheet of suspects


def write_cleaning_pictures(
    folder: Path, cells: CellSet, table: CleaningTable, settings: CleaningSettings, calibration: Calibration
) -> None:
    """Write ``dropped.jpg``, ``distances.png`` and, where a label is suspected, ``suspects.jpg`` into ``folder``.

    Arguments as for `cleaning_page.write_cleaning_page`. A sheet of suspects from an earlier call is removed.
    """
    sheet = dropped_images(cells, table, f"What the cleaning drops ({cells.origin})")
    save_contact_sheet(sheet, folder / DROPPED)
    save_figure(distance_distributions(calibration, settings), folder / DISTANCES)
    if len(table.suspects):
        count = len(table.suspects)
        told = f"{count}" if count <= _MOST else f"The first {_MOST} of {count}"
        title = f"{told} doubtful labels, and the likelier ones ({cells.origin})"
        save_contact_sheet(suspected_labels(cells, table, title, most=_MOST), folder / SUSPECTS)
    else:
        (folder / SUSPECTS).unlink(missing_ok=True)
