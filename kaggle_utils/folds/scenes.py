"""Satellite scenes that see the same sky: neighbours in place and time must not be on both sides of a split.

A cloud seen from above is there for hours and goes its way. Two pictures of one region, an hour apart, are nearly one; groups
of them (:func:`kaggle_utils.folds.similar.groups_of_pairs`) are dealt whole.
"""

from __future__ import annotations

import numpy as np

_RADIUS = 6371.0  # of the earth, kilometres


def scene_pairs(
    latitude: np.ndarray, longitude: np.ndarray, time: np.ndarray, kilometres: float = 300, hours: float = 1.5
) -> np.ndarray:
    """(P, 2) int64: row and later row of scenes whose middles are near in place and in time, in order.

    latitude, longitude: (N,) degrees; time: (N,) Unix, in seconds; NaN where it is not known: near to none
    kilometres: along each of three axes through the earth, so across up to 1.7 times as far; hours: at most
    Reaches that are too wide chain: where a scene has more than one neighbour on average, nearly all become one group.

    >>> scene_pairs([40, 40, 41, 40], [-70, -70, -71, 110], [0, 7200, 600, 0]).tolist()
    [[0, 2]]
    """
    from scipy.spatial import cKDTree

    table = np.column_stack([latitude, longitude, time]).astype(float).reshape(-1, 3)
    known = np.flatnonzero(np.isfinite(table).all(1))
    (north, east), seconds = np.radians(table[known, :2].T), table[known, 2]
    place = [np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)]
    near = np.column_stack([*(_RADIUS / kilometres * axis for axis in place), seconds / 3600 / hours])
    pairs = known[cKDTree(near).query_pairs(1.0, p=np.inf, output_type="ndarray")].reshape(-1, 2)
    return pairs[np.lexsort(pairs.T[::-1])]


def from_metres(east: np.ndarray, north: np.ndarray, meridian: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(latitude, longitude) in degrees of places on a transverse Mercator map; of a sphere, so good to a fifth of a degree.

    east, north: (N,) metres from the central meridian and from the equator; meridian: (N,) its degrees

    >>> [place.round(2).tolist() for place in from_metres([0, 100_000], [0, 5_000_000], [-63, -63])]
    [[0.0, 44.97], [-63.0, -61.73]]
    """
    up, along = np.asarray(north, float) / 1000 / _RADIUS, np.asarray(east, float) / 1000 / _RADIUS
    return np.degrees(up), meridian + np.degrees(along / np.cos(up))
