"""Bands keep their names, their order and their light; a 16-bit TIF is never an 8-bit picture."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from kaggle_utils.competitions.samples.amazon import tif
from kaggle_utils.images.bands import FILE_BANDS, fit_limits, read_bands, read_picture, require_bands
from kaggle_utils.images.colour import without_haze
from kaggle_utils.images.decode import read_image

LIMITS = dict.fromkeys(FILE_BANDS, (1000.0, 2000.0))


def written(folder: Path, bands: np.ndarray, name: str = "a.tif") -> Path:
    path = folder / name
    path.write_bytes(tif(bands.astype("<u2")))
    return path


@pytest.fixture
def ramp(tmp_path: Path) -> Path:
    """4x6 pixels; blue 1000, green 1500, red 2000, near infrared from 500 on in steps of 100."""
    bands = np.zeros((4, 6, 4), int) + [1000, 1500, 2000, 500]
    bands[..., 3] += 100 * np.arange(24).reshape(4, 6)
    return written(tmp_path, bands)


def test_bands_come_in_the_files_order(ramp: Path) -> None:
    raw = read_bands(ramp)
    assert raw.dtype == np.uint16 and raw[0, 0].tolist() == [1000, 1500, 2000, 500] and raw[3, 5, 3] == 2800


def test_a_band_becomes_eight_bits_between_its_limits(ramp: Path) -> None:
    picture = read_picture(ramp, ("red", "green", "blue", "nir"), LIMITS)
    assert picture.dtype == np.uint8 and picture[0, 0].tolist() == [255, 128, 0, 0]  # .5 x 255 = 127.5, to the even
    assert picture[..., 3].ravel()[[4, 5, 10, 15, 20]].tolist() == [0, 0, 128, 255, 255]


def test_ndvi_is_an_index_of_what_the_file_has(ramp: Path) -> None:
    seen = read_picture(ramp, ("ndvi",), {})[..., 0]
    assert seen[0, 0] == round(127.5 * ((500 - 2000) / 2500 + 1)) and seen[2, 3] == round(127.5)  # nir 2000, as red


def test_a_picture_shrinks_by_areas_and_keeps_its_bands(ramp: Path) -> None:
    assert read_picture(ramp, ("nir",), LIMITS, (3, 2)).shape == (2, 3, 1)
    assert read_picture(ramp, FILE_BANDS, LIMITS, (3, 2)).shape == (2, 3, 4)


def test_limits_are_percentiles_of_all_pixels_together(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    paths = [written(tmp_path, rng.integers(0, 10_000, (80, 80, 4)) + [0, 1000, 2000, 3000], f"{i}.tif") for i in range(4)]
    limits = fit_limits(paths)
    assert list(limits) == list(FILE_BANDS)
    for low, (one, other) in zip((0, 1000, 2000, 3000), limits.values(), strict=True):
        assert one == pytest.approx(low + 100, abs=80) and other == pytest.approx(low + 9900, abs=80)
    assert fit_limits(paths, most=2) == fit_limits([paths[0], paths[3]])


@pytest.mark.parametrize("wanted", [("red", "swir"), ("NIR",)])
def test_an_unknown_band_is_named(wanted: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=f"{wanted[-1]!r} is not among blue, green, red, nir, ndvi"):
        require_bands(wanted)


def test_a_band_without_limits_and_a_file_of_other_bands_are_refused(ramp: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'nir' has no limits"):
        read_picture(ramp, ("nir",), {})
    cv2.imwrite(str(tmp_path / "b.png"), np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(ValueError, match=r"b\.png .* has shape \(2, 2, 3\) and dtype uint8, expected blue, green, red, nir"):
        read_bands(tmp_path / "b.png")
    (tmp_path / "c.tif").write_bytes(ramp.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"c\.tif \(100 bytes\) cannot be read"):
        read_bands(tmp_path / "c.tif")


def test_sixteen_bits_are_not_taken_for_a_picture_of_eight(ramp: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"shape \(4, 6, 4\) and dtype uint16, expected 8 bits; kaggle_utils.images.bands"):
        read_image(ramp)
    cv2.imwrite(str(tmp_path / "eight.tif"), np.full((2, 2, 3), (3, 2, 1), np.uint8))
    assert read_image(tmp_path / "eight.tif")[0, 0].tolist() == [1, 2, 3]


def test_haze_is_taken_and_a_clear_picture_stays() -> None:
    rng = np.random.default_rng(0)
    scene = cv2.GaussianBlur(rng.integers(0, 200, (96, 96, 3)).astype(np.uint8), (0, 0), 3)
    scene = np.clip((scene.astype(float) - 95) * 8, 0, 200).astype(np.uint8)  # something dark is always near
    scene[:8, :8] = 235  # something white, as clouds are
    errors = []
    for share in (0.3, 0.6):
        hazy = ((1 - share) * scene + share * 235).astype(np.uint8)
        errors.append(np.abs(without_haze(hazy) - 1.0 * scene).mean() / np.abs(hazy - 1.0 * scene).mean())
    assert max(errors) < 0.35
    assert np.abs(without_haze(scene) - 1.0 * scene).mean() < 12


class TestRealChips:
    @pytest.fixture
    def chips(self, real_data: Path) -> list[Path]:
        return sorted((real_data / "input" / "planet-understanding-the-amazon-from-space" / "train-tif-v2").glob("*.tif"))

    @pytest.mark.parametrize("reader", ["tifffile", "rasterio"])
    def test_they_load_as_another_reader_has_them(self, chips: list[Path], reader: str) -> None:
        module = pytest.importorskip(reader)
        for path in chips:
            if reader == "tifffile":
                other = module.imread(path)
            else:
                with module.open(path) as file:
                    other = np.moveaxis(file.read(), 0, -1)
            assert np.array_equal(read_bands(path), other)

    def test_the_bands_are_the_jpgs_colours(self, chips: list[Path]) -> None:
        """Where a JPG's channel is bright its band is, and that more than any other; in chips whose two files lie alike."""
        for path in chips[1:4]:
            raw, picture = read_bands(path).astype(float), read_image(path.parents[1] / "train-jpg" / f"{path.stem}.jpg")
            alike = np.corrcoef(raw.reshape(-1, 4).T, picture.reshape(-1, 3).T.astype(float))[:4, 4:]
            assert [FILE_BANDS[band] for band in alike[:3].argmax(0)] == ["red", "green", "blue"], path.name
            assert raw[..., 3].mean() > raw[..., 2].mean()

    def test_a_jpg_that_says_cmyk_is_read_in_its_colours(self, chips: list[Path]) -> None:
        from PIL import Image

        for path in chips:
            path = path.parents[1] / "train-jpg" / f"{path.stem}.jpg"
            with Image.open(path) as image:
                other = np.asarray(image.convert("RGB")).astype(int)
            assert np.abs(read_image(path) - other).max() <= 3
