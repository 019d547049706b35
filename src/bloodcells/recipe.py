"""What a training run is told. A recipe is a TOML file: one of ``recipes/``, by its name, or a competitor's own."""

import math
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from bloodcells.decoding import Count, Name, OneOf, Positive, decoded_strictly
from bloodcells.errors import KitError, looked_up
from bloodcells.files import read_toml

RECIPES = ("quick", "full", "scratch")
"""The recipes that come with the kit."""
WORK_OF_WHOLE = 4
"""How many times longer a step of the whole network takes than one of the head alone; 143 and 38 images/s on a core."""
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
_FOLDER = Path(__file__).parent / "recipes"
_STARTS = ("phases", "from_kit", "from_scratch")
_Fraction = Annotated[float, (0, 1)]


@dataclass(frozen=True)
class Phase:
    """Some epochs of a run, trained with one optimizer on one kind of batch.

    Attributes:
        name: what is taught.
        epochs: parts of the phase, measured and kept once in a minute at most.
        policy: name of the augmentation policy.
        working_size: height and width at which the backbone sees the cells, pixels.
        batch_size: cells per step.
        learning_rate: peak rate of the optimizer, reached after the warm-up, then cosine to 0.
        warmup_steps: steps from rate 0 to the peak; at most half of the phase.
        head_only: train the head with Adam at a constant rate; the backbone and its BatchNorm statistics stay.
        stochastic_depth: share of the images for which the last residual block is left out, 0..1; falls linearly to 0
            at the first block (Huang et al. 2016, arXiv:1603.09382).
        untouched: share of the images that the policy's first layer alone changes, 0..1, so that the network and the
            statistics of its BatchNorm do not lose sight of clean cells.
        repeats: passes over the training cells in an epoch.
        least_steps: the least number of steps of the phase; few cells are repeated for them, as `fitted_to` says.
    """

    name: Name
    epochs: Positive
    policy: str
    working_size: Annotated[int, (32, 4096)]
    batch_size: Positive
    learning_rate: _Fraction
    warmup_steps: Count = 0
    head_only: bool = False
    stochastic_depth: _Fraction = 0.2
    untouched: _Fraction = 0.0
    repeats: Positive = 1
    least_steps: Count = 0

    def steps_in_epoch(self, cells: int) -> int:
        """Batches of so many training cells in an epoch."""
        return self.repeats * (cells // self.batch_size)

    def work_in_epoch(self, cells: int) -> int:
        """About how long an epoch of so many training cells takes, in no unit: what compares two phases."""
        work = self.steps_in_epoch(cells) * self.batch_size * self.working_size**2
        return work if self.head_only else WORK_OF_WHOLE * work

    def fitted_to(self, cells: int) -> "Phase":
        """The phase for so many training cells: no batch is larger, and they are repeated for the ``least_steps``."""
        fitted = replace(self, batch_size=min(self.batch_size, cells))
        times = math.ceil(self.least_steps / (self.epochs * fitted.steps_in_epoch(cells)))
        return replace(fitted, repeats=self.repeats * max(1, times))


@dataclass(frozen=True)
class Recipe:
    """One training run. Two equal recipes on equal data give the same run.

    Attributes:
        init: where the weights start: ``imagenet``, ``kit``, ``scratch`` or the path of a file, as
            `start.initialise` takes it.
        phases: what is done, in order. The network keeps the working size of the last.
        backbone: a name of `network.BACKBONES`.
        precision: what is computed in, one of ``PRECISIONS``; `devices.dtype_policy` says what ``auto`` is. Weights
            are float32 whatever it is.
        weight_decay: decoupled weight decay of the optimizer, AdamW.
        label_smoothing: share of the label spread over all classes, 0..1.
        dropout: dropout before the head, 0..1.
        seed: the seed of the data order, the head's initialisation and the augmentation.
    """

    init: str
    phases: Annotated[tuple[Phase, ...], (1, 100)]
    backbone: str = "EfficientNetB3"
    precision: Annotated[str, OneOf(PRECISIONS)] = "auto"
    weight_decay: _Fraction = 0.01
    label_smoothing: _Fraction = 0.1
    dropout: Annotated[float, (0, 0.99)] = 0.2
    seed: int = 0

    @property
    def epochs(self) -> int:
        """Epochs of all phases."""
        return sum(phase.epochs for phase in self.phases)

    @property
    def working_size(self) -> int:
        """Of the trained network, pixels."""
        return self.phases[-1].working_size

    @property
    def policy(self) -> str:
        """Of the last phase."""
        return self.phases[-1].policy

    def fitted_to(self, cells: int) -> "Recipe":
        """The recipe for so many training cells, phase by phase."""
        return replace(self, phases=tuple(phase.fitted_to(cells) for phase in self.phases))

    def as_dict(self) -> dict[str, Any]:
        """The recipe as JSON-ready values, with the ``policy`` and the ``working_size`` of the trained network."""
        values = asdict(self)
        return {
            **values, "phases": list(values["phases"]), "policy": self.policy, "working_size": self.working_size
        }  # fmt: skip


def run_name(data: str, recipe: str, seed: int) -> str:
    """The name of a run folder: ``training_set-quick-0``."""
    return f"{Path(data).stem or Path(data).resolve().stem}-{Path(recipe).stem}-{seed}"


def read_recipe(name: str, init: str, seed: int, changes: Sequence[str] = (), new_head: bool = False) -> Recipe:
    """The recipe of a file, for weights that start at ``init``.

    Args:
        name: one of ``RECIPES``, or the path of a TOML file; ``recipes/full.toml`` explains every key.
        init: with ``kit`` or ``scratch`` the file's ``from_kit`` or ``from_scratch`` are the phases, where it has them.
        seed: the seed of the run.
        changes: ``key=value`` each, the value in TOML; ``phases.0.epochs=5`` is of the first phase that is done. A
            value that is no TOML is a text.
        new_head: whether the head starts at random; the phases are then the file's own, whatever ``init`` is.

    Raises:
        KitError: the file is missing or no TOML, or a key is unknown, missing, of another type or out of its range.
    """
    values = read_settings(name, _FOLDER, RECIPES, "recipe")
    lists = {key: values.pop(key) for key in _STARTS if key in values}
    phases = lists.get("phases") if new_head else lists.get(f"from_{init}", lists.get("phases"))
    if isinstance(phases, str):
        phases = read_settings(phases, _FOLDER, RECIPES, "recipe").get("phases")
    if not isinstance(phases, list) or not phases or not all(isinstance(phase, dict) for phase in phases):
        raise KitError(f"recipe {name}: expected one [[phases]] or more, got none. Start from full.toml of the kit.")
    for change in changes:
        _apply(change, values, phases)
    recipe: Recipe = decoded_strictly(values, Recipe, f"recipe {name}", init=init, seed=seed, phases=phases)
    _refuse_unknown_names(recipe)
    return recipe


def read_settings(name: str, folder: Path, known: Sequence[str], what: str) -> dict[str, Any]:
    """The keys and values of a TOML file.

    Args:
        name: one of ``known``, which lie in ``folder``, or the path of a file.
        folder: the folder of those that come with the kit.
        known: their names.
        what: the file is, in a word.

    Raises:
        KitError: the file is missing or no TOML.
    """
    path = folder / f"{name}.toml" if name in known else Path(name)
    if not path.is_file():
        listed = ", ".join(known)
        raise KitError(f"unknown {what}: expected {listed} or a TOML file, got {name!r}. Choose one with --{what}.")
    return read_toml(path)


def _apply(change: str, values: dict[str, Any], phases: list[dict[str, Any]]) -> None:
    key, separator, text = change.partition("=")
    if not separator:
        raise KitError(f"--set: expected KEY=VALUE, got {change!r}. Write for example phases.0.epochs=5.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        value = text
    *phase, own = key.strip().split(".")
    if not phase:
        values[own] = value
        return
    places = [str(place) for place in range(len(phases))]
    if len(phase) != 2 or phase[0] != "phases" or phase[1] not in places:
        raise KitError(f"--set {key}: expected phases.N.KEY with N of {', '.join(places)}. Phases are counted from 0.")
    phases[int(phase[1])][own] = value


def _refuse_unknown_names(recipe: Recipe) -> None:
    from bloodcells.augmentation.policies import policy  # these import TensorFlow, which takes seconds
    from bloodcells.network.network import BACKBONES

    for phase in recipe.phases:
        policy(phase.policy)
    looked_up(BACKBONES, recipe.backbone, "backbone")
