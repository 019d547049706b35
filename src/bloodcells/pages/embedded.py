"""Pictures inside an HTML page."""

import base64
import io

import numpy as np
from PIL import Image

QUALITIES = (80, 60, 40, 20)
"""Of pictures as WebP, from one that nobody tells from the original to one that shows what there is."""
_SIDE = 96


def picture_url(image: np.ndarray, quality: int) -> str:
    """(S, S, 3) uint8 as a WebP of at most 96 px, inside a URL."""
    picture = Image.fromarray(image)
    picture.thumbnail((_SIDE, _SIDE))
    return image_url(picture, "webp", quality=quality)


def image_url(picture: Image.Image, form: str, **options: int) -> str:
    """A picture in a format of Pillow, with its options, inside a URL."""
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return f"data:image/{form};base64,{base64.b64encode(stream.getvalue()).decode()}"
