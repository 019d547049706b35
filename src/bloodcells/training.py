"""Training: two phases, a checkpoint after every epoch, and a resume that goes on where a run was cut off.

A run folder holds

    config.json          the config, and the SHA-256 of the data it was trained on
    environment.json     versions and hardware
    metrics.jsonl        one line an epoch
    checkpoints/         the last two epochs: weights, optimizer state
    weights.weights.h5   the result; there only when the run is complete

On resume, in this order: the config and the data must be the same; the newest checkpoint that can be read gives
the epoch, the weights and the optimizer's state; later lines of ``metrics.jsonl`` are dropped; the data order of
the next epoch follows from the seed and the epoch.
"""

import json
import math
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from bloodcells.augmentation.pipeline import training_batches
from bloodcells.cells import CellSet
from bloodcells.competition import COMPETITION
from bloodcells.config import TrainingConfig
from bloodcells.environment import accelerators, describe_environment
from bloodcells.errors import KitError
from bloodcells.evaluation import label_metrics
from bloodcells.files import read_json, replacing, write_json, write_text
from bloodcells.inference import predict_probabilities
from bloodcells.network import BACKBONE, build_network
from bloodcells.pretrained import initialise

WEIGHTS = "weights.weights.h5"


@dataclass(frozen=True)
class _Phase:
    """Epochs ``first`` .. ``last`` - 1 of a run, trained with one optimizer."""

    name: str
    first: int
    last: int


def train(training: CellSet, validation: Mapping[str, CellSet], config: TrainingConfig, run: Path) -> keras.Model:
    """Train EfficientNetB3 into the folder ``run``, or go on with the run that is there.

    Args:
        training: the cells to learn from.
        validation: sets by name, measured after every epoch; nothing is chosen by them.
        config: the run.
        run: its folder; made if it is absent.

    Returns:
        The trained network, as `load_network` gives it.

    Raises:
        KitError: the folder holds another run, the initial weights cannot be had, there are fewer cells than a
            batch, or the loss became NaN.
    """
    if len(training) < config.batch_size:
        raise KitError(
            f"too few cells to train: expected at least a batch of {config.batch_size}, got {len(training)}. Add some."
        )
    _claim(run, config, training)
    if (run / WEIGHTS).exists():
        print(f"{run} is already trained; its weights are used")
        return load_network(run)
    if not accelerators():
        print("no GPU found: training runs on the CPU; --profile quick is made for that")

    keras.utils.set_random_seed(config.seed)
    network = _untrained(config)
    steps_per_epoch = len(training) // config.batch_size
    done = _resume(network, config, steps_per_epoch, run)
    if done == 0:
        initialise(network, config.init)
    for phase in _phases(config):
        if done >= phase.last:
            continue
        if done <= phase.first:
            _compile(network, phase, config, steps_per_epoch)
        batches = training_batches(training, config.policy, config.batch_size, config.seed, done, phase.last)
        network.fit(
            batches,
            initial_epoch=done,
            epochs=phase.last,
            steps_per_epoch=steps_per_epoch,
            shuffle=False,
            callbacks=[_StopOnNaN(), _EpochEnd(run, phase, validation, config.batch_size * steps_per_epoch)],
            verbose=1 if sys.stdout.isatty() else 2,
        )
        done = phase.last
    with replacing(run / WEIGHTS) as beside:
        _without_optimizer(network, config).save_weights(beside)
    return load_network(run)


def load_network(run: Path) -> keras.Model:
    """The trained network of a complete run folder.

    Raises:
        KitError: the run is absent or not complete, or its weights cannot be read.
    """
    config = read_json(run / "config.json")
    if not (run / WEIGHTS).exists():
        raise KitError(f"{run} is not trained to its end: expected {WEIGHTS}. Run the same command again to resume.")
    network = build_network(COMPETITION.image_size, config["working_size"], len(COMPETITION.classes), config["dropout"])
    try:
        network.load_weights(run / WEIGHTS)
    except (OSError, ValueError) as error:
        raise KitError(f"{run / WEIGHTS} cannot be read (truncated?). Train again into another folder.") from error
    return network


def _claim(run: Path, config: TrainingConfig, training: CellSet) -> None:
    """Write the run's config, or see that the one that is there is the same."""
    wanted = {**config.as_dict(), "data_sha256": training.sha256, "data_origin": training.origin}
    if (run / "config.json").exists():
        found = read_json(run / "config.json")
        differing = [key for key in wanted if found.get(key) != wanted[key]]
        if differing:
            key = differing[0]
            raise KitError(
                f"{run} holds another run: expected {key} = {wanted[key]}, got {found.get(key)}. "
                "Choose another folder with --out."
            )
        return
    write_json(run / "config.json", wanted)
    write_json(run / "environment.json", describe_environment())


def _untrained(config: TrainingConfig) -> keras.Model:
    return build_network(COMPETITION.image_size, config.working_size, len(COMPETITION.classes), config.dropout)


def _without_optimizer(network: keras.Model, config: TrainingConfig) -> keras.Model:
    """The same weights in a network that was never compiled: a third of the size."""
    bare = _untrained(config)
    bare.set_weights(network.get_weights())
    return bare


def _phases(config: TrainingConfig) -> list[_Phase]:
    last = config.head_epochs + config.epochs
    return [_Phase("head", 0, config.head_epochs), _Phase("fine-tuning", config.head_epochs, last)]


def _compile(network: keras.Model, phase: _Phase, config: TrainingConfig, steps_per_epoch: int) -> None:
    """Set what is trained and with what. A frozen backbone also keeps its BatchNorm statistics."""
    network.get_layer(BACKBONE).trainable = phase.name != "head"
    if phase.name == "head":
        optimizer = keras.optimizers.Adam(config.head_learning_rate)
    else:
        steps = steps_per_epoch * (phase.last - phase.first)
        warmup = min(config.warmup_steps, steps // 2)
        rate = keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=0.0,
            decay_steps=steps - warmup,
            warmup_target=config.learning_rate,
            warmup_steps=warmup,
        )
        optimizer = keras.optimizers.AdamW(rate, weight_decay=config.weight_decay, clipnorm=1.0)
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    network.compile(
        optimizer,
        keras.losses.CategoricalCrossentropy(label_smoothing=config.label_smoothing),
        metrics=["accuracy"],
        # XLA makes EfficientNetB3 eight times slower on a CPU; JAX has no other way.
        jit_compile=keras.backend.backend() == "jax" or bool(accelerators()),
    )
    optimizer.build(network.trainable_variables)


def _resume(network: keras.Model, config: TrainingConfig, steps_per_epoch: int, run: Path) -> int:
    """Bring ``network`` to the newest checkpoint that can be read; return the number of epochs it has seen."""
    for checkpoint in sorted((run / "checkpoints").glob("epoch-*.weights.h5"), reverse=True):
        epochs = int(checkpoint.name.removeprefix("epoch-").split(".")[0])
        phase = next(phase for phase in _phases(config) if epochs <= phase.last)
        _compile(network, phase, config, steps_per_epoch)
        try:
            network.load_weights(checkpoint)
        except (OSError, ValueError, KeyError) as error:
            print(f"{checkpoint} cannot be read ({str(error).splitlines()[0]}); the one before it is tried")
            continue
        lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
        write_text(run / "metrics.jsonl", "".join(lines[:epochs]))
        print(f"resumed after epoch {epochs}")
        return epochs
    return 0


class _StopOnNaN(keras.callbacks.Callback):
    """Ends training at the first step whose loss is not finite; the checkpoints before it stay."""

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        loss = float((logs or {})["loss"])
        if not math.isfinite(loss):
            raise KitError(
                f"training stopped: the loss became {loss} in epoch {self.epoch + 1}, step {batch + 1}. "
                "The last good checkpoint is kept; train again with a lower learning rate."
            )


class _EpochEnd(keras.callbacks.Callback):
    """After every epoch: measure the validation sets, keep a checkpoint, then write the line of metrics."""

    def __init__(self, run: Path, phase: _Phase, validation: Mapping[str, CellSet], images: int) -> None:
        super().__init__()
        self.run, self.phase, self.validation, self.images = run, phase, validation, images

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        seconds = time.perf_counter() - self.began
        metrics = {
            "epoch": epoch + 1,
            "phase": self.phase.name,
            **{name: float(value) for name, value in (logs or {}).items()},
            **{f"{name}_accuracy": self._accuracy(cells) for name, cells in self.validation.items()},
            "learning_rate": float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)),
            "seconds": round(seconds, 1),
            "images_per_second": round(self.images / seconds, 1),
        }
        self._keep_checkpoint(epoch + 1)
        with (self.run / "metrics.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(metrics) + "\n")
        measured = ", ".join(f"{name} {metrics[f'{name}_accuracy']:.4f}" for name in self.validation)
        if sys.stdout.isatty():
            print()  # below Keras' progress bar
        print(f"epoch {epoch + 1} ({self.phase.name}): {measured}, {metrics['images_per_second']} images/s", flush=True)

    def _accuracy(self, cells: CellSet) -> float:
        predicted = predict_probabilities(self.model, cells.images).argmax(axis=1)
        return label_metrics(cells.labels, predicted, len(COMPETITION.classes))["accuracy"]

    def _keep_checkpoint(self, epoch: int) -> None:
        folder = self.run / "checkpoints"
        with replacing(folder / f"epoch-{epoch:04d}.weights.h5") as beside:
            self.model.save_weights(beside, overwrite=True)
        for old in sorted(folder.glob("epoch-*.weights.h5"))[:-2]:
            old.unlink()
