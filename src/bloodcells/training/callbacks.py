"""What training does after a step and after an epoch: stop at NaN, say how far it is, measure, keep a checkpoint."""

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import keras

from bloodcells.augmentation.pipeline import random_states, reset_states
from bloodcells.data.cells import CellSet
from bloodcells.errors import KitError, say
from bloodcells.files import replacing
from bloodcells.measuring.evaluation import label_metrics
from bloodcells.network.inference import predict_probabilities
from bloodcells.progress import Show
from bloodcells.recipe import Recipe
from bloodcells.run import Epoch, Run

REST = 60.0
"""Seconds between two checkpoints, at least. A cut costs no more than these and an epoch."""


class SameDraws(keras.callbacks.Callback):
    """What dropout leaves out in an epoch follows from the seed and the epoch, also where a run goes on with it."""

    def __init__(self, seed: int) -> None:
        """Keep the seed."""
        super().__init__()
        self.seed = seed

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Forget what was drawn before."""
        reset_states(random_states(self.model), self.seed, epoch)


class StopOnNaN(keras.callbacks.Callback):
    """Ends training at the first step whose loss is not finite; the checkpoints before it stay."""

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note which epoch the message would name."""
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the loss; raises KitError."""
        loss = float((logs or {})["loss"])
        if not math.isfinite(loss):
            raise KitError(
                f"training stopped: the loss became {loss} in epoch {self.epoch + 1}, step {batch + 1}. "
                "The last good checkpoint is kept; train again with a lower learning rate."
            )


class StopInTime(keras.callbacks.Callback):
    """Ends training after the last epoch that fits into so many ``minutes`` from now on; one is always trained.

    The next epoch is expected to take as long as the longest so far, all that is done at its end included.
    """

    def __init__(self, minutes: float) -> None:
        super().__init__()
        self.ends = time.monotonic() + 60 * minutes
        self.longest = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the clock."""
        self.began = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Stop where the next epoch would end too late."""
        now = time.monotonic()
        self.longest = max(self.longest, now - self.began)
        self.model.stop_training = now + self.longest > self.ends


class ShowProgress(keras.callbacks.Callback):
    """Shows phase, epoch and step, and about how many minutes the training still takes.

    The steps of this phase are expected to take as long as those so far, measuring between epochs included, and those
    of later phases as much longer as `Phase.work_in_epoch` says.
    """

    def __init__(self, show: Show, recipe: Recipe, phase: int, cells: int) -> None:
        """Keep the place of the ``phase`` in the ``recipe``, for so many training ``cells``."""
        super().__init__()
        self.show = show
        self.steps = recipe.phases[phase].steps_in_epoch(cells)
        self.work = recipe.phases[phase].work_in_epoch(cells) / self.steps
        self.left = sum(one.epochs * one.work_in_epoch(cells) for one in recipe.phases[phase:])
        self.before = sum(one.epochs for one in recipe.phases[:phase])
        self.place = f"phase {phase + 1} of {len(recipe.phases)} ({recipe.phases[phase].name}), epoch"
        self.epochs, self.trained = recipe.epochs, 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note which epoch it is."""
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Show the step. The first of a phase takes far longer than the others and starts the clock."""
        now = time.monotonic()
        if not self.trained:
            self.began = now
        self.trained += 1
        step = f"{self.place} {self.epoch + 1} of {self.epochs}"
        remark = f"loss {float((logs or {})['loss']):.3f}"
        if self.trained > 1:
            speed = (self.trained - 1) * self.work / max(now - self.began, 1e-9)
            done = ((self.epoch - self.before) * self.steps + batch + 1) * self.work
            remark += f", about {max(1, round((self.left - done) / speed / 60))} min of training left"
        self.show(step, batch + 1, self.steps, remark)


class EpochEnd(keras.callbacks.Callback):
    """After an epoch, write its line of metrics; once in `REST` seconds and at the end, measure and keep a checkpoint.

    An epoch of seconds would take longer to measure than to train. The line is written before the checkpoint, since a
    resumed run drops lines without a checkpoint and could not make one that is missing.
    """

    def __init__(self, run: Run, phase: str, validation: Mapping[str, CellSet], images: int, epochs: int) -> None:
        """Keep where and on what; ``images`` are trained on in an epoch, of which the training has ``epochs``."""
        super().__init__()
        self.run, self.phase, self.validation, self.images, self.epochs = run, phase, validation, images, epochs
        self.kept = time.monotonic()
        self.unkept: Epoch | None = None

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the clock."""
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the line, and keep what is due."""
        seconds, told = time.perf_counter() - self.began, logs or {}
        done = Epoch(
            epoch=epoch + 1,
            phase=self.phase,
            accuracy=float(told["accuracy"]),
            loss=float(told["loss"]),
            validation={},
            learning_rate=float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)),
            seconds=round(seconds, 1),
            images_per_second=round(self.images / seconds, 1),
        )
        if done.epoch == self.params["epochs"] or time.monotonic() - self.kept >= REST:
            self._keep(done)
        else:
            self._write(done)
            self.unkept = done

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Keep the last epoch where training stops early."""
        if self.unkept:
            self._keep(self.unkept)

    def _keep(self, done: Epoch) -> None:
        self._write(replace(done, validation={name: self._accuracy(cells) for name, cells in self.validation.items()}))
        with replacing(self.run.checkpoint(done.epoch)) as beside:
            self.model.save_weights(beside, overwrite=True)
        self.run.drop_old_checkpoints(done.epoch)
        self.kept, self.unkept = time.monotonic(), None

    def _write(self, done: Epoch) -> None:
        self.run.add(done)
        measured = ", ".join(f"{accuracy:.4f} {name}" for name, accuracy in done.validation.items())
        told = f"validation accuracy {measured}; " if measured else ""
        say(f"epoch {done.epoch} of {self.epochs} ({done.phase}): {told}{done.images_per_second} images/s")

    def _accuracy(self, cells: CellSet) -> float:
        predicted = predict_probabilities(self.model, cells.images).argmax(axis=1)
        return label_metrics(cells.labels, predicted, len(cells.competition.classes))["accuracy"]
