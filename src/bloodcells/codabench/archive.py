"""What a submission zip may look like, checked before anything of it is unpacked."""

import re
import stat
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bloodcells.errors import KitError, first_line
from bloodcells.files import refuse_bomb

_OTHER_ARCHIVES = {b"Rar!": "a RAR archive", b"7z\xbc\xaf": "a 7z archive", b"\x1f\x8b": "a gzip file (.tar.gz?)"}

_MOST_MEMBERS = 20_000
_LONGEST_NAME = 255  # bytes of a file's name on Linux

_IMPORTED_AS_MODEL = re.compile(r"model(\.py|\.pyc|(\.[\w-]+)?\.so|/__init__\.pyc?)")
"""What ``from model import Model`` finds at the root of a submission."""
_UNREAD = re.compile(r"(^|/)(__MACOSX|__pycache__|\.[^/]+)(/|$)|\.(csv|ipynb|png|jpe?g|pdf)$", re.IGNORECASE)
"""What editors, macOS and notebooks leave behind, and ``predict`` never reads."""


@dataclass(frozen=True)
class WrittenZip:
    """A zip that the kit has written; as text a sentence.

    Attributes:
        path: the zip.
        bytes: its size.
        sha256: the SHA-256 of the file; equal for equal content.
        members: the names in it.
    """

    path: Path
    bytes: int
    sha256: str
    members: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.path} has {self.bytes:,} bytes: {', '.join(self.members)}; sha256 {self.sha256}."


def check_archive(path: Path, size_limit: int, name: str | None = None) -> list[zipfile.ZipInfo]:
    """The members of a zip that is fit for upload: safe to unpack, with ``model.py`` at its root.

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
    _refuse_without_model(name, _files(members))
    return members


def layout_remarks(members: Sequence[zipfile.ZipInfo]) -> list[str]:
    """What is odd about a zip that `check_archive` has passed, and yet is unpacked and imported everywhere."""
    files = _files(members)
    unread = [file for file in files if _UNREAD.search(file)]
    folders = {file.split("/")[0] + "/" for file in files if "/" in file and file not in unread}
    repeated = [file for file, count in Counter(files).items() if count > 1]
    remarks = []
    if unread:
        remarks.append(f"the zip holds what predict hardly reads: {_listed(unread)}. Leave it out")
    if folders:
        remarks.append(f"the zip holds folders: {_listed(sorted(folders))}. They are unpacked as they are")
    if repeated:
        remarks.append(f"the zip holds {_listed(repeated)} more than once: the last one counts. Build it again")
    return remarks


def extract(path: Path, folder: Path) -> None:
    """Unpack a zip that `check_archive` has passed into ``folder``, verifying every checksum.

    Raises:
        KitError: a member is damaged, or cannot be a file beside the others.
    """
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if PurePosixPath(member.filename) == PurePosixPath():  # the folder itself: some of Python 3.12 refuse it
                continue
            try:
                archive.extract(member, folder)
            except Exception as error:  # damaged bytes make the decompressors raise nearly anything
                raise KitError(
                    f"{path.name}: {member.filename} is damaged ({first_line(error)}). Build the zip again."
                ) from error


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
    except (NotImplementedError, ValueError, OSError) as error:  # versions, names and offsets that no zip has
        raise KitError(f"{path.name} has a damaged directory ({first_line(error)}). Build the zip again.") from error


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
    if len(members) > _MOST_MEMBERS:
        raise KitError(f"{name} holds {len(members):,} members: expected at most {_MOST_MEMBERS:,}. Leave some out.")
    refuse_bomb(name, members, 4 * size_limit)


def _refuse_unsafe(name: str, member: zipfile.ZipInfo) -> None:
    # ZipInfo cuts filename at a NUL byte; orig_filename shows what the archive says.
    key = member.orig_filename
    parts = PurePosixPath(key).parts
    if key.startswith("/") or ".." in parts or not key.isprintable():
        raise KitError(f"{name} holds {key[:80]!r}: expected a plain file name. Build the zip again.")
    if any(len(part.encode()) > _LONGEST_NAME for part in parts):
        raise KitError(f"{name} holds {key[:40]!r}...: expected names of at most {_LONGEST_NAME} bytes. Shorten it.")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise KitError(f"{name}: {key} is a symbolic link; expected a file. Zip the file that it points to.")
    if member.flag_bits & 0x1:
        raise KitError(f"{name}: {key} is encrypted; expected no password. Build the zip again.")


def _files(members: Iterable[zipfile.ZipInfo]) -> list[str]:
    """The paths that the files are unpacked to: ``./model.py`` is ``model.py``."""
    return [str(PurePosixPath(member.filename)) for member in members if not member.is_dir()]


def _refuse_without_model(name: str, files: list[str]) -> None:
    if any(_IMPORTED_AS_MODEL.fullmatch(file) for file in files):
        return
    nested = [file for file in files if PurePosixPath(file).name == "model.py" and not _UNREAD.search(file)]
    if nested:
        raise KitError(
            f"{name}: model.py must be at the root of the zip, got {nested[0]}. "
            "Zip the files, not the folder that holds them."
        )
    raise KitError(f"{name} holds no model.py: got {_listed(files) or 'no files'}. Put it at the root.")


def _listed(keys: list[str]) -> str:
    more = len(keys) - 4
    return ", ".join(keys[:4]) + (f" and {more} more" if more > 0 else "")
