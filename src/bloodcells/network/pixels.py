"""Which images are images of the competition, and what their values mean: one rule for data and for ``predict``.

It travels in the submission zip and imports nothing of the kit.
"""

import numpy as np

_ODD = 1e-3  # share of the values that decides nothing at either end: hot pixels, overshoots of resizing
_BELOW, _ABOVE = -0.25, 2.0  # how far noise and brightness may carry the others, as shares of the range 0..1 or 0..255
_DARK = 16.0  # fractions that end below could be 0..255 as well as something that was standardised
_SAMPLE = 4_000_000  # values that the share is taken over; memory and time of a quantile grow with it
_CHUNK = 128


def scale_of(images: np.ndarray, size: int, name: str) -> tuple[float, list[str]]:
    """The factor from the values of ``images`` to 0..255.

    Whole numbers are 0..255. Fractions are 0..1 if they end at about 1, and 0..255 if they end above. One value in a
    thousand may lie anywhere, because resizing overshoots; the others decide. Values outside are to be clipped.

    Args:
        images: (N, S, S, 3) of any type of numbers; N may be 0.
        size: S.
        name: of what holds them, for messages.

    Returns:
        1 or 255, and what has to be said of it, a line each.

    Raises:
        ValueError: another shape, no numbers, NaN or infinity, or another range: -1..1, standardised, 16 bits.
    """
    check_shape(images, size, name)
    if images.dtype == np.uint8 or len(images) == 0:
        return 1.0, []
    lowest, highest = float(images.min()), float(images.max())
    if not np.isfinite([lowest, highest]).all():
        raise ValueError(f"{name}: NaN or infinity {_places(images, -np.inf, np.inf)}. Repair or remove them.")
    low, high = _usual_range(images)
    fractions = images.dtype.kind == "f" and _has_fractions(images)
    top = 1 if fractions and high <= _ABOVE else 255
    got = f"{name}: expected values 0..255 or 0..1, got {lowest:g}..{highest:g}"
    if high > _ABOVE * top:
        raise ValueError(f"{got}. Divide 16-bit images by 257, 12-bit images by 16.")
    if low < _BELOW * (top if high > _DARK else 1):
        raise ValueError(f"{got}. Pass the pixels as they were before they were centred or standardised.")
    remarks = []
    if top == 1:
        remarks.append(f"{name}: float images in 0..1 are scaled to 0..255")
    elif images.dtype.kind == "f" and highest > 0 and (highest <= 1 or (fractions and high <= _DARK)):
        remarks.append(f"{name}: values {lowest:g}..{highest:g} are ambiguous: taken as dark images in 0..255")
    if lowest < 0 or highest > top:
        where = _places(images, 0, top)
        remarks.append(f"{name}: values {lowest:g}..{highest:g} {where}, are clipped to 0..{top}")
    return 255.0 / top, remarks


def scaled(images: np.ndarray, factor: float) -> np.ndarray:
    """A float32 copy of ``images`` in 0..255; ``factor`` is that of `scale_of`."""
    pixels = images.astype(np.float32)
    pixels *= factor
    return np.clip(pixels, 0, 255, out=pixels)


def check_shape(images: np.ndarray, size: int, name: str) -> None:
    """Refuse what is not (N, S, S, 3) numbers with S = ``size``, and say what to do.

    Raises:
        ValueError: in one line.
    """
    shape, expected = images.shape, f"uint8 or float32 (N, {size}, {size}, 3)"
    if shape[:1] == (0,):
        return
    if images.dtype.kind not in "uif":
        raise ValueError(f"{name}: images has dtype {images.dtype}; expected {expected}. Save it as a plain array.")
    if shape[1:] == (3, size, size):
        raise ValueError(f"{name}: channels first? got {shape}; expected {expected}. Transpose with (0, 2, 3, 1).")
    if shape == (size, size, 3):
        raise ValueError(f"{name}: one image? got {shape}; expected {expected}. Add an axis with images[None].")
    if shape[1:] == (size, size):
        raise ValueError(f"{name}: expected 3 channels, got grayscale {shape}. Repeat the channel three times.")
    if shape[1:3] == (size, size) and len(shape) == 4 and shape[3] != 3:
        raise ValueError(f"{name}: expected 3 channels, got {shape[3]} {shape}. Keep the RGB channels.")
    if shape[:1] == (1,) and shape[2:] == (size, size, 3):
        raise ValueError(f"{name}: images has shape {shape}; expected {expected}. Remove the first axis: images[0].")
    if shape[1:] != (size, size, 3):
        raise ValueError(f"{name}: images has shape {shape}; expected {expected}. Resize the images.")


def _usual_range(images: np.ndarray) -> tuple[float, float]:
    """What the values lie between, but for `_ODD` at either end; of every n-th pixel where there are many."""
    step = int(np.ceil(np.sqrt(images.size / _SAMPLE)))
    low, high = np.quantile(images[:, ::step, ::step].astype(np.float64), [_ODD, 1 - _ODD])
    return float(low), float(high)


def _has_fractions(images: np.ndarray) -> bool:
    return any((chunk != np.rint(chunk)).any() for chunk in _chunks(images))


def _places(images: np.ndarray, low: float, high: float) -> str:
    """How many images have values outside ``low``..``high``, infinity or NaN, and which comes first."""
    wrong = np.concatenate(
        [~((chunk >= low) & (chunk <= high) & np.isfinite(chunk)).all(axis=(1, 2, 3)) for chunk in _chunks(images)]
    )
    return f"in {wrong.sum()} of {len(images)} images, the first at index {wrong.argmax()}"


def _chunks(images: np.ndarray) -> list[np.ndarray]:
    # A mask over all values at once would take a quarter of the memory of the images.
    return [images[start : start + _CHUNK] for start in range(0, len(images), _CHUNK)]
