"""Perceptual hashes: ImageHash's own for the table, and of all views of small grey patches at once, to find copies by.

ImageHash shrinks an image to 32 x 32 grey pixels and takes the signs of its 8 x 8 lowest discrete cosine coefficients
against their median (phash). The coefficients of a turned picture are those of the picture, transposed and with other
signs, so that one transform serves all eight views.

Source: N. Krawetz, *Looks Like It* (2011), hackerfactor.com.
"""

import hashlib

import imagehash
import numpy as np
import scipy.fft
from PIL import Image

from bloodcells.progress import Progress

HASH_BITS = 64
VIEWS = 8

_LOW = 8  # a hash has 8 x 8 bits
_MIRRORED = (-1.0) ** np.arange(_LOW)


def exact_keys(images: np.ndarray) -> list[bytes]:
    """A 16-byte digest per image over its dtype, shape and bytes, so that equal bytes of another shape differ."""
    prefix = f"{images.dtype.str}{images.shape[1:]}".encode()
    return [hashlib.blake2b(prefix + image.tobytes(), digest_size=16).digest() for image in images]


def phash(images: np.ndarray, progress: Progress | None = None) -> np.ndarray:
    """``imagehash.phash`` of (N, H, W, 3) uint8: (N,) str, 16 hexadecimal digits each.

    ``progress`` is called with the number of images hashed so far, and of all.
    """
    hashes = np.empty(len(images), "U16")
    for index, image in enumerate(images):
        hashes[index] = str(imagehash.phash(Image.fromarray(image)))
        if progress:
            progress(index + 1, len(images))
    return hashes


def low_cosines(small: np.ndarray) -> np.ndarray:
    """The 8 x 8 lowest discrete cosine coefficients (type II) of grey (N, H, W) images: (N, 8, 8) float64."""
    columns = scipy.fft.dct(small.astype(np.float64), axis=1)[:, :_LOW]
    return scipy.fft.dct(columns, axis=2)[:, :, :_LOW]


def view_hashes(cosines: np.ndarray) -> np.ndarray:
    """The phash of each view of `dihedral` from the cosine coefficients (N, 8, 8) of view 0: (N, 8) uint64.

    A mirror image changes the sign of the odd coefficients along its axis, a transposition transposes them.
    """
    hashes = np.empty((len(cosines), VIEWS), np.uint64)
    for view in range(VIEWS):
        turned = cosines.swapaxes(1, 2) if view % 2 else cosines
        down = _MIRRORED if view % 4 in (1, 2) else 1
        across = _MIRRORED if (view % 4 in (2, 3)) != (view >= 4) else 1
        hashes[:, view] = _signs(turned * np.reshape(down, (-1, 1)) * across)
    return hashes


def _signs(cosines: np.ndarray) -> np.ndarray:
    """Signs of (N, 8, 8) coefficients against their median, row by row from the highest bit: (N,) uint64."""
    bits = cosines > np.median(cosines, axis=(1, 2), keepdims=True)
    return np.packbits(bits.reshape(len(bits), HASH_BITS), axis=1).view(">u8").ravel().astype(np.uint64)
