"""Pictures of frames: the right colours at the right places."""

import cv2
import numpy as np
import pytest

from kaggle_utils.boxes.table import Boxes
from kaggle_utils.pictures.figures import PALETTE, PREDICTION, TRUTH, rgb
from kaggle_utils.pictures.frames import contact_sheet, draw_boxes, film_of_tracks, strip, write_film

BLACK = np.zeros((180, 320, 3), np.uint8)
BOX = Boxes([0], [[100, 60, 160, 120]], [0.5])


def has(image, colour):
    """How many pixels are exactly of that colour."""
    return int((image == rgb(colour)).all(-1).sum())


def test_truth_is_green_predictions_are_orange_and_the_image_itself_stays():
    frame = BLACK.copy()
    picture = draw_boxes(frame, BOX, BOX.replace(xyxy=[[200, 60, 260, 120]]))
    assert tuple(picture[90, 100]) == rgb(TRUTH) and tuple(picture[90, 200]) == rgb(PREDICTION)
    assert not frame.any()


def test_truth_shows_where_a_prediction_lies_exactly_on_it():
    picture = draw_boxes(BLACK, BOX, BOX)
    assert has(picture, TRUTH) > 100 and has(picture, PREDICTION) > 100


def test_a_track_gives_its_boxes_a_colour_of_their_own():
    picture = draw_boxes(BLACK, predictions=Boxes.concat([BOX, BOX.replace(xyxy=[[10, 60, 60, 120]])]), tracks=[2, -1])
    assert has(picture, PALETTE[2]) and has(picture, PREDICTION)


def test_labels_of_boxes_at_the_border_stay_inside():
    corners = Boxes([0] * 2, [[300, 0, 330, 20], [-20, -5, 5, 30]], [0.9, 0.8])
    picture = draw_boxes(BLACK, predictions=corners)
    assert picture.shape == BLACK.shape and has(picture, PREDICTION) > 200


def test_an_image_that_cannot_be_written_to_is_no_obstacle():
    frame = BLACK.copy()
    frame.flags.writeable = False
    assert has(draw_boxes(frame[:, ::-1], BOX), TRUTH)


def test_a_sheet_lays_images_out_by_rows():
    sheet = contact_sheet([np.full_like(BLACK, 50 * i) for i in range(4)], columns=3, width=64, gap=2)
    assert sheet.shape == (36 * 2 + 2, 64 * 3 + 4, 3)
    assert [sheet[10, 66 * i + 10, 0] for i in range(3)] == [0, 50, 100]
    assert sheet[50, 10, 0] == 150 and (sheet[50, 100] == 255).all()


def test_a_sheet_of_fewer_images_than_columns_has_no_empty_ones():
    assert contact_sheet([BLACK] * 2, columns=5, width=64, gap=2).shape == (36, 130, 3)


def test_a_sheet_of_nothing_is_refused():
    with pytest.raises(ValueError, match="no images"):
        contact_sheet([], columns=3)


def test_a_strip_gives_each_frame_its_own_boxes():
    truth = Boxes([7], [[100, 60, 160, 120]])
    picture = strip([BLACK, BLACK], [6, 7], truth, width=320, columns=2)
    assert not has(picture[:, :320], TRUTH) and has(picture[:, 320:], TRUTH)


def test_in_a_window_boxes_lie_where_the_image_has_them():
    frame = BLACK.copy()
    frame[60:120, 100:160] = 255
    picture = strip([frame], [0], BOX, width=320, window=(80, 40, 240, 130))  # everything twice as large
    assert tuple(picture[100, 40]) == rgb(TRUTH)  # left side: (100 - 80) x 2
    assert (picture[50:150, 50:150] == 255).all()


def test_a_box_outside_the_window_is_not_shown_at_its_border():
    picture = strip([BLACK], [0], None, BOX, width=320, window=(200, 40, 300, 100))
    assert not picture.any()


def test_a_film_draws_the_way_a_track_has_come_so_far():
    boxes = Boxes([0, 1, 2], [[x, 60, x + 20, 80] for x in (20, 120, 220)])
    first, second, third = film_of_tracks([BLACK] * 3, [0, 1, 2], boxes, np.array([4, 4, 4]))
    assert not first[70, 80].any() and second[70, 80].any()
    assert not second[70, 180].any() and third[70, 180].any() and third[70, 80].any()


def test_the_tail_of_a_track_ends():
    boxes = Boxes([0, 1, 2], [[x, 60, x + 20, 80] for x in (20, 120, 220)])
    *_, third = film_of_tracks([BLACK] * 3, [0, 1, 2], boxes, np.array([4, 4, 4]), tail=2)
    assert not third[70, 80].any() and third[70, 180].any()


def frames_of(count=5):
    moving = [BOX.replace(xyxy=[[20 * i, 0, 20 * i + 30, 30]]) for i in range(count)]
    return [draw_boxes(np.full_like(BLACK, 10 * i), BOX, box) for i, box in enumerate(moving)]


def test_a_gif_has_every_frame_and_the_kit_s_colours(tmp_path):
    from PIL import Image

    path = write_film(frames_of(), tmp_path / "film.gif", frames_per_second=10)
    film = Image.open(path)
    assert film.n_frames == 5 and film.info["duration"] == 100 and film.size == (320, 180)
    film.seek(3)
    assert has(np.asarray(film.convert("RGB")), TRUTH) > 100
    assert [file.name for file in tmp_path.iterdir()] == ["film.gif"]


def test_an_mp4_has_every_frame_at_the_width_asked_for(tmp_path):
    path = write_film(iter(frames_of()), tmp_path / "film.mp4", width=201)
    film = cv2.VideoCapture(str(path))
    shapes = []
    while (read := film.read())[0]:
        shapes.append(read[1].shape)
    assert shapes == [(112, 200, 3)] * 5  # both sides even


def test_films_of_nothing_and_of_unknown_form_are_refused_and_leave_nothing(tmp_path):
    with pytest.raises(ValueError, match="no images"):
        write_film([], tmp_path / "film.gif")
    with pytest.raises(ValueError, match="film.avi', expected it to end in .gif or .mp4"):
        write_film(frames_of(), tmp_path / "film.avi")
    assert list(tmp_path.iterdir()) == []
