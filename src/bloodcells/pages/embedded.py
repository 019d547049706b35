"""Pictures inside an HTML page, stored so well that the page stays light."""

import base64
import io
from collections.abc import Callable

import numpy as np
from PIL import Image

MOST_BYTES = 6_000_000
"""Of a page, where the worst of the qualities makes that possible."""
_QUALITIES = (80, 60, 40, 20)  # of WebP, from what nobody tells from the original to what shows what there is
_SIDE = 96


def light_page(page_with: Callable[[int], str]) -> str:
    """The page whose pictures have the best quality with which it has at most ``MOST_BYTES``.

    ``page_with`` makes the page with pictures of a quality, which `picture_url` takes.
    """
    for quality in _QUALITIES:
        page = page_with(quality)
        if len(page.encode()) <= MOST_BYTES:
            break
    return page


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
