"""Pairs of 64-bit hashes that differ in few bits, without comparing all with all.

Cut the 64 bits into ``d + k`` pieces. Two hashes that differ in at most ``d`` bits agree in at least ``k`` pieces, so
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

_BATCH = 1 << 20  # meetings checked at once: 40 MB
_CHECK = 1.0  # cost of checking one meeting, and of looking up one probe in one table, as measured
_LOOK_UP = 15.0
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
    queries = np.ascontiguousarray(probes.T).ravel()
    pieces, equal = _cheapest_tables(len(hashes), len(queries), max_distance)
    edges = np.linspace(0, HASH_BITS, pieces + 1).round().astype(int).tolist()
    bounds = list(pairwise(edges))
    masks = np.array([(1 << high) - (1 << low) for low, high in bounds], np.uint64)
    for table in combinations(range(pieces), equal):
        chosen = [bounds[piece] for piece in table]
        bits = sum(high - low for low, high in chosen)
        keys, wanted = _keys(hashes, chosen), _keys(queries, chosen)
        for query, second in _meetings(keys, wanted, bits):
            first = query % len(hashes)
            difference = queries[query] ^ hashes[second]
            near = (np.bitwise_count(difference) <= max_distance) & (first != second)
            first, second, query, difference = first[near], second[near], query[near], difference[near]
            news = _first_table(difference, masks, table)
            if news.any():
                yield first[news], second[news], (query // len(hashes))[news]


def _cheapest_tables(n_hashes: int, n_queries: int, max_distance: int) -> tuple[int, int]:
    """How many pieces, and how many of them key a table."""
    best, best_cost = (1, 0), _CHECK * n_hashes * n_queries
    for equal in range(1, HASH_BITS - max_distance + 1):
        pieces = max_distance + equal
        tables = comb(pieces, equal)
        if HASH_BITS * equal > _KEY_BITS * pieces:
            break
        meetings = n_hashes * n_queries / 2 ** (HASH_BITS * equal / pieces)
        cost = tables * (_LOOK_UP * (n_hashes + n_queries) + _CHECK * meetings)
        if cost < best_cost:
            best, best_cost = (pieces, equal), cost
    return best


def _keys(hashes: np.ndarray, bounds: list[tuple[int, int]]) -> np.ndarray:
    """The bits of each piece, put together: (N,) uint32."""
    keys = np.zeros(len(hashes), np.uint32)
    for low, high in bounds:
        piece = (hashes >> np.uint64(low)).astype(np.uint32) & np.uint32((1 << (high - low)) - 1)
        keys = keys << np.uint32(high - low) | piece
    return keys


def _meetings(keys: np.ndarray, wanted: np.ndarray, bits: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Indices of the queries and hashes whose keys agree, in batches."""
    order = np.argsort(keys.astype(np.uint16) if bits <= 16 else keys, kind="stable")
    held = np.bincount(keys, minlength=1 << bits)
    begin = np.cumsum(held) - held
    low, count = begin[wanted], held[wanted]
    asking = np.flatnonzero(count)
    low, count = low[asking], count[asking]
    ends = np.cumsum(count)
    start = 0
    while start < len(asking):
        done = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + _BATCH, "right")))
        counts = count[start:stop]
        query = np.repeat(asking[start:stop], counts)
        offset = np.arange(len(query)) - np.repeat(ends[start:stop] - counts - done, counts)
        yield query, order[np.repeat(low[start:stop], counts) + offset]
        start = stop


def _first_table(difference: np.ndarray, masks: np.ndarray, table: tuple[int, ...]) -> np.ndarray:
    """Whether ``table`` is the first, in the order of ``combinations``, in which the two hashes meet."""
    first = np.ones(len(difference), bool)
    for piece in range(table[-1] if table else 0):
        if piece not in table:
            first &= (difference & masks[piece]) != 0
    return first
