"""What a result was measured with: versions and hardware, and the packages whose version the kit does not ask for."""

import os
import platform
import re
import subprocess
from importlib import metadata, resources
from pathlib import Path
from typing import Any

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


def usable_cores() -> int:
    """The cores that this process may use, which can be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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

    A checkout asks for the pins of its requirements.txt, a wheel for the ranges that it declares. Where packages are
    missing, only those are named.
    """
    asked = _asked_for()
    found = {name: installed_version(name) for name in asked}
    missing = {name: (asked[name], NONE) for name in asked if found[name] == NONE}
    if missing:
        return missing
    from packaging.specifiers import SpecifierSet  # may be what is missing

    return {
        name: (asked[name], found[name])
        for name in asked
        if not SpecifierSet(asked[name]).contains(found[name], prereleases=True)
    }


def checkout_commit() -> str | None:
    """The commit of the kit's checkout, ``+changes`` where it has any; None where the kit is installed without one."""
    here = Path(__file__)

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(here.parent), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", here.name)  # else a kit in another project's folder would take its commit
        return git("describe", "--always", "--exclude=*", "--dirty=+changes")
    except (OSError, subprocess.SubprocessError):
        return None


def _asked_for() -> dict[str, str]:
    """Versions, as ``>=2.0,<3``, by package."""
    pins = Path(str(resources.files("bloodcells"))).parents[1] / "requirements.txt"
    lines = pins.read_text("utf-8").splitlines() if pins.exists() else metadata.requires("bloodcells") or []
    found = (re.match(r"([\w.-]+)([\w.,<>=!~*]*)", line) for line in lines if "extra ==" not in line)
    return {match[1]: match[2] for match in found if match}


def _cpu_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"
