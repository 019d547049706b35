"""Several runs made into one zip, with a small network."""

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from bloodcells import ensembling, walk
from bloodcells.cleaning import CleaningSettings
from bloodcells.data.cells import CellSet
from bloodcells.data.sources.synthetic import FEWEST_CELLS, draw_smear
from bloodcells.ensembling import make_ensemble, measure_ensemble, read_ensemble, shared_parts
from bloodcells.errors import KitError
from bloodcells.recipe import Phase, Recipe

pytestmark = [pytest.mark.usefixtures("small_backbone"), pytest.mark.trains, pytest.mark.scores]
RECIPE = Recipe(
    init="scratch", phases=(Phase("training", 1, "none", 32, batch_size=32, learning_rate=1e-3, warmup_steps=1),)
)


@pytest.fixture(scope="module")
def cells() -> CellSet:
    return draw_smear(FEWEST_CELLS, seed=5).cells


@pytest.fixture(scope="module")
def runs(cells: CellSet, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A trained run, the same once more, and the same as somebody published it."""
    folder = tmp_path_factory.mktemp("runs")
    walk.fit(walk.prepare(cells, folder / "run", CleaningSettings()), RECIPE, folder / "run")
    for name in ("copy", "published"):
        shutil.copytree(folder / "run", folder / name)
    (folder / "published" / "split.csv").unlink()
    return [folder / name for name in ("run", "copy", "published")]


def test_it_is_measured_on_what_its_members_share(
    runs: list[Path], cells: CellSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "_predicted", lambda network, sets, level: dict.fromkeys(sets, (network, level)))
    monkeypatch.setattr(walk, "_measured", lambda key, cells, views, found: (*key, len(cells), found[0]._members))
    monkeypatch.setattr(walk, "_temperature", lambda rows, sets, found: None)
    rows = measure_ensemble(runs, shared_parts(runs, cells), 0).rows
    parts = walk.parts_of(runs[0], cells)
    sizes = {part: len(getattr(parts, part)) for part in ("validation", "holdout")}
    assert [row[:3] for row in rows] == [(part, name, sizes[part]) for part in sizes for name in ("clean", "composite")]
    assert all(len(row[3]) == 3 for row in rows)


def test_without_a_split_or_with_other_cells_nothing_is_measured(runs: list[Path], cells: CellSet) -> None:
    with pytest.raises(KitError, match=r"^no split: expected one in .*, got none\. Leave out --data\.$"):
        shared_parts(runs[2:], cells)
    with pytest.raises(KitError, match=r"is not what .* was trained on"):
        shared_parts(runs, draw_smear(FEWEST_CELLS, seed=6).cells)


def test_the_very_zip_is_scored_and_its_record_lies_beside_it(runs: list[Path], cells: CellSet, tmp_path: Path) -> None:
    out = tmp_path / "both.zip"
    summary, record = make_ensemble(runs[:2], cells, out, 0, command="bloodcells package --out /home/me/both.zip")
    assert read_ensemble(tmp_path / "both.json") == record
    assert sorted(path.name for path in tmp_path.iterdir()) == ["both.json", "both.zip"]
    assert record.zip_sha256 == summary.sha256 and [member.run for member in record.members] == ["run", "copy"]
    for name, measured in record.holdout.items():
        assert record.scores[name]["accuracy"] == pytest.approx(measured.accuracy, abs=1.5 / measured.images)
    with zipfile.ZipFile(out) as archive:
        settings = json.loads(archive.read("submission.json"))
    assert settings["temperature"] == record.temperature.temperature and settings["gate"] is None
    assert record.command == "bloodcells package --out both.zip"


def test_nothing_is_replaced_without_being_asked(
    runs: list[Path], cells: CellSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ensembling, "shared_parts", lambda *_: pytest.fail("the work had begun"))
    out, record = tmp_path / "both.zip", tmp_path / "both.json"
    record.write_text('{"mine": 1}')
    for force in (False, True):
        with pytest.raises(KitError, match=r"both\.json is no record of an ensemble, and would be replaced"):
            make_ensemble(runs[:2], cells, out, 0, force)
    record.unlink()
    with pytest.raises(KitError, match="expected different runs, got one twice"):
        make_ensemble(runs[:1] * 2, cells, out, 0)
    out.write_bytes(b"mine")
    with pytest.raises(KitError, match=r"both\.zip exists already"):
        make_ensemble(runs[:2], cells, out, 0)
    with pytest.raises(KitError, match=r"expected a name that ends in \.zip, got .*both\.json"):
        make_ensemble(runs[:2], cells, record, 0)
    assert out.read_bytes() == b"mine" and not record.exists()


def test_a_zip_that_scores_otherwise_is_not_to_be_uploaded(
    runs: list[Path], cells: CellSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = {"accuracy": 0.0, "balanced_accuracy": 0.0, "macro_f1": 0.0, "duration": 1.0}
    monkeypatch.setattr(walk, "score", lambda *_, **__: wrong)
    monkeypatch.setattr(walk, "evaluate", lambda labels, probabilities: _all_right(len(labels)))
    with pytest.raises(KitError, match=r"expected accuracy 1\.0000 on the clean hold-out, got 0\.0000\. Do not upload"):
        make_ensemble(runs[:2], cells, tmp_path / "both.zip", 0)
    assert not (tmp_path / "both.json").exists()


def _all_right(images: int) -> dict[str, object]:
    confusion = np.diag([images, *[0] * 7])
    return {
        "images": images, "accuracy": 1.0, "balanced_accuracy": 1.0, "macro_f1": 1.0, "calibration_error": 0.0,
        "reliability": [], "per_class_recall": [1.0] * 8, "confusion": confusion.tolist(),
    }  # fmt: skip
