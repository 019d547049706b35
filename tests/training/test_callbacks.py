import numpy as np
import pytest

from bloodcells.errors import KitError
from bloodcells.recipe import Phase, Recipe
from bloodcells.training import callbacks
from bloodcells.training.callbacks import ShowProgress, StopOnNaN


@pytest.mark.parametrize("loss", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_stops_and_names_epoch_and_step(loss):
    guard = StopOnNaN()
    guard.on_epoch_begin(4)
    guard.on_train_batch_end(0, {"loss": 0.3})
    with pytest.raises(KitError, match=f"the loss became {loss} in epoch 5, step 18. "):
        guard.on_train_batch_end(17, {"loss": loss})


def _minutes_left_after_two_steps(phases, monkeypatch):
    """The remark of the second step, where every step takes a minute."""
    shown, now = [], iter([0, 60])
    monkeypatch.setattr(callbacks.time, "monotonic", lambda: next(now))
    callback = ShowProgress(lambda *line: shown.append(line), Recipe("imagenet", phases), 0, cells=20)
    callback.on_epoch_begin(0)
    for batch in range(2):
        callback.on_train_batch_end(batch, {"loss": 1.5})
    return shown[-1][-1]


def test_a_step_of_the_head_tells_that_those_of_the_whole_network_take_four_times_as_long(monkeypatch):
    head, whole = Phase("head", 1, "flips", 64, 10, 0.1, head_only=True), Phase("whole", 5, "full", 64, 10, 0.1)
    assert _minutes_left_after_two_steps((head, whole), monkeypatch) == "loss 1.500, about 40 min of training left"
    assert _minutes_left_after_two_steps((whole, whole), monkeypatch) == "loss 1.500, about 18 min of training left"


def test_phase_epoch_and_the_minutes_that_are_left_are_shown(monkeypatch):
    """An epoch of either phase has two steps; a step of the second has four times the pixels."""
    recipe = Recipe("scratch", (Phase("head", 2, "flips", 48, 10, 0.1), Phase("whole", 3, "full", 96, 10, 0.1)))
    shown, now = [], iter(range(0, 10_000, 60))
    monkeypatch.setattr(callbacks.time, "monotonic", lambda: next(now))
    for phase, epochs in enumerate([(0, 1), (2,)]):
        callback = ShowProgress(lambda *line: shown.append(line), recipe, phase, cells=20)
        for epoch in epochs:
            callback.on_epoch_begin(epoch)
            for batch in range(2):
                callback.on_train_batch_end(batch, {"loss": 1.5})
    first, second, *_, last = shown
    assert first == ("phase 1 of 2 (head), epoch 1 of 5", 1, 2, "loss 1.500")
    assert second[3] == "loss 1.500, about 26 min of training left"  # 2 steps, and 6 of four times as long
    assert last == ("phase 2 of 2 (whole), epoch 3 of 5", 2, 2, "loss 1.500, about 4 min of training left")
