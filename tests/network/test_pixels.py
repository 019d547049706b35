"""What the values of images are taken for: guessed rightly or refused, never guessed wrongly in silence."""

import numpy as np
import pytest

from bloodcells.network.pixels import scale_of, scaled

PIXELS = np.random.default_rng(0).integers(30, 245, (16, 32, 32, 3), dtype=np.uint8)
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def scale(images: np.ndarray) -> tuple[float, list[str]]:
    return scale_of(images, images.shape[1], "predict")


@pytest.mark.parametrize("dtype", ["u1", "i2", "i8", "f2", "f4", "f8", ">f4", ">i4"])
def test_0_to_255_is_what_it_is_in_any_type_of_numbers(dtype):
    assert scale(PIXELS.astype(dtype)) == (1, [])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_0_to_1_is_scaled_and_said(dtype):
    images = (PIXELS / 255).astype(dtype)
    factor, remarks = scale(images)
    assert remarks == ["predict: float images in 0..1 are scaled to 0..255"]
    np.testing.assert_array_equal(np.rint(scaled(images, factor)), PIXELS)


@pytest.mark.parametrize("odd", [(1.0001,), (1.02,), (-0.01,), (1.02, -0.02, 1.3), (7.0,), (-3.0, 900.0)])
@pytest.mark.parametrize("count", [1, 16])
def test_a_few_pixels_outside_do_not_make_0_to_1_another_range(odd, count):
    images = PIXELS[:count] / 255
    images[0, 3, : len(odd), 1] = odd
    factor, remarks = scale(images)
    assert factor == 255
    assert len(remarks) == 2 and remarks[1].startswith("predict: values ")
    assert remarks[1].endswith(f" in 1 of {count} images, the first at index 0, are clipped to 0..1")
    assert 0 <= scaled(images, factor).min() <= scaled(images, factor).max() <= 255


@pytest.mark.parametrize("unit", [1, 255])
def test_noise_and_brightness_stay_in_their_range(unit):
    draw = np.random.default_rng(1)
    for images in (PIXELS / 255 + draw.normal(0, 0.1, PIXELS.shape), PIXELS / 255 * 1.9):
        factor, remarks = scale(unit * images)
        assert factor == 255 / unit and remarks[-1].endswith(f"are clipped to 0..{unit}")


OTHER_RANGES = {
    "-1..1": PIXELS / 127.5 - 1,
    "standardised as for ImageNet": (PIXELS / 255 - MEAN) / DEVIATION,
    "standardised image by image": (PIXELS - PIXELS.mean((1, 2, 3), keepdims=True)) / PIXELS.std(),
    "centred": PIXELS - 128.0,
    "centred whole numbers": (PIXELS.astype(int) - 128).astype(np.int8),
    "16 bits": PIXELS.astype(np.uint16) * 257,
    "16 bits as floats": PIXELS * 257.0,
    "12 bits": PIXELS.astype(np.uint16) * 16,
}


@pytest.mark.parametrize("images", OTHER_RANGES.values(), ids=OTHER_RANGES.keys())
@pytest.mark.parametrize("count", [1, 16])
def test_another_range_is_refused_with_its_ends_and_a_way_out(images, count):
    images = images[:count]
    with pytest.raises(ValueError) as caught:
        scale(images)
    got = f"predict: expected values 0..255 or 0..1, got {float(images.min()):g}..{float(images.max()):g}. "
    advice = "Divide 16-bit images by 257" if images.max() > 255 else "Pass the pixels as they were before"
    assert str(caught.value).startswith(got + advice) and "\n" not in str(caught.value)


def test_dark_floats_are_said_to_be_ambiguous_and_whole_numbers_mean_0_to_255():
    dark = (PIXELS > 200).astype(np.float32)
    assert scale(dark) == (1, ["predict: values 0..1 are ambiguous: taken as dark images in 0..255"])
    assert scale(dark.astype(np.uint8)) == scale(dark.astype(np.int64)) == scale(0 * dark) == (1, [])
    assert scale(dark * 5.5) == (1, ["predict: values 0..5.5 are ambiguous: taken as dark images in 0..255"])
    assert scale(dark * 2) == scale(dark * 30.5) == (1, [])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused_with_its_place(value):
    images = PIXELS.astype(np.float32)
    images[5:7, 1, 2, 0] = value
    with pytest.raises(ValueError, match=r"predict: NaN or infinity in 2 of 16 images, the first at index 5\. Repair"):
        scale(images)


@pytest.mark.parametrize(
    ("shape", "line"),
    [
        ((3, 3, 32, 32), "channels first? got (3, 3, 32, 32)"),
        ((32, 32, 3), "one image? got (32, 32, 3)"),
        ((3, 32, 32), "expected 3 channels, got grayscale"),
        ((3, 32, 32, 4), "expected 3 channels, got 4"),
        ((1, 5, 32, 32, 3), "Remove the first axis"),
        ((3, 16, 16, 3), "Resize the images"),
        ((), "images has shape ()"),
        ((5,), "images has shape (5,)"),
    ],
)
def test_another_shape_is_refused_with_advice_that_fits(shape, line):
    with pytest.raises(ValueError) as caught:
        scale_of(np.zeros(shape), 32, "predict")
    assert line in str(caught.value) and str(caught.value).endswith(".")


def test_the_rule_is_that_of_all_images_however_many():
    many = np.broadcast_to(PIXELS[:1, ::4, ::4], (20_000, 8, 8, 3)) / 255
    many[17, 0, 0] = 1.5
    factor, remarks = scale(many)
    assert factor == 255 and "in 1 of 20000 images, the first at index 17" in remarks[1]


def test_the_images_are_left_as_they_were():
    given = PIXELS / 255
    given.setflags(write=False)
    scaled(given, scale(given)[0])
    np.testing.assert_array_equal(given, PIXELS / 255)
