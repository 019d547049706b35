import numpy as np
import pytest

from bloodcells.corruption import composite


def test_is_frozen_and_leaves_the_input_alone(cells):
    before = cells.images.copy()
    first, again = composite.corrupt(cells, 1), composite.corrupt(cells, 1)
    np.testing.assert_array_equal(first.images, again.images)
    np.testing.assert_array_equal(cells.images, before)
    np.testing.assert_array_equal(first.labels, cells.labels)
    assert (first.images.dtype, first.images.shape) == (np.uint8, cells.images.shape)
    assert first.origin.endswith("composite corruption, seed 1")
    assert first.corruptions.tolist() == ["+".join(composite.words(chain)) for chain in composite.chains(len(cells), 1)]


def test_an_image_does_not_depend_on_how_many_follow(cells):
    few = composite.corrupt(cells.take(np.arange(5)), 1)
    np.testing.assert_array_equal(few.images, composite.corrupt(cells, 1).images[:5])


def test_another_seed_is_another_corruption(cells):
    assert not np.array_equal(composite.corrupt(cells, 1).images, composite.corrupt(cells, 2).images)


def test_nearly_every_image_is_changed_and_none_is_wiped_out(cells):
    corrupted = composite.corrupt(cells, 1).images.astype(float)
    change = np.abs(corrupted - cells.images).mean(axis=(1, 2, 3))
    assert np.mean(change > 2) > 0.95
    assert (corrupted.std(axis=(1, 2, 3)) > 2).all()


def test_chains_have_the_stated_lengths_of_different_families():
    chains = composite.chains(2000, seed=0)
    lengths = np.bincount([len(chain) for chain in chains], minlength=1 + max(composite.LENGTHS))[1:] / len(chains)
    np.testing.assert_allclose(lengths, list(composite.LENGTHS.values()), atol=0.04)
    for chain in chains:
        families = [composite.FAMILY_OF[name] for name in composite.words(chain)]
        assert len(set(families)) == len(families)
        assert sum(family in composite.OBSCURING for family in families) <= composite.MAX_OBSCURED


@pytest.mark.parametrize("name", [name for name in composite.CORRUPTIONS if name != "shuffle_channels"])
def test_each_corruption_shows_and_shows_more_at_its_harsh_end(cells, name):
    corruption = composite.CORRUPTIONS[name]

    def change(strength: float) -> float:
        draws = [composite.Draw(np.random.default_rng(seed), strength) for seed in range(6)]
        return np.mean(
            [
                np.abs(corruption.apply(image, **corruption.draw(draw)).astype(float) - image).mean()
                for draw, image in zip(draws, cells.images[:6], strict=True)
            ]
        )

    mild, harsh = change(0.0), change(1.0)
    assert mild > 0.3
    assert harsh > mild


def test_channels_are_shuffled_whatever_the_strength(cells):
    corruption = composite.CORRUPTIONS["shuffle_channels"]
    draw = composite.Draw(np.random.default_rng(0), 0.0)
    shuffled = corruption.apply(cells.images[0], **corruption.draw(draw))
    assert not np.array_equal(shuffled, cells.images[0])
    np.testing.assert_array_equal(np.sort(shuffled, axis=2), np.sort(cells.images[0], axis=2))


def test_the_family_kept_out_of_training_is_one_of_them():
    assert composite.HELD_OUT in composite.FAMILIES
