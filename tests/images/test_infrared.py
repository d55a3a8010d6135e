"""Bands to pictures: values by hand, a half pixel there and back, eight bits last."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaggle_utils.images.decode import resized
from kaggle_utils.images.infrared import (
    SCHEMES,
    bands_of,
    channels_of,
    contrast,
    false_colour,
    half_pixel,
    in_bytes,
    with_changes,
)
from kaggle_utils.images.kelvin import read_bands

KELVIN = {band: np.random.default_rng(band).uniform(200, 310, (12, 10, 4)).astype(np.float32) for band in range(8, 17)}


def test_the_ends_of_the_ash_scheme_are_0_and_255_and_what_is_beyond_them_is_cut():
    cold = {11: np.full((1, 1, 1), 248.0), 14: np.full((1, 1, 1), 243.0), 15: np.full((1, 1, 1), 239.0)}
    warm = {11: np.full((1, 1, 1), 298.0), 14: np.full((1, 1, 1), 303.0), 15: np.full((1, 1, 1), 305.0)}
    for kelvin, expected in ((cold, [0, 0, 0]), (warm, [255, 255, 255])):  # 11 is 5 K off, its range ends at -4 and 5
        assert in_bytes(false_colour(kelvin, channels_of("ash")))[0, 0, 0].tolist() == expected


def test_a_range_that_falls_makes_cold_bright():
    made = false_colour({8: np.array([[[208.5, 243.9, 226.2]]])}, channels_of("8", {"8": (243.9, 208.5)}))
    np.testing.assert_allclose(made[0, 0, :, 0], [1, 0, 0.5], atol=1e-6)


def test_channels_are_stacked_in_the_order_they_are_asked_for():
    names = [name for name, _ in channels_of(["13", "ash", "14-16"])]
    assert names == ["13", *SCHEMES["ash"], "14-16"] and bands_of(channels_of(["13", "14-16"])) == [13, 14, 16]
    made = false_colour(KELVIN, channels_of(["13", "ash"]))
    np.testing.assert_array_equal(made[..., 1:], false_colour(KELVIN, channels_of("ash")))
    assert made.shape == (12, 10, 4, 4)


def test_eight_bits_cost_half_a_step_of_the_range():
    """The ranges of ash are 6, 9 and 60 K: .012, .018 and .118 K."""
    for channel, (low, high) in SCHEMES["ash"].items():
        kelvin = np.linspace(low, high, 10_001)
        kept = in_bytes((kelvin - low) / (high - low)) / 255 * (high - low) + low
        assert abs(kept - kelvin).max() <= (high - low) / 510 + 1e-9, channel
    assert [round((high - low) / 510, 3) for low, high in SCHEMES["ash"].values()] == [0.012, 0.018, 0.118]


@pytest.mark.parametrize("bands", ["fog", "14-", "-15", "1x", ""])
def test_what_is_no_scheme_and_no_channel_is_refused(bands):
    with pytest.raises(ValueError, match="expected ash, dust, airmass, a band as '14' or a difference as '15-14'"):
        channels_of(bands)


def test_a_range_of_a_channel_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="ranges has '13', expected some of 15-14, 14-11, 14"):
        channels_of("ash", {"13": (0, 1)})


def test_a_step_in_time_moves_the_changes_and_leaves_the_colours():
    before, now, after = (np.full((2, 2, 1, 3), value) for value in (0.2, 0.3, 0.9))
    made = with_changes(before, now, after)
    np.testing.assert_allclose(made[0, 0, 0], [0.3] * 3 + [0.6] * 3 + [1.0] * 3)  # .6 more is cut at .5


def test_a_ramp_moves_by_half_a_step_in_both_directions():
    y, x = np.mgrid[:9, :9].astype(np.float32)
    inside = (slice(2, -2), slice(2, -2))
    for plane in (x, y, x + 3 * y):
        slope = plane[1, 1] - plane[0, 0]
        np.testing.assert_allclose(half_pixel(plane)[inside], (plane - slope / 2)[inside], atol=1e-5)
        np.testing.assert_allclose(half_pixel(plane, -1)[inside], (plane + slope / 2)[inside], atol=1e-5)


def test_a_dot_moves_down_and_right_evenly():
    dot = np.zeros((9, 9), np.float32)
    dot[4, 4] = 1
    moved = half_pixel(dot)
    np.testing.assert_allclose(moved[4:6, 4:6], (19 / 32) ** 2)
    assert moved.sum() == pytest.approx(1) and not moved[:3].any() and not moved[:, :3].any()


def test_there_and_back_smooth_things_are_as_they_were_but_for_the_border():
    y, x = np.mgrid[:40, :40] / 6
    smooth = (np.sin(x) + np.cos(y + x / 2)).astype(np.float32)
    back = half_pixel(half_pixel(smooth), -1)
    assert abs(back - smooth)[3:-3, 3:-3].max() < 0.01 and half_pixel(smooth, 0) is smooth


@given(st.integers(3, 20), st.integers(3, 20), st.integers(1, 12), st.sampled_from([-1, 1]))
def test_planes_do_not_know_each_other(height, width, planes, times):
    pixels = np.random.default_rng(0).random((height, width, planes), dtype=np.float32)
    moved = half_pixel(pixels, times)
    assert moved.shape == pixels.shape
    np.testing.assert_allclose(moved[..., -1], half_pixel(pixels[..., -1], times), atol=1e-6)
    mirrored = half_pixel(pixels[::-1, ::-1], -times)[::-1, ::-1]
    np.testing.assert_allclose(mirrored, moved, atol=1e-6)


def test_a_line_stands_out_of_a_slope():
    plane = np.tile(np.linspace(280, 290, 60, dtype=np.float32), (60, 1))
    plane[30] -= 2
    found = contrast(plane)
    assert found[30, 20:40].max() < -1.5 and abs(found[10, 20:40]).max() < 0.1


class TestBandsInAFolder:
    @pytest.fixture
    def folder(self, tmp_path):
        for band in (8, 14):
            np.save(tmp_path / f"band_{band:02d}.npy", KELVIN[band])
        return tmp_path

    def test_frames_come_in_the_order_they_are_asked_for(self, folder):
        found = read_bands(folder, [14, 8], frames=[3, 0])
        np.testing.assert_array_equal(found[14], KELVIN[14][..., [3, 0]])
        assert list(found) == [14, 8] and found[8].dtype == np.float32

    def test_they_are_moved_on_their_own_grid_before_they_are_resized(self, folder):
        found = read_bands(folder, [14], [1], size=(20, 24), halves=1)[14]
        np.testing.assert_array_equal(found, resized(half_pixel(KELVIN[14][..., 1:2]), (20, 24)))
        assert found.shape == (24, 20, 1)

    def test_a_band_that_is_missing_is_named_beside_those_that_are_there(self, folder):
        with pytest.raises(FileNotFoundError, match="band_13.npy is not there, bands that are: band_08, band_14"):
            read_bands(folder, [13], [0])
        with pytest.raises(FileNotFoundError, match="bands that are: none"):
            read_bands(folder / "no", [13], [0])

    @pytest.mark.parametrize("frame", [-1, 4])
    def test_a_frame_that_is_missing_is_named(self, folder, frame):
        with pytest.raises(ValueError, match=rf"band_14.npy has shape \(12, 10, 4\), expected .* with frames \[0, {frame}\]"):
            read_bands(folder, [14], [0, frame])
