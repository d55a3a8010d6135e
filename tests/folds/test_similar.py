"""Near-duplicates by a perceptual hash."""

import numpy as np

from kaggle_utils.folds.similar import groups_of_pairs, image_hash, similar_pairs


def picture(seed: int) -> np.ndarray:
    import cv2

    grid = np.random.default_rng(seed).integers(0, 256, (9, 14, 3), dtype=np.uint8)
    return cv2.resize(grid, (210, 140), interpolation=cv2.INTER_CUBIC)


def bits_between(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.bitwise_count(image_hash(a) ^ image_hash(b)))


def test_another_light_another_size_and_a_small_shift_hardly_change_the_hash() -> None:
    import cv2

    image = picture(0)
    assert bits_between(image, (image * 0.8).astype(np.uint8)) <= 4
    assert bits_between(image, cv2.resize(image, (105, 70), interpolation=cv2.INTER_AREA)) <= 4
    assert bits_between(image, np.roll(image, 1, axis=1)) <= 8


def test_different_pictures_differ_in_about_half_of_the_bits() -> None:
    distances = [bits_between(picture(seed), picture(seed + 1)) for seed in range(40)]
    assert 28 < np.mean(distances) < 36 and min(distances) > 12


def test_all_pairs_are_found_once_the_nearest_first() -> None:
    hashes = np.array([0, 3, 2**63, 1], np.uint64)
    assert similar_pairs(hashes, 1).tolist() == [[0, 2, 1], [0, 3, 1], [1, 3, 1]]
    assert similar_pairs(hashes, 0).shape == (0, 3)


def test_pairs_agree_with_a_loop_across_the_border_of_a_block() -> None:
    hashes = np.random.default_rng(0).integers(0, 2**20, 600, dtype=np.uint64)
    expected = {(i, j) for i in range(600) for j in range(i + 1, 600) if bin(int(hashes[i] ^ hashes[j])).count("1") <= 3}
    assert set(map(tuple, similar_pairs(hashes, 3)[:, :2].tolist())) == expected and expected


def test_friends_of_friends_are_one_group() -> None:
    assert groups_of_pairs(6, np.array([[4, 5], [0, 5], [1, 2]])).tolist() == [0, 1, 1, 3, 0, 0]
    assert groups_of_pairs(3, similar_pairs(np.array([0, 2**40 - 1, 7], np.uint64), 3)).tolist() == [0, 1, 0]
    assert groups_of_pairs(2, np.zeros((0, 3), int)).tolist() == [0, 1]


def test_groups_are_those_that_a_walk_along_all_pairs_reaches() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        pairs = rng.integers(0, 30, (rng.integers(0, 25), 2))
        group = np.arange(30)
        for _ in range(30):
            for one, other in pairs:
                group[[one, other]] = group[[one, other]].min()
        assert groups_of_pairs(30, pairs).tolist() == group.tolist()


def test_chains_are_cut_where_a_group_would_be_too_large_and_the_nearest_stay_together() -> None:
    pairs = np.random.default_rng(0).integers(0, 40_479, (100_000, 2))
    chained = np.bincount(groups_of_pairs(40_479, pairs))
    assert chained.max() > 40_000
    group = groups_of_pairs(40_479, pairs, most=20)
    assert np.bincount(group).max() == 20 and (group <= np.arange(40_479)).all()
    first = pairs[:1000]
    assert (group[first[:, 0]] == group[first[:, 1]]).all()
    apart = pairs[group[pairs[:, 0]] != group[pairs[:, 1]]]
    sizes = np.bincount(group)[group]
    assert (sizes[apart[:, 0]] + sizes[apart[:, 1]] > 20).all()  # each for a reason
