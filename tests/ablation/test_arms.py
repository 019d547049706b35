import pytest

from bloodcells.ablation.arms import ARMS, RECIPE_BASELINE, RECIPES, RETIRED, arm_named, changes_recipe, describe_arm
from bloodcells.ablation.budget import budget
from bloodcells.errors import KitError


def flat(name: str) -> dict:
    config = budget("cpu").arm_recipe(arm_named(name), 0, "start.weights.h5").as_dict()
    return {**{f"phase {key}": value for key, value in config.pop("phases")[0].items()}, **config}


@pytest.mark.parametrize("name", RECIPES)
def test_a_change_to_the_recipe_changes_the_baselines_config_in_what_it_says(name):
    baseline, changed = flat(RECIPE_BASELINE), flat(name)
    differing = {key for key in baseline if baseline[key] != changed[key]}
    own = arm_named(name)
    said = {*own.training, *(f"phase {key}" for key in own.phase), *(["phase learning_rate"] if own.rate != 1 else [])}
    assert differing - {"working_size"} == said


def test_a_policy_is_an_arm_by_its_name():
    assert arm_named("cutmix").policy == "cutmix"
    assert not changes_recipe(["flips", "cutmix"]) and changes_recipe(["full", "no_decay"])


def test_a_retired_arm_is_described_and_not_trained():
    assert describe_arm("lion").startswith("Lion (Chen et al. 2023") and changes_recipe(["full", "lion"])
    assert describe_arm("cutmix") == arm_named("cutmix").description and describe_arm("magic") == ""
    assert set(RETIRED).isdisjoint(ARMS)
    with pytest.raises(KitError, match="got 'lion'"):
        arm_named("lion")


def test_an_unknown_arm_is_refused_with_the_list_of_known_ones():
    with pytest.raises(KitError, match=f"expected one of {', '.join(ARMS)}, got 'magic'"):
        arm_named("magic")
