"""The tables find exactly the pairs that comparing all with all finds."""

import tracemalloc

import numpy as np
import pytest

from bloodcells.cleaning.neighbours import near_pairs


def with_copies(n: int, seed: int = 0) -> np.ndarray:
    """Random hashes, of which a fifth repeats others with 0..11 bits changed; some bits are nearly constant."""
    draw = np.random.default_rng(seed)
    bits = draw.random((n, 64)) < np.concatenate([np.full(48, 0.5), np.full(16, 0.02)])
    for place in range(n // 5):
        bits[n - 1 - place] = bits[place]
        flipped = draw.choice(64, place % 12, replace=False)
        bits[n - 1 - place, flipped] ^= True
    return np.packbits(bits, axis=1).view(">u8").ravel().astype(np.uint64)


def found(hashes: np.ndarray, probes: np.ndarray, distance: int) -> list[tuple[int, ...]]:
    return [
        row
        for batch in near_pairs(hashes, probes, distance)
        for row in zip(*map(np.ndarray.tolist, batch), strict=True)
    ]


@pytest.mark.parametrize("n", [2, 700, 3_000])
@pytest.mark.parametrize("distance", [0, 1, 4, 8, 10])
def test_every_near_pair_is_found_once(n, distance):
    hashes = with_copies(n)
    probes = np.stack([hashes, np.roll(hashes, 3) ^ np.uint64(1)], axis=1)
    pairs = found(hashes, probes, distance)
    wanted = set()
    for probe in range(2):
        first, second = np.nonzero(np.bitwise_count(probes[:, probe, None] ^ hashes) <= distance)
        wanted |= {(int(a), int(b), probe) for a, b in zip(first, second, strict=True) if a != b}
    assert len(pairs) == len(set(pairs))
    assert set(pairs) == wanted


@pytest.mark.parametrize("distance", [30, 64])
def test_distances_that_no_table_can_serve_compare_all_with_all(distance):
    hashes = with_copies(40)
    apart = np.bitwise_count(hashes[:, None] ^ hashes) <= distance
    assert len(found(hashes, hashes[:, None], distance)) == apart.sum() - 40


def test_nothing_is_near_nothing():
    assert found(np.empty(0, np.uint64), np.empty((0, 8), np.uint64), 4) == []


def test_memory_is_linear():
    hashes = np.random.default_rng(1).integers(0, 2**64, 100_000, dtype=np.uint64)
    tracemalloc.start()
    for _ in near_pairs(hashes, hashes[:, None], 4):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300e6  # a bit per pair alone would be 1.2 GB
