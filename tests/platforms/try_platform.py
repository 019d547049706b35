"""The wheel beside the packages of Colab or Kaggle: it replaces none of them, does the whole walk, and its tests pass.

python tests/platforms/try_platform.py colab-2026-08 python3.13 .venv-colab
"""

import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def main(platform: str, wanted: str, environment: str) -> None:
    """Build the environment anew, install the wheel, compare, test."""
    interpreter = found(wanted)
    if interpreter is None:
        print(f"{platform}: not tried, there is no {wanted} here")
        return
    shutil.rmtree(environment, ignore_errors=True)
    run(interpreter, "-m", "venv", environment)
    python = str(Path(environment) / "bin" / "python")
    run(python, "-m", "pip", "install", "--quiet", "--requirement", Path(__file__).with_name(f"{platform}.txt"))
    before = packages(python)
    folder = Path(environment) / "wheel"
    run(python, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, REPOSITORY)
    (wheel,) = folder.glob("*.whl")
    run(python, "-m", "pip", "install", "--quiet", wheel)
    after = packages(python)
    replaced = {name: (version, after.get(name)) for name, version in before.items() if after.get(name) != version}
    added = {name: version for name, version in after.items() if name not in before}
    print(f"{platform}: {len(before)} packages, {len(replaced)} replaced by the wheel, {len(added)} added:")
    print(", ".join(f"{name} {version}" for name, version in sorted(added.items())), flush=True)
    if replaced:
        sys.exit(f"the wheel replaced {replaced}")
    run(python, "-m", "pip", "install", "--quiet", f"{wheel}[test]")
    # What others' packages deprecate among themselves is no fault of the kit.
    tests = (python, "-m", "pytest", "-q", "-W", "ignore::DeprecationWarning", "-W", "ignore::FutureWarning")
    run(*tests, "tests/test_wheel.py")
    run(*tests, "-n", "2", "--dist", "loadfile", "-m", "not slow and not trains")


def found(name: str) -> str | None:
    """A Python of that name that runs, pyenv's included."""
    versions = Path.home() / ".pyenv" / "versions"
    candidates = [name, *map(str, sorted(versions.glob(f"{name.removeprefix('python')}.*/bin/python")))]
    for candidate in candidates:
        path = shutil.which(candidate)
        if path and subprocess.run([path, "--version"], capture_output=True).returncode == 0:
            return path
    return None


def packages(python: str) -> dict[str, str]:
    """What is installed: versions by name."""
    command = [python, "-m", "pip", "list", "--format=freeze"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return dict(line.split("==", 1) for line in listed)


def run(*command: object) -> None:
    """Run a program of the environment; its failure is ours."""
    done = subprocess.run(list(map(str, command)), cwd=REPOSITORY)
    if done.returncode:
        sys.exit(done.returncode)


if __name__ == "__main__":
    main(*sys.argv[1:])
