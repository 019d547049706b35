"""Files are written beside their place and swapped in, so that a crash leaves the previous file intact."""

import csv
import glob
import hashlib
import json
import math
import os
import shutil
import tempfile
import tomllib
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bloodcells.errors import KitError, first_line

WEIGHTS = "weights.weights.h5"
"""Name of a network's weights, in a run folder, beside the kit and in a zip."""
_MOST_EXPANDED = 100  # times; deflate cannot exceed 1032, pictures of cells and text stay below 20
_ANY_RATIO_UP_TO = 50_000_000  # bytes
_LONGEST_TOML = 10_000  # bytes; the time to parse nested keys is quadratic
MARK = ".bloodcells"
"""Name of the hidden file that lists what the kit may replace in a folder."""
_PART = ".part-"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path beside ``path`` to write to; move it onto ``path`` when the block succeeds.

    The file beside keeps the suffixes of ``path``, because Keras and NumPy read the format from them. One that a killed
    process has left is removed.

    Raises:
        KitError: the folder cannot be written to, or the disk is full.
    """
    with _writing_in(path.parent):
        _remove_parts(path)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=_PART, suffix=path.name)
        os.close(handle)
    beside = Path(name)
    try:
        yield beside
        beside.chmod(0o644)
        beside.replace(path)
    except OSError as error:
        raise KitError(f"cannot write {path}: {error.strerror or error}. The previous file is intact.") from error
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside ``path``, removed in the end; one that a killed process has left is removed first.

    Raises:
        KitError: it cannot be made.
    """
    with _writing_in(path.parent):
        _remove_parts(path)
        scratch = tempfile.TemporaryDirectory(dir=path.parent, prefix=_PART, suffix=path.name)
    with scratch as name:
        yield Path(name)


def claim(folder: Path, names: Iterable[str]) -> None:
    """Take ``names`` in ``folder`` for the kit, which may replace and remove them from now on.

    A hidden file there lists them: what has such a name and is not listed is somebody else's.

    Raises:
        KitError: the folder holds something of somebody else, or cannot be written to.
    """
    names, mark = set(names), folder / MARK
    claimed = set(mark.read_text("utf-8", "replace").splitlines()) if mark.is_file() else set()
    refuse_to_replace(folder, names - claimed)
    with _writing_in(folder):
        write_text(mark, "".join(f"{name}\n" for name in sorted(names | claimed)))


def refuse_to_replace(folder: Path, names: Iterable[str]) -> None:
    """Raise KitError if ``folder`` holds one of ``names``."""
    foreign = sorted(name for name in names if os.path.lexists(folder / name))
    if foreign:
        raise KitError(
            f"{folder} holds {', '.join(foreign)}, which this step would replace: expected a new folder, or one that "
            "this step has made. Choose another folder with --out."
        )


def refuse_to_overwrite(path: Path, force: bool) -> None:
    """Raise KitError if ``path`` exists, unless ``force`` says that it may be replaced."""
    if path.exists() and not force:
        raise KitError(f"{path} exists already. Choose another name with --out, or replace it with --force.")


@contextmanager
def _writing_in(folder: Path) -> Iterator[None]:
    """Make ``folder`` for the block, which writes there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise KitError(f"cannot write {folder}: {error.strerror}. Choose another folder with --out.") from error


def _remove_parts(path: Path) -> None:
    """Remove what was begun beside ``path`` and not ended."""
    for part in path.parent.glob(f"{_PART}????????{glob.escape(path.name)}"):
        if part.is_dir():
            shutil.rmtree(part)
        else:
            part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8 with Unix newlines."""
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON. NaN is refused: no consumer of these files accepts it."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file that the kit has written.

    Raises:
        KitError: the file is missing or is not complete JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise KitError(f"file not found: {path}. Run the step that writes it first.") from error
    except (OSError, ValueError, RecursionError) as error:
        reason = first_line(error)
        raise KitError(f"{path} is not complete JSON ({reason}). Run the step that writes it again.") from error


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file that somebody has written.

    Raises:
        KitError: the file is missing, too large or no TOML.
    """
    try:
        if path.stat().st_size > _LONGEST_TOML:
            raise KitError(
                f"{path}: expected at most {_LONGEST_TOML:,} bytes, got {path.stat().st_size:,}. Shorten it."
            )
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise KitError(f"{path}: expected TOML, got {first_line(error)}. Correct it.") from error


def read_json_lines(path: Path) -> list[Any]:
    """Read a file with one JSON value a line.

    Raises:
        KitError: the file is missing or damaged.
    """
    if not path.is_file():
        raise KitError(f"file not found: {path}. Run the step that writes it first.")
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError, RecursionError) as error:
        reason = first_line(error)
        raise KitError(f"{path} is damaged: expected one JSON value a line ({reason}). Run that step again.") from error


def refuse_bomb(name: str, members: Collection[zipfile.ZipInfo], most: float = math.inf) -> None:
    """Refuse members of a zip, called ``name``, that unpack to more than ``most`` bytes, or to far more than they pack.

    Raises:
        KitError: they do.
    """
    declared = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    allowed = min(most, max(_ANY_RATIO_UP_TO, _MOST_EXPANDED * packed))
    if declared > allowed:
        raise KitError(
            f"{name} would unpack to {declared:,} bytes from {packed:,}: expected at most {allowed:,}. Write it again."
        )


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write ``rows`` as a comma-separated file with a header line."""
    with replacing(path) as beside, beside.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def expanded(path: str | Path) -> Path:
    """``path`` with the home that a ``~`` at its start stands for; as it is where nobody has such a home."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
