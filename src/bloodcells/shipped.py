"""The files that the wheel carries beside the package's own, found in a checkout as well."""

from importlib import resources
from pathlib import Path

from bloodcells.errors import KitError


def shipped(name: str) -> Path:
    """The path of ``submission/model.py``, ``LICENSE`` or ``reports/ablation``, by its name in the repository.

    A wheel has them inside the package, where pyproject.toml puts them; a checkout has them at its root.

    Raises:
        KitError: it is in neither place.
    """
    package = Path(str(resources.files("bloodcells")))
    for root in (package, package.parents[1]):
        if (root / name).exists():
            return root / name
    raise KitError(f"the installed kit is not whole: expected {package / name}, got no such file. Install it again.")
