"""Perceptual hashes of a whole array at once, bit for bit those of ImageHash 4.3.2.

ImageHash turns one image to grey, shrinks it with Pillow's Lanczos filter and takes the signs of its low discrete
cosine coefficients against their median (phash). Pillow shrinks in fixed point, one axis after the other, so a stack of
images laid end to end and shrunk along one axis gives the very bytes of image after image, at a fraction of the calls.

A hash is a 64-bit number, row by row from its highest bit, as ``str(imagehash.phash(image))`` writes it.

Source: N. Krawetz, *Looks Like It* (2011), hackerfactor.com.
"""

import hashlib

import numpy as np
import scipy.fft
from PIL import Image

from bloodcells.progress import Progress

HASH_BITS = 64
VIEWS = 8

_LOW = 8  # a hash has 8 x 8 bits
_DCT_SIDE = 4 * _LOW  # phash looks at 32 x 32 pixels
_MIRRORED = (-1.0) ** np.arange(_LOW)
_CHUNK = 64  # images per step: fits the cache, fastest of 16..1024 measured


def exact_keys(images: np.ndarray) -> list[bytes]:
    """A 16-byte digest per image over its dtype, shape and bytes, so that equal bytes of another shape differ."""
    prefix = f"{images.dtype.str}{images.shape[1:]}".encode()
    return [hashlib.blake2b(prefix + image.tobytes(), digest_size=16).digest() for image in images]


def phash(images: np.ndarray, progress: Progress | None = None) -> np.ndarray:
    """``imagehash.phash`` of (N, H, W, 3) uint8: (N,) uint64.

    ``progress`` is called with the number of images hashed so far, and of all.
    """
    hashes = np.empty(len(images), np.uint64)
    for start in range(0, len(images), _CHUNK):
        chunk = images[start : start + _CHUNK]
        cosines = low_cosines(shrunk_grey(chunk, _DCT_SIDE, _DCT_SIDE))
        hashes[start : start + len(chunk)] = packed(_above_median(cosines))
        if progress:
            progress(start + len(chunk), len(images))
    return hashes


def as_hex(keys: np.ndarray) -> list[str]:
    """The 16 hexadecimal digits of each hash."""
    return [f"{key:016x}" for key in keys.tolist()]


def packed(bits: np.ndarray) -> np.ndarray:
    """(N, 8, 8) bool to (N,) uint64, row by row from the highest bit."""
    return np.packbits(bits.reshape(len(bits), HASH_BITS), axis=1).view(">u8").ravel().astype(np.uint64)


def shrunk_grey(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """Pillow's grey conversion and Lanczos reduction of (N, H, W, 3) uint8: (N, height, width) uint8."""
    n, rows, columns = images.shape[:3]
    tall = Image.fromarray(np.ascontiguousarray(images).reshape(n * rows, columns, 3)).convert("L")
    narrow = np.asarray(tall.resize((width, n * rows), Image.Resampling.LANCZOS)).reshape(n, rows, width)
    wide = Image.fromarray(np.ascontiguousarray(narrow.transpose(1, 0, 2)).reshape(rows, n * width))
    small = np.asarray(wide.resize((n * width, height), Image.Resampling.LANCZOS))
    return small.reshape(height, n, width).transpose(1, 0, 2)


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
        hashes[:, view] = packed(_above_median(turned * np.reshape(down, (-1, 1)) * across))
    return hashes


def _above_median(cosines: np.ndarray) -> np.ndarray:
    return cosines > np.median(cosines, axis=(1, 2), keepdims=True)
