from dataclasses import replace
from pathlib import Path

import pytest

from bloodcells.pages.record import RunRecord, run_record
from reports.make.seeds import by_recipe


@pytest.fixture
def record(run_folder: Path) -> RunRecord:
    return run_record(run_folder)


def with_recipe(record: RunRecord, **changes: object) -> RunRecord:
    return replace(record, config=replace(record.config, recipe=replace(record.config.recipe, **changes)))


def test_runs_that_differ_in_their_seed_stand_together(record: RunRecord) -> None:
    (seeds,) = by_recipe({"late": with_recipe(record, seed=2), "early": with_recipe(record, seed=1)})
    assert list(seeds.runs) == ["early", "late"]


def test_another_name_of_a_phase_is_no_other_recipe(record: RunRecord) -> None:
    head, whole = record.config.recipe.phases
    renamed = with_recipe(record, seed=1, phases=(replace(head, stochastic_depth=0.5), replace(whole, name="all")))
    assert len(by_recipe({"a": record, "b": renamed})) == 1


def test_other_cells_another_note_or_another_rate_are_rows_of_their_own(record: RunRecord) -> None:
    head, whole = record.config.recipe.phases
    others = {
        "rate": with_recipe(record, phases=(head, replace(whole, learning_rate=whole.learning_rate / 2))),
        "note": replace(record, config=replace(record.config, note="by hand")),
        "cells": replace(record, config=replace(record.config, data_sha256="0" * 64)),
    }
    assert len(by_recipe({"a": record, **others})) == 4


def test_what_was_changed_is_told_once_for_all_phases(record: RunRecord) -> None:
    command = "bloodcells run --set phases.1.policy=chain --set phases.2.policy=chain --set dropout=0.3"
    (seeds,) = by_recipe({"a": replace(record, config=replace(record.config, commands=(command,)))})
    assert seeds.changes == ("policy=chain", "dropout=0.3")
    assert by_recipe({"a": record})[0].changes == ()
