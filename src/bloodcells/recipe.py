"""What a training run is told. A recipe is a TOML file: one of ``recipes/``, by its name, or a competitor's own."""

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from bloodcells.errors import KitError, first_line, looked_up

RECIPES = ("quick", "full", "published")
"""The recipes that come with the kit."""
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
_FOLDER = Path(__file__).parent / "recipes"
_STARTS = ("phases", "from_kit", "from_scratch")
_Kind = TypeVar("_Kind")


def _within(low: float, high: float = math.inf) -> dict[str, Any]:
    return {"range": (low, high)}


@dataclass(frozen=True)
class Phase:
    """Some epochs of a run, trained with one optimizer on one kind of batch.

    Attributes:
        name: of what is taught.
        epochs: passes over the training cells.
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
    """

    name: str
    epochs: int = field(metadata=_within(1))
    policy: str
    working_size: int = field(metadata=_within(32))
    batch_size: int = field(metadata=_within(1))
    learning_rate: float = field(metadata=_within(0, 1))
    warmup_steps: int = field(default=0, metadata=_within(0))
    head_only: bool = False
    stochastic_depth: float = field(default=0.2, metadata=_within(0, 1))
    untouched: float = field(default=0.0, metadata=_within(0, 1))


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
        seed: of the data order, the head's initialisation and the augmentation.
    """

    init: str
    phases: tuple[Phase, ...]
    backbone: str = "EfficientNetB3"
    precision: str = field(default="auto", metadata={"choices": PRECISIONS})
    weight_decay: float = field(default=0.01, metadata=_within(0, 1))
    label_smoothing: float = field(default=0.1, metadata=_within(0, 1))
    dropout: float = field(default=0.2, metadata=_within(0, 0.99))
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

    def as_dict(self) -> dict[str, Any]:
        """The recipe as JSON-ready values, with the ``policy`` and the ``working_size`` of the trained network."""
        values = asdict(self)
        return {
            **values, "phases": list(values["phases"]), "policy": self.policy, "working_size": self.working_size
        }  # fmt: skip


def run_name(data: str, recipe: str, seed: int) -> str:
    """The name of a run folder: ``training_set-quick-0``."""
    return f"{Path(data).stem}-{Path(recipe).stem}-{seed}"


def read_recipe(name: str, init: str, seed: int, changes: Sequence[str] = ()) -> Recipe:
    """The recipe of a file, for weights that start at ``init``.

    Args:
        name: one of ``RECIPES``, or the path of a TOML file; ``recipes/full.toml`` explains every key.
        init: with ``kit`` or ``scratch`` the file's ``from_kit`` or ``from_scratch`` are the phases, where it has them.
        seed: of the run.
        changes: ``key=value`` each, the value in TOML; ``phases.0.epochs=5`` is of the first phase that is done. A
            value that is no TOML is a text.

    Raises:
        KitError: the file is missing or no TOML, or a key is unknown, missing, of another type or out of its range.
    """
    values = _read(name)
    lists = {key: values.pop(key) for key in _STARTS if key in values}
    phases = lists.get(f"from_{init}", lists.get("phases"))
    if isinstance(phases, str):
        phases = _read(phases).get("phases")
    if not isinstance(phases, list) or not phases or not all(isinstance(phase, dict) for phase in phases):
        raise KitError(f"recipe {name}: expected one [[phases]] or more, got none. Start from full.toml of the kit.")
    for change in changes:
        _apply(change, values, phases)
    taught = tuple(_checked(Phase, phase, f"recipe {name}, phases.{place}") for place, phase in enumerate(phases))
    recipe = _checked(Recipe, values, f"recipe {name}", init=init, seed=seed, phases=taught)
    _refuse_unknown_names(recipe)
    return recipe


def _read(name: str) -> dict[str, Any]:
    path = _FOLDER / f"{name}.toml" if name in RECIPES else Path(name)
    if not path.is_file():
        known = ", ".join(RECIPES)
        raise KitError(f"unknown recipe: expected {known} or a TOML file, got {name!r}. Choose one with --recipe.")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise KitError(f"recipe {name}: expected TOML, got {first_line(error)}. Correct it.") from error


def _apply(change: str, values: dict[str, Any], phases: list[dict[str, Any]]) -> None:
    key, separator, text = change.partition("=")
    if not separator:
        raise KitError(f"--set: expected KEY=VALUE, got {change!r}. Write for example phases.0.epochs=5.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *phase, own = key.strip().split(".")
    if not phase:
        values[own] = value
        return
    places = [str(place) for place in range(len(phases))]
    if len(phase) != 2 or phase[0] != "phases" or phase[1] not in places:
        raise KitError(f"--set {key}: expected phases.N.KEY with N of {', '.join(places)}. Phases are counted from 0.")
    phases[int(phase[1])][own] = value


def _checked(kind: type[_Kind], values: Mapping[str, Any], where: str, **given: Any) -> _Kind:
    """``kind`` of ``values``, which came from outside, and of what is ``given``."""
    known = {one.name: one for one in fields(kind) if one.name not in given}  # type: ignore[arg-type]
    for key in values:
        if key not in known:
            listed = [*known, "phases"] if "phases" in given else list(known)
            raise KitError(f"{where}: expected keys of {', '.join(listed)}, got {key!r}. Correct it.")
    for key, one in known.items():
        if key not in values:
            if one.default is MISSING:
                raise KitError(f"{where}: expected {key}, got none. Add it.")
            continue
        _refuse_misfit(one, values[key], where)
    return kind(**given, **values)


def _refuse_misfit(one: Field[Any], found: Any, where: str) -> None:
    low, high = one.metadata.get("range", (-math.inf, math.inf))
    choices = one.metadata.get("choices")
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
    if one.type not in words:
        return
    fits = isinstance(found, (int, float) if one.type is float else one.type)
    fits = fits and isinstance(found, bool) == (one.type is bool)
    if fits and one.type in (int, float):
        fits = low <= found <= high
    if not fits or (choices and found not in choices):
        wanted = f"one of {', '.join(choices)}" if choices else words[one.type]
        if "range" in one.metadata:
            wanted += f" from {low}" + (f" to {high}" if high < math.inf else "")
        raise KitError(f"{where}: expected {one.name} as {wanted}, got {found!r}. Correct it.")


def _refuse_unknown_names(recipe: Recipe) -> None:
    from bloodcells.augmentation.policies import policy  # these import TensorFlow, which takes seconds
    from bloodcells.network.network import BACKBONES

    for phase in recipe.phases:
        policy(phase.policy)
    looked_up(BACKBONES, recipe.backbone, "backbone")
