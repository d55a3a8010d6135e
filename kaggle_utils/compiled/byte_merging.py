"""Bytes of several sets merged, compiled: what each contributes is added up, multiplied, or the highest of all.

In float32 and in the order of the sets, so that the bytes are those of the same sums over arrays of float32.

values: (M, P) uint8; members: (m,) int64, which of the sets
"""

from __future__ import annotations

import numpy as np
from numba import njit

_TILE = 4096  # pixels whose sums stay in the processor's nearest cache
_MOST, _HALF = np.float32(255), np.float32(0.5)


@njit(cache=True, nogil=True)
def mean_bytes(values: np.ndarray, members: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """(P,) uint8: the sum of value / 255 * share, rounded; shares: (m,) float32, which add up to about 1."""
    found, sums = np.empty(values.shape[1], np.uint8), np.empty(_TILE, np.float32)
    for a in range(0, len(found), _TILE):
        own = sums[: min(_TILE, len(found) - a)]
        own[:] = 0
        for m in range(len(members)):
            one, share = values[members[m], a : a + _TILE], shares[m]
            for i in range(len(own)):
                own[i] += np.float32(one[i]) / _MOST * share
        _round(own, found[a : a + _TILE])
    return found


@njit(cache=True, nogil=True)
def bytes_by_tables(values: np.ndarray, members: np.ndarray, tables: np.ndarray, product: bool) -> np.ndarray:
    """(P,) uint8: the sum of what tables (m, 256) float32 say of the values, or their product, rounded."""
    found, sums = np.empty(values.shape[1], np.uint8), np.empty(_TILE, np.float32)
    for a in range(0, len(found), _TILE):
        own = sums[: min(_TILE, len(found) - a)]
        own[:] = 1 if product else 0
        for m in range(len(members)):
            one, table = values[members[m], a : a + _TILE], tables[m]
            if product:
                for i in range(len(own)):
                    own[i] *= table[one[i]]
            else:
                for i in range(len(own)):
                    own[i] += table[one[i]]
        _round(own, found[a : a + _TILE])
    return found


@njit(cache=True, nogil=True)
def _round(sums: np.ndarray, found: np.ndarray) -> None:
    """Fills found (n,) uint8 with sums (n,) float32, 0 or more and clipped to 1, times 255."""
    for i in range(len(sums)):
        value = sums[i] if sums[i] < 1 else np.float32(1)
        found[i] = np.uint8(np.int32(value * _MOST + _HALF))


@njit(cache=True, nogil=True)
def highest_bytes(values: np.ndarray, members: np.ndarray) -> np.ndarray:
    """(P,) uint8: the highest of the values."""
    found = values[members[0]].copy()
    for m in range(1, len(members)):
        other = values[members[m]]
        for i in range(len(found)):
            found[i] = max(found[i], other[i])
    return found
