"""One small run, cut off and resumed in every way: a small EfficientNet at 32 px on a hundred synthetic cells."""

import shutil
from dataclasses import replace
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from backbones import EVERY_BACKBONE, network_on
from invented_runs import ENVIRONMENT, begun_run

from bloodcells.cleaning.decisions import Decision, Decisions
from bloodcells.data.cells import CellSet
from bloodcells.data.sources.synthetic import FEWEST_CELLS, draw_smear
from bloodcells.data.white_balance import typical_ground
from bloodcells.errors import KitError, OutOfTime
from bloodcells.files import WEIGHTS
from bloodcells.network.network import backbone_of, build_network
from bloodcells.recipe import Phase, Recipe
from bloodcells.run import Config, Environment, Epoch, Run
from bloodcells.run import folder as room
from bloodcells.training import callbacks
from bloodcells.training import loop as training
from bloodcells.training.callbacks import ShowProgress

pytestmark = pytest.mark.usefixtures("small_backbone", "no_graphs")
HEAD = Phase("head", 1, "flips", 32, batch_size=16, learning_rate=2e-3, head_only=True)
WHOLE = Phase("fine-tuning", 2, "flips", 32, batch_size=16, learning_rate=1e-3, warmup_steps=2)
CONFIG = Recipe(init="scratch", phases=(HEAD, WHOLE))


@pytest.fixture(scope="module")
def cells() -> CellSet:
    return draw_smear(FEWEST_CELLS, seed=1).cells.take(np.arange(48))


@pytest.fixture(scope="module")
def complete(cells, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("complete run")
    run, kept = folder / "run", folder / "every checkpoint"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "_KEPT_CHECKPOINTS", 3)
        patch.setattr(callbacks, "REST", 0)
        training.train(cells, {"clean": cells}, CONFIG, run)
    shutil.copytree(run / "checkpoints", kept)
    Run(run).drop_old_checkpoints(3)
    return run


def cut_off_after(epoch: int, complete: Path, run: Path) -> None:
    """Make of a complete run the folder that a run killed during epoch ``epoch`` + 1 leaves."""
    shutil.copytree(complete, run)
    (run / WEIGHTS).unlink()
    for checkpoint in (run / "checkpoints").glob("*.h5"):
        if int(checkpoint.name[6:10]) > epoch:
            checkpoint.unlink()


def test_a_run_folder_tells_the_whole_run(complete, cells):
    config = Run(complete).read(Config)
    assert config.data_sha256 == cells.sha256
    assert config.recipe == CONFIG
    assert config.ground == typical_ground(cells.images)
    assert Run(complete).read(Environment).backend == "tensorflow"
    records = Run(complete).rows(Epoch)
    assert [record.epoch for record in records] == [1, 2, 3]
    assert [record.phase for record in records] == ["head", "fine-tuning", "fine-tuning"]
    assert all(0 <= record.validation["clean"] <= 1 for record in records)
    assert records[-1].learning_rate == pytest.approx(0, abs=1e-9)


def test_only_the_last_two_checkpoints_are_kept(complete):
    assert sorted(path.name for path in (complete / "checkpoints").iterdir()) == [
        "epoch-0002.weights.h5",
        "epoch-0003.weights.h5",
    ]


def test_epochs_of_seconds_are_measured_and_kept_once_in_a_while_and_at_the_end(complete, cells, tmp_path):
    """The second of three is not, and the network is the same."""
    run = Run(tmp_path / "run")
    training.train(cells, {"clean": cells}, CONFIG, run.folder)
    assert [sorted(record.validation) for record in run.rows(Epoch)] == [["clean"], [], ["clean"]]
    assert list(run.checkpoints(3)) == [3, 1]
    for weights, kept in zip(run.network().get_weights(), Run(complete).network().get_weights(), strict=True):
        np.testing.assert_array_equal(weights, kept)


def test_the_result_carries_no_optimizer(complete):
    newest = complete / "checkpoints" / "epoch-0003.weights.h5"
    assert (complete / WEIGHTS).stat().st_size < 0.4 * newest.stat().st_size


def test_the_head_phase_leaves_the_backbone_as_it_is(complete, cells, tmp_path):
    run = tmp_path / "head only"
    training.train(cells, {}, replace(CONFIG, phases=(HEAD,)), run)
    keras.utils.set_random_seed(CONFIG.seed)
    untrained = build_network(96, 32, 8, CONFIG.dropout)
    trained = Run(run).network()
    for before, after in zip(
        backbone_of(untrained).get_weights(),
        backbone_of(trained).get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(before, after)


def test_after_the_minutes_it_stops_at_the_end_of_an_epoch(cells, tmp_path):
    recipe = replace(CONFIG, phases=(replace(HEAD, epochs=2),))
    with pytest.raises(OutOfTime, match=r"0 minutes are over after epoch 1 of 2\. The same command goes on there"):
        training.train(cells, {}, recipe, tmp_path, training.Sitting(minutes=0))
    assert [record.epoch for record in Run(tmp_path).rows(Epoch)] == [1]
    assert list(Run(tmp_path).checkpoints(2)) == [1]
    assert not Run(tmp_path).weights.exists()


def test_a_complete_run_is_used_and_not_trained_again(complete, cells, monkeypatch, capsys):
    monkeypatch.setattr(training, "typical_ground", None)  # its ground is recorded
    before = (complete / "metrics.jsonl").read_bytes()
    training.train(cells, {"clean": cells}, CONFIG, complete)
    assert "is trained already" in capsys.readouterr().out
    assert (complete / "metrics.jsonl").read_bytes() == before


@pytest.mark.parametrize("cut", [0, 1, 2])
def test_a_run_that_was_cut_off_goes_on_to_the_same_bits(complete, cells, tmp_path, capsys, cut):
    """Killed in the head's epoch, between the phases, within a phase; with a newer checkpoint half written."""
    run = tmp_path / "cut off"
    shutil.copytree(complete, run)
    (run / WEIGHTS).unlink()
    for checkpoint in (run / "checkpoints").iterdir():
        checkpoint.unlink()
    for epoch in range(1, cut + 1):
        shutil.copy(complete.parent / "every checkpoint" / f"epoch-{epoch:04d}.weights.h5", run / "checkpoints")
    whole = (complete.parent / "every checkpoint" / "epoch-0003.weights.h5").read_bytes()
    (run / "checkpoints" / f"epoch-{cut + 1:04d}.weights.h5").write_bytes(whole[:1000])
    (run / "checkpoints" / "epoch-9999.weights.h5").write_bytes(whole)
    training.train(cells, {"clean": cells}, CONFIG, run)
    output = capsys.readouterr().out
    assert f"epoch-{cut + 1:04d}.weights.h5 cannot be read" in output and "epoch-9999" not in output
    assert (f"The run goes on after epoch {cut} of 3." in output) == (cut > 0)
    assert [record.epoch for record in Run(run).rows(Epoch)] == [1, 2, 3]
    for one, other in zip(Run(run).network().get_weights(), Run(complete).network().get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def spoiled(path: Path) -> None:
    """Put a NaN into the weights of a file."""
    with h5py.File(path, "r+") as file:
        file["layers/dense/vars/1"][0] = np.nan


def test_nothing_goes_on_from_nan(complete, cells, tmp_path, capsys):
    run = tmp_path / "spoiled"
    shutil.copytree(complete, run)
    spoiled(run / WEIGHTS)
    with pytest.raises(KitError, match="holds NaN or infinity"):
        Run(run).network()
    (run / WEIGHTS).unlink()
    spoiled(run / "checkpoints" / "epoch-0003.weights.h5")
    training.train(cells, {"clean": cells}, CONFIG, run)
    output = capsys.readouterr().out
    assert "epoch-0003.weights.h5 holds NaN or infinity" in output and "after epoch 2" in output


def test_a_run_that_goes_on_elsewhere_says_where(tmp_path):
    run = begun_run(tmp_path)
    for done, cores in ((1, 2), (2, 16), (3, 16), (4, 2)):
        run.go_on_in(replace(ENVIRONMENT, cores=cores, after_epoch=done))
    recorded = run.read(Environment)
    assert recorded.cores == 2
    assert [(one.after_epoch, one.cores) for one in recorded.continued] == [(2, 16), (4, 2)]


def test_what_a_person_decided_is_recorded_when_the_run_begins(cells, tmp_path, monkeypatch):
    decisions = Decisions((Decision(3, "", "drop", ""),), "ab" * 32)
    Run(tmp_path).write_decisions(decisions)
    begun: list[Config] = []

    def begin(run: Run, config: Config, environment: Environment) -> None:
        begun.append(config)
        raise KitError("enough")

    monkeypatch.setattr(Run, "begin", begin)
    with pytest.raises(KitError, match="enough"):
        training.train(cells, {}, CONFIG, tmp_path)
    assert begun[0].decisions_sha256 == decisions.sha256


@pytest.mark.parametrize("change", [{"seed": 1}, {"phases": (WHOLE,)}])
def test_a_folder_of_another_run_is_refused(complete, cells, change):
    with pytest.raises(KitError, match=f"holds another run: expected {next(iter(change))} = .*, got"):
        training.train(cells, {}, replace(CONFIG, **change), complete)


def test_stochastic_depth_rises_to_its_rate_as_kerass_own_does(published_backbone):
    network = build_network(32, 32, 4)
    drops = [layer for layer in backbone_of(network).layers if isinstance(layer, keras.layers.Dropout)]
    own = [layer.rate for layer in drops]
    training._set_stochastic_depth(network, 0.0, "EfficientNetB3")
    assert {layer.rate for layer in drops} == {0.0}
    training._set_stochastic_depth(network, 0.2, "EfficientNetB3")
    assert [layer.rate for layer in drops] == pytest.approx(own)


@pytest.mark.parametrize("name", EVERY_BACKBONE)
def test_every_backbone_leaves_blocks_out_or_says_that_it_cannot(published_backbone, name, capsys):
    network = network_on(name)
    training._set_stochastic_depth(network, 0.4, name)
    rates = [layer.rate for layer in backbone_of(network).layers if isinstance(layer, keras.layers.Dropout)]
    assert rates == sorted(rates) and max(rates, default=0.4) > 0.3
    assert np.isfinite(network(np.zeros((2, 32, 32, 3), np.float32), training=True)).all()
    assert bool(rates) != ("MobileNetV3Large has no residual blocks" in capsys.readouterr().out)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_whatever_is_computed_in_the_weights_are_float32(cells, tmp_path, precision):
    short = replace(CONFIG, phases=(HEAD,), precision=precision, backbone="MobileNetV3Large")
    network = training.train(cells, {}, short, tmp_path)
    assert {weight.dtype for weight in network.get_weights()} == {np.dtype("float32")}
    assert network.dtype_policy.name == keras.config.dtype_policy().name == "float32"
    assert np.isfinite(Run(tmp_path).rows(Epoch)[0].loss)


def test_the_weights_of_one_working_size_go_on_at_another(complete, cells, tmp_path):
    run = tmp_path / "grown"
    shutil.copytree(complete, run)
    (run / WEIGHTS).unlink()
    larger = Phase("larger", 1, "flips", 48, batch_size=16, learning_rate=0.0)
    grown = replace(CONFIG, phases=(HEAD, WHOLE, larger))
    Run(run).write(replace(Run(run).read(Config), recipe=grown))
    training.train(cells, {}, grown, run)
    network = Run(run).network()
    assert backbone_of(network).input_shape == (None, 48, 48, 3)
    for variable, before in zip(network.trainable_variables, Run(complete).network().trainable_variables, strict=True):
        np.testing.assert_array_equal(variable, before)


def test_a_line_of_metrics_without_any_checkpoint_is_dropped(complete, cells, tmp_path):
    """Killed in the first epoch between the line and the checkpoint."""
    run = tmp_path / "run"
    cut_off_after(0, complete, run)
    (run / "metrics.jsonl").write_text((complete / "metrics.jsonl").read_text().splitlines(keepends=True)[0])
    training.train(cells, {"clean": cells}, CONFIG, run)
    assert [record.epoch for record in Run(run).rows(Epoch)] == [1, 2, 3]


def test_a_folder_of_other_cells_is_refused(complete, cells):
    with pytest.raises(KitError, match="expected data_sha256"):
        training.train(cells.take(np.arange(40)), {}, CONFIG, complete)


def test_a_loss_that_is_not_a_number_stops_and_names_the_step(cells, tmp_path, monkeypatch):
    def poisoned(*arguments):
        yield from ((pixels * np.nan, labels) for pixels, labels in original(*arguments))

    original = training.training_batches
    monkeypatch.setattr(training, "training_batches", poisoned)
    with pytest.raises(KitError, match="the loss became nan in epoch 1, step 1"):
        training.train(cells, {}, CONFIG, tmp_path / "run")
    assert not (tmp_path / "run" / WEIGHTS).exists()


def test_fewer_cells_than_a_batch_are_refused_before_anything_is_written(cells, tmp_path):
    with pytest.raises(KitError, match="expected at least a batch of 16, got 10"):
        training.train(cells.take(np.arange(10)), {}, CONFIG, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_unfinished_run_has_no_network_yet(complete, tmp_path):
    cut_off_after(2, complete, tmp_path / "run")
    with pytest.raises(KitError, match=r"is not trained to its end: .* Finish its training\."):
        Run(tmp_path / "run").network()
    Run(tmp_path / "run").note_commands("bloodcells train --seed 1")
    with pytest.raises(KitError, match=r"Finish its training: bloodcells train --seed 1$"):
        Run(tmp_path / "run").network()


@pytest.mark.parametrize(("cut", "told"), [(0, "with the first epoch, since none was kept"), (2, "after epoch 2 of 3")])
def test_an_interruption_says_where_the_same_command_goes_on(complete, cells, tmp_path, monkeypatch, cut, told):
    cut_off_after(cut, complete, tmp_path / "run")

    def interrupted(callback, batch, logs=None):
        raise KeyboardInterrupt

    monkeypatch.setattr(ShowProgress, "on_train_batch_end", interrupted)
    with pytest.raises(KeyboardInterrupt) as end:
        training.train(cells, {}, CONFIG, tmp_path / "run")
    assert end.value.__notes__ == [f"the same command goes on {told}"]


def test_truncated_weights_are_told_as_such(complete, tmp_path):
    shutil.copytree(complete, tmp_path / "run")
    (tmp_path / "run" / WEIGHTS).write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(KitError, match="truncated"):
        Run(tmp_path / "run").network()
