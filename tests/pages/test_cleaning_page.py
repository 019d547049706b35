"""The cleaning page: one file, nothing fetched, every picture to decide about on it, figures of what they are given."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from competitions import BLOOD

from bloodcells.cleaning import CleaningSettings, examine
from bloodcells.cleaning.decisions import Decision, Decisions
from bloodcells.data.cells import CellSet
from bloodcells.pages.cleaning_figures import distance_distributions, junk_distribution
from bloodcells.pages.cleaning_page import write_cleaning_page

pytestmark = pytest.mark.draws

SETTINGS = CleaningSettings()
VOID = {"meta", "img"}


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory, cells, table, calibration) -> str:
    path = tmp_path_factory.mktemp("a page") / "cleaning.html"
    write_cleaning_page(path, cells, table, SETTINGS, calibration)
    return path.read_text(encoding="utf-8")


class Reader(HTMLParser):
    """Collects the tags that stay open and whatever a browser would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.pictures = 0

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        assert tag not in {"link", "iframe"}
        self.pictures += tag == "img"
        self.fetched += [value for name, value in values.items() if name in {"src", "href"} and value]
        if tag == "img":
            assert values["alt"] and values["width"]


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    return reader


def test_nothing_is_fetched(text):
    assert "url(http" not in text and "@import" not in text
    assert all(source.startswith(("data:image/jpeg;base64,", "#")) for source in read(text).fetched)


def test_the_headline_and_every_reason_are_counted(text, table):
    counts = table.counts()
    assert f"<h1>{counts['images']:,} images, {counts['kept']:,} to learn from</h1>" in text
    assert f"Near duplicates: {counts['near_duplicates']}" in text
    assert f"Junk: {counts['junk']} images, 2 pictures" in text
    assert f"Label conflicts: {counts['label_conflicts']}" in text


def test_every_near_duplicate_stands_beside_what_is_kept_of_it(text, table):
    for index in np.flatnonzero(table.reason == "near_duplicate"):
        partners = np.flatnonzero((table.cluster == table.cluster[index]) & (table.reason == ""))
        assert f"</b>dropped<br>image {index}<" in text and f"</b>kept<br>image {partners[0]}<" in text


def test_the_page_follows_the_reader_and_fits_a_phone(text):
    assert "prefers-color-scheme: dark" in text and 'name="viewport"' in text
    svg = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(svg) == 2
    assert all("#000000" not in one and "currentColor" in one for one in svg)


def test_a_page_without_defects_or_calibration_leaves_sections_out(tmp_path, cells, table):
    sound = cells.take(table.kept)
    write_cleaning_page(tmp_path / "page.html", sound, examine(sound), SETTINGS)
    text = (tmp_path / "page.html").read_text()
    assert "Junk:" not in text and "duplicates:" not in text and text.count("<svg") == 1
    assert f"{len(sound):,} images, {len(sound):,} to learn from" in text


def test_suspected_labels_are_shown_with_both_names(tmp_path, cells, table):
    confident = np.full((len(table), 8), 0.01)
    confident[np.arange(len(table)), table.label] = 0.93
    one = int(table.kept[0])
    confident[one] = np.roll(confident[one], 1)
    write_cleaning_page(tmp_path / "page.html", cells, table.with_suspected_labels(confident), SETTINGS)
    text = (tmp_path / "page.html").read_text()
    names = [BLOOD.classes[label] for label in (table.label[one], (table.label[one] + 1) % 8)]
    assert "Suspected labels: 1" in text
    assert f"<b>{names[0]} 1&nbsp;%</b>{names[1]}? 93&nbsp;%<br>image {one}</figcaption>" in text
    assert f"in this way it gives {1 - 1 / len(table):.1%} of the images" in text


def test_labels_that_were_not_examined_are_not_called_sound(text):
    assert "Suspected labels: not examined" in text


def test_the_origin_is_escaped(tmp_path, cells, table):
    named = CellSet(cells.images, cells.labels, "<b>cells & more</b>.npz", BLOOD)
    write_cleaning_page(tmp_path / "page.html", named, table, SETTINGS)
    assert "&lt;b&gt;cells &amp; more" in (tmp_path / "page.html").read_text()


def test_files_and_classes_are_called_by_their_own_names(tmp_path, cells, table):
    named = replace(
        cells,
        names=np.array([f"<{index}>.png" for index in range(len(cells))]),
        competition=replace(BLOOD, classes=("<b>", *BLOOD.classes[1:])),
    )
    write_cleaning_page(tmp_path / "page.html", named, table, SETTINGS)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    dropped = np.flatnonzero(table.reason == "near_duplicate")[0]
    assert f"<br>image {dropped}<br>&lt;{dropped}&gt;.png</figcaption>" in text and "<tr><th>&lt;b&gt;" in text


def test_equal_findings_give_equal_pages(tmp_path, cells, table, calibration, text):
    write_cleaning_page(tmp_path / "page.html", cells, table, SETTINGS, calibration)
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == text


def test_the_figures_show_what_they_are_given(table, calibration):
    hashes, pixels = distance_distributions(calibration, SETTINGS).axes
    copies = sum(bar.get_height() for bar in hashes.containers[0])
    assert copies == pytest.approx(1)
    assert hashes.lines[0].get_xdata()[0] == SETTINGS.max_distance + 1
    assert pixels.lines[0].get_xdata()[0] == SETTINGS.min_similarity
    (axes,) = junk_distribution(table, SETTINGS).axes
    drawn = sum(bar.get_height() for container in axes.containers for bar in container)
    assert drawn == (~table.exact_duplicate).sum()


def test_no_suspect_is_left_out_however_many_there_are(tmp_path, cells, table):
    doubtful = np.full((len(table), 8), 0.01)
    doubtful[np.arange(len(table)), (table.label + 1) % 8] = 0.93
    doubtful[table.reason != ""] = np.nan
    write_cleaning_page(tmp_path / "page.html", cells, table.with_suspected_labels(doubtful), SETTINGS)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert len(table.kept) > 60 and f"Suspected labels: {len(table.kept)}" in text
    assert all(f'data-number="{index}"' in text for index in table.kept)


def test_what_a_person_decided_has_a_section_of_its_own(tmp_path, cells, table):
    dropped, relabelled = (int(index) for index in table.kept[:2])
    decisions = Decisions(
        (Decision(dropped, "", "drop", ""), Decision(relabelled, "", "relabel", BLOOD.classes[7])), cells.sha256
    )
    write_cleaning_page(tmp_path / "page.html", cells, examine(cells, CleaningSettings(decisions=decisions)), SETTINGS)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Decided by a person: 2" in text and '<li><b class="a person\'s decision">1</b>' in text
    assert f"<b>{BLOOD.classes[7]}</b>relabelled<br>image {relabelled}<" in text
