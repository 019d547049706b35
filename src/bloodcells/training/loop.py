"""Training: phase after phase, a checkpoint once in a while, and a resume that goes on where a run was cut off.

On resume, in this order: the config and the data must be the same; the newest checkpoint that can be read gives
the epoch, the weights and the optimizer's state; later epochs are dropped from the record; whatever the next epoch
draws at random follows from the seed and the epoch. On one machine without a GPU the result is the same bit for bit as
if nothing had stopped; elsewhere sums are taken in another order, and it is as good.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import keras

from bloodcells.augmentation.pipeline import training_batches
from bloodcells.competition import Competition
from bloodcells.data.cells import CellSet
from bloodcells.data.white_balance import typical_ground
from bloodcells.decoding import decoded
from bloodcells.environment import accelerators, describe_environment
from bloodcells.errors import KitError, OutOfTime, say
from bloodcells.network.network import BACKBONES, backbone_of, build_network
from bloodcells.progress import Show, progress_bars
from bloodcells.recipe import Phase, Recipe
from bloodcells.run import IN_ONE_GO, Config, Environment, Run, Sitting
from bloodcells.training.callbacks import EpochEnd, SameDraws, ShowProgress, StopInTime, StopOnNaN
from bloodcells.training.cpu_layers import faster_on_cpu
from bloodcells.training.devices import computing_in, dtype_policy, spread_over
from bloodcells.training.losses import training_loss
from bloodcells.training.memory import keep_freed_memory
from bloodcells.training.start import initialise
from bloodcells.weights.loading import load_weights


def train(
    training: CellSet,
    validation: Mapping[str, CellSet],
    recipe: Recipe,
    folder: Path,
    sitting: Sitting = IN_ONE_GO,
) -> keras.Model:
    """Train a network into the run ``folder``, or go on with the run that is there.

    Args:
        training: the cells to learn from.
        validation: sets by name, measured with every checkpoint; nothing is chosen by them.
        recipe: how.
        folder: the folder of the run; made if it is absent.
        sitting: how this command trains.

    Returns:
        The trained network, as `Run.network` gives it.

    Raises:
        KitError: the folder holds another run, the initial weights cannot be had, there are fewer cells than a
            batch or fewer devices, or the loss became NaN.
        OutOfTime: the minutes are over before the training is; the same call goes on with it.
    """
    scope = spread_over(sitting.devices or _most_devices(recipe))
    largest = max(phase.batch_size for phase in recipe.phases)
    if len(training) < largest:
        raise KitError(
            f"too few cells to train: expected at least a batch of {largest}, got {len(training)}. Add some."
        )
    run = Run(folder)
    ground = None if run.holds(Config) else typical_ground(training.images)
    run.begin(Config.of(recipe, training, sitting.request, run.decisions_sha256, ground), _environment())
    if run.weights.exists():
        say(f"{folder} is trained already; its weights are used.")
        return run.network()
    if not accelerators():
        say("No GPU was found: the training runs on the CPU.")

    keep_freed_memory()
    with scope():
        network, done = _resumed(recipe, training, run)
    if done == 0:
        initialise(network, recipe.init, recipe.backbone, training.competition.classes)
    run.go_on_in(_environment(done))
    say(f"Training {recipe.epochs - done} of {recipe.epochs} epochs on {len(training):,} cells; {run.log} gets a line "
        "for each.")  # fmt: skip
    stop = [StopInTime(sitting.minutes)] if sitting.minutes is not None else []
    for span in _spans(recipe):
        if done >= span.last:
            continue
        if done == span.first:
            with scope():
                if done > 0:
                    network = _at_size(span.phase.working_size, network, recipe, training.competition)
                _compile(network, span.phase, recipe, len(training))
        with _told_where_it_goes_on(run, recipe.epochs), progress_bars() as show:
            done = _fit(network, training, validation, recipe, span, done, run, show, stop)
        if network.stop_training and done < recipe.epochs:
            raise OutOfTime(
                f"{sitting.minutes:g} minutes are over after epoch {done} of {recipe.epochs}. "
                "The same command goes on there."
            )
    with run.finishing() as beside:
        return _save_plain(network, recipe, training.competition, beside)


@contextmanager
def _told_where_it_goes_on(run: Run, epochs: int) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as interruption:
        kept = next(iter(run.checkpoints(epochs)), 0)
        goes_on = f"after epoch {kept} of {epochs}" if kept else "with the first epoch, since none was kept"
        interruption.add_note(f"the same command goes on {goes_on}")
        raise


def _fit(
    network: keras.Model,
    training: CellSet,
    validation: Mapping[str, CellSet],
    recipe: Recipe,
    span: "_Span",
    done: int,
    run: Run,
    show: Show,
    stop: Sequence[keras.callbacks.Callback],
) -> int:
    """Train the epochs of a phase that are not ``done`` yet, or those until ``stop``; return how many are done then."""
    phase = span.phase
    steps, passes = phase.steps_in_epoch(len(training)), (done * phase.repeats, span.last * phase.repeats)
    history = network.fit(
        training_batches(training, phase.policy, phase.batch_size, recipe.seed, *passes, phase.untouched),
        initial_epoch=done,
        epochs=span.last,
        steps_per_epoch=steps,
        shuffle=False,
        callbacks=[
            SameDraws(recipe.seed),
            StopOnNaN(),
            ShowProgress(show, recipe, span.place, len(training)),
            EpochEnd(run, phase.name, validation, phase.batch_size * steps, recipe.epochs),
            *stop,
        ],
        verbose=0,
    )
    return done + len(history.epoch)


def _most_devices(recipe: Recipe) -> int:
    """The largest number of GPUs here that divides every batch; 1 where there is none."""
    batches = {phase.batch_size for phase in recipe.phases}
    counts = range(len(accelerators()), 1, -1)
    count = next((count for count in counts if not any(batch % count for batch in batches)), 1)
    if count > 1:
        say(f"every batch is shared between {count} GPUs; --devices 1 takes one")
    return count


def _environment(done: int = 0) -> Environment:
    return decoded({**describe_environment(), "after_epoch": done}, Environment)


def _plain(recipe: Recipe, working_size: int, competition: Competition) -> keras.Model:
    classes = len(competition.classes)
    return build_network(competition.image_size, working_size, classes, recipe.dropout, recipe.backbone)


def _save_plain(network: keras.Model, recipe: Recipe, competition: Competition, path: Path) -> keras.Model:
    """Write and return ``network`` in float32 and without its optimizer: a third of the size."""
    plain = _plain(recipe, recipe.working_size, competition)
    plain.set_weights(network.get_weights())
    plain.save_weights(path)
    return plain


def _build(working_size: int, recipe: Recipe, competition: Competition) -> keras.Model:
    """A network to train, in the precision of the recipe."""
    policy = dtype_policy(recipe.precision)
    with computing_in(policy):
        network = _plain(recipe, working_size, competition)
    return faster_on_cpu(network) if policy == "float32" else network


def _at_size(working_size: int, network: keras.Model, recipe: Recipe, competition: Competition) -> keras.Model:
    """The same weights in a network of its own that works at ``working_size``."""
    resized = _build(working_size, recipe, competition)
    resized.set_weights(network.get_weights())
    return resized


class _Span(NamedTuple):
    """A phase, its place in the recipe, and the epochs of the run before it and at its end."""

    phase: Phase
    place: int
    first: int
    last: int


def _spans(recipe: Recipe) -> Iterator[_Span]:
    first = 0
    for place, phase in enumerate(recipe.phases):
        yield _Span(phase, place, first, first + phase.epochs)
        first += phase.epochs


def _compile(network: keras.Model, phase: Phase, recipe: Recipe, cells: int) -> None:
    """Set what is trained and with what. A frozen backbone also keeps its BatchNorm statistics."""
    backbone_of(network).trainable = not phase.head_only
    _set_stochastic_depth(network, phase.stochastic_depth, recipe.backbone)
    network.compile(
        _optimizer(phase, recipe, cells),
        training_loss(phase.policy, recipe.label_smoothing),
        metrics=["accuracy"],
        # XLA makes EfficientNetB3 eight times slower on a CPU; JAX has no other way.
        jit_compile=keras.backend.backend() == "jax" or bool(accelerators()),
    )
    network.optimizer.build(network.trainable_variables)


def _optimizer(phase: Phase, recipe: Recipe, cells: int) -> keras.optimizers.Optimizer:
    if phase.head_only:
        return keras.optimizers.Adam(phase.learning_rate)
    steps = phase.epochs * phase.steps_in_epoch(cells)
    warmup = min(phase.warmup_steps, steps // 2)
    rate = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        decay_steps=steps - warmup,
        warmup_target=phase.learning_rate,
        warmup_steps=warmup,
    )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=recipe.weight_decay, clipnorm=1.0)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _set_stochastic_depth(network: keras.Model, rate: float, backbone: str) -> None:
    """Leave out residual blocks at rates that rise to ``rate``, as `keras.applications` does with 0.2."""
    in_block = re.compile(BACKBONES[backbone].block)
    found = [(layer, in_block.search(layer.name)) for layer in backbone_of(network).layers]
    blocks = sorted({match[0] for _, match in found if match})
    drops = [(layer, match[0]) for layer, match in found if match and isinstance(layer, keras.layers.Dropout)]
    for layer, block in drops:
        layer.rate = rate * blocks.index(block) / len(blocks)
    if rate and not drops:
        say(f"{backbone} has no residual blocks that can be left out: stochastic_depth {rate:g} changes nothing")


def _resumed(recipe: Recipe, training: CellSet, run: Run) -> tuple[keras.Model, int]:
    """The network of the newest checkpoint that can be read, compiled, and its epochs; else a new one and 0."""
    for done, checkpoint in run.checkpoints(recipe.epochs).items():
        span = next(span for span in _spans(recipe) if done <= span.last)
        network = _build(span.phase.working_size, recipe, training.competition)
        _compile(network, span.phase, recipe, len(training))
        try:
            load_weights(network, checkpoint)
        except ValueError as error:
            say(f"{checkpoint} {error}; the one before it is tried")
            continue
        run.drop_epochs_after(done)
        say(f"The run goes on after epoch {done} of {recipe.epochs}.")
        return network, done
    run.drop_epochs_after(0)
    keras.utils.set_random_seed(recipe.seed)
    return _build(recipe.phases[0].working_size, recipe, training.competition), 0
