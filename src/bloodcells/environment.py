"""What a result was measured with: versions and hardware, and what is installed otherwise than the kit asks for."""

import platform
import re
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from bloodcells.network.flatbuffer import usable_cores

_PACKAGES = ("tensorflow", "keras", "keras-cv", "numpy", "scikit-learn", "imagehash", "pillow")
NONE = "none"


def describe_environment() -> dict[str, Any]:
    """Python, packages and hardware, as JSON-ready values that name no user, folder or machine.

    ``cores`` are those that this process may use. A package that is not installed is left out.
    """
    import keras

    return {
        "python": platform.python_version(),
        "packages": {name: version for name in _PACKAGES if (version := installed_version(name)) != NONE},
        "backend": keras.backend.backend(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu_name(),
        "cores": usable_cores(),
        "accelerators": accelerators(),
    }


def accelerators() -> list[str]:
    """The GPUs or TPUs that Keras' backend sees, by its names."""
    import keras

    return [device for device in keras.distribution.list_devices() if not device.startswith("cpu")]


def installed_version(name: str) -> str:
    """The version of a package, or of what is imported by its name: ``tensorflow`` may be ``tensorflow-cpu``."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        providers = metadata.packages_distributions().get(name.replace("-", "_"))
        return metadata.version(providers[0]) if providers else NONE


def installed_otherwise() -> dict[str, tuple[str, str]]:
    """The packages that are not installed as the kit asks: name -> what it asks for, version installed or "none".

    A checkout asks for the pins of its requirements.txt, a wheel for the ranges that it declares.
    """
    asked = {one.name: one.specifier for one in _requirements() if one.marker is None or one.marker.evaluate()}
    found = {name: installed_version(name) for name in asked}
    return {
        name: (str(specifier), found[name])
        for name, specifier in asked.items()
        if found[name] == NONE or not specifier.contains(found[name], prereleases=True)
    }


def _requirements() -> list[Requirement]:
    pins = Path(str(resources.files("bloodcells"))).parents[1] / "requirements.txt"
    if pins.exists():
        lines = re.findall(r"^[\w.-]+==[\w.]+", pins.read_text("utf-8"), re.MULTILINE)
    else:
        lines = metadata.requires("bloodcells") or []
    return [Requirement(line) for line in lines]


def _cpu_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"
