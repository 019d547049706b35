"""Pictures as JPEG files."""

import io

import numpy as np
from PIL import Image


def encoded(image: np.ndarray, quality: int) -> bytes:
    """(S, S, 3) uint8 as a JPEG file of ``quality`` 1..95, with colour at half the resolution as Pillow stores it."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "jpeg", quality=quality)
    return stream.getvalue()


def through_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """(S, S, 3) uint8 as it comes back from a JPEG file of ``quality`` 1..95."""
    return np.array(Image.open(io.BytesIO(encoded(image, quality))))
