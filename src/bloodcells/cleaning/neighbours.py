"""Pairs of 64-bit hashes that differ in few bits, without comparing all with all.

Deal the 64 bits into ``d + k`` pieces. Two hashes that differ in at most ``d`` bits agree in at least ``k`` pieces, so
they meet in one of the tables keyed by ``k`` pieces each. More pieces make more tables with fewer false meetings; the
cheapest number is chosen from the counts. Memory is linear: meetings are checked in batches of bounded size.

Source: U. Manber, *Finding similar files in a large file system* (1994), and G. Manku, A. Jain, A. Das Sarma,
*Detecting near-duplicates for web crawling* (2007), for the tables.
"""

from collections.abc import Iterator
from itertools import combinations, pairwise
from math import comb

import numpy as np

from bloodcells.cleaning.hashing import HASH_BITS

Pairs = tuple[np.ndarray, np.ndarray, np.ndarray]

_BATCH = 1 << 17  # meetings checked at once: every array of them fits the cache
_ENOUGH = 1 << 15  # pairs worth handing on
_LOOK_UP = 5.0  # cost of keying and looking up one hash in one table, in checks of one meeting, as measured
_MOST_TABLES = 2_000
_KEY_BITS = 24  # a table is addressed by its key: 2**24 entries are 128 MB


def near_pairs(hashes: np.ndarray, probes: np.ndarray, max_distance: int) -> Iterator[Pairs]:
    """Every probe that is near a hash of another image, each once, in batches.

    Args:
        hashes: (N,) uint64.
        probes: (N, P) uint64, P hashes per image; column 0 may be ``hashes`` itself.
        max_distance: bits, 0..64.

    Yields:
        first, second, probe, each (M,) int64: ``probes[first, probe]`` is near ``hashes[second]``, first != second.
    """
    pieces, equal = _cheapest_tables(len(hashes), probes.size, max_distance)
    order = _dealt_bits(hashes, pieces)
    held, asked = (_reordered(part, np.concatenate(order)) for part in (hashes, probes.T.ravel()))
    bounds = list(pairwise([0, *np.cumsum([len(piece) for piece in order]).tolist()]))
    masks = np.array([(1 << high) - (1 << low) for low, high in bounds], np.uint64)
    found: list[np.ndarray] = []
    for table in combinations(range(pieces), equal):
        chosen = [bounds[piece] for piece in table]
        bits = min(sum(high - low for low, high in chosen), _KEY_BITS)
        meetings = _meetings(held, asked, _keys(held, chosen, bits), _keys(asked, chosen, bits), bits, max_distance)
        for query, second in meetings:
            first = query % len(hashes)
            new = (first != second) & _first_table(asked[query] ^ held[second], masks, table)
            found.append(np.stack([first, second, query // len(hashes)])[:, new])
            if sum(part.shape[1] for part in found) >= _ENOUGH:
                yield _unstacked(found)
                found.clear()
    if found:
        yield _unstacked(found)


def _unstacked(found: list[np.ndarray]) -> Pairs:
    first, second, probe = np.concatenate(found, axis=1)
    return first, second, probe


def _cheapest_tables(n_hashes: int, n_queries: int, max_distance: int) -> tuple[int, int]:
    """How many pieces, and how many of them key a table."""
    best, best_cost = (1, 0), float(n_hashes) * n_queries
    for equal in range(1, HASH_BITS - max_distance + 1):
        pieces = max_distance + equal
        tables = comb(pieces, equal)
        if tables > _MOST_TABLES:
            break
        meetings = n_hashes * n_queries / 2 ** min(HASH_BITS * equal / pieces, _KEY_BITS)
        cost = tables * (_LOOK_UP * (n_hashes + n_queries) + meetings)
        if cost < best_cost:
            best, best_cost = (pieces, equal), cost
    return best


def _dealt_bits(hashes: np.ndarray, pieces: int) -> list[np.ndarray]:
    """The bits of each piece, dealt so that every piece gets its share of those that say most.

    Bits that nearly all hashes share tell nothing apart; a piece made of them would meet everybody.
    """
    ones = np.zeros(HASH_BITS)
    for bit in range(HASH_BITS):
        ones[bit] = (hashes >> np.uint64(bit) & np.uint64(1)).mean() if len(hashes) else 0
    by_worth = np.argsort(np.abs(ones - 0.5), kind="stable")
    return [by_worth[piece::pieces] for piece in range(pieces)]


def _reordered(hashes: np.ndarray, order: np.ndarray) -> np.ndarray:
    result = np.zeros_like(hashes)
    for place, bit in enumerate(order.tolist()):
        result |= (hashes >> np.uint64(bit) & np.uint64(1)) << np.uint64(place)
    return result


def _keys(hashes: np.ndarray, bounds: list[tuple[int, int]], bits: int) -> np.ndarray:
    """The bits of each piece, put together, at most the last ``bits`` of them: (N,) int64."""
    keys = np.zeros(len(hashes), np.uint64)
    for low, high in bounds:
        piece = hashes >> np.uint64(low) & np.uint64((1 << (high - low)) - 1)
        keys = piece if high - low == HASH_BITS else keys << np.uint64(high - low) | piece
    return (keys & np.uint64((1 << bits) - 1)).astype(np.int64)


def _meetings(
    held: np.ndarray, asked: np.ndarray, keys: np.ndarray, wanted: np.ndarray, bits: int, max_distance: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Indices of the queries and the hashes that agree in the key and are near, in batches."""
    order = np.sort(keys << 32 | np.arange(len(keys))) & 0xFFFFFFFF  # sorting numbers is faster than sorting places
    by_key = held[order]
    size = np.bincount(keys, minlength=1 << bits)
    begin = np.cumsum(size) - size
    asking = np.flatnonzero(size[wanted])
    low, count, values = begin[wanted[asking]], size[wanted[asking]], asked[asking]
    ends = np.cumsum(count)
    start = 0
    while start < len(asking):
        done = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + _BATCH, "right")))
        counts, rows = count[start:stop], slice(start, stop)
        place = np.repeat(low[rows] - (ends[rows] - counts - done), counts)
        place += np.arange(len(place))
        near = np.flatnonzero(np.bitwise_count(by_key[place] ^ np.repeat(values[rows], counts)) <= max_distance)
        if len(near):
            query = asking[start + np.searchsorted(ends[rows] - done, near, "right")]
            yield query, order[place[near]]
        start = stop


def _first_table(difference: np.ndarray, masks: np.ndarray, table: tuple[int, ...]) -> np.ndarray:
    """Whether ``table`` is the first, in the order of ``combinations``, in which the two hashes meet."""
    first = np.ones(len(difference), bool)
    for piece in range(table[-1] + 1 if table else 0):
        first &= ((difference & masks[piece]) == 0) == (piece in table)
    return first
