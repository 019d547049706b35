"""Files are written beside their place and swapped in, so that a crash leaves the previous file intact."""

import csv
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bloodcells.errors import KitError, first_line

WEIGHTS = "weights.weights.h5"
"""Name of a network's weights, in a run folder, beside the kit and in a zip."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path beside ``path`` to write to; move it onto ``path`` when the block succeeds.

    The file beside keeps the suffixes of ``path``, because Keras and NumPy read the format from them.

    Raises:
        KitError: the folder cannot be written to, or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".part-", suffix=path.name)
        os.close(handle)
    except OSError as error:
        raise KitError(f"cannot write {path}: {error.strerror}. Choose another folder with --out.") from error
    beside = Path(name)
    try:
        yield beside
        beside.chmod(0o644)
        beside.replace(path)
    except OSError as error:
        raise KitError(f"cannot write {path}: {error.strerror or error}. The previous file is intact.") from error
    finally:
        beside.unlink(missing_ok=True)


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


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write ``rows`` as a comma-separated file with a header line."""
    with replacing(path) as beside, beside.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
