"""What a run of the reef notebooks came to: the out-of-fold F2, the hidden test's, and where files lie.

The hidden test's truth is read here, after the submission is written, and by no notebook.
"""

from __future__ import annotations

import json
from pathlib import Path

from kaggle_utils.boxes import boxes_from_annotations
from kaggle_utils.competitions import reef
from kaggle_utils.scorecard import Scorecard

__all__ = ["summary", "hidden_score"]


def hidden_score(submission: Path, truth: Path) -> Scorecard:
    """The scorecard of a submission on hidden frames; truth: a table like train.csv."""
    frames = reef.read_frames(truth)
    boxes = boxes_from_annotations(frames["annotations"].tolist())
    return reef.score(frames, boxes, reef.read_submission(submission, len(frames)))


def summary(runs: Path, truth: Path | None = None) -> list[str]:
    """Lines about the stages that have run, in order.

    runs: the folder with a folder for each stage; truth: the hidden test's, where it is known
    """
    lines, decided = [], runs / "3_decide" / "decision.json"
    if decided.is_file():
        d = json.loads(decided.read_text())
        lines.append(
            f"out-of-fold F2: {d['f2']:.4f} [{d['low']:.4f}, {d['high']:.4f}] cross-fitted ({d['name']}); "
            f"{d['fitted']:.4f} on the frames its cut was fitted on"
        )
    submission, validation = runs / "4_submit" / "submission.csv", runs / "4_submit" / "validation.json"
    if not submission.is_file():
        return lines
    if validation.is_file():
        v = json.loads(validation.read_text())
        lines.append(f"validation F2:  {v['f2']:.4f} of the submission notebook on {v['frames']} frames")
    elif truth is not None:
        lines.append(f"hidden-test F2: {hidden_score(submission, truth).f2:.4f}")
    return [*lines, f"submission:     {submission}"]
