"""How little an image looks like the others: a score that needs neither copies nor labels.

Four kinds of evidence. A **flat** image shows nothing, whatever the others look like. The rest is measured against
the set itself:

* **truncated**: how much of the height is one even area at the bottom, as decoders leave it of a file that was cut off.
  Where many images end like that, it is how they look.
* **colour**: how far the pixels lie, on average, from the colours that the set holds in common. Stained smears use
  a small corner of the colour cube; photographs, cartoons and screenshots leave it.
* **structure**: the robust Mahalanobis distance of contrast, sharpness at four scales and brightness from the centre
  outwards. It finds what has the right colours and no cell: empty fields, shuffled or blurred pixels.

What is usual is said by a *population* of images that is trimmed until none of its members is junk by the
population's own measure, so that a second run over what was kept finds nothing new.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.ndimage import distance_transform_edt

from bloodcells.cleaning.clusters import groups_of
from bloodcells.progress import Progress

_LEVELS = 16  # steps per colour channel: 4,096 colours of 16 grey levels' width
_PRESENT = 5  # pixels from which an image holds a colour
_COMMON_SHARE = 0.01  # share of images from which a colour is common: a second stain of 2 % stays in
_COMMON_COUNT = 3  # and the fewest images, lest two pictures of junk vouch for each other
_COLOUR_LIMIT = 0.6  # steps: the oddest of 11,948 real cells has 0.17, a cartoon in skin colours 0.68
_SMALL_SET = 200  # images at which the limit doubles: a second stain of 3 % is then six images, too few to be common
_TAIL = 6.6  # how often the step from the median to the inner four fifths is made from the median to the limit
_FLAT_LIMIT = 4.0  # grey levels of standard deviation: an empty field has 2, the palest real cell 19
_EVEN_LIMIT = 0.5  # grey levels of standard deviation in every row of such an area; no row at a real cell's edge
_TRUNCATED_LIMIT = 1 / 12  # of the height: none of 11,948 real cells has 1/24
_TRUNCATED_SHARE = 0.05  # share of images from which an even bottom is usual
_RIDGE = 0.05  # added to the variances: sharpness at neighbouring scales is nearly collinear
_FEWEST = 30  # images below which a set cannot say what is usual
_CHUNK = 256
_GREY = np.array([0.299, 0.587, 0.114], np.float32)

EVIDENCE = ("flat", "truncated", "colour", "structure")


@dataclass(frozen=True, eq=False)
class Appearance:
    """What the score looks at.

    Attributes:
        colours: (N, 4096) uint16, pixels per colour.
        structure: (N, F) float64, contrast, sharpness and brightness profile.
        contrast: (N,) float64, standard deviation of the grey levels.
        truncated: (N,) float64, share of the height that is even at the bottom, 0 where the top is even too.
        n_pixels: pixels of an image.
    """

    colours: np.ndarray
    structure: np.ndarray
    contrast: np.ndarray
    truncated: np.ndarray
    n_pixels: int

    def __len__(self) -> int:
        return len(self.colours)


def appearance(images: np.ndarray, progress: Progress | None = None) -> Appearance:
    """Measure (N, S, S, 3) uint8 images; ``progress`` is called with the number measured so far and of all."""
    colours, structures, truncated = [], [], []
    for start in range(0, len(images), _CHUNK):
        chunk = images[start : start + _CHUNK]
        colours.append(_colour_counts(chunk))
        grey = chunk @ _GREY
        structures.append(_structure(grey))
        truncated.append(_truncated(grey))
        if progress:
            progress(start + len(chunk), len(images))
    structure = np.concatenate(structures)
    return Appearance(
        np.concatenate(colours),
        structure,
        np.expm1(structure[:, 0]),
        np.concatenate(truncated),
        images.shape[1] * images.shape[2],
    )


def junk_scores(
    looks: Appearance, clusters: np.ndarray, usual: np.ndarray, threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Score every image against those that are no junk themselves.

    The population is one image of every cluster: the first that is not junk. Images leave it, round after round, for
    as long as one of its members is junk by its own measure; none comes back.

    Args:
        looks: what all M images look like.
        clusters: (M,) int64, cluster of copies of each image, -1 for an image alone.
        usual: (M,) bool, images that may say what is usual.
        threshold: score from which an image is junk.

    Returns:
        scores (M,) float64, 0 for a typical cell; (M,) str, the strongest evidence; (M,) bool, whether it is junk.
        Where fewer than 30 images are left to say what is usual, only flat images score.
    """
    groups = groups_of(clusters)
    worst = np.zeros(len(looks))
    junk = np.zeros(len(looks), bool)
    while True:
        eligible = np.flatnonzero(usual & ~junk)
        population = eligible[np.unique(groups[eligible], return_index=True)[1]]
        parts = _evidence_scores(looks, population)
        scores = np.maximum(parts[:2].max(axis=0), np.hypot(*parts[2:]))
        newly = (scores >= threshold) & ~junk
        worst[newly] = scores[newly]
        junk |= newly
        if not newly[eligible].any():
            alone, together = parts[:2].argmax(axis=0), 2 + parts[2:].argmax(axis=0)
            strongest = np.where(parts[:2].max(axis=0) >= threshold, alone, together)
            return np.maximum(worst, scores), np.array(EVIDENCE)[strongest], junk


def _evidence_scores(looks: Appearance, population: np.ndarray) -> np.ndarray:
    """(4, M) float64, one row per kind of ``EVIDENCE``."""
    flat = _FLAT_LIMIT / np.maximum(looks.contrast, 0.1 * _FLAT_LIMIT)
    if len(population) < _FEWEST:
        return np.stack([flat, *np.zeros((3, len(flat)))])
    return np.stack(
        [
            flat,
            _truncated_scores(looks, population),
            _colour_scores(looks, population),
            _structure_scores(looks, population),
        ]
    )


def _truncated(grey: np.ndarray) -> np.ndarray:
    even = grey.std(axis=2) < _EVEN_LIMIT
    at_bottom = np.cumprod(even[:, ::-1], axis=1).mean(axis=1)
    return np.where(even[:, 0], 0.0, at_bottom)


def _truncated_scores(looks: Appearance, population: np.ndarray) -> np.ndarray:
    """The even share of the height, in units of its limit; 0 where many images have it."""
    scores = looks.truncated / _TRUNCATED_LIMIT
    usual = (scores[population] >= 1).mean() > _TRUNCATED_SHARE
    return np.zeros_like(scores) if usual else scores


def _colour_counts(images: np.ndarray) -> np.ndarray:
    step = images // (256 // _LEVELS)
    colour = (step[..., 0].astype(np.int64) * _LEVELS + step[..., 1]) * _LEVELS + step[..., 2]
    return np.stack([np.bincount(one.ravel(), minlength=_LEVELS**3) for one in colour]).astype(np.uint16)


def _colour_scores(looks: Appearance, population: np.ndarray) -> np.ndarray:
    """Mean distance of the pixels from the nearest common colour, in units of the limit."""
    holders = (looks.colours[population] >= _PRESENT).sum(axis=0)
    common = holders >= max(_COMMON_COUNT, _COMMON_SHARE * len(population))
    if not common.any():
        return np.zeros(len(looks))
    distance = distance_transform_edt(~common.reshape((_LEVELS,) * 3)).ravel()
    limit = _COLOUR_LIMIT * (1 + _SMALL_SET / len(population))
    return looks.colours @ distance / looks.n_pixels / limit


def _structure(grey: np.ndarray) -> np.ndarray:
    size = grey.shape[1]
    across, down = np.abs(np.diff(grey, axis=2)), np.abs(np.diff(grey, axis=1))
    columns = [np.log1p(grey.std(axis=(1, 2))), (across < 4).mean(axis=(1, 2)), np.log1p(across.std(axis=(1, 2)))]
    columns.append(np.log1p(across.mean(axis=(1, 2)) + down.mean(axis=(1, 2))))
    coarse = grey
    while coarse.shape[1] % 2 == 0 and coarse.shape[1] > size // 8:
        half = coarse.shape[1] // 2
        coarse = coarse.reshape(len(coarse), half, 2, half, 2).mean(axis=(2, 4))
        steps = [np.abs(np.diff(coarse, axis=axis)).mean(axis=(1, 2)) for axis in (1, 2)]
        columns.append(np.log1p(steps[0] + steps[1]))
    rings = _rings(size)
    profile = [grey[:, ring].mean(axis=1) for ring in rings]
    columns += [profile[0] - profile[3], profile[1] - profile[4], profile[4]]
    return np.stack(columns, axis=1).astype(np.float64)


def _rings(size: int) -> list[np.ndarray]:
    """Five masks (size, size) from the centre outwards."""
    offset = np.arange(size) - (size - 1) / 2
    radius = np.hypot(offset[:, None], offset) / size
    edges = (0, 1 / 8, 1 / 4, 3 / 8, 1 / 2, 1)
    return [(radius >= low) & (radius < high) for low, high in pairwise(edges)]


def _structure_scores(looks: Appearance, population: np.ndarray) -> np.ndarray:
    """Root mean square Mahalanobis distance, in units of a limit that the population's own tail sets.

    Photographs differ more than stained cells, drawings less: a limit in standard deviations dropped 31 of 400 crops of
    a photograph, and kept every stranger among drawings. The oddest of 11,948 real cells has 0.82 of this one.
    """
    usual = looks.structure[population]
    quartiles = np.quantile(usual, (0.25, 0.5, 0.75), axis=0)
    spread = np.maximum((quartiles[2] - quartiles[0]) / 1.349, 1e-3)
    scaled = (looks.structure - quartiles[1]) / spread
    core = scaled[population]
    for _ in range(4):  # the inner nine tenths say what is usual
        mean = core.mean(axis=0)
        precision = np.linalg.inv(np.cov(core.T) + _RIDGE * np.eye(core.shape[1]))
        distance = _squared_distance(scaled[population], mean, precision)
        core = scaled[population][distance <= np.quantile(distance, 0.9)]
    apart = np.sqrt(_squared_distance(scaled, mean, precision) / scaled.shape[1])
    median, wide = np.quantile(apart[population], (0.5, 0.8))
    return apart / (median * (wide / median) ** _TAIL)


def _squared_distance(points: np.ndarray, mean: np.ndarray, precision: np.ndarray) -> np.ndarray:
    offset = points - mean
    return np.einsum("ij,jk,ik->i", offset, precision, offset)
