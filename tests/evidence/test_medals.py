"""Where a figure would stand: never higher than what is known allows, and never without the winner's own figure."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaggle_utils import competitions
from kaggle_utils.evidence.medals import Medals, ends, medal_ranks

PLACES = ("no medal", "bronze", "silver", "gold")
EXACT = Medals(gold=0.8, silver=0.7, bronze=0.6, winner=0.9, validation=0.85, teams=2025)
KNOWN = [m for name in competitions.known() if (m := competitions.find(name).MEDALS)]


@pytest.mark.parametrize(("figure", "medal"), [(0.5999, "no medal"), (0.6, "bronze"), (0.7999, "silver"), (0.8, "gold"), (0.95, "gold")])
def test_whoever_reaches_a_line_is_given_the_medal(figure, medal):
    assert EXACT.place(figure) == medal


@given(st.floats(0, 1), st.lists(st.floats(0.0, 0.3), min_size=3, max_size=3), st.lists(st.floats(0.0, 0.3), min_size=3, max_size=3))
def test_the_true_medal_is_among_those_told(figure, below, above):
    lines = zip((0.8, 0.7, 0.6), sorted(below), sorted(above, reverse=True), strict=True)
    blurred = Medals(*((line - lower, line + upper) for line, lower, upper in lines))
    least, _, most = blurred.place(figure).partition(" to ")
    assert PLACES.index(least) <= PLACES.index(EXACT.place(figure)) <= PLACES.index(most or least)


def test_a_line_that_is_not_known_is_neither_promised_nor_denied():
    medals = Medals(silver=0.7, bronze=0.6)
    assert [medals.place(figure) for figure in (0.65, 0.7, 0.99)] == ["bronze", "silver to gold", "silver to gold"]


def test_the_winner_s_own_cross_validation_always_stands_beside():
    assert EXACT.lines(0.75)[-1] == "its winner: 0.9, where their own cross-validation said: 0.85"
    unknown = Medals(0.8, 0.7, 0.6, 0.9)
    assert unknown.lines(0.75)[-1].endswith("own cross-validation said: not known") and "rank" not in unknown.lines(0.75)[1]


def test_the_ends_of_an_interval_that_is_not_there_are_left_out():
    assert EXACT.lines(0.75, float("nan"), 0.8)[0].endswith(": 0.7500 silver, 0.8000 gold")


@pytest.mark.parametrize(("teams", "ranks"), [(250, (10, 50, 100)), (999, (11, 50, 100)), (1000, (12, 50, 100)), (1538, (13, 76, 153))])
def test_how_many_medals_there_are_depends_on_the_teams(teams, ranks):
    assert tuple(medal_ranks(teams).values()) == ranks


def test_lines_are_read_off_a_board_at_the_last_rank_of_each_medal():
    board = [round(0.9 - rank / 10_000, 4) for rank in range(1, 2026)]
    found = Medals(silver=(0.6, 0.9), validation=0.85).of_board(board)
    assert found == Medals(0.8986, 0.8899, 0.8798, 0.8999, 0.85, 2025)


def test_of_a_known_number_of_teams_the_first_pages_are_enough_and_fewer_are_refused():
    assert EXACT.of_board([0.5] * 202).teams == 2025
    with pytest.raises(ValueError, match="the board has 201 scores, expected at least 202 of 2025 teams"):
        EXACT.of_board([0.5] * 201)
    with pytest.raises(ValueError, match="20 teams, expected at least 250"):
        Medals().of_board([0.5] * 20)


@pytest.mark.parametrize("medals", KNOWN)
def test_lines_of_our_competitions_are_in_order(medals):
    known = [pair for line in (medals.winner, *medals.known.values()) if (pair := ends(line))]
    assert len(known) >= 3 and all(low <= high for low, high in known)
    assert all(upper[0] >= lower[0] and upper[1] >= lower[1] for upper, lower in pairwise(known))
