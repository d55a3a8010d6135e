"""Figures show themselves in a notebook."""

import numpy as np

from kaggle_utils.pictures.figures import PALETTE, PREDICTION, TRUTH, new_figure, rgb


def test_a_notebook_shows_a_figure_without_set_up():
    figure, axes = new_figure(3, 2)
    axes.plot([1, 2])
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_figures_are_not_kept_behind_the_scenes():
    import matplotlib.pyplot as plt

    new_figure(3, 2)
    assert plt.get_fignums() == []


def test_no_two_things_side_by_side_and_no_track_and_truth_share_a_colour():
    colours = [rgb(colour) for colour in (TRUTH, *PALETTE)]
    distance = [np.abs(np.subtract(a, b)).sum() for i, a in enumerate(colours) for b in colours[:i]]
    assert min(distance) > 60 and rgb(PREDICTION) == (247, 103, 7)
