"""Copy-paste: how many, where, what is left alone, and that chance comes from the generator alone."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaggle_utils.boxes.formats import boxes_from_annotations
from kaggle_utils.boxes.paste import Donor, donors_from_frames, paste_objects
from kaggle_utils.boxes.table import iou

NONE = np.zeros((0, 4))
BLENDS = ["alpha", "poisson"]


def ground(seed: int = 0, shape: tuple[int, int] = (240, 320)) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 200, (shape[0] // 20, shape[1] // 20, 3))
    return np.kron(coarse, np.ones((20, 20, 1))).astype(np.uint8)


def bright_square() -> Donor:
    """A white 20x20 square on grey ground, cut out of a frame."""
    frame = np.full((100, 100, 3), 90, np.uint8)
    frame[40:60, 40:60] = 250
    return donors_from_frames([frame], [[[40, 40, 60, 60]]])[0]


def changed(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return (before != after).any(axis=2)


# Donors


def test_a_donor_is_the_box_and_its_margin():
    frame = ground()
    (donor,) = donors_from_frames([frame], [[[100, 80, 140, 100]]], margin=0.3)
    # 40 wide: 12 on each side; 20 high: 6 on each side
    assert np.array_equal(donor.patch, frame[74:106, 88:152])
    assert donor.xyxy.tolist() == [12, 6, 52, 26] and donor.alpha.shape == (32, 64)


def test_the_mask_is_whole_on_the_object_and_fades_to_nothing_at_the_edge():
    alpha = bright_square().alpha
    assert alpha.dtype == np.float32 and alpha[16, 16] == 1
    assert max(alpha[0].max(), alpha[-1].max(), alpha[:, 0].max(), alpha[:, -1].max()) == 0
    assert (np.diff(alpha[16, 16:]) <= 0).all()


def test_small_objects_and_those_at_the_border_are_no_donors():
    boxes = [[0, 50, 30, 80], [100, 100, 104, 130], [290, 200, 318, 230], [50, 50, 80, 80]]
    assert len(donors_from_frames([ground()], [boxes])) == 1
    assert len(donors_from_frames([ground()], [boxes], min_side=3)) == 2


def test_donors_do_not_share_memory_with_the_frame():
    frame = ground()
    (donor,) = donors_from_frames([frame], [[[100, 80, 140, 100]]])
    assert not np.shares_memory(donor.patch, frame)


def test_uneven_lists_and_a_narrow_margin_are_refused():
    with pytest.raises(ValueError, match="shorter"):
        donors_from_frames([ground(), ground()], [NONE])
    with pytest.raises(ValueError, match="margin is 0.1"):
        donors_from_frames([ground()], [NONE], margin=0.1)


# Pasting


@pytest.mark.parametrize("blend", BLENDS)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(0, 6), count=st.integers(0, 12))
def test_pastes_lie_inside_apart_and_not_on_what_is_there(blend, seed, n, count):
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, [280, 200], (n, 2))
    there = np.hstack([corner, corner + rng.uniform(5, 40, (n, 2))])
    image, boxes = paste_objects(ground(), there, [bright_square()], rng, count=count, blend=blend)
    new = boxes[n:]
    assert np.array_equal(boxes[:n], there) and len(new) <= count
    assert (new[:, :2] >= 0).all() and (new[:, 2:] <= [320, 240]).all()
    others = iou(new[:, None], boxes) * (1 - np.eye(len(boxes))[n:])
    assert others.max(initial=0) == 0
    for x, y, right, bottom in np.hstack([np.floor(there[:, :2]), np.ceil(there[:, 2:])]).astype(int):
        inner = (slice(y + 1, bottom - 1), slice(x + 1, right - 1))
        assert np.array_equal(image[inner], ground()[inner])  # what was annotated is left as it was


@pytest.mark.parametrize("blend", BLENDS)
def test_pixels_outside_the_patches_are_untouched(blend):
    before = ground()
    image, boxes = paste_objects(before, NONE, [bright_square()], np.random.default_rng(3), count=3, blend=blend)
    assert len(boxes) == 3 and changed(before, image).any()
    far = np.ones(before.shape[:2], dtype=bool)
    for x, y, right, bottom in boxes:
        w, h = 0.4 * (right - x) + 2, 0.4 * (bottom - y) + 2  # a margin of .3 and rounding
        far[int(y - h) : int(bottom + h) + 1, int(x - w) : int(right + w) + 1] = False
    assert far.mean() > 0.8 and not changed(before, image)[far].any()


@pytest.mark.parametrize("blend", BLENDS)
def test_pixels_under_no_mask_are_untouched(blend):
    before, donor = ground(), bright_square()  # 32x32, the same in all views, its box 6 pixels from each edge
    assert np.array_equal(donor.alpha, donor.alpha[::-1].T) and donor.xyxy.tolist() == [6, 6, 26, 26]
    image, boxes = paste_objects(before, NONE, [donor], np.random.default_rng(8), blend=blend, scale=(1, 1))
    x, y = boxes[0, :2].astype(int) - 6
    assert not changed(before, image)[y : y + 32, x : x + 32][donor.alpha == 0].any()


@pytest.mark.parametrize("blend", BLENDS)
def test_the_object_arrives_in_its_box(blend):
    before = np.full((200, 200, 3), 90, np.uint8)
    image, boxes = paste_objects(before, NONE, [bright_square()], np.random.default_rng(1), blend=blend)
    rows, columns = np.nonzero(image[..., 0] > 200)
    bounds = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert np.abs(boxes[0] - bounds).max() <= 2.5


def test_a_box_off_centre_turns_with_its_patch():
    patch = np.full((40, 60, 3), 90, np.uint8)
    patch[5:15, 40:55] = 250
    donor = Donor(patch, np.ones((40, 60), np.float32), np.array([40.0, 5, 55, 15]))
    for seed in range(12):  # all eight views turn up
        before = np.full((200, 200, 3), 90, np.uint8)
        image, boxes = paste_objects(before, NONE, [donor], np.random.default_rng(seed), scale=(1, 1))
        rows, columns = np.nonzero(image[..., 0] > 200)
        assert boxes[0].tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def test_brightness_is_matched_to_the_ground():
    donor = bright_square()  # its ground is 90
    for level in (60, 130):
        before = np.full((200, 200, 3), level, np.uint8)
        image, boxes = paste_objects(before, NONE, [donor], np.random.default_rng(2))
        x, y, right, bottom = boxes[0].astype(int)
        middle = image[(y + bottom) // 2, (x + right) // 2, 0]
        # the patch's ground, a little of the square included, is brought to this level: 250 goes along
        assert middle == pytest.approx(min(250 * level / 90, 255), rel=0.15)


def test_rough_ground_is_preferred_to_open_water():
    before = np.full((240, 320, 3), 90, np.uint8)
    before[120:] = ground(1)[120:]
    donor = bright_square()
    lower = 0
    for seed in range(20):
        _, boxes = paste_objects(before, NONE, [donor], np.random.default_rng(seed))
        lower += boxes[0, 3] > 115
    assert lower == 20


@pytest.mark.parametrize("blend", BLENDS)
def test_the_same_generator_gives_the_same_picture(blend):
    one, two, other = (
        paste_objects(ground(), NONE, [bright_square()] * 2, np.random.default_rng(seed), count=4, blend=blend)
        for seed in (5, 5, 6)
    )
    assert np.array_equal(one[0], two[0]) and np.array_equal(one[1], two[1])
    assert not np.array_equal(one[0], other[0])


def test_the_given_image_is_left_alone():
    before = ground()
    paste_objects(before, NONE, [bright_square()], np.random.default_rng(0), count=3)
    assert np.array_equal(before, ground())


def test_a_full_or_small_frame_takes_nothing():
    image, boxes = paste_objects(ground(), [[0, 0, 320, 240]], [bright_square()], np.random.default_rng(0), count=5)
    assert len(boxes) == 1 and np.array_equal(image, ground())
    small = np.zeros((12, 12, 3), np.uint8)
    assert len(paste_objects(small, NONE, [bright_square()], np.random.default_rng(0))[1]) == 0


def test_no_donors_and_unknown_blends_are_refused():
    with pytest.raises(ValueError, match="donors is empty"):
        paste_objects(ground(), NONE, [], np.random.default_rng(0))
    with pytest.raises(ValueError, match="blend is 'fade', expected one of alpha, poisson"):
        paste_objects(ground(), NONE, [bright_square()], np.random.default_rng(0), blend="fade")


@pytest.mark.parametrize("blend", BLENDS)
def test_real_starfish_land_on_a_real_reef(real_data, blend):
    import cv2

    folder = real_data / "input" / "tensorflow-great-barrier-reef"
    frames = pd.read_csv(folder / "train.csv")
    paths = [folder / "train_images" / f"video_{r.video_id}" / f"{r.video_frame}.jpg" for r in frames.itertuples()]
    truth = boxes_from_annotations(frames["annotations"])
    filled = [i for i in np.unique(truth.frame) if paths[i].exists()]
    images = [cv2.imread(str(paths[i])) for i in filled]
    donors = donors_from_frames(images, [truth[truth.frame == i].xyxy for i in filled])
    empty = next(p for i, p in enumerate(paths) if p.exists() and i not in filled)
    before = cv2.imread(str(empty))
    image, boxes = paste_objects(before, NONE, donors, np.random.default_rng(0), count=3, blend=blend)
    assert len(donors) >= 5 and len(boxes) == 3
    assert 0 < changed(before, image).mean() < 0.06
