"""Colour, light, channels and tone: what happens to a pixel without regard to its neighbours.

Every function takes an image (S, S, 3) uint8, RGB, and returns another of the same shape and dtype.
"""

import math

import numpy as np

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of red, green and blue in the brightness of a pixel (ITU-R BT.601)."""


def as_pixels(values: np.ndarray) -> np.ndarray:
    """Float values rounded to uint8 and held within 0..255."""
    return np.rint(np.clip(values, 0, 255)).astype(np.uint8)


def rotate_hue(image: np.ndarray, degrees: float) -> np.ndarray:
    """Turn every colour about the grey axis of the RGB cube; 120 degrees carry red to green."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    diagonal, rest, skew = cos + (1 - cos) / 3, (1 - cos) / 3, sin / math.sqrt(3)
    turn = [
        [diagonal, rest - skew, rest + skew],
        [rest + skew, diagonal, rest - skew],
        [rest - skew, rest + skew, diagonal],
    ]
    return as_pixels(image @ np.array(turn, np.float32).T)


def scale_saturation(image: np.ndarray, factor: float) -> np.ndarray:
    """Multiply every pixel's distance from its own grey; 0 is a grey picture."""
    grey = (image @ _LUMA)[..., None]
    return as_pixels(grey + np.float32(factor) * (image - grey))


def raise_saturation(image: np.ndarray, amount: float) -> np.ndarray:
    """Add ``amount`` (0..1) to the saturation of HSV; hue and value stay, pure greys turn red as their hue is 0."""
    pixels = image.astype(np.float32)
    value = pixels.max(axis=-1, keepdims=True)
    chroma = value - pixels.min(axis=-1, keepdims=True)
    saturation = chroma / np.maximum(value, 1)
    grey = np.array([0, 1, 1], np.float32)
    depth = np.where(chroma > 0, (value - pixels) / np.maximum(chroma, 1), grey)
    return as_pixels(value * (1 - depth * np.minimum(saturation + np.float32(amount), 1)))


def tint(image: np.ndarray, gains: tuple[float, float, float]) -> np.ndarray:
    """Multiply red, green and blue by a gain each: a wrong white balance."""
    return as_pixels(image * np.array(gains, np.float32))


def scale_brightness(image: np.ndarray, factor: float) -> np.ndarray:
    """Multiply every value of every channel by ``factor``; what passes 255 is cut off."""
    return as_pixels(image * np.float32(factor))


def scale_contrast(image: np.ndarray, factor: float) -> np.ndarray:
    """Multiply every value's distance from the picture's mean brightness."""
    mean = np.float32((image @ _LUMA).mean(dtype=np.float64))
    return as_pixels(mean + np.float32(factor) * (image - mean))


def bend_gamma(image: np.ndarray, exponent: float) -> np.ndarray:
    """Raise the values, taken as 0..1, to a power; above 1 darkens."""
    return as_pixels(255 * (np.arange(256) / 255) ** exponent)[image]


def light_unevenly(image: np.ndarray, drop: float, degrees: float) -> np.ndarray:
    """Darken towards one side: gain 1 at the bright border, 1 - ``drop`` at the one opposite, in a straight ramp."""
    side = image.shape[0]
    across = np.linspace(-0.5, 0.5, side, dtype=np.float32)
    ramp = across * np.float32(math.cos(math.radians(degrees)))
    ramp = ramp + (across * np.float32(math.sin(math.radians(degrees))))[:, None]
    ramp = (ramp - ramp.min()) / (ramp.max() - ramp.min())
    return as_pixels(image * (1 - np.float32(drop) * ramp)[..., None])


def shuffle_channels(image: np.ndarray, order: tuple[int, int, int]) -> np.ndarray:
    """Put the channels into another order."""
    return image[..., list(order)]


def shift_channels(image: np.ndarray, offsets: tuple[float, float, float]) -> np.ndarray:
    """Add an offset to each channel."""
    return as_pixels(image + np.array(offsets, np.float32))


def flatten_channel(image: np.ndarray, channel: int, share: float) -> np.ndarray:
    """Move one channel towards its own mean by ``share`` (0..1): a weak or dead colour of the sensor."""
    pixels = image.astype(np.float32)
    flat = pixels[..., channel]
    pixels[..., channel] = flat + np.float32(share) * (np.float32(flat.mean(dtype=np.float64)) - flat)
    return as_pixels(pixels)


def solarise(image: np.ndarray, threshold: float) -> np.ndarray:
    """Turn the values above ``threshold`` (0..255) into their negative."""
    return np.where(image > threshold, 255 - image, image)


def posterise(image: np.ndarray, levels: int) -> np.ndarray:
    """Leave ``levels`` evenly spaced values per channel."""
    return as_pixels(np.rint(np.arange(256) / 255 * (levels - 1)) * (255 / (levels - 1)))[image]


def invert(image: np.ndarray, amount: float) -> np.ndarray:
    """Move towards the negative; 1 is the negative itself, 0.5 would be flat grey."""
    return as_pixels(image + np.float32(amount) * (255 - 2 * image.astype(np.float32)))
