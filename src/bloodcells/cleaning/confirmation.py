"""Whether two pictures whose hashes are near are one picture: the last word is with the pixels.

A perceptual hash sees 64 signs of a grey thumbnail: all flat images share one, and round cells of one size come close.
What two cells do not share is their texture. So both patches are reduced to a band of fine detail, and the second is
explained as a mixture of the first and its derivatives for a small shift and a small growth; the motion this implies
is carried out, and the fit repeated. The correlation is then 0.98 to 1 for a copy, and at most 0.94 for another cell.
A correlation of grey knows neither colour nor contrast: a bold blue ring and a pale red one have 0.99. So pictures of
clearly different tint, as a whole or in what is dark, are not compared, but where one has no colour at all; and no
picture is a copy of one whose detail is much stronger.

Source: P. Simard, Y. LeCun, J. Denker, *Efficient pattern recognition using a new transformation distance* (1992).
"""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from bloodcells.cleaning.registration import PATCH, SCALES
from bloodcells.network.inference import dihedral

_FINE, _COARSE = 0.7, 2.0  # standard deviations of the band of detail, in patch pixels
_BORDER = 3  # patch pixels left out of the comparison, where the band has no neighbours
_WORTHWHILE = 0.6  # plain correlation from which alignment is tried: 99 of 100 cropped copies have 0.74
_PROMISING, _SETTLED = 0.7, 0.98  # between these, the first alignment is improved by a second
_MOST_MOTION = 1.0  # patch pixels, the reach of a first derivative
_FAINT = 0.3  # grey levels of detail below which a patch shows nothing to compare
_MOST_TINT = np.array([25.0, 25.0, 40.0, 40.0])  # grey levels: changed twice, 99.9 % of copies are within 25 and 32
_MOST_STRONGER = 2.2  # times: a copy half as bright has half the detail, one changed twice 0.7 to 1.3
_DARKER = 10  # grey levels below the median from which a pixel is dark, and not noise
_COLOURLESS = 2.0  # grey levels by which the channels of a grey picture differ on average, after JPEG
_CHUNK = 256
_POSITION = np.arange(PATCH, dtype=np.float32) - (PATCH - 1) / 2


def tints(images: np.ndarray) -> np.ndarray:
    """How much more red and blue than green (N, S, S, 3) uint8 images are, as a whole and in what is dark.

    Returns:
        (N, 4) float64, grey levels: red and blue of the whole, then of what is darker than the median, the darker the
        more. It is NaN for a picture without colour, whose tint was taken from it.
    """
    tint = np.empty((len(images), 4))
    for start in range(0, len(images), _CHUNK):
        chunk = images[start : start + _CHUNK]
        tint[start : start + _CHUNK] = np.concatenate([_whole_tint(chunk), _dark_tint(chunk)], axis=1)
    return np.where(np.isnan(tint[:, :1]), np.nan, tint)


def _whole_tint(images: np.ndarray) -> np.ndarray:
    """The first two columns of `tints`."""
    pixels = images[:, 1::4, 1::4].astype(np.int16)  # one of sixteen says it as well
    excess = pixels[..., (0, 2)] - pixels[..., 1:2]
    without_colour = np.abs(excess).mean(axis=(1, 2, 3)) < _COLOURLESS
    return np.where(without_colour[:, None], np.nan, excess.mean(axis=(1, 2)))


def _dark_tint(images: np.ndarray) -> np.ndarray:
    """The last two columns of `tints`, from means of 4 x 4 pixels without those at the border, which a shift fills."""
    n, blocks = len(images), images.shape[1] // 4
    tiles = images[:, : 4 * blocks, : 4 * blocks].reshape(n, blocks, 4, blocks, 4, 3)
    inner = slice(1, -1) if blocks > 2 else slice(None)
    means = tiles.mean(axis=(2, 4), dtype=np.float32)[:, inner, inner]
    grey = means.mean(axis=3, keepdims=True)
    weight = np.maximum(np.median(grey, axis=(1, 2), keepdims=True) - grey - _DARKER, 0) + 1e-3
    excess = means[..., (0, 2)] - means[..., 1:2]
    return (excess * weight).sum(axis=(1, 2)) / weight.sum(axis=(1, 2))


class Comparison:
    """Patches prepared for comparison.

    Args:
        patches: (N, 2, 36, 36) uint8, as ``registration.registered`` gives them.
        tints: (N, 4) float64, as ``tints`` gives them.
    """

    def __init__(self, patches: np.ndarray, tints: np.ndarray) -> None:
        self._tints = tints
        fine, coarse = (gaussian_filter1d(np.eye(PATCH), sigma, axis=0, mode="nearest") for sigma in (_FINE, _COARSE))
        fine, coarse = fine.astype(np.float32), coarse.astype(np.float32)
        self._detail = np.empty(patches.shape, np.float32)
        for start in range(0, len(patches), _CHUNK):
            chunk = patches[start : start + _CHUNK].astype(np.float32)
            self._detail[start : start + _CHUNK] = fine @ chunk @ fine.T - coarse @ chunk @ coarse.T
        strength = [_inner(self._detail[:, scale]).std(axis=1) for scale in range(len(SCALES))]
        self._strength = np.maximum(np.stack(strength), 1e-6)
        self._faint = self._strength.min(axis=0) < _FAINT

    def similarities(self, first: np.ndarray, second: np.ndarray, view: np.ndarray) -> np.ndarray:
        """Correlation of aligned detail for every pair: (M,) float64 in -1..1.

        It is -1 where a patch is faint, or where the tints or the strengths of the detail are far apart.

        Args:
            first: (M,) integers, the images that are turned.
            second: (M,) integers, the images that are not.
            view: (M,) integers, dihedral view of ``first``, plus 8 for its narrower window.
        """
        result = np.full(len(first), -1.0)
        comparable = ~self._faint[first] & ~self._faint[second]
        stronger = self._strength[view // 8, first] / self._strength[0, second]
        comparable &= (stronger <= _MOST_STRONGER) & (stronger >= 1 / _MOST_STRONGER)
        each = np.sqrt(stronger)[:, None]  # brightness and contrast change the tint as they change the detail
        comparable &= ~(np.abs(self._tints[first] / each - self._tints[second] * each) > _MOST_TINT).any(axis=1)
        for one in range(8 * len(SCALES)):
            chosen = np.flatnonzero((view == one) & comparable)
            for start in range(0, len(chosen), _CHUNK):
                part = chosen[start : start + _CHUNK]
                turned = dihedral(self._detail[first[part], one // 8], one % 8)
                result[part] = _aligned(turned, self._detail[second[part], 0])
        return result


def _inner(patches: np.ndarray) -> np.ndarray:
    """(M, 36, 36) to (M, 900) of mean 0."""
    flat = patches[:, _BORDER:-_BORDER, _BORDER:-_BORDER].reshape(len(patches), -1)
    return flat - flat.mean(axis=1, keepdims=True)


def _aligned(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Correlation of (M, 36, 36) details, after alignment where it is worthwhile: (M,) float64."""
    target = _inner(second)
    target /= np.sqrt((target**2).sum(axis=1, keepdims=True))
    one = _inner(first)
    result = ((one * target).sum(axis=1) / np.sqrt((one**2).sum(axis=1))).astype(np.float64)
    close = np.flatnonzero(result >= _WORTHWHILE)
    if len(close):
        result[close], motion = _tangent_fit(first[close], target[close])
        near = (result[close] >= _PROMISING) & (result[close] < _SETTLED)
        again, motion = close[near], motion[near]
        if len(again):
            result[again] = np.maximum(result[again], _tangent_fit(_moved(first[again], motion), target[again])[0])
    return result


def _tangent_fit(first: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Explain ``target`` ((M, 900), mean 0, norm 1) by ``first`` and its derivatives.

    Returns:
        the multiple correlation (M,), and the motion it implies (M, 3): patch pixels down, across, and relative growth.
    """
    down, across = np.gradient(first, axis=(1, 2))
    larger = down * _POSITION[:, None] + across * _POSITION
    basis = np.stack([_inner(part) for part in (first, down, across, larger)], axis=1)
    norm = np.sqrt((basis**2).sum(axis=2)) + 1e-9
    basis /= norm[:, :, None]
    overlap = basis @ basis.swapaxes(1, 2) + 1e-6 * np.eye(4)
    projection = basis @ target[:, :, None]
    weights = np.linalg.solve(overlap, projection)
    explained = np.clip((weights * projection).sum(axis=(1, 2)), 0, 1)
    weights = weights[:, :, 0] / norm
    itself = np.where(np.abs(weights[:, :1]) < 1e-6, 1e-6, weights[:, :1])
    return np.sqrt(explained) * np.sign(weights[:, 0]), np.clip(weights[:, 1:] / itself, -_MOST_MOTION, _MOST_MOTION)


def _moved(patches: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """(M, 36, 36) patches resampled by cubic convolution as (M, 3) ``motion`` says."""
    down, across = (
        _cubic(np.arange(PATCH) + motion[:, axis, None] + motion[:, 2, None] * _POSITION) for axis in (0, 1)
    )
    return down @ patches @ across.swapaxes(1, 2)


def _cubic(points: np.ndarray) -> np.ndarray:
    """Weights (M, 36, 36) float32 of Keys' cubic convolution at (M, 36) points, edges repeated."""
    apart = np.abs(np.clip(points, 0, PATCH - 1)[:, :, None] - np.arange(PATCH))
    inside = 1.5 * apart**3 - 2.5 * apart**2 + 1
    outside = -0.5 * apart**3 + 2.5 * apart**2 - 4 * apart + 2
    return np.where(apart < 1, inside, np.where(apart < 2, outside, 0)).astype(np.float32)
