"""Picture files of many kinds: each row of the table is an input and what comes of it."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bloodcells.data.sources.pictures import Fit, Listing, median_side, read_picture, read_pictures
from bloodcells.errors import KitError

SIZE = 16
RED, WHITE, GREY = (200, 0, 0), (255, 255, 255), (100, 100, 100)
Written = Callable[[Path], None]


def square(mode: str, colour: object, size: tuple[int, int] = (32, 32)) -> Image.Image:
    return Image.new(mode, size, colour)  # type: ignore[arg-type]


def saved(image: Image.Image, **options: object) -> Written:
    return lambda path: image.save(path, **options)  # type: ignore[arg-type]


def content(data: bytes) -> Written:
    return lambda path: path.write_bytes(data) and None


def sixteen_bits(value: int) -> Image.Image:
    return Image.fromarray(np.full((32, 32), value, np.uint16))


def declared_png(width: int, height: int) -> bytes:
    """A PNG of some bytes that says how large it is."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def truncated(path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:2000])


def palette(transparent: bool) -> Image.Image:
    image = square("RGBA", (*RED, 0 if transparent else 255)).quantize()
    assert image.mode == "P"
    return image


GOOD = {
    "colour.jpg": (saved(square("RGB", RED), quality=95), RED),
    "grey.jpg": (saved(square("L", 100), quality=95), GREY),
    "cmyk.jpg": (saved(square("CMYK", (0, 255, 255, 55)), quality=95), RED),
    "phone.jpg": (saved(square("RGB", RED), format="MPO", quality=95), RED),
    "colour.png": (saved(square("RGB", RED)), RED),
    "grey.png": (saved(square("L", 100)), GREY),
    "one_bit.png": (saved(square("1", 1)), WHITE),
    "palette.png": (saved(palette(transparent=False)), RED),
    "clear_palette.png": (saved(palette(transparent=True)), WHITE),
    "opaque.png": (saved(square("RGBA", (*RED, 255))), RED),
    "clear.png": (saved(square("RGBA", (*RED, 0))), WHITE),
    "grey_clear.png": (saved(square("LA", (100, 0))), WHITE),
    "sixteen_bits.png": (saved(sixteen_bits(100 * 257)), GREY),
    "sixteen_bits.tif": (saved(sixteen_bits(100 * 257)), GREY),
    "thirty_two_bits.tif": (saved(square("I", 100 * 257)), GREY),
    "colour.bmp": (saved(square("RGB", RED)), RED),
    "colour.tiff": (saved(square("RGB", RED)), RED),
    "cmyk.tif": (saved(square("CMYK", (0, 255, 255, 55))), RED),
    "colour.webp": (saved(square("RGB", RED), lossless=True), RED),
    "colour.gif": (saved(square("RGB", RED)), RED),
    "a_png_called.jpg": (saved(square("RGB", RED), format="PNG"), RED),
    "UPPER CASE é.JPG": (saved(square("RGB", RED), format="PNG"), RED),
    "one_pixel.png": (saved(square("RGB", RED, (1, 1))), RED),
    "wide.png": (saved(square("RGB", RED, (200, 3))), RED),
    "large.jpg": (saved(square("RGB", RED, (4000, 3000)), quality=95), RED),
}
BROKEN = {
    "empty.jpg": (content(b""), "no picture that Pillow knows"),
    "page.jpg": (content(b"<html>log in</html>"), "no picture that Pillow knows"),
    "truncated.png": (truncated, "truncated"),
    "bomb.png": (content(declared_png(100_000, 100_000)), "decompression bomb|more than 50,000,000"),
    "too_large.png": (content(declared_png(10_000, 8_000)), "80.*000000|more than 50,000,000"),
    "floats.tif": (saved(square("F", 0.5)), "floats"),
    "too_many_bits.tif": (saved(square("I", 70_000)), "more than 16 bits"),
    "absent.jpg": (lambda path: None, "no such file"),
}


def listing(folder: Path, *names: str) -> Listing:
    return Listing(folder, tuple(folder / name for name in names), names)


@pytest.mark.parametrize("name", GOOD)
def test_a_picture_of_any_kind_comes_in_with_its_colour(tmp_path: Path, name: str) -> None:
    write, colour = GOOD[name]
    write(tmp_path / name)
    images, read = read_pictures(listing(tmp_path, name), SIZE, Fit())
    assert images.shape == (1, SIZE, SIZE, 3) and images.dtype == np.uint8 and read.tolist() == [0]
    assert np.abs(images[0].astype(int) - colour).max() <= 4


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_picture_is_listed_with_its_name_and_the_rest_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    write, reason = BROKEN[name]
    write(tmp_path / name)
    square("RGB", RED).save(tmp_path / "good.png")
    both = listing(tmp_path, name, "good.png")
    images, read = read_pictures(both, SIZE, Fit())
    assert len(images) == 1 and read.tolist() == [1]
    said = capsys.readouterr().err
    assert "1 of 2 pictures cannot be read" in said and f"  {name}: " in said
    with pytest.raises(KitError, match=f"(?s){name}: .*({reason}).*leave out --strict") as refused:
        read_pictures(both, SIZE, Fit(), strict=True)
    assert "\n" not in str(refused.value)


def test_many_broken_pictures_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    square("RGB", RED).save(tmp_path / "good.png")
    read_pictures(listing(tmp_path, "good.png", *(f"{one}.png" for one in range(30))), SIZE, Fit())
    assert "and 10 more" in capsys.readouterr().err


def test_a_folder_of_which_nothing_can_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KitError, match=r"got 1 that cannot, the first a\.png: there is no such file"):
        read_pictures(listing(tmp_path, "a.png"), SIZE, Fit())


def left_half_red(size: tuple[int, int]) -> Image.Image:
    image = square("RGB", WHITE, size)
    image.paste(RED, (0, 0, size[0] // 2, size[1]))
    return image


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_as_its_camera_says(tmp_path: Path, orientation: int) -> None:
    upright = left_half_red((32, 32))
    undone = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Pillow's transpositions, which undo the orientation
    stored = upright.transpose(Image.Transpose(undone[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "turned.jpg", exif=exif, quality=95, subsampling=0)
    image, _ = read_picture(tmp_path / "turned.jpg", SIZE, Fit())
    assert np.abs(image[4:12, 2:6].astype(int) - RED).max() < 12
    assert np.abs(image[4:12, 10:14].astype(int) - WHITE).max() < 12


@pytest.mark.parametrize(
    ("fit", "share", "red", "white_rows"),
    [("crop", 0.5, 0.5, 0), ("crop=0.5", 0.125, 0.5, 0), ("squash", 1.0, 0.5, 0), ("pad", 1.0, 0.25, 8)],
)
def test_a_wide_picture_becomes_square_as_it_was_asked(
    tmp_path: Path, fit: str, share: float, red: float, white_rows: int
) -> None:
    left_half_red((64, 32)).save(tmp_path / "wide.png")
    image, seen = read_picture(tmp_path / "wide.png", SIZE, Fit.parsed(fit))
    assert seen == share
    assert (image[..., 1] < 128).mean() == red
    assert (image == 255).all(axis=(1, 2)).sum() == white_rows


def test_the_share_that_is_seen_is_said_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left_half_red((64, 32)).save(tmp_path / "wide.png")
    read_pictures(listing(tmp_path, "wide.png"), SIZE, Fit())
    assert capsys.readouterr().err == (
        f"{tmp_path.name}: 1 pictures, each cut to its centre square (50% of it is seen) and made 16 px; "
        "--fit changes that\n"
    )


@pytest.mark.parametrize("text", ["", "zoom", "crop=", "crop=0", "crop=1.5", "crop=nan", "pad=0.5"])
def test_another_fit_is_refused(text: str) -> None:
    with pytest.raises(KitError, match="--fit: expected crop"):
        Fit.parsed(text)


def test_the_median_side_looks_at_what_can_be_read(tmp_path: Path) -> None:
    sizes = {"a.png": (20, 30), "b.png": (50, 40), "c.png": (60, 70)}
    for name, size in sizes.items():
        square("RGB", RED, size).save(tmp_path / name)
    assert median_side([tmp_path / name for name in (*sizes, "absent.png")]) == 40
    assert median_side([tmp_path / "absent.png"]) == 0
