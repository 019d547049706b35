"""The page of errors: every wrong picture once, with what was done to it, in one light file that fetches nothing."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from competitions import BLOOD

from bloodcells.corruption.composite import CORRUPTION_SEEDS, draw_chain, words
from bloodcells.errors import KitError
from bloodcells.pages import embedded
from bloodcells.pages.errors_page import errors_page
from bloodcells.pages.record import read_record, run_record
from bloodcells.pages.run_page import draw_run
from bloodcells.pages.tables import corruption_in_words
from bloodcells.run import Run

pytestmark = pytest.mark.draws


@pytest.fixture
def text(page: Path) -> str:
    return (page / "errors.html").read_text(encoding="utf-8")


def test_every_wrong_picture_is_there_with_its_classes_chain_confidence_and_number(text: str) -> None:
    assert "<h1>12 wrong predictions</h1>" in text
    assert len(re.findall(r'<figure data-part="\w+" data-set="\w+"', text)) == 12
    assert text.count('data-truth="1" data-taken="4" data-corruptions="smear jpeg" data-confidence="0.9000"') == 2
    names = f"<b>{BLOOD.classes[1]}</b>taken for <b>{BLOOD.classes[4]}</b> 90&nbsp;%<br>"
    assert f"{names}smear, then jpeg<br>validation, image 3</figcaption>" in text
    assert f"{names}smear, then jpeg<br>hold-out, image 23</figcaption>" in text
    assert f"{names}as it is<br>hold-out, image 23</figcaption>" in text


def test_the_strength_of_each_corruption_is_told_where_the_composite_draws_the_same_chain(run_folder: Path) -> None:
    run, place = Run(run_folder), 7
    chain = draw_chain(CORRUPTION_SEEDS["holdout"], place)
    assert min(step.strength for step in chain) >= 0 and max(step.strength for step in chain) <= 0.6
    by_part = run.read_errors()
    composite = by_part["holdout"]["composite"]
    drawn = np.array(["+".join(words(chain)), *composite.corruptions[1:]])
    by_part["holdout"]["composite"] = replace(composite, corruptions=drawn)
    page = errors_page(run_record(run_folder), by_part, vars(run.read_split()))
    assert ", then ".join(f"{corruption_in_words(step.name)} {step.strength:.2f}" for step in chain) in page
    assert "<br>smear, then jpeg<br>" in page


def test_a_corrupted_picture_stands_beside_what_it_was(text: str) -> None:
    assert (
        text.count("--original:url(") == text.count('data-set="composite" data-truth="0" data-taken="3" data-corr') * 3
    )


def test_a_count_of_every_confusion_matrix_can_be_clicked(text: str, page: Path) -> None:
    clickable = r'<button data-part="(\w+)" data-set="(\w+)" data-truth="(\d)" data-taken="(\d)".*?>(\d+)</button>'
    rows = [row for row in read_record(page).measurements if row.views == 4]
    assert re.findall(clickable, text) == [
        (row.part, row.set, str(truth), str(taken), str(count))
        for part in ("validation", "holdout")
        for row in rows
        if row.part == part
        for truth, counts in enumerate(row.metrics.confusion)
        for taken, count in enumerate(counts)
        if count and truth != taken
    ]


def test_nothing_is_fetched(text: str) -> None:
    assert "@import" not in text and "http" not in text and "<link" not in text
    assert set(re.findall(r"url\(([a-z]+:[a-z]+/[a-z]+)", text)) == {"data:image/webp", "data:image/png"}


def test_the_pictures_are_stored_worse_where_the_page_would_be_too_large(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(run_folder)

    def size() -> int:
        return len(errors_page(run_record(run_folder), run.read_errors(), vars(run.read_split())))

    best = size()
    monkeypatch.setattr(embedded, "MOST_BYTES", best - 1)
    assert size() < best


def test_a_run_without_errors_that_are_complete_has_no_page_and_one_line_says_so(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw_run(run_folder, tmp_path / "page")
    assert (tmp_path / "page" / "errors.html").exists() and capsys.readouterr().out == ""
    run = Run(run_folder)
    nowhere = {
        part: {of: replace(one, places=one.places * 0 - 1) for of, one in by_set.items()}
        for part, by_set in run.read_errors().items()
    }
    run.write_errors(nowhere)
    for _ in range(2):
        index = draw_run(run_folder, tmp_path / "page")
        assert not (tmp_path / "page" / "errors.html").exists() and "errors.html" not in index.read_text()
        said = capsys.readouterr().out
        assert said == "no errors.html: this run keeps no pictures of all its errors. Evaluate it for them.\n"
        (run_folder / "errors.npz").unlink(missing_ok=True)


def test_errors_of_images_that_the_run_does_not_hold_are_refused(run_folder: Path, tmp_path: Path) -> None:
    run = Run(run_folder)
    errors = run.read_errors()
    beyond = replace(errors["holdout"]["clean"], places=np.array([7, 3, 20]))
    run.write_errors({**errors, "holdout": {**errors["holdout"], "clean": beyond}})
    with pytest.raises(KitError, match=r"errors.npz is damaged: places: expected 0..19 in the holdout, got 20"):
        draw_run(run_folder, tmp_path / "page")
