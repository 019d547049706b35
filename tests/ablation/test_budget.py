import pytest

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


def test_an_unknown_budget_is_refused_with_the_list_of_known_ones():
    with pytest.raises(KitError, match="expected one of cpu, gpu, trial, got 'tpu'"):
        budget("tpu")
