import pytest

from bloodcells.augmentation.policies import POLICIES
from bloodcells.errors import KitError
from bloodcells.recipe import PROFILES, run_name, training_config


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("init", ["scratch", "kit", "imagenet", "file.h5"])
def test_every_profile_names_a_known_policy_and_keeps_what_it_was_given(profile, init):
    config = training_config(profile, init, seed=3)
    assert all(phase.policy in POLICIES for phase in config.phases)
    assert (config.init, config.seed) == (init, 3)
    assert any(phase.head_only for phase in config.phases) == (init not in ("scratch", "kit"))


def test_a_config_tells_of_the_network_that_its_last_phase_leaves():
    config = training_config("full", "scratch", seed=0)
    assert config.epochs == sum(phase.epochs for phase in config.phases)
    assert config.as_dict()["working_size"] == config.phases[-1].working_size
    assert config.as_dict()["policy"] == config.phases[-1].policy


def test_an_unknown_profile_is_refused():
    with pytest.raises(KitError, match="expected quick or full, got 'fast'"):
        training_config("fast", "scratch", 0)


def test_a_run_is_named_after_its_data_profile_and_seed():
    assert run_name("data/training_set.npz", "quick", 3) == "training_set-quick-3"
