"""Views and their inverses, each tried with one asymmetric pixel and one asymmetric box."""

import numpy as np
import pytest

from kaggle_utils.images.views import VIEWS, unview, unview_boxes, view, view_boxes

WIDTH, HEIGHT = 7, 4


def one_box() -> tuple[np.ndarray, np.ndarray]:
    """A frame that is 1 inside one asymmetric box and 0 elsewhere, and the box, xyxy."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[1:3, 0:3] = 1
    return image, np.array([[0.0, 1.0, 3.0, 3.0]])


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_undone_is_the_identity(name):
    image = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
    assert np.array_equal(unview(view(image, name), name), image)


@pytest.mark.parametrize("name", VIEWS)
def test_boxes_viewed_and_undone_are_the_same_boxes(name):
    _, box = one_box()
    assert np.array_equal(unview_boxes(view_boxes(box, name, WIDTH, HEIGHT), name, WIDTH, HEIGHT), box)


@pytest.mark.parametrize("name", VIEWS)
def test_a_box_goes_where_its_pixels_go(name):
    image, box = one_box()
    seen = view(image, name)
    x1, y1, x2, y2 = view_boxes(box, name, WIDTH, HEIGHT)[0].astype(int)
    assert seen[y1:y2, x1:x2].all() and seen.sum() == image.sum() == 3 * (x2 - x1) * (y2 - y1)


def test_the_eight_views_are_eight_different_pictures():
    image = np.zeros((HEIGHT, WIDTH), int)
    image[0, 1] = 1
    assert len({(view(image, n).shape, view(image, n).tobytes()) for n in VIEWS}) == len(VIEWS) == 8


def test_rot90_is_numpys():
    image = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
    for turns, name in enumerate(["identity", "rot90", "rot180", "rot270"]):
        assert np.array_equal(view(image, name), np.rot90(image, turns))


def test_an_unknown_view_is_named_with_those_there_are():
    with pytest.raises(ValueError, match="'mirror'.*hflip"):
        view(np.zeros((2, 2)), "mirror")
