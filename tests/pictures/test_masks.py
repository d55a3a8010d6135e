"""Masks drawn over images, and figures of what masks are like."""

import numpy as np

from kaggle_utils.pictures.figures import rgb
from kaggle_utils.pictures.masks import CLASS_COLOURS, class_combinations, draw_masks, mask_areas, mask_places

NAMES = ["Fish", "Flower", "Gravel", "Sugar"]


def test_each_class_is_outlined_in_its_colour_and_the_image_stays_as_it_was() -> None:
    image, masks = np.full((70, 105, 3), 40, np.uint8), np.zeros((4, 70, 105), bool)
    masks[0, 10:40, 5:50] = masks[2, 20:60, 60:100] = True
    drawn = draw_masks(image, masks, NAMES)
    assert drawn[39, 40].tolist() == list(rgb(CLASS_COLOURS[0])) and drawn[59, 90].tolist() == list(rgb(CLASS_COLOURS[2]))
    assert (image == 40).all() and (drawn[65:, :50] == 40).all()


def test_masks_of_another_size_are_stretched_over_the_image() -> None:
    masks = np.zeros((1, 4, 4), np.uint8)
    masks[0, 2:, 2:] = 1
    drawn = draw_masks(np.zeros((40, 80, 3), np.uint8), masks, ["Fish"])
    assert drawn[:18].max() == 0 and drawn[:, :38].max() == 0 and drawn[35, 70].max() > 0


def plates(drawn: np.ndarray, number: int) -> list[tuple[int, int]]:
    """(y, x) of the upper left corner of each plate in a class's colour, from the top; outlines are thinner."""
    import cv2

    same = np.pad((drawn == rgb(CLASS_COLOURS[number])).all(2).astype(np.uint8), 30)
    thick = cv2.morphologyEx(same, cv2.MORPH_OPEN, np.ones((4, 4), np.uint8))
    joined = cv2.morphologyEx(thick, cv2.MORPH_CLOSE, np.ones((9, 25), np.uint8))
    boxes = cv2.connectedComponentsWithStats(joined)[2][1:]
    return sorted((int(y) - 30, int(x) - 30) for x, y, wide, _, _ in boxes if wide > 20)


def test_every_part_is_named_whatever_is_drawn_after_it_but_no_specks() -> None:
    masks = np.zeros((4, 350, 525), bool)
    masks[0, 100:200, 100:200] = masks[0, 120:220, 300:400] = masks[0, 300:310, 300:310] = True
    masks[3] = True
    drawn = draw_masks(np.zeros((350, 525, 3), np.uint8), masks, NAMES)
    assert np.abs(np.subtract(plates(drawn, 0), [(100, 100), (120, 300)])).max() <= 2 and len(plates(drawn, 3)) == 1
    masks[0, :250] = False
    assert len(plates(draw_masks(np.zeros((350, 525, 3), np.uint8), masks, NAMES), 0)) == 1  # it has nothing larger


def test_names_leave_the_captions_corner_and_one_another_free() -> None:
    """Four masks with the same corner, where a contact sheet writes the file's name."""
    masks = np.zeros((4, 350, 525), bool)
    masks[:, :200, :200] = True
    drawn = draw_masks(np.zeros((350, 525, 3), np.uint8), masks, NAMES)
    tops = [plates(drawn, number) for number in range(4)]
    assert all(len(places) == 1 for places in tops)
    heights = sorted(places[0][0] for places in tops)
    assert heights[0] >= 0.08 * 350 and min(np.diff(heights)) >= 15


def test_combinations_are_counted_the_commonest_on_top() -> None:
    labels = np.array([[1, 0, 0, 1]] * 3 + [[0, 1, 0, 0]] + [[0, 0, 0, 0]] * 2)
    axes = class_combinations(labels, NAMES).axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()][::-1] == ["Fish + Sugar", "none", "Flower"]
    assert [bar.get_width() for bar in axes.patches][::-1] == [3, 2, 1]


def test_areas_leave_out_images_without_the_class() -> None:
    shares = np.array([[0.2, 0, 0, 0], [0.4, 0, 0, 0], [0, 0, 0, 0.5]])
    figure = mask_areas(shares, NAMES)
    assert figure.axes[0].get_title(loc="left") == "Fish: 2 masks, median 30 %"
    assert figure.axes[1].get_title(loc="left") == "Flower: 0 masks, median nan %"


def test_places_have_a_map_a_class_on_one_scale() -> None:
    figure = mask_places(np.stack([np.full((4, 6), share) for share in (0.1, 0.2, 0.3, 0.4)]), NAMES)
    assert {axes.images[0].get_clim() for axes in figure.axes[:4]} == {(0.0, 40.0)}


def test_a_class_without_a_name_is_outlined_and_has_no_plates() -> None:
    masks = np.zeros((1, 350, 525), bool)
    masks[0, 100:200, 100:300] = True
    drawn = draw_masks(np.zeros((350, 525, 3), np.uint8), masks, [""])
    assert drawn[199, 200].tolist() == list(rgb(CLASS_COLOURS[0])) and not plates(drawn, 0)
