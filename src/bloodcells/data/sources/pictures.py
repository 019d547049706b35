"""Picture files as pixels: read by Pillow, turned upright, put on white where they are transparent, made square.

Each picture is made small as it is read, so that memory holds the small ones alone.
"""

import sys
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from bloodcells.errors import KitError, first_line, say
from bloodcells.progress import progress_bars

FITS = ("crop", "pad", "squash")
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif")
"""Of the files that are taken for pictures; what is in them says the first bytes."""
_FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF")
_MOST_PIXELS = 50_000_000  # of one picture: a file of some kilobytes can declare billions
_READERS = 4  # pictures that are open at once
_MANY = 500  # pictures from which a bar shows how far the reading is
_LISTED = 20  # broken pictures that are listed by name


@dataclass(frozen=True)
class Fit:
    """How a picture of any size becomes a square.

    Attributes:
        how: one of ``FITS``: the centre square, the whole on white, or the whole pressed into a square.
        share: the share of the shorter side that the centre square takes, above 0 to 1.
    """

    how: str = "crop"
    share: float = 1.0

    @classmethod
    def parsed(cls, text: str) -> "Fit":
        """The fit that ``crop``, ``crop=0.6``, ``pad`` or ``squash`` names.

        Raises:
            KitError: it names none.
        """
        how, equals, share = text.partition("=")
        try:
            fit = cls(how, float(share) if equals else 1.0)
        except ValueError:
            fit = cls("")
        if fit.how not in FITS or not 0 < fit.share <= 1 or (equals and fit.how != "crop"):
            raise KitError(f"--fit: expected crop, crop=SHARE with a share up to 1, pad or squash, got {text!r}.")
        return fit

    def __str__(self) -> str:
        words = {"pad": "shown whole on a white square", "squash": "pressed into a square"}
        part = f"cut to {self.share:g} of " if self.share < 1 else "cut to "
        return words.get(self.how, f"{part}its centre square")


@dataclass(frozen=True)
class Listing:
    """Picture files, before they are read.

    Attributes:
        root: the folder or the table that lists them.
        files: their paths.
        names: what each is called: the path below the folder, with forward slashes.
        labels: the class name of each as the user wrote it; None where nobody said.
    """

    root: Path
    files: tuple[Path, ...]
    names: tuple[str, ...]
    labels: tuple[str, ...] | None = None


def pictures_below(folder: Path) -> list[Path]:
    """The picture files in ``folder`` and the folders in it, sorted, hidden ones left out."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    return sorted(path for path in found if not _hidden(path.relative_to(folder)))


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def read_pictures(listing: Listing, size: int, fit: Fit, strict: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Read all pictures; those that cannot be read are listed on standard error and left out.

    Args:
        listing: at least one file.
        size: height and width of the result, pixels.
        fit: how each becomes square.
        strict: refuse where a picture cannot be read.

    Returns:
        (N, size, size, 3) uint8, and the N sorted int64 places of these pictures in the listing.

    Raises:
        KitError: no picture can be read; or, with ``strict``, one of them.
    """
    images = np.empty((len(listing.files), size, size, 3), np.uint8)
    shares, broken = np.ones(len(images)), dict[int, str]()

    def read(place: int) -> None:
        try:
            images[place], shares[place] = read_picture(listing.files[place], size, fit)
        except Exception as error:  # a damaged file makes Pillow raise nearly anything
            broken[place] = _why(error)

    with _no_words_but_refusals(), progress_bars() as bar, ThreadPoolExecutor(_READERS) as readers:
        for done, _ in enumerate(readers.map(read, range(len(images))), start=1):
            if len(images) >= _MANY:
                bar("reading", done, len(images))
    _report(listing, broken, strict)
    kept = np.setdiff1d(np.arange(len(images)), list(broken))
    say(f"{listing.root.name}: {len(kept):,} pictures, each {fit} ({shares[kept].mean():.0%} of it is seen) and made "
          f"{size} px; --fit changes that", file=sys.stderr)  # fmt: skip
    return (images if len(kept) == len(images) else images[kept]), kept


def read_picture(path: Path, size: int, fit: Fit) -> tuple[np.ndarray, float]:
    """One picture as (size, size, 3) uint8, and the share of its area that is seen in it.

    Raises:
        ValueError: it is too large, or its pixels are neither of 8 nor of 16 bits.
        Exception: what Pillow raises for a file that it cannot read.
    """
    with Image.open(path, formats=_FORMATS) as image:
        if image.width * image.height > _MOST_PIXELS:
            raise ValueError(f"{image.width} x {image.height} pixels are more than {_MOST_PIXELS:,}")
        image.draft(None, (2 * size, 2 * size))  # a large JPEG is decoded at a fraction of its size
        upright = _rgb(ImageOps.exif_transpose(image))
    if fit.how == "pad":
        white = ImageOps.pad(upright, (size, size), Image.Resampling.LANCZOS, color="white")
        return np.asarray(white), 1.0
    width, height = upright.size
    side = fit.share * min(width, height)
    box = ((width - side) / 2, (height - side) / 2, (width + side) / 2, (height + side) / 2)
    box = (0, 0, width, height) if fit.how == "squash" else box
    share = (box[2] - box[0]) * (box[3] - box[1]) / (width * height)
    return np.asarray(upright.resize((size, size), Image.Resampling.LANCZOS, box)), share


def median_side(files: Sequence[Path]) -> int:
    """The median of the shorter sides, pixels, of the files whose first bytes can be read; 0 where none can."""
    sides = []
    with _no_words_but_refusals():
        for path in files:
            try:
                with Image.open(path, formats=_FORMATS) as image:
                    sides.append(min(image.size))
            except Exception:  # it is listed when it is read
                continue
    return int(np.median(sides)) if sides else 0


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise ValueError("its pixels are floats, not of 8 or 16 bits")
    if image.mode.startswith("I"):
        grey = np.asarray(image)
        if grey.min() < 0 or grey.max() > 65_535:
            raise ValueError("its pixels have more than 16 bits")
        return Image.fromarray((grey // 257).astype(np.uint8)).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    picture = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")


@contextmanager
def _no_words_but_refusals() -> Iterator[None]:
    """Pillow warns of much that is no reason to stop, and of pictures that are far too large."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _why(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "it is no picture that Pillow knows"
    if isinstance(error, FileNotFoundError | IsADirectoryError):
        return "there is no such file"
    return first_line(error)


def _report(listing: Listing, broken: dict[int, str], strict: bool) -> None:
    """Say what cannot be read; refuse where that is all, or more than may be."""
    if not broken:
        return
    place = min(broken)
    first = f"{listing.names[place]}: {broken[place]}"
    if strict or len(broken) == len(listing.files):
        last = "Repair or remove them, or leave out --strict." if strict else "Give other files."
        raise KitError(
            f"{listing.root}: expected {len(listing.files)} pictures that can be read, got {len(broken)} that cannot, "
            f"the first {first}. {last}"
        )
    say(f"{len(broken)} of {len(listing.files)} pictures cannot be read and are left out:", file=sys.stderr)
    for place in sorted(broken)[:_LISTED]:
        say(f"  {listing.names[place]}: {broken[place]}", file=sys.stderr)
    if len(broken) > _LISTED:
        say(f"  and {len(broken) - _LISTED} more", file=sys.stderr)
