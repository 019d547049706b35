"""What the only door for data lets in, and the line it says when it does not."""

import io
import pickle
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from competitions import BLOOD

from bloodcells.data.cells import CellSet, load_cells, load_images, read_npz, save_cells
from bloodcells.errors import KitError

LABELS = np.repeat(np.arange(8), 2)
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (16, 96, 96, 3), dtype=np.uint8)


def written(path: Path, images: np.ndarray = IMAGES, labels: np.ndarray = LABELS) -> Path:
    np.savez(path, images=images, labels=labels)
    return path


def refusal(path: Path) -> str:
    """The one line a user sees."""
    with pytest.raises(KitError) as caught:
        load_cells(path, BLOOD)
    line = str(caught.value)
    assert "\n" not in line
    assert line.endswith(".")
    return line


# --- the file --------------------------------------------------------------------------------------------------------


def test_a_good_file_comes_in_whole(tmp_path: Path) -> None:
    cells = load_cells(written(tmp_path / "training_set.npz"), BLOOD)
    np.testing.assert_array_equal(cells.images, IMAGES)
    np.testing.assert_array_equal(cells.labels, LABELS)
    assert cells.images.dtype == np.uint8
    assert cells.labels.dtype == np.int64
    assert cells.origin == "training_set.npz"


def test_row_01_the_path_does_not_exist(tmp_path: Path) -> None:
    path = tmp_path / "training_set.npz"
    assert refusal(path) == f"cannot read {path}: expected an .npz file, got none. Put training_set.npz in {tmp_path}."


def test_row_01_the_path_is_a_folder(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"{tmp_path} is not a file. Give the path of an .npz file."


def test_row_02_zero_bytes(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    path.touch()
    assert refusal(path) == f"{path} is empty (0 bytes). Download it again."


@pytest.mark.parametrize("share", [0.1, 0.5, 0.999])
def test_row_03_a_truncated_file(tmp_path: Path, share: float) -> None:
    path = written(tmp_path / "x.npz")
    kept = path.read_bytes()[: int(share * path.stat().st_size)]
    path.write_bytes(kept)
    assert refusal(path) == f"{path} is not a complete .npz (truncated?), size {len(kept)}. Download it again."


@pytest.mark.parametrize(
    ("page", "tag"),
    [(b"<html><head>", "<html"), (b"\n <!DOCTYPE html>", "<!DOCTYPE"), (b"\xef\xbb\xbf<html lang='en'>", "<html")],
)
def test_row_04_a_login_page(tmp_path: Path, page: bytes, tag: str) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(page + b"<title>Log in</title>")
    line = refusal(path)
    assert line == f"{path} starts with '{tag}': this is a web page, not an .npz. Download it again, logged in."


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_row_05_a_pickle(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(pickle.dumps({"images": IMAGES[:2]}, protocol=protocol))
    assert refusal(path) == f"{path} is a pickle; refused for safety. Save the arrays with numpy.savez."


@pytest.mark.parametrize(
    ("start", "line"),
    [
        (b"\x93NUMPY\x01\x00", "is an .npy of one array: expected an .npz. Save images and labels with numpy.savez."),
        (b"\x1f\x8b\x08\x00", "is a gzip file: expected an .npz. Decompress it first."),
        (
            b"version https://git-lfs.github.com/spec/v1",
            "is a Git LFS pointer: expected the file itself. Fetch it with ",
        ),
        (b"Rar!\x1a\x07", "is not an .npz: expected a zip archive, got bytes b'Rar!'. Download it again."),
    ],
)
def test_row_05_another_kind_of_file(tmp_path: Path, start: bytes, line: str) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(start + bytes(100))
    assert refusal(path).startswith(f"{path} {line}")


def test_row_08_a_zip_that_holds_the_file(tmp_path: Path) -> None:
    path = tmp_path / "training_set.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(written(tmp_path / "training_set.npz"), "training_set.npz")
    assert refusal(path).endswith("got training_set.npz. Unzip it and give the .npz in it.")


@pytest.mark.parametrize(("save", "key"), [(np.savez, "images"), (np.savez, "labels"), (np.savez_compressed, "images")])
def test_row_06_one_flipped_byte(tmp_path: Path, save: Callable[..., None], key: str) -> None:
    path = tmp_path / "x.npz"
    save(path, images=IMAGES, labels=LABELS)
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo(f"{key}.npy")
    content = bytearray(path.read_bytes())
    content[member.header_offset + 3 * member.compress_size // 4 + 64] ^= 1
    path.write_bytes(content)
    assert refusal(path) == f"{path}: checksum error in member {key}.npy. Download it again."


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_row_06_any_flipped_byte_is_refused_or_harmless(tmp_path: Path, save: Callable[..., None]) -> None:
    arrays = {"images": np.arange(40, dtype=np.uint8), "labels": np.arange(5)}
    stream = io.BytesIO()
    save(stream, **arrays)
    content = stream.getvalue()
    path = tmp_path / "x.npz"
    refused = 0
    for position in range(4, len(content)):
        path.write_bytes(content[:position] + bytes([content[position] ^ 0x55]) + content[position + 1 :])
        try:
            found = read_npz(path, ("images", "labels"))
        except KitError as error:
            assert "\n" not in str(error)
            refused += 1
        else:
            for key, array in arrays.items():
                np.testing.assert_array_equal(found[key], array)
    assert refused > len(content) / 2


def test_a_small_file_that_expands_to_gigabytes_is_refused_before_it_does(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("images.npy", "w") as member:
        np.lib.format.write_array_header_1_0(
            member, {"descr": "|u1", "fortran_order": False, "shape": (10_000, 96, 96, 3)}
        )
        for _ in range(100):
            member.write(bytes(96 * 96 * 300))
    with zipfile.ZipFile(path, "a") as archive, archive.open("labels.npy", "w") as member:
        np.save(member, LABELS)
    tracemalloc.start()
    line = refusal(path)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()
    assert f"{path} would unpack to 276,480,384 bytes from " in line and "expected at most 50,000,000. Write" in line


@pytest.mark.parametrize(
    ("key", "expected"),
    [("images", "uint8 or float32 (N, S, S, 3)"), ("labels", "integers (N,)"), ("corruptions", "strings (N,)")],
)
def test_row_07_an_object_array(tmp_path: Path, key: str, expected: str) -> None:
    arrays = {"images": IMAGES, "labels": LABELS, key: np.array([None, "x"], dtype=object)}
    path = tmp_path / "x.npz"
    np.savez(path, **arrays)
    assert refusal(path) == f"{path}: {key} has dtype object; expected {expected}. Save it as a plain array."


def test_row_08_a_renamed_key(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, images=IMAGES, y=LABELS)
    assert refusal(path) == (
        f"{path} lacks labels: expected the keys images, labels, got images, y. Name yours with --keys."
    )


def test_row_08_an_archive_without_arrays(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path)
    assert "lacks images and labels: expected the keys images, labels, got none" in refusal(path)


# --- the images ------------------------------------------------------------------------------------------------------


def test_row_09_channels_first(tmp_path: Path) -> None:
    line = refusal(written(tmp_path / "x.npz", IMAGES.transpose(0, 3, 1, 2)))
    assert "channels first? got (16, 3, 96, 96)" in line
    assert "(0, 2, 3, 1)" in line


@pytest.mark.parametrize(
    ("images", "got"),
    [
        (IMAGES[..., 0], "grayscale"),
        (IMAGES[..., :1], "got 1"),
        (np.concatenate([IMAGES, IMAGES[..., :1]], -1), "got 4"),
    ],
)
def test_row_10_not_three_channels(tmp_path: Path, images: np.ndarray, got: str) -> None:
    line = refusal(written(tmp_path / "x.npz", images))
    assert "expected 3 channels, got" in line
    assert got in line


@pytest.mark.parametrize("shape", [(16, 64, 64, 3), (16, 96), (16, 2, 96, 96, 3)])
def test_row_10_another_shape(tmp_path: Path, shape: tuple[int, ...]) -> None:
    line = refusal(written(tmp_path / "x.npz", np.zeros(shape, np.uint8)))
    assert f"images has shape {shape}; expected uint8 or float32 (N, 96, 96, 3)" in line


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_row_11_floats_in_0_1_are_scaled_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], dtype: type
) -> None:
    cells = load_cells(written(tmp_path / "x.npz", (IMAGES / 255).astype(dtype)), BLOOD)
    np.testing.assert_array_equal(cells.images, IMAGES)
    said = capsys.readouterr()
    assert said.err == "x.npz: float images in 0..1 are scaled to 0..255\n"
    assert said.out == ""


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16, np.int64])
def test_row_11_whole_values_in_0_255_come_in_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], dtype: type
) -> None:
    cells = load_cells(written(tmp_path / "x.npz", IMAGES.astype(dtype)), BLOOD)
    np.testing.assert_array_equal(cells.images, IMAGES)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_row_12_what_is_no_number(tmp_path: Path, value: float) -> None:
    images = IMAGES.astype(np.float32)
    images[[3, 9, 10], 5, 6, 1] = value
    assert refusal(written(tmp_path / "x.npz", images)) == (
        "x.npz: NaN or infinity in 3 of 16 images, the first at index 3. Repair or remove them."
    )


@pytest.mark.parametrize(("value", "clipped"), [(-1, 0), (256, 255), (300.5, 255)])
def test_row_12_single_values_outside_the_range_are_clipped_as_predict_does_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], value: float, clipped: int
) -> None:
    images = IMAGES.astype(np.float32)
    images[[3, 9, 10], 5, 6, 1] = value
    cells = load_cells(written(tmp_path / "x.npz", images), BLOOD)
    assert set(cells.images[[3, 9, 10], 5, 6, 1]) == {clipped}
    said = f"x.npz: values {min(0, value):g}..{max(255, value):g} in 3 of 16 images, the first at index 3, are clipped"
    assert capsys.readouterr().err == f"{said} to 0..255\n"


@pytest.mark.parametrize("images", [IMAGES / 127.5 - 1, IMAGES.astype(np.uint16) * 257], ids=["-1..1", "16 bits"])
def test_row_12_another_range_is_refused_as_predict_does(tmp_path: Path, images: np.ndarray) -> None:
    assert refusal(written(tmp_path / "x.npz", images)).startswith("x.npz: expected values 0..255 or 0..1, got ")


@pytest.mark.parametrize("dtype", [bool, "U3", np.complex64])
def test_row_12_other_dtypes(tmp_path: Path, dtype: object) -> None:
    images = np.zeros((2, 96, 96, 3), dtype)
    line = refusal(written(tmp_path / "x.npz", images))
    assert f"images has dtype {images.dtype}; expected uint8 or float32" in line


# --- the labels ------------------------------------------------------------------------------------------------------


def test_row_13_unequal_counts(tmp_path: Path) -> None:
    assert refusal(written(tmp_path / "x.npz", labels=LABELS[:-1])) == (
        "x.npz: 16 images but 15 labels. Give one label per image."
    )


@pytest.mark.parametrize("labels", [LABELS[:, None], LABELS.astype(np.float32), LABELS.astype(np.uint8)[:, None]])
def test_row_14_labels_that_need_normalising(tmp_path: Path, labels: np.ndarray) -> None:
    found = load_cells(written(tmp_path / "x.npz", labels=labels), BLOOD).labels
    np.testing.assert_array_equal(found, LABELS)
    assert found.dtype == np.int64


@pytest.mark.parametrize(
    ("labels", "values"),
    [
        (LABELS + 1, "1, 2, 3, 4, 5, 6, 7, 8"),
        (LABELS - 1, "-1, 0, 1, 2, 3, 4, 5, 6"),
        (LABELS * 10, "0, 10, 20, 30, 40, 50, 60, 70"),
        (LABELS + 0.5, "0.5, 1.5"),
        (np.where(LABELS == 3, np.nan, LABELS), "nan"),
        (LABELS.astype("U2"), "0, 1, 2"),
        (np.array(["basophil", "platelet"] * 8), "basophil, platelet"),
    ],
)
def test_row_14_labels_that_are_not_0_to_7(tmp_path: Path, labels: np.ndarray, values: str) -> None:
    line = refusal(written(tmp_path / "x.npz", labels=labels))
    assert line.startswith("x.npz: expected whole labels 0..7, got the values ")
    assert values in line


def test_row_14_many_wrong_values_stay_one_short_line(tmp_path: Path) -> None:
    images = np.zeros((500, 96, 96, 3), np.uint8)
    assert len(refusal(written(tmp_path / "x.npz", images, np.arange(500)))) < 200


def test_row_14_one_hot_labels(tmp_path: Path) -> None:
    line = refusal(written(tmp_path / "x.npz", labels=np.eye(8)[LABELS]))
    assert "labels has shape (16, 8); expected (N,) or (N, 1)" in line


def test_row_14_labels_in_a_row(tmp_path: Path) -> None:
    line = refusal(written(tmp_path / "x.npz", labels=LABELS[None]))
    assert line == "x.npz: labels has shape (1, 16); expected (N,) or (N, 1). Give labels[0]."


@pytest.mark.parametrize("count", [0, 1])
def test_row_15_a_scarce_class(tmp_path: Path, count: int) -> None:
    labels = LABELS.copy()
    labels[np.flatnonzero(labels == 5)[count:]] = 6
    line = refusal(written(tmp_path / "x.npz", labels=labels))
    assert f"class 5 (monocyte) has {count} images; expected at least 2" in line


@pytest.mark.parametrize("shape", [(0, 96, 96, 3), (0,)])
def test_row_16_no_images(tmp_path: Path, shape: tuple[int, ...]) -> None:
    line = refusal(written(tmp_path / "x.npz", np.zeros(shape, np.uint8), LABELS[:0]))
    assert line == "x.npz: 0 images. Give a file that holds some."


# --- and back --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["my cells.npz", "Zellen größer/血液 细胞.npz"])
def test_row_72_spaces_and_other_alphabets_in_the_path(tmp_path: Path, name: str) -> None:
    cells = load_cells(written(tmp_path / "x.npz"), BLOOD)
    path = tmp_path / "a folder" / name
    save_cells(path, cells)
    again = load_cells(path, BLOOD)
    assert again.sha256 == cells.sha256
    assert again.origin == path.name
    with np.load(path) as archive:
        assert archive["labels"].shape == (16, 1)
        assert archive["labels"].dtype == np.uint8


def test_images_without_labels(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=IMAGES)
    np.testing.assert_array_equal(load_images(tmp_path / "x.npz", BLOOD.image_size), IMAGES)


def test_the_identity_covers_pixels_and_labels(tmp_path: Path) -> None:
    cells = load_cells(written(tmp_path / "a.npz"), BLOOD)
    swapped = load_cells(written(tmp_path / "b.npz", labels=LABELS[::-1]), BLOOD)
    assert cells.sha256 != swapped.sha256
    assert cells.take(np.arange(16)).sha256 == cells.sha256
    assert cells.take(np.array([2, 1])).labels.tolist() == [1, 0]


@pytest.mark.real_cells
def test_the_real_file_comes_in(real_cells: CellSet) -> None:
    assert len(real_cells) == 13_759


# --- the names of corruptions ----------------------------------------------------------------------------------------


def test_names_of_corruptions_are_kept_where_they_are_there(tmp_path: Path) -> None:
    names = np.array(["jpeg", "rotate+jpeg", "", *["blur"] * 13])
    path = tmp_path / "x.npz"
    save_cells(path, CellSet(IMAGES, LABELS, "x", BLOOD, names))
    loaded = load_cells(path, BLOOD)
    np.testing.assert_array_equal(loaded.corruptions, names)
    assert loaded.take(np.array([1, 2])).corruptions.tolist() == ["rotate+jpeg", ""]
    assert loaded.sha256 == CellSet(IMAGES, LABELS, "x", BLOOD).sha256


@pytest.mark.parametrize("names", [np.array(["jpeg"] * 15), np.arange(16), np.array([["jpeg"]] * 16)])
def test_names_that_are_not_one_string_for_each_image(tmp_path: Path, names: np.ndarray) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, images=IMAGES, labels=LABELS, corruptions=names)
    assert f"shape {names.shape}; expected one string for each of 16 images" in refusal(path)
