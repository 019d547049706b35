"""Makes this repository's own pages again from the records that lie beside them: ``make reports``.

Pictures of cells, which no record holds, stay as they were published: ``errors.jpg`` of a run, the galleries of an
ablation, and what ``bloodcells clean`` found in the file of real cells.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from bloodcells.errors import KitError
from bloodcells.pages.ablation_page import redraw_ablation
from bloodcells.pages.run_page import redraw_run
from reports.make.cleaning_benchmarks import write_benchmark_page
from reports.make.ensemble_page import write_ensembles_page
from reports.make.external_page import write_external_page
from reports.make.model_card import write_model_card
from reports.make.notebooks import execute, open_elsewhere
from reports.make.readme import write_readme
from reports.make.report import build_report
from reports.make.site import write_twins
from reports.make.speed_page import write_speed_page
from reports.make.story import ABLATION, RECIPES, write_story

REPOSITORY = Path(__file__).resolve().parents[2]


def main() -> str | None:
    """Make everything; return the line of an error, or None."""
    parser = argparse.ArgumentParser(prog="python -m reports.make", description=__doc__.splitlines()[0])
    parser.add_argument("--notebooks", action="store_true", help="execute the notebooks in place first: they train")
    options = parser.parse_args()
    try:
        if options.notebooks:
            for path in sorted((REPOSITORY / "notebooks").glob("*.ipynb")):
                execute(path)
                print(path.relative_to(REPOSITORY), flush=True)
        for path in made_pages(REPOSITORY):
            print(path.relative_to(REPOSITORY), flush=True)
    except KitError as error:
        return f"error: {error}"
    return None


def made_pages(repository: Path) -> Iterator[Path]:
    """Write page after page, those first whose pictures another one shows; give the path of each."""
    reports = repository / "reports"
    yield from open_elsewhere(repository / "notebooks", repository / "pyproject.toml")
    for record in sorted(reports.glob("*/record.json")):
        yield redraw_run(record.parent)
    for ablation in (ABLATION, RECIPES):
        yield redraw_ablation(reports / ablation)
    yield write_benchmark_page(reports / "cleaning")
    yield write_speed_page(reports / "speed")
    yield write_external_page(reports / "external")
    yield write_ensembles_page(reports)
    yield write_model_card(repository / "src" / "bloodcells" / "weights", reports / "external")
    yield from write_readme(repository / "README.md", reports)
    yield write_story(reports)
    yield from write_twins(reports)
    yield build_report(reports)


if __name__ == "__main__":
    sys.exit(main())
