import json
from dataclasses import replace

import pytest

from bloodcells.ablation.records import Elsewhere
from bloodcells.ablation.summary import summarise
from bloodcells.corruption.corruption_error import be, error_row


def arm_of(summary, name):
    return next(arm for arm in summary.arms if arm.arm == name)


def test_arms_are_sorted_by_the_composite_set(invent_arms):
    summary = summarise(invent_arms(["none", "flips", "chain"], [0, 1, 2]))
    means = [arm.accuracy["composite"].mean for arm in summary.arms]
    assert means == sorted(means, reverse=True)
    assert [arm.arm for arm in summary.arms] == ["chain", "flips", "none"]
    assert (summary.unfinished, summary.steps) == ({}, 150)


def test_an_arm_is_the_mean_of_its_seeds(invent_arms):
    records = invent_arms(["flips", "chain"], [0, 1])
    own = [record for record in records if record.arm == "chain"]
    arm = arm_of(summarise(records), "chain")
    accuracies = [record.accuracy["composite"] for record in own]
    assert arm.accuracy["composite"].mean == pytest.approx(sum(accuracies) / 2)
    rows = [error_row("x", record.balanced_error.clean, record.balanced_error.medmnist_c) for record in own]
    assert arm.be.values == pytest.approx([be(row) for row in rows])
    assert arm.be.mean == pytest.approx(be(arm.errors))
    assert arm.composite_families["slide"] == pytest.approx(sum(one.composite_families["slide"] for one in own) / 2)


def test_differences_are_to_the_baseline_over_the_seeds_that_both_have(invent_arms):
    records = [one for one in invent_arms(["flips", "chain"], [0, 1, 2]) if (one.arm, one.seed) != ("flips", 1)]
    summary = summarise(records)
    difference = arm_of(summary, "chain").difference["composite"]
    assert difference.seeds == 2
    by_seed = {(one.arm, one.seed): one.accuracy["composite"] for one in records}
    expected = sum(by_seed["chain", seed] - by_seed["flips", seed] for seed in (0, 2)) / 2
    assert difference.mean == pytest.approx(expected)
    assert arm_of(summary, "flips").difference == {"clean": None, "composite": None}
    assert summary.unfinished == {"flips": 2}


def test_arms_that_all_have_too_few_seeds_are_unfinished(invent_arms):
    summary = summarise(invent_arms(["flips", "chain"], [0, 1]))
    assert summary.unfinished == {"flips": 2, "chain": 2}


def test_without_the_baseline_there_are_no_differences(invent_arms):
    summary = summarise(invent_arms(["chain", "cutmix"], [0]))
    assert all(arm.difference["composite"] is None for arm in summary.arms)


def test_changes_to_the_recipe_are_compared_with_its_policy(invent_arms):
    summary = summarise(invent_arms(["full", "lion"], [0, 1]))
    assert summary.baseline == "full"
    assert arm_of(summary, "lion").difference["composite"] is not None


def test_a_summary_is_json(invent_arms):
    value = json.loads(json.dumps(summarise(invent_arms(["flips", "chain"], [0, 1])).as_dict(), allow_nan=False))
    assert value["kind"] == "ablation"
    assert [len(arm["accuracy"]["clean"]["values"]) for arm in value["arms"]] == [2, 2]


def test_pictures_from_elsewhere_are_compared_with_the_baseline_and_leave_the_order_alone(invent_arms):
    bits = {("flips", 0): "f0", ("flips", 1): "e0", ("chain", 0): "80", ("chain", 1): "c0"}
    records = [
        replace(one, elsewhere=Elsewhere("a laboratory", "ef" * 32, 4, bits[one.arm, one.seed], 0.5))
        for one in invent_arms(["flips", "chain"], [0, 1])
    ]
    summary = summarise(records)
    assert [arm.arm for arm in summary.arms] == ["chain", "flips"]
    chain = summary.elsewhere["chain"]
    assert chain.accuracy.values == (0.25, 0.5) and chain.difference.mean == pytest.approx(-0.5)
    assert summary.elsewhere["flips"].difference is None and summary.pictures == "a laboratory"


def test_without_pictures_from_elsewhere_nothing_is_said_of_them(invent_arms):
    summary = summarise(invent_arms(["flips"], [0]))
    assert (summary.pictures, summary.elsewhere) == ("", {})
