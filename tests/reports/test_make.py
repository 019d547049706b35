"""`make reports`: what is published is what its records make, and nothing else is needed."""

import shutil
from pathlib import Path

import pytest

from reports.make.__main__ import made_pages

pytestmark = pytest.mark.draws

REPOSITORY = Path(__file__).resolve().parents[2]
WEIGHTS = Path("src") / "bloodcells" / "weights"
MADE, DRAWN = (".md", ".html", ".json", ".pdf"), "*.png"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the records alone, its pages and drawings made from them."""
    copy = tmp_path_factory.mktemp("repository")
    shutil.copytree(REPOSITORY / "reports", copy / "reports", ignore=shutil.ignore_patterns(DRAWN, "*.pdf", "make"))
    shutil.copytree(REPOSITORY / WEIGHTS, copy / WEIGHTS, ignore=shutil.ignore_patterns("*.h5"))
    for name in ("README.md", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, copy)
    list(made_pages(copy))
    return copy


@pytest.mark.trains
def test_every_page_is_what_its_records_make(made: Path) -> None:
    pages = [path.relative_to(made) for path in made.rglob("*") if path.suffix in MADE]
    assert len(pages) > 60
    differing = [str(path) for path in pages if (made / path).read_bytes() != (REPOSITORY / path).read_bytes()]
    assert not differing, "run: make reports"


@pytest.mark.trains
def test_every_drawing_of_figures_is_made_again(made: Path) -> None:
    published = {path.relative_to(REPOSITORY) for path in (REPOSITORY / "reports").rglob(DRAWN)}
    shows_cells = {Path("reports/cleaning/distances.png")}  # made by `bloodcells clean` from the cells
    assert published - shows_cells == {path.relative_to(made) for path in made.rglob(DRAWN)}
