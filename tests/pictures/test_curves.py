"""Plots draw what they were given: their numbers are read back from the axes."""

import numpy as np
import pandas as pd
import pytest

from kaggle_utils.boxes.f2 import f2_curve
from kaggle_utils.boxes.motion import neighbours
from kaggle_utils.boxes.table import Boxes
from kaggle_utils.boxes.tracking import Tracks
from kaggle_utils.evidence.medals import Medals
from kaggle_utils.pictures import curves as plots

TRUTH = Boxes([0, 0, 2], [[0, 0, 10, 20], [40, 40, 60, 60], [1, 0, 11, 20]])
CURVE = f2_curve(TRUTH, TRUTH.replace(score=[0.9, 0.5, 0.2]))


def drawn(figure):
    """Draws the figure, in which matplotlib finds most mistakes, and returns its axes."""
    figure._repr_png_()
    return figure.axes


def test_the_curve_is_marked_at_its_best_cut():
    [axes] = drawn(plots.f2_curves({"F2": CURVE}))
    assert [line.get_label() for line in axes.lines][:3] == ["F2", "precision", "recall"]
    assert axes.lines[0].get_ydata().tolist() == CURVE.f2.tolist()
    assert axes.texts[0].get_text() == "1.0000 at 0.2"


def test_a_chosen_cut_is_marked_instead_and_several_curves_go_without_precision():
    [axes] = drawn(plots.f2_curves({"one": CURVE, "other": CURVE}, cut=0.6))
    assert axes.texts[0].get_text() == f"{5 / (4 * 3 + 1):.4f} at 0.6"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["one", "other"]


def test_frames_are_counted_by_their_boxes():
    [axes] = drawn(plots.boxes_per_frame(TRUTH, n_frames=5))
    assert [bar.get_height() for bar in axes.patches] == [3, 1, 1]
    assert axes.get_title(loc="left") == "2 of 5 frames have boxes, 3 in all"


def test_sizes_are_roots_of_areas():
    shape, size = drawn(plots.box_sizes(TRUTH))
    assert size.get_title(loc="left") == "Size: 14 / 14 / 19 (5, 50, 95 %)"


def test_the_map_counts_centres_where_they_lie():
    axes = drawn(plots.position_map(TRUTH, width=80, height=80, cell=40))[0]
    assert axes.images[0].get_array().tolist() == [[2, 0], [0, 1]]


def test_motion_quotes_its_percentiles():
    film = Boxes([0, 1], [[0, 0, 10, 10], [0, 5, 10, 15]])
    overlap, motion, _ = drawn(plots.neighbour_motion(neighbours(film, [0, 0])))
    assert overlap.get_title(loc="left") == "Overlap: 0.33 / 0.33 / 0.33 (5, 50, 95 %)"
    assert motion.get_title(loc="left") == "Motion: 5 / 5 / 5 (5, 50, 95 %)"


@pytest.mark.parametrize(
    "figure",
    [
        lambda: plots.f2_curves({"none": f2_curve(TRUTH, Boxes.empty())}),
        lambda: plots.boxes_per_frame(Boxes.empty(), 3),
        lambda: plots.box_sizes(Boxes.empty()),
        lambda: plots.position_map(Boxes.empty(), 80, 80),
        lambda: plots.neighbour_motion(neighbours(Boxes.empty(), [0, 0])),
        lambda: plots.tracks_over_time(Tracks(Boxes.empty(), *np.zeros((3, 0), int))),
        lambda: plots.gains(pd.DataFrame(columns=["name", "gain", "gain_low", "gain_high"], dtype=float)),
    ],
)
def test_nothing_at_all_can_be_drawn(figure):
    drawn(figure())


def test_each_track_is_a_line_and_predicted_boxes_are_hollow():
    boxes = Boxes([0, 1, 2, 1, 0], [[x, 0, x + 10, 10] for x in (0, 4, 8, 90, 50)], [0.9, 0.9, 0.8, 0.5, 0.1])
    tracks = Tracks(boxes, np.array([3, 3, 3, 5, -1]), np.ones(5, bool), np.array([0, 0, 1, 0, 0]))
    place, score = drawn(plots.tracks_over_time(tracks, TRUTH))
    assert place.get_title(loc="left") == "2 tracks; hollow: predicted"
    assert place.lines[1].get_ydata().tolist() == [5, 9, 13]
    hollow = [line.get_xdata().tolist() for line in score.lines if line.get_markerfacecolor() == "white"]
    assert hollow == [[2], []]


def test_only_frames_of_the_window_are_shown():
    boxes = Boxes([0, 7], [[0, 0, 9, 9]] * 2)
    tracks = Tracks(boxes, np.array([0, 1]), np.ones(2, bool), np.zeros(2, int))
    place, _ = drawn(plots.tracks_over_time(tracks, first=5, last=9))
    assert place.get_title(loc="left").startswith("1 tracks")


def test_every_statistic_has_its_axes_and_every_group_its_box():
    table = pd.DataFrame({"video": [0, 0, 1], "red": [1.0, 2, 3], "blue": [4.0, 5, 6]})
    axes = drawn(plots.statistics_by_group(table, "video"))
    assert [one.get_title(loc="left") for one in axes] == ["red", "blue"]
    assert [label.get_text() for label in axes[0].get_xticklabels()] == ["0", "1"]


def test_gains_are_ordered_and_coloured_by_whether_they_clear_zero():
    rows = [("even", 0.001, -0.01, 0.02), ("best", 0.02, 0.01, 0.03), ("worse", -0.02, -0.03, -0.01)]
    rows.append(("one", 0.005, np.nan, np.nan))
    table = pd.DataFrame(rows, columns=["name", "gain", "gain_low", "gain_high"])
    [axes] = drawn(plots.gains(table))
    assert [label.get_text() for label in axes.get_yticklabels()] == ["worse", "even", "one", "best"]
    points = [line.get_color() for line in axes.lines if line.get_marker() == "o"]
    assert points == [plots.PREDICTION, plots.QUIET, plots.QUIET, plots.TRUTH]
    [axes] = drawn(plots.gains(table, names=["even", "best"]))
    assert [label.get_text() for label in axes.get_yticklabels()] == ["best", "even"]


def test_the_diary_has_a_point_for_each_run_with_both_scores():
    runs = [
        {"run": "a", "score": 0.5, "interval": [0.4, 0.6]},
        {"run": "b", "score": 0.6, "interval": [0.5, 0.7], "public": 0.62},
        {"run": "c", "score": None, "interval": None},
    ]
    [axes] = drawn(plots.plot_against_leaderboard(runs))
    assert axes.get_title(loc="left") == "1 of 3 runs have both scores"
    assert [text.get_text() for text in axes.texts] == ["b"]
    assert axes.get_ylabel() == "public leaderboard"
    [axes] = drawn(plots.plot_against_leaderboard([*runs, {"run": "d", "score": 0.5, "private": 0.4}]))
    assert axes.get_ylabel() == "private leaderboard" and [text.get_text() for text in axes.texts] == ["d"]


def test_no_run_is_an_empty_panel():
    [axes] = drawn(plots.plot_against_leaderboard([]))
    assert axes.get_title(loc="left") == "0 of 0 runs have both scores"


REAL = [
    {"run": "a", "competition": "reef", "score": 0.5, "sample": False},
    {"run": "b", "competition": "reef", "score": 0.6, "private": 0.55, "sample": False},
    {"run": "c", "competition": "reef", "score": 0.1, "sample": False, "smoke": True},
]
MEDALS = {"reef": Medals(silver=(0.6, 0.65), bronze=0.5, winner=0.7, validation=(0.72, 0.73))}


def test_a_figure_stands_among_the_medals_with_the_winner_at_their_own_cross_validation():
    other = {"run": "d", "competition": "clouds", "score": 0.6, "sample": False}
    reef, clouds = drawn(plots.plot_against_leaderboard([*REAL, other], MEDALS))
    assert [one.get_title(loc="left")[:12] for one in (reef, clouds)] == ["reef: 1 of 3", "clouds: 0 of"]
    assert [text.get_text() for text in reef.texts] == ["b", "silver", "bronze", "winner"]
    assert reef.get_title(loc="left").endswith("\nwinner 0.7, own cross-validation 0.72 to 0.73")
    points = {line.get_marker(): line.get_xydata().tolist() for line in reef.lines if line.get_marker() in ("o", "*")}
    assert points["o"] == [[0.5, 0.5]] and points["*"] == [pytest.approx([0.725, 0.7])]  # hollow: home alone
    assert not clouds.texts


@pytest.mark.parametrize("sample", [{"sample": True}, {}])
def test_runs_of_a_sample_are_never_among_medals(sample):
    runs = [{name: value for name, value in run.items() if name != "sample"} | sample for run in REAL]
    for some in (runs, [*REAL[:1], runs[1]]):
        [axes] = drawn(plots.plot_against_leaderboard(some, MEDALS))
        assert [text.get_text() for text in axes.texts] == ["b"] and "winner" not in axes.get_title(loc="left")


def test_a_winner_whose_cross_validation_nobody_knows_is_said_to_be_one():
    [axes] = drawn(plots.plot_against_leaderboard(REAL, {"reef": Medals(bronze=0.5, winner=0.7)}))
    assert axes.get_title(loc="left").endswith("\nwinner 0.7, own cross-validation not known")
