"""What a submission zip may look like, checked before anything of it is unpacked."""

import stat
import zipfile
import zlib
from collections import Counter
from pathlib import Path, PurePosixPath

from bloodcells.errors import KitError

_CODE = (".py", ".json", ".yaml", ".yml", ".toml", ".txt", ".md")
_WEIGHTS = (
    ".h5",
    ".hdf5",
    ".keras",
    ".tflite",
    ".onnx",
    ".npy",
    ".npz",
    ".joblib",
    ".pkl",
    ".pt",
    ".pth",
    ".safetensors",
)
ALLOWED_SUFFIXES = frozenset({*_CODE, *_WEIGHTS})
"""Code, settings and weights: what a submission consists of. Everything else is refused by name."""

_OTHER_ARCHIVES = {b"Rar!": "a RAR archive", b"7z\xbc\xaf": "a 7z archive", b"\x1f\x8b": "a gzip file (.tar.gz?)"}

# Deflate cannot exceed 1032:1; trained weights stay below 2:1, text below 20:1.
_RATIO_LIMIT = 100
_RATIO_MATTERS_FROM = 50_000_000


def check_archive(path: Path, size_limit: int, name: str | None = None) -> list[zipfile.ZipInfo]:
    """The members of a zip that is fit for upload: flat, ``model.py`` at its root, nothing that does not belong.

    Args:
        path: the zip.
        size_limit: bytes of the zip.
        name: how messages call it; its file name if not given.

    Raises:
        KitError: it is not fit; the line names the member.
    """
    name = name or path.name
    members = _read_directory(path)
    _refuse_size(name, path.stat().st_size, members, size_limit)
    _refuse_bomb(name, members, size_limit)
    for member in members:
        _refuse_unsafe(name, member)
    repeated = [key for key, count in Counter(member.filename for member in members).items() if count > 1]
    if repeated:
        raise KitError(f"{name} holds {repeated[0]} more than once: expected unique names. Build the zip again.")
    _refuse_layout(name, [member.filename for member in members])
    return members


def extract(path: Path, folder: Path) -> None:
    """Unpack a zip that `check_archive` has passed into ``folder``, verifying every checksum.

    Raises:
        KitError: a member is damaged.
    """
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            try:
                archive.extract(member, folder)
            except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
                raise KitError(f"{path.name}: {member.filename} is damaged ({error}). Build the zip again.") from error


def _read_directory(path: Path) -> list[zipfile.ZipInfo]:
    if not path.is_file():
        raise KitError(f"submission zip not found: {path}. Write one with 'bloodcells package'.")
    size = path.stat().st_size
    if size == 0:
        raise KitError(f"{path.name} is empty (0 bytes). Build the zip again.")
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.infolist()
    except zipfile.BadZipFile as error:
        raise KitError(_why_no_zip(path, size)) from error


def _why_no_zip(path: Path, size: int) -> str:
    with path.open("rb") as stream:
        head = stream.read(8)
    for magic, kind in _OTHER_ARCHIVES.items():
        if head.startswith(magic):
            return f"{path.name} is {kind}: expected a zip. Zip the files, do not rename another archive."
    return f"{path.name} is not a complete zip (truncated?), size {size:,}. Build it again."


def _refuse_size(name: str, size: int, members: list[zipfile.ZipInfo], size_limit: int) -> None:
    if size <= size_limit:
        return
    largest = sorted(members, key=lambda member: member.compress_size, reverse=True)[:3]
    named = ", ".join(f"{member.filename} {member.compress_size:,}" for member in largest)
    raise KitError(
        f"{name} is too large: expected at most {size_limit:,} bytes, got {size:,}; the largest members are {named}. "
        "Leave out what predict does not need; optimizer slots triple a weights file."
    )


def _refuse_bomb(name: str, members: list[zipfile.ZipInfo], size_limit: int) -> None:
    declared = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    if declared > 4 * size_limit or (declared > _RATIO_MATTERS_FROM and declared > _RATIO_LIMIT * packed):
        raise KitError(
            f"{name} would unpack to {declared:,} bytes from {packed:,}: expected a ratio of at most "
            f"{_RATIO_LIMIT} and at most {4 * size_limit:,} bytes. Build the zip again."
        )


def _refuse_unsafe(name: str, member: zipfile.ZipInfo) -> None:
    # ZipInfo cuts filename at a NUL byte; orig_filename shows what the archive says.
    key = member.orig_filename
    if key.startswith("/") or ".." in PurePosixPath(key).parts or "\\" in key or ":" in key or not key.isprintable():
        raise KitError(f"{name} holds {key!r}: expected a plain file name. Build the zip again.")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise KitError(f"{name}: {key} is a symbolic link; expected a file. Zip the file that it points to.")
    if member.flag_bits & 0x1:
        raise KitError(f"{name}: {key} is encrypted; expected no password. Build the zip again.")


def _refuse_layout(name: str, keys: list[str]) -> None:
    files = [key for key in keys if not key.endswith("/")]
    if "model.py" not in files:
        nested = [key for key in files if PurePosixPath(key).name == "model.py" and not _is_junk(key)]
        if nested:
            raise KitError(
                f"{name}: model.py must be at the root of the zip, got {nested[0]}. "
                "Zip the files, not the folder that holds them."
            )
        raise KitError(f"{name} holds no model.py: got {_listed(files) or 'no files'}. Put it at the root.")
    junk = [key for key in keys if _is_junk(key)]
    if junk:
        raise KitError(
            f"{name} holds what does not belong in a submission: {_listed(junk)}. "
            "Remove it: expected code, settings and weights alone."
        )
    folders = [key for key in keys if "/" in key]
    if folders:
        raise KitError(f"{name} holds a folder: expected a flat zip, got {_listed(folders)}. Move its files up.")


def _is_junk(key: str) -> bool:
    parts = PurePosixPath(key).parts
    if any(part.startswith(".") or part in ("__MACOSX", "__pycache__") for part in parts):
        return True
    return not key.endswith("/") and PurePosixPath(key).suffix.lower() not in ALLOWED_SUFFIXES


def _listed(keys: list[str]) -> str:
    more = len(keys) - 4
    return ", ".join(keys[:4]) + (f" and {more} more" if more > 0 else "")
