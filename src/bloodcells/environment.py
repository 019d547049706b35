"""What a result was measured with: versions and hardware."""

import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import keras

from bloodcells.network.flatbuffer import usable_cores

_PACKAGES = ("tensorflow", "keras", "keras-cv", "numpy", "scikit-learn", "imagehash", "pillow")


def describe_environment() -> dict[str, Any]:
    """Python, packages and hardware, as JSON-ready values that name no user, folder or machine.

    ``cores`` are those that this process may use.
    """
    return {
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in _PACKAGES},
        "backend": keras.backend.backend(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu_name(),
        "cores": usable_cores(),
        "accelerators": accelerators(),
    }


def accelerators() -> list[str]:
    """The GPUs or TPUs that Keras' backend sees, by its names."""
    return [device for device in keras.distribution.list_devices() if not device.startswith("cpu")]


def _cpu_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"
