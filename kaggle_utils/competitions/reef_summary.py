"""What a run of the reef notebooks came to: the out-of-fold F2, the hidden test's, and where files lie.

The hidden test's truth is read here, after the submission is written, and by no notebook.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from kaggle_utils.boxes.scorecard import Scorecard
from kaggle_utils.competitions import reef
from kaggle_utils.tasks.handover import stage_lines

__all__ = ["summary", "hidden_score"]


def hidden_score(submission: Path, truth: Path) -> Scorecard:
    """The scorecard of a submission on hidden frames; truth: a table like train.csv."""
    frames = reef.read_frames(truth)
    return reef.score(frames, reef.true_boxes(frames, truth), reef.read_submission(submission, len(frames)))


def summary(runs: Path, truth: Path | None, stages: Collection[str]) -> list[str]:
    """Lines about the stages named, in order.

    runs: the folder with a folder for each stage; truth: the hidden test's, where it is known
    stages: those that have just run; figures that others left earlier are not told
    """

    def hidden(submission: Path) -> str:
        return f"hidden-test F2: {hidden_score(submission, truth).f2:.4f}"

    return stage_lines(runs, stages, _decided, _validated, hidden if truth else None)


def _decided(d: dict) -> list[str]:
    return [
        f"out-of-fold F2: {d['f2']:.4f} [{d['low']:.4f}, {d['high']:.4f}] chosen and cut without each fold; "
        f"{d['candidate']:.4f} of the chosen ({d['name']}), {d['fitted']:.4f} on the frames its cut was fitted on"
    ]


def _validated(v: dict) -> str:
    return f"validation F2:  {v['f2']:.4f} of the submission notebook on {v['frames']} frames"
