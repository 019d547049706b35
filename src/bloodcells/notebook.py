"""What the five notebooks share: their settings, read from environment variables, and what follows from them."""

import os
from dataclasses import dataclass
from pathlib import Path

from bloodcells.cleaning import CleaningSettings
from bloodcells.cleaning.decisions import read_decisions
from bloodcells.competition import chosen_competition
from bloodcells.data.cells import CellSet
from bloodcells.data.sources import KNOWN, open_source
from bloodcells.errors import KitError, say
from bloodcells.platforms import bring_earlier_run, this_platform
from bloodcells.recipe import Recipe, run_name
from bloodcells.training.start import STARTS, starting_recipe


@dataclass(frozen=True)
class Settings:
    """The settings of a walk through the notebooks.

    Paths in the variables are relative to the repository, as on the command line; those here are relative to the
    notebook, so that no output names a user's folder.

    Attributes:
        data: ``BLOODCELLS_DATA``: what `sources.open_source` takes. By default the ``training_set.npz``
            in ``data/``, beside the notebook, among Kaggle's inputs or in Drive; ``synthetic`` where there is none.
        profile: ``BLOODCELLS_PROFILE``, by default ``quick``.
        init: ``BLOODCELLS_INIT``: ``imagenet``, ``kit``, ``scratch`` or an ``.h5`` file. By default
            ``auto``.
        cells: ``BLOODCELLS_CELLS``: how many cells the synthetic smear draws; its own default when None.
        run: ``BLOODCELLS_RUN``: the run folder of all five, by default the one of ``bloodcells run``; on Colab in
            Drive, on Kaggle in ``/kaggle/working``.
        minutes: ``BLOODCELLS_MINUTES``: after so many the training stops at the end of an epoch; never when None.
        decisions: ``BLOODCELLS_DECISIONS``: the ``decisions.csv`` that the cleaning page saves; none when None.
        cache: folder of downloads.
    """

    data: str
    profile: str
    init: str
    cells: int | None
    run: Path
    minutes: float | None
    decisions: Path | None
    cache: Path

    def open_cells(self) -> CellSet:
        """The cells, as `sources.open_source` gives them."""
        return open_source(self.data, self.cache, chosen_competition(), cells=self.cells)

    def cleaning(self) -> CleaningSettings:
        """The thresholds, and what a person decided."""
        return CleaningSettings(decisions=read_decisions(self.decisions) if self.decisions else None)

    def training_config(self) -> Recipe:
        """The recipe, seed 0; an init ``auto`` becomes what `start.starting_point` makes of it."""
        return starting_recipe(self.profile, self.init, self.data, chosen_competition().classes, run=self.run)


def read_settings() -> Settings:
    """The settings of a notebook that runs in ``notebooks/``, or in the folder above it, or on Colab or Kaggle.

    Raises:
        KitError: ``BLOODCELLS_CELLS`` or ``BLOODCELLS_MINUTES`` is not a number.
    """
    root = Path("..") if Path.cwd().name == "notebooks" else Path()
    platform = this_platform(root)
    if platform.note:
        say(platform.note)
    names = ("DATA", "PROFILE", "INIT", "CELLS", "RUN", "MINUTES", "DECISIONS")
    told = {name: os.environ.get(f"BLOODCELLS_{name}", "") for name in names}
    for name in ("CELLS", "MINUTES"):
        if told[name] and not told[name].isdecimal():
            raise KitError(f"BLOODCELLS_{name}: expected a number, got {told[name]!r}. Give one or leave it out.")
    data = told["DATA"] if told["DATA"] in KNOWN else str(root / told["DATA"]) if told["DATA"] else platform.data()
    profile = told["PROFILE"] or "quick"
    init = told["INIT"] or "auto"
    named = Path("runs") / run_name(Path(data).stem + told["CELLS"], profile, seed=0)
    run = root / told["RUN"] if told["RUN"] else platform.kept / named
    bring_earlier_run(run)
    return Settings(
        data=data,
        profile=profile,
        init=init if init in STARTS else str(root / init),
        cells=int(told["CELLS"]) if told["CELLS"] else None,
        run=run,
        minutes=float(told["MINUTES"]) if told["MINUTES"] else None,
        decisions=root / told["DECISIONS"] if told["DECISIONS"] else None,
        cache=root / "data",
    )
