"""What happens to files: cut off, flipped, edited, of another type somewhere, or larger than any memory. Seeded."""

import io
import json
import random
import resource
import signal
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from bloodcells.errors import KitError

LOOP: list[Any] = []
for _ in range(400):
    LOOP = [LOOP]
VALUES = [None, True, -1, 0, 2, 0.5, -0.5, 1e300, 10**400, float("nan"), float("inf"), "", " ", "x", "\x1b[2J\n",
          "y" * 10**5, [], {}, [[]], {"a": 1}, [0] * 1000, LOOP]  # fmt: skip
WORDS = ["-1", "0", "1e308", "nan", "inf", "9" * 5000, "true", "''", '"\\u001b[2J"', "2024-13-99", "{}", "[", "&a [*a]"]
DTYPES = ["?", "i1", "u2", "i8", "f2", ">f4", "f8", "c8", "U3", "M8[s]", "S2"]


def damaged(content: bytes, draw: random.Random) -> bytes:
    """``content`` with something wrong in it: its bytes, its text, or, one level down, its values."""
    if draw.random() < 0.35:
        return _bytes_changed(content, draw)
    if content[:2] == b"PK":
        return _member_changed(content, draw)
    if content[:6] == b"\x93NUMPY":
        return _array_changed(content, draw)
    if content[:4] == b"\x89HDF":
        return _dataset_changed(content, draw)
    try:
        return json.dumps(value_changed(json.loads(content), draw)).encode()
    except ValueError:
        return _text_changed(content, draw)


def _bytes_changed(content: bytes, draw: random.Random) -> bytes:
    first, last = sorted(draw.choices(range(len(content) + 1), k=2))
    last = min(last, first + draw.choice([1, 4, 100, 10**9]))
    flipped = bytes(one ^ (1 << draw.randrange(8)) for one in content[first : first + 1])
    changes: list[Callable[[], bytes]] = [
        lambda: b"",
        lambda: content[:first],
        lambda: content[:first] + content[last:],
        lambda: content[:last] + content[first:],
        lambda: content[:first] + flipped + content[first + 1 :],
        lambda: content[:first] + b"\xff\xfe" + content[first:],
        lambda: content[:first] + bytes(last - first) + content[last:],
        lambda: content[:first] + draw.randbytes(min(last - first, 64)) + content[last:],
    ]
    return draw.choice(changes)()


def _text_changed(content: bytes, draw: random.Random) -> bytes:
    lines = content.decode("utf-8", "replace").splitlines(keepends=True) or [""]
    place, other = draw.randrange(len(lines)), draw.randrange(len(lines))
    head, separator, _ = lines[place].partition(draw.choice(["= ", ": ", ",", " "]))
    changes: list[Callable[[], list[str]]] = [
        lambda: lines[:place] + lines[place + 1 :],
        lambda: [*lines[:place], lines[other], *lines[place:]],
        lambda: [*lines[:place], f"{head}{separator}{draw.choice(WORDS)}\n", *lines[place + 1 :]],
        lambda: [
            *lines[:place],
            draw.choice(["a.", ",", "[", "- "]) * draw.choice([10, 3000, 10**6]) + "\n",
            *lines[place:],
        ],
        lambda: lines * draw.choice([2, 100]),
    ]
    return "".join(draw.choice(changes)()).encode()


def value_changed(value: Any, draw: random.Random) -> Any:
    """``value``, of lists and mappings, with another one somewhere in it, or without."""
    if isinstance(value, dict) and value and draw.random() < 0.9:
        key = draw.choice(list(value))
        if draw.random() < 0.15:
            return {name: one for name, one in value.items() if name != key}
        if draw.random() < 0.05:
            return {**value, draw.choice(["", "\n", "new"]): draw.choice(VALUES)}
        return {**value, key: value_changed(value[key], draw)}
    if isinstance(value, list) and value and draw.random() < 0.9:
        place = draw.randrange(len(value))
        if draw.random() < 0.1:
            return [*value, value[place]]
        return [*value[:place], value_changed(value[place], draw), *value[place + 1 :]]
    return draw.choice(VALUES)


def _member_changed(content: bytes, draw: random.Random) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(stream, "w") as new:
        names = old.namelist()
        if not names:
            return _bytes_changed(content, draw)
        kinds, odds = ("damaged", "gone", "another name", "in the place of", "bomb"), (60, 10, 10, 10, 1)
        chosen, kind = draw.choice(names), draw.choices(kinds, odds)[0]
        for name in names:
            member = old.read(name)
            if name == chosen:
                if kind == "gone":
                    continue
                if kind == "another name":
                    name = draw.choice(["../" + name, "/" + name, name + "/x", "x" * 300, "\x1b[2J" + name])
                elif kind == "in the place of":
                    member = old.read(draw.choice(names))
                elif kind == "bomb":
                    new.writestr(zipfile.ZipInfo(name), bytes(64_000_000), zipfile.ZIP_DEFLATED)
                    continue
                else:
                    member = damaged(member, draw)
            new.writestr(zipfile.ZipInfo(name), member)
    return stream.getvalue()


def _array_changed(content: bytes, draw: random.Random) -> bytes:
    array = np.load(io.BytesIO(content))
    with np.errstate(all="ignore"):
        changes: list[Callable[[], np.ndarray]] = [
            lambda: array.astype(draw.choice(DTYPES)),
            lambda: array[..., None],
            lambda: array[None],
            lambda: array[:-1],
            lambda: array[:0],
            lambda: array.reshape(-1),
            lambda: array.T,
            lambda: np.full_like(array, draw.choice([0, 1, 7]) if array.dtype.kind in "uif" else array.reshape(-1)[0]),
            lambda: np.where(
                np.arange(array.size).reshape(array.shape) == 3, draw.choice([np.nan, np.inf, -1, 1e9, 300]), array
            ),
            lambda: np.array(draw.choice([3, "x", None])),
        ]
        try:
            changed = draw.choice(changes)()
        except (TypeError, ValueError):
            return _bytes_changed(content, draw)
    stream = io.BytesIO()
    np.save(stream, changed, allow_pickle=True)
    if draw.random() < 0.15:
        declared = str(draw.choice([10**9, 10**22])).encode()
        return stream.getvalue().replace(b"'shape': (", b"'shape': (" + declared + b", ", 1)
    return stream.getvalue()


def _dataset_changed(content: bytes, draw: random.Random) -> bytes:
    stream = io.BytesIO(content)
    with h5py.File(stream, "r+") as file:
        names: list[str] = []
        file.visit(names.append)
        name = draw.choice(names)
        item, kind = file[name], draw.choice(["NaN", "gone", "shape", "declared", "empty", "group", "link", "text"])
        values = item[()] if isinstance(item, h5py.Dataset) and item.shape is not None else None
        del file[name]
        if kind == "NaN" and isinstance(values, np.ndarray) and values.dtype.kind == "f" and values.size:
            values.flat[draw.randrange(values.size)] = draw.choice([np.nan, np.inf])
            file[name] = values
        elif kind == "shape" and isinstance(values, np.ndarray):
            file[name] = draw.choice([values[None], values.reshape(-1), values[:0] if values.ndim else values])
        elif kind == "declared":
            file.create_dataset(name, shape=(10**9,), dtype="f8", chunks=(1000,))
        elif kind == "empty":
            file[name] = h5py.Empty("f4")
        elif kind == "group":
            file.create_group(name)
        elif kind == "link":
            file[name] = draw.choice(
                [h5py.SoftLink("/nowhere"), h5py.ExternalLink("other.h5", "/"), h5py.SoftLink("/")]
            )
        elif kind == "text":
            file[name] = "text"
    return stream.getvalue()


SECONDS = 20
MEMORY = 1_000_000_000  # bytes that a reader may take more than the process has


class Hang(BaseException):
    """No reader catches it."""


@contextmanager
def watched() -> Iterator[None]:
    """Ends what takes too long, and what asks for too much memory."""

    def ring(*_: object) -> None:
        raise Hang(f"it took more than {SECONDS} s")

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = signal.signal(signal.SIGALRM, ring)
    resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY, hard))
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@dataclass(frozen=True)
class Reader:
    """Of one kind of file: what writes good ones into a folder, what reads that folder, and what must then hold."""

    write: Callable[[Path], Sequence[Path]]
    read: Callable[[Path], Any]
    holds: Callable[[Any], bool] = lambda value: True


def counted(reader: Reader, folder: Path, cases: int, seed: int) -> Counter[str]:
    """Damage a file, read it, put it back; the outcomes, of which the refusals and acceptances are seen to be right."""
    files, draw, counts = reader.write(folder), random.Random(seed), Counter[str]()
    reader.read(folder)
    for case in range(cases):
        path = files[case % len(files)]
        before = path.read_bytes()
        _replace(path, damaged(before, draw))
        try:
            with watched(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                read = reader.read(folder)
        except KitError as error:
            counts["refused"] += 1
            assert str(error).isprintable() and len(str(error)) < 2000, (case, str(error)[:3000])
        except (Exception, Hang) as error:
            (folder / "case").write_bytes(path.read_bytes())
            raise AssertionError(f"case {case} of {path.name}, kept as {folder / 'case'}") from error
        else:
            counts["accepted"] += 1
            assert reader.holds(read), (case, path.read_bytes()[:2000])
        _replace(path, before)
    return counts


def _replace(path: Path, content: bytes) -> None:
    path.unlink()  # HDF5 would go on with what it knows of a file that was not closed
    path.write_bytes(content)
