"""Figures of labels: what they say in words, and what is drawn."""

import numpy as np

from kaggle_utils.pictures.labels import reliability, thresholds


def test_thresholds_count_the_labels_that_could_as_well_have_the_one_for_all():
    drawn = np.array([[0.1, 0.5], [0.3, 0.7]])
    figure = thresholds(["road", "mine"], (0.2, 0.6), drawn, single=0.25)
    axes = figure.axes[0]
    assert "In 1 of 2 labels' intervals lies the one for all" in axes.get_title(loc="left")
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["road", "mine"] and figure._repr_png_()


def test_probabilities_that_mean_what_they_say_lie_on_the_line():
    rng = np.random.default_rng(0)
    said = rng.random((4000, 3))
    figure = reliability({"right": said, "too sure": said**0.2}, rng.random((4000, 3)) < said)
    right, sure = (float(text.get_text().split()[-1]) for text in figure.axes[0].get_legend().get_texts())
    assert right < 0.02 < 0.2 < sure
