"""Figures show themselves in a notebook and are saved whole."""

import numpy as np
import pytest

from kaggle_utils.pictures.figures import PALETTE, PREDICTION, TRUTH, new_figure, rgb, save_picture


def test_a_notebook_shows_a_figure_without_set_up():
    figure, axes = new_figure(3, 2)
    axes[0, 0].plot([1, 2])
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_figures_are_not_kept_behind_the_scenes():
    import matplotlib.pyplot as plt

    new_figure(3, 2)
    assert plt.get_fignums() == []


def test_no_two_things_side_by_side_and_no_track_and_truth_share_a_colour():
    colours = [rgb(colour) for colour in (TRUTH, *PALETTE)]
    distance = [np.abs(np.subtract(a, b)).sum() for i, a in enumerate(colours) for b in colours[:i]]
    assert min(distance) > 60 and rgb(PREDICTION) == (247, 103, 7)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_figures_and_images_are_saved_in_the_format_of_the_suffix(tmp_path, suffix):
    from PIL import Image

    image = np.full((20, 30, 3), (200, 0, 0), np.uint8)
    path = save_picture(image, tmp_path / "new" / f"image.{suffix}")
    assert Image.open(path).size == (30, 20)
    assert Image.open(save_picture(new_figure(3, 2)[0], tmp_path / f"figure.{suffix}")).size == (330, 220)
    assert len(list((tmp_path / "new").iterdir())) == 1
