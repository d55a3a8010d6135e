"""The diary's table shows what differs, its plot who has both scores."""

import pytest

from kaggle_utils.evidence.diary import append, entry, read, set_leaderboard
from kaggle_utils.pictures.diary import markdown, plot_against_leaderboard


@pytest.fixture
def entries(tmp_path):
    """Three runs: at 640, at 1280 with the board's answer, and the same again without a score."""
    path = tmp_path / "diary.jsonl"
    lines = [
        entry("reef", "2_train", {"imgsz": size}, {"imgsz": 1280}, score=score, interval=interval, fold_scores=[0.5])
        for size, score, interval in ((640, 0.5, (0.4, 0.6)), (1280, 0.6, (0.5, 0.7)), (1280, None, None))
    ]
    for line in lines:
        append(path, line)
    set_leaderboard(path, lines[1]["run"], public=0.62)
    return read(path).entries


def test_only_columns_that_vary_are_shown_and_the_rest_is_said_once(entries):
    table, same = markdown(entries).split("\n\n")
    header, _, first, second, third = (row.strip("| ").split(" | ") for row in table.split("\n"))
    assert {"run", "score", "imgsz", "public"} <= set(header)
    assert not {"competition", "stage", "version", "folds"} & set(header)
    assert "0.5 [0.4000, 0.6000]" in first and "640" in first
    assert "competition reef" in same and "folds 0.500" in same


def test_a_single_run_shows_everything(entries):
    assert "| reef |" in markdown(entries[:1]) and "The same" not in markdown(entries[:1])


def test_no_run_is_said_in_words():
    assert markdown([]) == "The diary is empty."


def test_a_bar_in_a_text_does_not_make_a_column():
    rows = markdown([{"run": "a", "note": "x|y\nz"}, {"run": "b"}]).split("\n")
    assert rows[2] == "| a | x\\|y z |" and rows[3] == "| b |  |"


def test_the_plot_has_a_point_for_each_run_with_both_scores(entries):
    figure = plot_against_leaderboard(entries)
    figure._repr_png_()
    [axes] = figure.axes
    assert axes.get_title(loc="left") == "1 of 3 runs have both scores"
    assert [text.get_text() for text in axes.texts] == [entries[1]["run"]]
    assert plot_against_leaderboard(entries, "private").axes[0].get_title(loc="left").startswith("0 of 3")
