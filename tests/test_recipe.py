from pathlib import Path

import pytest

from bloodcells.augmentation.policies import POLICIES
from bloodcells.errors import KitError
from bloodcells.network.network import BACKBONES, DEFAULT_BACKBONE
from bloodcells.recipe import RECIPES, read_recipe, run_name

OWN = """
backbone = "EfficientNetB0"
[[phases]]
name = "mine"
epochs = 2
policy = "chain"
working_size = 48
batch_size = 8
learning_rate = 1
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "my schedule.toml").write_text(OWN)
    return tmp_path / "my schedule.toml"


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("init", ["scratch", "kit", "imagenet", "file.h5"])
def test_every_recipe_names_a_known_policy_and_keeps_what_it_was_given(name, init):
    recipe = read_recipe(name, init, seed=3)
    assert all(phase.policy in POLICIES for phase in recipe.phases)
    assert (recipe.init, recipe.seed, recipe.backbone) == (init, 3, DEFAULT_BACKBONE)
    if name != "scratch":
        assert any(phase.head_only for phase in recipe.phases) == (init not in ("scratch", "kit"))


def test_a_recipe_tells_of_the_network_that_its_last_phase_leaves():
    recipe = read_recipe("full", "scratch", seed=0)
    assert recipe.epochs == sum(phase.epochs for phase in recipe.phases)
    assert recipe.as_dict()["working_size"] == recipe.phases[-1].working_size
    assert recipe.as_dict()["policy"] == recipe.phases[-1].policy


def test_from_random_weights_it_takes_ten_minutes_of_a_fast_gpu():
    """An H200 took 3,300 images of the 9,558 training cells a second; compilation and validation come on top."""
    recipe = read_recipe("scratch", "scratch", seed=0)
    assert read_recipe("full", "scratch", seed=0) == recipe
    assert sum(phase.epochs * phase.steps_in_epoch(9_558) * phase.batch_size for phase in recipe.phases) / 3_300 < 600


def test_a_file_of_ones_own_is_a_recipe_whatever_the_start(own):
    for init in ("kit", "scratch", "imagenet"):
        recipe = read_recipe(str(own), init, 0)
        assert (recipe.backbone, recipe.phases[0].name, recipe.phases[0].stochastic_depth) == (
            "EfficientNetB0",
            "mine",
            0.2,
        )
    assert run_name("data/training_set.npz", str(own), 3) == "training_set-my schedule-3"


def test_single_values_are_changed_and_phases_are_counted_from_0():
    changes = [
        "phases.1.epochs=5",
        "phases.0.policy=full",
        "backbone='ConvNeXtTiny'",
        "dropout=0",
        "precision=bfloat16",
    ]
    recipe, before = read_recipe("quick", "imagenet", 0, changes), read_recipe("quick", "imagenet", 0)
    assert [phase.epochs for phase in recipe.phases] == [before.phases[0].epochs, 5]
    assert [phase.policy for phase in recipe.phases] == ["full", before.phases[1].policy]
    assert (recipe.backbone, recipe.dropout, recipe.precision) == ("ConvNeXtTiny", 0, "bfloat16")


REFUSED = {
    "phases.0.epocs=5": r"recipe quick: phases.0: expected keys of name, epochs, .*, least_steps, got 'epocs'",
    "optimizer=lion": r"recipe quick: expected keys of backbone, precision, .*, dropout, got 'optimizer'",
    "seed=3": "got 'seed'",
    "phases=3": "got 'phases'",
    "phases.0.epochs=0": "phases.0.epochs: expected at least 1, got 0",
    "phases.0.epochs=1.5": "phases.0.epochs: expected a whole number, got 1.5",
    "phases.0.working_size=16": "phases.0.working_size: expected 32 to 4096, got 16",
    "phases.0.learning_rate=nan": "phases.0.learning_rate: expected a finite number, got nan",
    "phases.0.learning_rate=2": "phases.0.learning_rate: expected 0 to 1, got 2",
    "phases.0.head_only=1": "phases.0.head_only: expected true or false, got 1",
    "phases.0.batch_size=true": "phases.0.batch_size: expected a whole number, got True",
    "phases.0.name=3": "phases.0.name: expected text, got 3",
    "phases.2.epochs=5": "expected phases.N.KEY with N of 0, 1. Phases are counted from 0",
    "phases.epochs=5": "expected phases.N.KEY with N of 0, 1",
    "phases.0.policy=magic": "unknown augmentation policy: expected one of .*, got 'magic'",
    "backbone=VGG16": f"unknown backbone: expected one of {', '.join(BACKBONES)}, got 'VGG16'",
    "precision=int8": "precision: expected one of auto, float32, bfloat16, float16, got 'int8'",
    "epochs": "expected KEY=VALUE, got 'epochs'",
}


@pytest.mark.parametrize(("change", "message"), REFUSED.items())
def test_a_change_that_makes_no_sense_is_refused_in_one_line(change, message):
    with pytest.raises(KitError, match=message) as refusal:
        read_recipe("quick", "imagenet", 0, [change])
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [("backbone = ", "expected TOML"), ("dropout = 0.1", r"expected one \[\[phases\]\] or more"),
     ("phases = [3]", r"expected one \[\[phases\]\]"),
     ("[[phases]]\nname = 'a'", "phases.0: expected epochs, got nothing"),
     ("a." * 20_000 + "a = 1", "expected at most 10,000 bytes"), ("x = " + "[" * 9_000, "expected TOML")],
)  # fmt: skip
def test_a_file_that_is_no_recipe_is_refused(tmp_path, text, message):
    (tmp_path / "bad.toml").write_text(text)
    with pytest.raises(KitError, match=message):
        read_recipe(str(tmp_path / "bad.toml"), "imagenet", 0)


def test_an_unknown_recipe_is_refused():
    with pytest.raises(KitError, match="expected quick, full, scratch or a TOML file, got 'fast'"):
        read_recipe("fast", "scratch", 0)


def test_a_run_is_named_after_its_data_recipe_and_seed():
    assert run_name("data/training_set.npz", "quick", 3) == "training_set-quick-3"
    assert run_name(".", "quick", 3) == f"{Path.cwd().stem}-quick-3"


def test_few_cells_are_repeated_until_a_phase_has_its_least_steps():
    head, whole = read_recipe("quick", "imagenet", 0).fitted_to(480).phases
    assert (head.epochs, head.repeats, head.steps_in_epoch(480)) == (1, 9, 63)
    assert (whole.epochs, whole.repeats, whole.steps_in_epoch(480)) == (2, 9, 63)


def test_a_batch_is_no_larger_than_the_training_set():
    head, _ = read_recipe("quick", "imagenet", 0).fitted_to(20).phases
    assert (head.batch_size, head.repeats) == (20, 60)


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("init", ["scratch", "kit", "imagenet"])
def test_for_as_many_cells_as_the_competition_has_a_recipe_stays_as_it_is_written(name, init):
    recipe = read_recipe(name, init, 0)
    assert recipe.fitted_to(9_558) == recipe


def test_a_new_head_takes_the_phases_that_begin_with_the_head():
    assert read_recipe("full", "kit", 0, new_head=True).phases == read_recipe("full", "imagenet", 0).phases
