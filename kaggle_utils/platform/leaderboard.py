"""A competition's medal lines: exact ones where Kaggle was asked for them, else what its file knows.

Kaggle is asked once, with credentials, and its answer kept in ``runs/<competition>/leaderboard.json``: a competition's
private leaderboard changes no more.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from kaggle_utils.evidence.medals import Medals
from kaggle_utils.files import json_text, replacing
from kaggle_utils.platform import runtime
from kaggle_utils.platform.client.calls import all_rows

if TYPE_CHECKING:
    from kaggle_utils.tasks.competition import Competition


def medals(competition: Competition) -> Medals | None:
    """The lines as far as they are known here; None where nothing is."""
    kept = _kept(competition)
    return _of_board(competition, json.loads(kept.read_text())) if kept.is_file() else competition.MEDALS


def fetch(competition: Competition) -> Path:
    """Asks Kaggle for the private leaderboard; the file it is kept in.

    Raises KaggleFailure, and ValueError for a board of fewer than 250 teams, which has other medals.
    """
    rows = all_rows("competitions.CompetitionApiService/GetLeaderboard", "submissions", competitionName=competition.SLUG)
    scores = [float(row["score"]) for row in rows]
    _of_board(competition, scores)
    with replacing(_kept(competition)) as partial:
        partial.write_text(json_text(scores) + "\n")
    return _kept(competition)


def _of_board(competition: Competition, scores: list[float]) -> Medals:
    return (competition.MEDALS or Medals()).of_board(scores)


def _kept(competition: Competition) -> Path:
    return runtime.runs_dir() / competition.NAME / "leaderboard.json"
