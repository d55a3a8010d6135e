"""Scenes near in place and time: what is paired, what is not, and that rows whose place is unknown stand alone."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kaggle_utils.folds.scenes import from_metres, scene_pairs
from kaggle_utils.folds.similar import groups_of_pairs

HOUR = 3600


def test_both_place_and_time_must_be_near():
    place, time = [10, 10, 10, 30], [0, 1.4 * HOUR, 1.6 * HOUR, 0]
    assert scene_pairs(place, [5] * 4, time).tolist() == [[0, 1], [1, 2]]
    assert groups_of_pairs(4, scene_pairs(place, [5] * 4, time)).tolist() == [0, 0, 0, 3]


def test_the_date_line_and_the_poles_part_nothing():
    assert scene_pairs([0, 0], [179.5, -179.5], [0, 0]).tolist() == [[0, 1]]
    assert scene_pairs([89.5, 89.5], [0, 180], [0, 0]).tolist() == [[0, 1]]
    assert len(scene_pairs([0, 0], [0, 180], [0, 0])) == 0


def test_a_scene_of_which_nothing_is_known_is_near_to_none():
    assert scene_pairs([1, np.nan, 1, 1], [1, 1, 1, 1], [0, 0, 0, np.nan]).tolist() == [[0, 2]]
    assert scene_pairs([np.nan], [0], [0]).shape == scene_pairs([], [], []).shape == (0, 2)


@given(st.integers(0, 2**32 - 1))
def test_pairs_are_those_of_a_plain_search(seed):
    rng = np.random.default_rng(seed)
    north, east, time = rng.uniform(-8, 8, 30), rng.uniform(-8, 8, 30), rng.uniform(0, 6, 30) * HOUR
    a, b = np.radians([north, east])
    place = 6371 * np.array([np.cos(a) * np.cos(b), np.cos(a) * np.sin(b), np.sin(a)])
    near = (abs(place[:, :, None] - place[:, None]) <= 300).all(0) & (abs(time[:, None] - time) <= 1.5 * HOUR)
    assert scene_pairs(north, east, time).tolist() == np.argwhere(np.triu(near, 1)).tolist()


def test_places_of_a_map_are_right_to_a_fifth_of_a_degree():
    """New York and Quito in UTM zones 18 and 17, less the false easting; Quito lies south of the equator."""
    latitude, longitude = from_metres([583_960 - 500_000, 779_000 - 500_000], [4_507_523, -19_900], [-75, -81])
    np.testing.assert_allclose(latitude, [40.713, -0.18], atol=0.2)
    np.testing.assert_allclose(longitude, [-74.006, -78.49], atol=0.05)
