"""Images come from files in order, in the wanted size, or with the name of the file that failed."""

import time

import cv2
import numpy as np
import pytest

from kaggle_utils.images.colour import clahe, grey_world
from kaggle_utils.images.decode import decode, image_statistics, read_image


@pytest.fixture
def photographs(tmp_path):
    """Twelve smooth pictures that differ in their mean, as JPEG and PNG in turn, 320x180."""
    ramp = np.linspace(0, 40, 320 * 180).reshape(180, 320, 1).repeat(3, 2)
    paths = [tmp_path / f"{i}.{'png' if i % 2 else 'jpg'}" for i in range(12)]
    for i, path in enumerate(paths):
        cv2.imwrite(str(path), (ramp + 15 * i).astype(np.uint8))
    return paths


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_images_come_in_the_order_of_their_paths_whatever_the_threads(photographs, threads):
    means = [image.mean() for image in decode(photographs[::-1], threads=threads)]
    assert means == sorted(means, reverse=True) and len(means) == 12


def test_decoding_starts_no_more_than_twice_the_threads_ahead(photographs, monkeypatch):
    started = []

    def read(path, **how):
        started.append(path)
        return read_image(path, **how)

    monkeypatch.setattr("kaggle_utils.images.decode.read_image", read)
    images = decode(photographs, threads=2)
    next(images)
    time.sleep(0.2)  # time enough to run ahead
    assert len(started) <= 5
    images.close()
    assert len(started) < 12


def test_an_image_is_rgb_as_pillow_has_it(real_data):
    from PIL import Image

    path = next((real_data / "input" / "tensorflow-great-barrier-reef" / "train_images").glob("*/*.jpg"))
    difference = read_image(path).astype(int) - np.asarray(Image.open(path).convert("RGB"))
    assert np.abs(difference).max() <= 3 and np.abs(difference).mean() < 0.5


@pytest.mark.parametrize("size, flag", [((160, 90), "2"), ((80, 45), "4"), ((40, 22), "8"), ((200, 100), None)])
def test_a_jpeg_is_decoded_no_larger_than_needed(photographs, monkeypatch, size, flag):
    flags, decode_as = [], cv2.imdecode
    monkeypatch.setattr(cv2, "imdecode", lambda data, f: flags.append(f) or decode_as(data, f))
    assert read_image(photographs[0], size).shape == (*size[::-1], 3)
    assert flags == [getattr(cv2, f"IMREAD_REDUCED_COLOR_{flag}") if flag else cv2.IMREAD_COLOR]


def test_a_reduced_image_is_nearly_the_resized_one(photographs):
    whole = cv2.resize(read_image(photographs[0]), (80, 45), interpolation=cv2.INTER_AREA)
    assert np.abs(whole.astype(int) - read_image(photographs[0], (80, 45))).max() <= 3


@pytest.mark.parametrize("size, flag", [(None, "GRAYSCALE"), ((200, 100), "GRAYSCALE"), ((80, 45), "REDUCED_GRAYSCALE_4")])
def test_grey_is_decoded_as_grey_and_is_the_brightness_of_the_colours(photographs, monkeypatch, size, flag):
    colours = read_image(photographs[0], size)
    flags, decode_as = [], cv2.imdecode
    monkeypatch.setattr(cv2, "imdecode", lambda data, f: flags.append(f) or decode_as(data, f))
    grey = read_image(photographs[0], size, grayscale=True)
    assert flags == [getattr(cv2, f"IMREAD_{flag}")] and grey.shape == (*colours.shape[:2], 1)
    assert np.abs(grey[..., 0].astype(int) - cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY)).max() <= 1


def test_a_size_above_the_image_s_own_enlarges_it(photographs):
    assert read_image(photographs[0], (640, 360)).shape == (360, 640, 3)


@pytest.mark.parametrize("kept", [0.3, 0.67, 0.99])
def test_a_jpeg_cut_off_in_a_download_is_named(photographs, kept):
    data = photographs[2].read_bytes()
    photographs[2].write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(ValueError, match="2.jpg .* cannot be read, expected a whole image file"):
        list(decode(photographs))


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>"])
@pytest.mark.parametrize("size", [None, (16, 9)])
def test_a_file_that_is_no_image_is_named(tmp_path, content, size):
    (tmp_path / "no.jpg").write_bytes(content)
    with pytest.raises(ValueError, match="no.jpg"):
        read_image(tmp_path / "no.jpg", size)


def test_statistics_tell_blur_and_cast():
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    blurred = cv2.GaussianBlur(noise, (9, 9), 3)
    assert image_statistics(blurred)["sharpness"] < image_statistics(noise)["sharpness"] / 10
    blue = image_statistics(noise // np.array([8, 2, 1], dtype=np.uint8))
    assert blue["red"] < blue["green"] < blue["blue"] and blue["saturation"] > 100


def test_clahe_raises_local_contrast_and_keeps_a_grey_image_grey():
    haze = np.random.default_rng(0).integers(100, 110, (64, 64, 1), dtype=np.uint8).repeat(3, 2)
    clear = clahe(haze)
    assert clear.std() > 1.5 * haze.std() and np.ptp(clear.astype(int), axis=2).max() <= 1


def test_grey_world_levels_the_channels_and_does_not_blow_up_a_black_one():
    image = np.random.default_rng(0).integers(0, 80, (32, 32, 3), dtype=np.uint8) + np.array([10, 50, 90], np.uint8)
    assert np.ptp(grey_world(image).mean((0, 1))) < 1
    image[..., 0] = 1
    assert grey_world(image)[..., 0].max() == 3
