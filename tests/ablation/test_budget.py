from dataclasses import replace
from pathlib import Path

import pytest

from bloodcells.ablation import budget as budget_module
from bloodcells.ablation.arms import arm_named
from bloodcells.ablation.budget import BUDGETS, budget
from bloodcells.errors import KitError


@pytest.mark.parametrize("name", BUDGETS)
def test_arms_of_a_budget_differ_in_their_policy_alone(name):
    arms = (arm_named("flips"), arm_named("cutmix"))
    flips, cutmix = (budget(name).arm_recipe(arm, 3, "start.weights.h5").as_dict() for arm in arms)
    assert flips["policy"] == "flips"
    assert cutmix["policy"] == "cutmix"
    for config in (flips, cutmix):
        config.pop("policy")
        config["phases"][0].pop("policy")
    assert flips == cutmix
    assert (flips["seed"], flips["init"]) == (3, "start.weights.h5")


def test_the_shared_start_sees_no_augmentation_and_warms_a_new_head_first():
    pretrained, scratch = (budget("cpu").start_recipe(init) for init in ("file.h5", "scratch"))
    assert {phase.policy for phase in (*pretrained.phases, *scratch.phases)} == {"none"}
    assert [phase.head_only for phase in pretrained.phases] == [True, False]
    assert [phase.head_only for phase in scratch.phases] == [False]


CPU = (Path(budget_module.__file__).parent / "budgets/cpu.toml").read_text()


def test_a_budget_is_a_file(tmp_path):
    own = tmp_path / "short.toml"
    own.write_text(CPU.replace("\nepochs = 3", "\nepochs = 2"))
    assert budget(str(own)) == replace(budget("cpu"), name="short", epochs=2)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (CPU.replace("\nepochs = 3", "\nepochs = 0"), "epochs: expected at least 1, got 0"),
        (CPU + "lessons = 3", "expected keys of start_cells, .*, got 'lessons'"),
        ("", "expected start_cells, got nothing"),
        ("epochs 3", "expected TOML"),
    ],
)
def test_a_budget_that_is_none_is_refused(tmp_path, text, line):
    own = tmp_path / "own.toml"
    own.write_text(text)
    with pytest.raises(KitError, match=f"own.toml: {line}"):
        budget(str(own))


def test_an_unknown_budget_is_refused_with_the_list_of_known_ones():
    with pytest.raises(KitError, match="expected cpu, gpu, trial or a TOML file, got 'tpu'"):
        budget("tpu")
