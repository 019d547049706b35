"""What a run was asked for, of which kit, on which cells, and where it was trained."""

import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from bloodcells import __version__
from bloodcells.competition import Competition
from bloodcells.data.cells import CellSet
from bloodcells.data.white_balance import Colour
from bloodcells.decoding import Count
from bloodcells.environment import checkout_commit
from bloodcells.files import expanded
from bloodcells.recipe import Recipe

_Channel = Annotated[float, (0, 255)]


@dataclass(frozen=True)
class Request:
    """What the user typed; nothing of it is guessed afterwards.

    Attributes:
        command: the whole command line; None where Python was called.
        recipe: the name of the recipe.
        data: the source of the cells, as ``--data`` takes it.
    """

    command: str | None = None
    recipe: str | None = None
    data: str | None = None


FROM_PYTHON = Request()
"""Python was called: nobody typed a command."""


@dataclass(frozen=True)
class Sitting:
    """What one command adds to a run, which may take several.

    Attributes:
        request: what the user typed, to be recorded.
        devices: among which every batch is shared out, as `devices.spread_over` says; None for all GPUs, as far as
            they divide the batches of the recipe.
        minutes: training stops at the last end of an epoch that fits into them; None for never.
    """

    request: Request = FROM_PYTHON
    devices: int | None = None
    minutes: float | None = None


IN_ONE_GO = Sitting()
"""From Python, to the end."""


@dataclass(frozen=True)
class Config:
    """What a run was asked for, of which kit, on which cells.

    Attributes:
        recipe: the recipe of the training.
        recipe_name: what the user called it.
        commands: every command line that trained or measured here, once, in order; empty where Python was called.
        data: the source of the cells, as ``--data`` takes it.
        commit: the commit of the kit's checkout when the run began, ``+changes`` where it had any; None outside of one.
        version: the version of the kit when the run began.
        competition: its facts.
        data_sha256: the SHA-256 of the training cells.
        data_origin: the origin of the training cells, in words.
        note: what the records do not say of how the weights were made; pages print it in place of the commands.
        decisions_sha256: the SHA-256 of a person's decisions about single images; None where there are none.
        ground: of the training cells, as `white_balance.typical_ground` says; None where an earlier kit began the run.
    """

    recipe: Recipe
    recipe_name: str | None
    commands: tuple[str, ...]
    data: str | None
    commit: str | None
    version: str | None
    competition: Competition
    data_sha256: str
    data_origin: str
    note: str = ""
    decisions_sha256: str | None = None
    ground: tuple[_Channel, _Channel, _Channel] | None = None

    @classmethod
    def of(
        cls, recipe: Recipe, training: CellSet, request: Request, decisions_sha256: str | None, ground: Colour | None
    ) -> "Config":
        """The config of a run that begins now, or goes on: then it has its ``ground`` already, which takes seconds."""
        return cls(
            recipe=recipe,
            recipe_name=request.recipe,
            commands=(request.command,) if request.command else (),
            data=request.data,
            commit=checkout_commit(),
            version=__version__,
            competition=training.competition,
            data_sha256=training.sha256,
            data_origin=training.origin,
            decisions_sha256=decisions_sha256,
            ground=ground,
        )

    @property
    def identity(self) -> dict[str, Any]:
        """What must not change between the sittings of a run."""
        own = {"data_sha256": self.data_sha256, "decisions_sha256": self.decisions_sha256}
        return {**asdict(self.recipe), **own, "classes": self.competition.classes}

    def without_folders(self) -> "Config":
        """The same without the folders of whoever ran it: files by their name alone."""
        return replace(
            self,
            recipe=replace(self.recipe, init=Path(self.recipe.init).name),
            commands=tuple(map(without_folders, self.commands)),
            data=self.data and _without_folder(self.data),
        )


@dataclass(frozen=True)
class Environment:
    """Versions and hardware, as `environment.describe_environment` gives them.

    Attributes:
        python: its version.
        packages: versions by name.
        backend: of Keras.
        system: operating system and architecture.
        cpu: its name.
        cores: those that the process might use.
        accelerators: GPUs and TPUs, by Keras' names.
        after_epoch: the epochs that were done when training went on here.
        continued: where it went on later.
    """

    python: str
    packages: Mapping[str, str]
    backend: str
    system: str
    cpu: str
    cores: Count
    accelerators: tuple[str, ...]
    after_epoch: Count = 0
    continued: tuple["Environment", ...] = ()


def without_folders(command: str) -> str:
    """A command line with the files of whoever typed it by their names alone, where it had the whole paths."""
    return shlex.join(map(_without_folder, shlex.split(command)))


def _without_folder(argument: str) -> str:
    option, equals, value = argument.rpartition("=")
    return f"{option}{equals}{Path(value).name}" if expanded(value).is_absolute() else argument
