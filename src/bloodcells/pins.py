"""The pins of ``requirements.txt`` against what is installed: the answer to an obscure import error."""

import re
from importlib import metadata
from pathlib import Path


def differing_pins(requirements: Path) -> dict[str, tuple[str, str]]:
    """The packages that are not installed as pinned: name -> version pinned, version installed or "none"."""
    pins = re.findall(r"^([\w.-]+)==([\w.]+)", requirements.read_text("utf-8"), re.MULTILINE)
    found = {name: (pinned, _installed(name)) for name, pinned in pins}
    return {name: versions for name, versions in found.items() if versions[0] != versions[1]}


def _installed(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "none"
