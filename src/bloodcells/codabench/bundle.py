"""A competition bundle: all that a teacher uploads to Codabench to run this competition with their own hidden set."""

import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import yaml
from PIL import Image
from repro_zipfile import ReproducibleZipFile

from bloodcells.codabench.archive import WrittenZip, check_archive
from bloodcells.codabench.golden import golden_images
from bloodcells.codabench.task import PARTS, Bundle, write_task
from bloodcells.codabench.worker import score
from bloodcells.competition import Competition
from bloodcells.data.cells import CellSet
from bloodcells.files import refuse_to_overwrite, replacing, sha256_of
from bloodcells.measuring.evaluation import METRICS
from bloodcells.shipped import shipped

FILES = Path(__file__).with_name("bundle_files")
"""Pages and starting kit, with ``$name`` where a fact of the competition belongs."""
PAGES = {"Overview": "overview.md", "Data": "data.md", "Submission": "submission.md", "Evaluation": "evaluation.md"}
"""The pages by their titles, in the order of the site; terms.md is shown apart."""
OPENS = "2024-01-01 00:00:00"
"""When the phase begins: a fixed day in the past, so that it is open at once and two bundles are equal."""


@dataclass(frozen=True)
class BundleSummary(WrittenZip):
    """A written bundle, equal for equal cells and an equal solution.

    Attributes:
        scores: the scores of the sample solution, run by the local worker in this very bundle.
    """

    scores: dict[str, float]


def write_bundle(cells: CellSet, solution: Path, out: Path, force: bool = False) -> BundleSummary:
    """Write a competition bundle with ``cells`` as its hidden set.

    It is put in its place only after the local worker has unpacked it, read its definition, and scored the solution
    with the programs and the data that are in it.

    Args:
        cells: the hidden set.
        solution: a submission zip; organisers see it, participants do not.
        out: the zip to write.
        force: replace ``out`` if it exists.

    Raises:
        KitError: ``out`` exists, or the solution is not fit or does not score.
    """
    refuse_to_overwrite(out, force)
    check_archive(solution, cells.competition.size_limit)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _collect(cells, solution, folder)
        built = folder / out.name
        members = _write_zip(folder / "bundle", built)
        scores = score(solution, Bundle(built, cells.competition), folder / "work")
        with replacing(out) as beside:
            shutil.copyfile(built, beside)
    return BundleSummary(out, out.stat().st_size, sha256_of(out), members, scores)


def _collect(cells: CellSet, solution: Path, folder: Path) -> None:
    """Lay out the files of the bundle in ``folder/bundle``; programs, data and kit as zips, as Codabench keeps them.

    Its own zipping of folders would put them beside those of other bundles that are unpacked at the same time.
    """
    bundle, facts = folder / "bundle", _facts(cells)
    _fill(FILES / "pages", bundle / "pages", facts)
    _fill(FILES / "starting_kit", folder / "starting_kit", facts)
    task = write_task(cells, folder / "task")
    for part in PARTS:
        _write_zip(task.folder / part, bundle / f"{part}.zip")
    _write_zip(folder / "starting_kit", bundle / "starting_kit.zip")
    shutil.copyfile(solution, bundle / "solution.zip")
    shutil.copyfile(shipped("LICENSE"), bundle / "LICENSE")
    _draw_logo(bundle / "logo.png", cells.competition.image_size)
    text = yaml.safe_dump(definition(cells.competition), sort_keys=False, width=120, allow_unicode=True)
    (bundle / "competition.yaml").write_text(text, "utf-8", newline="\n")


def definition(competition: Competition) -> dict[str, Any]:
    """``competition.yaml``: one phase that is open at once and has no end, one task, one leaderboard."""
    columns = _leaderboard_columns(competition)
    return {
        "version": 2,
        "title": competition.title,
        "description": f"Images of single cells in {len(competition.classes)} classes. Upload code and weights.",
        "image": "logo.png",
        "terms": "pages/terms.md",
        "docker_image": f"tensorflow/tensorflow:{competition.worker_versions['tensorflow']}",
        "registration_auto_approve": False,
        "make_programs_available": True,
        "make_input_data_available": False,
        "enable_detailed_results": True,
        "pages": [{"title": title, "file": f"pages/{file}"} for title, file in PAGES.items()],
        "tasks": [{"index": 0, "name": "Label the cells", **{part: f"{part}.zip" for part in PARTS}}],
        "solutions": [{"index": 0, "tasks": [0], "path": "solution.zip"}],
        "phases": [
            {
                "index": 0,
                "name": "Hidden set",
                "start": OPENS,
                "tasks": [0],
                "execution_time_limit": int(competition.time_limit),
                "max_submissions_per_day": 5,
                "starting_kit": "starting_kit.zip",
            }
        ],
        "leaderboards": [{"title": "Results", "key": "main", "submission_rule": "Force_Best", "columns": columns}],
    }


def _leaderboard_columns(competition: Competition) -> list[dict[str, Any]]:
    """The columns; the metric that ranks comes first, because Codabench sorts by the first."""
    keys = [competition.metric, *(key for key in competition.leaderboard if key != competition.metric)]
    return [
        {
            "title": key.replace("_", " ").capitalize(),
            "key": key,
            "index": index,
            "sorting": "desc" if key in METRICS and METRICS[key].higher_is_better else "asc",
            "precision": 1 if key == "duration" else 4,
        }
        for index, key in enumerate(keys)
    ]


def _facts(cells: CellSet) -> dict[str, str]:
    """What the pages say of the competition, by the names that stand in them."""
    competition = cells.competition
    versions = ", ".join(f"{name} {version}" for name, version in competition.worker_versions.items())
    columns = [f"* `{column['key']}`, {_meaning(column['key'])}" for column in _leaderboard_columns(competition)]
    return {
        "title": competition.title,
        "size": str(competition.image_size),
        "class_count": str(len(competition.classes)),
        "last_label": str(len(competition.classes) - 1),
        "classes": "\n".join(f"* {label}: {name}" for label, name in enumerate(competition.classes)),
        "images": f"{len(cells):,}",
        "metric_words": competition.metric.replace("_", " "),
        "columns": "\n".join(columns),
        "versions": versions,
        "time_limit": f"{competition.time_limit:.0f}",
        "memory_limit": f"{competition.memory_limit / 1e9:.0f}",
        "size_limit": f"{competition.size_limit:,}",
    }


def _meaning(column: str) -> str:
    """The range of a column and which end of it wins, in words."""
    if column not in METRICS:
        return "seconds, lower is better"
    low, high = METRICS[column].range
    return f"{low:g} to {high:.3g}, {'higher' if METRICS[column].higher_is_better else 'lower'} is better"


def _fill(source: Path, folder: Path, facts: Mapping[str, str]) -> None:
    """Copy the files of ``source``, with the facts put into the texts."""
    folder.mkdir(parents=True)
    for path in sorted(source.iterdir()):
        filled = Template(path.read_text("utf-8")).substitute(facts)
        (folder / path.name.removesuffix(".template")).write_text(filled, "utf-8", newline="\n")


def _draw_logo(path: Path, size: int) -> None:
    """The sixteen golden images as one picture, four by four."""
    rows = golden_images(size).reshape(4, 4, size, size, 3).transpose(0, 2, 1, 3, 4)
    Image.fromarray(rows.reshape(4 * size, 4 * size, 3)).save(path)


def _write_zip(folder: Path, path: Path) -> tuple[str, ...]:
    """Zip the files of a folder, flat names first to last, to the same bytes every time; return the names."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    names = [file.relative_to(folder).as_posix() for file in files]
    with ReproducibleZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, file in zip(names, files, strict=True):
            archive.write(file, name)
    return tuple(names)
