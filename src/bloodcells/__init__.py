"""A competition kit for classifying 96 x 96 blood-cell images into eight classes.

    import bloodcells

    cells = bloodcells.load_cells("data/training_set.npz")
    bloodcells.package(run, "upload.zip", tta_level=2)
    bloodcells.score("upload.zip", cells, "runs/score")

The modules hold the rest; the walk from cells to a scored zip is `bloodcells.walk`.
"""

from importlib import import_module
from typing import Any

from bloodcells.quiet import quieten_tensorflow

__version__ = "0.1.0"

_HOMES = {
    "load_cells": "bloodcells.data.cells",
    "Run": "bloodcells.run",
    "open_source": "bloodcells.data.sources",
    "package": "bloodcells.codabench.packager",
    "score": "bloodcells.codabench.worker",
}
__all__ = list(_HOMES)

quieten_tensorflow()


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for: TensorFlow takes seconds, `import bloodcells` none."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
