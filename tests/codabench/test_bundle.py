"""The competition bundle: complete, equal each time, and the local worker runs it."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from competitions import BLOOD
from PIL import Image
from tiny_submissions import packed

from bloodcells.codabench.bundle import BundleSummary, write_bundle
from bloodcells.codabench.task import PARTS, Bundle
from bloodcells.codabench.worker import score
from bloodcells.data.cells import CellSet
from bloodcells.errors import KitError
from bloodcells.shipped import shipped

pytestmark = pytest.mark.scores

PackZip = Callable[..., Path]


@pytest.fixture(scope="module")
def cells(brightness_cells: CellSet) -> CellSet:
    """The flat squares with the names of what was done to them."""
    names = np.array(["darken", "darken+jpeg", *["brighten"] * 14])
    return CellSet(brightness_cells.images, brightness_cells.labels, brightness_cells.origin, BLOOD, names)


@pytest.fixture(scope="module")
def written(cells: CellSet, tmp_path_factory: pytest.TempPathFactory) -> BundleSummary:
    folder = tmp_path_factory.mktemp("bundle")
    return write_bundle(cells, packed(folder), folder / "a bundle.zip")


def inner(bundle: Path, name: str) -> zipfile.ZipFile:
    with zipfile.ZipFile(bundle) as archive:
        return zipfile.ZipFile(io.BytesIO(archive.read(name)))


def refusal(cells: CellSet, solution: Path, out: Path) -> str:
    with pytest.raises(KitError) as caught:
        write_bundle(cells, solution, out)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def changed(bundle: Path, out: Path, name: str, content: bytes | None) -> Path:
    """A copy of a bundle with one member replaced, or left out."""
    with zipfile.ZipFile(bundle) as old, zipfile.ZipFile(out, "w") as new:
        for member in old.namelist():
            if member != name:
                new.writestr(member, old.read(member))
        if content is not None:
            new.writestr(name, content)
    return out


def test_the_bundle_is_complete(written: BundleSummary) -> None:
    with zipfile.ZipFile(written.path) as archive:
        assert tuple(archive.namelist()) == written.members
        definition = yaml.safe_load(archive.read("competition.yaml"))
        (task,), (solution,), (phase,) = (definition[key] for key in ("tasks", "solutions", "phases"))
        named = [task[part] for part in PARTS] + [page["file"] for page in definition["pages"]]
        named += [definition["image"], definition["terms"], solution["path"], phase["starting_kit"]]
        assert set(named) <= set(written.members)
        pages = {name: archive.read(name).decode() for name in written.members if name.endswith(".md")}
        Image.open(io.BytesIO(archive.read("logo.png"))).verify()
        assert archive.read("LICENSE") == shipped("LICENSE").read_bytes()
    assert not [name for name, text in pages.items() if "$" in text], "a fact was not filled in"
    assert "3: immature granulocyte" in pages["pages/data.md"] and "16 images" in pages["pages/data.md"]
    assert "600 seconds" in pages["pages/submission.md"] and "keras 3.4.1" in pages["pages/submission.md"]
    (columns,) = [leaderboard["columns"] for leaderboard in definition["leaderboards"]]
    assert {column["key"] for column in columns} == set(BLOOD.leaderboard)
    assert columns[0]["key"] == BLOOD.metric
    sorting = {column["key"]: column["sorting"] for column in columns}
    assert (sorting["accuracy"], sorting["duration"]) == ("desc", "asc")
    assert "* `macro_f1`, 0 to 1, higher is better" in pages["pages/evaluation.md"]
    assert definition["docker_image"] == "tensorflow/tensorflow:2.17.0"


def test_programs_carry_their_command_and_the_truth_is_in_the_reference_data_alone(written: BundleSummary) -> None:
    assert inner(written.path, "ingestion_program.zip").read("metadata.yaml").startswith(b"command: python3 /app/")
    names = inner(written.path, "scoring_program.zip").namelist()
    assert {"metadata.yaml", "scoring.py", "evaluation.py", "page.py", "competition.json"} <= set(names)
    assert inner(written.path, "input_data.zip").namelist() == ["images.npy"]
    assert inner(written.path, "reference_data.zip").namelist() == ["corruptions.npy", "labels.npy"]
    kit = inner(written.path, "starting_kit.zip")
    assert kit.namelist() == ["README.md", "model.py"]
    assert f"CLASSES = {len(BLOOD.classes)}\n".encode() in kit.read("model.py")


def test_the_local_worker_runs_the_very_bundle(
    written: BundleSummary, pack_zip: PackZip, cells: CellSet, tmp_path: Path
) -> None:
    """The starting kit's model, scored by the bundle's programs, as on the cells themselves."""
    assert written.scores["accuracy"] == 15 / 16
    kit = inner(written.path, "starting_kit.zip").read("model.py").decode()
    zip_path = pack_zip(kit, "kit.zip")
    work = tmp_path / "work"
    scores = score(zip_path, Bundle(written.path, BLOOD), work)
    on_cells = score(zip_path, cells, tmp_path / "other", checks=False)
    assert {**scores, "duration": 0} == {**on_cells, "duration": 0} and scores["accuracy"] == 15 / 16
    record = json.loads((work / "run.json").read_text())
    assert (record["cells"], record["cells_sha256"]) == ("a bundle.zip", cells.sha256)
    assert "<th>darken</th><td>2</td><td>1.000</td>" in (work / "detailed_results.html").read_text()


def test_the_programs_are_those_of_the_bundle(written: BundleSummary, pack_zip: PackZip, tmp_path: Path) -> None:
    program = io.BytesIO()
    with zipfile.ZipFile(program, "w") as archive:
        archive.writestr("metadata.yaml", "command: python3 /app/program/other.py /app/output/")
        archive.writestr("other.py", "import sys; sys.exit('FAILED comparing: another program')")
    other = changed(written.path, tmp_path / "other.zip", "scoring_program.zip", program.getvalue())
    with pytest.raises(KitError, match=r"^scoring run: comparing: another program$"):
        score(pack_zip(), Bundle(other, BLOOD), tmp_path / "work", checks=False)


def test_the_time_limit_is_that_of_the_bundle(written: BundleSummary, pack_zip: PackZip, tmp_path: Path) -> None:
    with zipfile.ZipFile(written.path) as archive:
        text = archive.read("competition.yaml").decode().replace("execution_time_limit: 600", "execution_time_limit: 1")
    hasty = changed(written.path, tmp_path / "hasty.zip", "competition.yaml", text.encode())
    with pytest.raises(KitError, match=r"^prediction run: killed after 1 s \(limit\)"):
        score(pack_zip("import time; time.sleep(60)"), Bundle(hasty, BLOOD), tmp_path / "work")


def test_two_bundles_are_byte_for_byte_equal(written: BundleSummary, cells: CellSet, tmp_path: Path) -> None:
    again = write_bundle(cells, written.path.with_name("submission.zip"), tmp_path / "b.zip")
    assert again.sha256 == written.sha256


def test_an_existing_bundle_is_not_replaced(cells: CellSet, pack_zip: PackZip, tmp_path: Path) -> None:
    out = tmp_path / "bundle.zip"
    out.write_bytes(b"precious")
    assert refusal(cells, pack_zip(), out) == (
        f"{out} exists already. Choose another name with --out, or replace it with --force."
    )
    assert out.read_bytes() == b"precious"
    assert write_bundle(cells, pack_zip(), out, force=True).bytes > 400_000


def test_a_solution_that_does_not_score_is_refused(cells: CellSet, pack_zip: PackZip, tmp_path: Path) -> None:
    out = tmp_path / "bundle.zip"
    assert "expected a class Model in model.py" in refusal(cells, pack_zip("class Net: ..."), out)
    assert "holds no model.py" in refusal(cells, pack_zip(None, **{"notes.txt": ""}), out)
    assert "submission zip not found" in refusal(cells, tmp_path / "absent.zip", out)
    assert not out.exists()


DAMAGES: dict[str, tuple[str, bytes | None, str]] = {
    "no definition": ("competition.yaml", None, "damaged.zip: expected competition.yaml at its root, got LICENSE, "),
    "no YAML": ("competition.yaml", b"a: [", "competition.yaml: expected YAML, got none (while parsing"),
    "a missing program": (
        "scoring_program.zip",
        None,
        "competition.yaml: tasks.scoring_program: expected a file of the bundle, got 'scoring_program.zip'",
    ),
    "a program that is no zip": (
        "scoring_program.zip",
        b"x",
        "scoring_program.zip is not a complete zip (File is not a zip file)",
    ),
    "other data": ("input_data.zip", b"PK\x05\x06" + bytes(18), "damaged.zip: expected images.npy in the input data"),
}


@pytest.mark.parametrize(("name", "content", "line"), DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_bundle_is_named(
    written: BundleSummary, pack_zip: PackZip, tmp_path: Path, name: str, content: bytes | None, line: str
) -> None:
    bundle = changed(written.path, tmp_path / "damaged.zip", name, content)
    with pytest.raises(KitError) as caught:
        score(pack_zip(), Bundle(bundle, BLOOD), tmp_path / "work")
    assert str(caught.value).startswith(line) and "\n" not in str(caught.value)


def test_no_bundle_at_all(pack_zip: PackZip, tmp_path: Path) -> None:
    with pytest.raises(KitError, match="bundle not found: "):
        score(pack_zip(), Bundle(tmp_path / "absent.zip", BLOOD), tmp_path / "work")
    (tmp_path / "bundle.zip").write_bytes(b"PK\x03\x04")
    with pytest.raises(KitError, match=r"^bundle\.zip is not a complete zip"):
        score(pack_zip(), Bundle(tmp_path / "bundle.zip", BLOOD), tmp_path / "work")
