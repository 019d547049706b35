import pytest

from bloodcells.augmentation.policies import POLICIES, policy
from bloodcells.corruption.composite import FAMILIES, HELD_OUT
from bloodcells.corruption.medmnist_c import CORRUPTIONS
from bloodcells.errors import KitError


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_says_what_it_does_and_what_it_is_near_to(name):
    chosen = policy(name)
    assert chosen.description
    assert chosen.near <= {*FAMILIES, *CORRUPTIONS}


@pytest.mark.parametrize("name", POLICIES)
def test_no_policy_comes_near_to_the_family_that_is_held_out(name):
    assert not policy(name).near & {HELD_OUT, "stain_deposit", "bubble"}


def test_every_arm_but_none_starts_with_the_orientations():
    starts = {name: type(policy(name).layers()[0]).__name__ for name in POLICIES if name != "none"}
    assert set(starts.values()) == {"RandomDihedral"}


def test_the_published_five_and_their_controls_are_there():
    published = {"randaugment", "augmix", "augmix_no_jsd", "mixup", "cutmix", "gaussian_noise"}
    assert published | {"none", "flips"} < set(POLICIES)


def test_an_unknown_name_is_refused_with_the_list_of_known_ones():
    with pytest.raises(KitError, match=r"none, flips, randaugment, .*, full, got 'auto'"):
        policy("auto")
