from dataclasses import replace
from pathlib import Path

import pytest

from bloodcells.ensembling import EnsembleRecord, Member
from bloodcells.pages.record import RunRecord, run_record
from reports.make.ensemble_page import ensembles_page, members_in_words
from reports.make.readme import results_table

N = 160


@pytest.fixture
def run(run_folder: Path) -> RunRecord:
    return run_record(run_folder)


@pytest.fixture
def both(run: RunRecord) -> EnsembleRecord:
    """The run and the kit's weights."""
    member = Member(run.run, "quick", 0, "flips", "imagenet", "EfficientNetB3", "0" * 64)
    return EnsembleRecord(
        command="bloodcells package --run a --run kit --out both.zip", commit="abc", version="1",
        environment=run.environment,
        members=(member, replace(member, run="kit")), images={"train": 1280, "validation": N, "holdout": N}, views=4,
        measurements=run.measurements, gate=None, temperature=run.temperatures[0], zip_bytes=91_000_000,
        zip_sha256="0" * 64, projected_seconds=88.0, scores=run.summary.scores, seconds=60.0,
    )  # fmt: skip


def test_the_mean_stands_under_its_members_and_they_lead_to_their_pages(run: RunRecord, both: EnsembleRecord) -> None:
    by_hand = replace(run, run="elsewhere", config=replace(run.config, note="in a loop of its own"))
    page = ensembles_page({"both": both}, {"a-page": run, "kit-page": by_hand})
    rows = [line for line in page.splitlines() if line.startswith("| ")][2:]
    assert [row.split(" | ")[0] for row in rows] == [
        "| [`quick` with `flips`, seed 0](../a-page/index.md)", "| [the kit's weights](../kit-page/index.md)",
        "| **their mean**",
    ]  # fmt: skip
    assert all(row.endswith(" | 0.010 |") for row in rows)
    assert "The zip has\n91 MB; the hidden set would take 88 s on" in page and both.command in page


def test_a_member_without_a_page_has_no_figures(both: EnsembleRecord) -> None:
    assert "| `quick` with `flips`, seed 0 | – | – | – |" in ensembles_page({"both": both}, {})


def test_without_ensembles_the_page_says_so() -> None:
    assert ensembles_page({}, {}).endswith("\nNo ensemble is published yet.\n")


def test_the_readme_has_a_row_of_it(both: EnsembleRecord) -> None:
    row = results_table([], {"both": both}, "reports").splitlines()[-1]
    assert row.startswith(
        "| this kit: [one zip](reports/ensembles/README.md#both) of `quick` with `flips`, seed 0 + the"
    )
    assert f"| {both.scores['clean']['accuracy']:.4f} (" in row and row.endswith(f" | {N} |")


def test_a_policy_is_named_where_it_is_not_that_of_the_recipes_name(both: EnsembleRecord) -> None:
    members = replace(both.members[0], recipe_name="full", policy="full", seed=1), both.members[1]
    assert members_in_words(replace(both, members=members)) == "`full`, seed 1 + the kit's weights"
