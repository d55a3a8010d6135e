"""Medal lines are those of the competition's file until Kaggle is asked, with credentials, for exact ones."""

from types import SimpleNamespace

import pytest

from kaggle_utils.evidence.medals import Medals
from kaggle_utils.platform import leaderboard
from kaggle_utils.platform.client.calls import KaggleFailure

pytest_plugins = ["kaggle_fixtures"]

POND = SimpleNamespace(NAME="pond", SLUG="of-ponds", MEDALS=Medals(silver=(0.5, 0.8), validation=0.91, teams=310))


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KAGGLE_UTILS_RUNS", raising=False)
    return tmp_path / "runs"


def test_unasked_they_are_as_the_file_has_them():
    assert leaderboard.medals(POND) == POND.MEDALS
    assert leaderboard.medals(SimpleNamespace(NAME="pond", MEDALS=None)) is None


def test_all_pages_of_the_board_are_read_once_and_kept(service, quick_client, runs):
    service.board = [f"{0.9 - rank / 1000:.3f}" for rank in range(1, 311)]
    assert leaderboard.fetch(POND).resolve() == runs / "pond" / "leaderboard.json"
    assert {call["competitionName"] for _, call in service.calls} == {"of-ponds"} and len(service.calls) == 7
    exact = Medals(gold=0.89, silver=0.85, bronze=0.8, winner=0.899, validation=0.91, teams=310)
    assert leaderboard.medals(POND) == exact and len(service.calls) == 7
    assert leaderboard.medals(SimpleNamespace(NAME="pond", MEDALS=None)).bronze == 0.8


def test_a_board_that_is_refused_or_too_short_leaves_what_was_known(service, quick_client, runs):
    service.fail("GetLeaderboard", 403)
    with pytest.raises(KaggleFailure, match="Kaggle refuses"):
        leaderboard.fetch(POND)
    service.board = ["0.9"] * 99
    with pytest.raises(ValueError, match="the board has 99 scores, expected at least 100 of 310 teams"):
        leaderboard.fetch(POND)
    assert leaderboard.medals(POND) == POND.MEDALS and not runs.exists()
