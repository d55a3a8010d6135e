"""What a run of the clouds notebooks came to: the out-of-fold Dice, the hidden test's, and where files lie.

The hidden test's truth is read here, after the submission is written, and by no notebook.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from kaggle_utils.competitions import clouds
from kaggle_utils.tasks.handover import stage_lines

__all__ = ["summary"]


def summary(runs: Path, truth: Path | None, stages: Collection[str]) -> list[str]:
    """Lines about the stages named, in order.

    runs: the folder with a folder for each stage; truth: run lengths of the hidden test at 350x525, where known
    stages: those that have just run; figures that others left earlier are not told
    """

    def hidden(submission: Path) -> str:
        card = clouds.score_files(truth, submission, clouds.SUBMISSION_SHAPE)
        return f"hidden-test Dice: {card.dice:.4f}; all empty {card.all_empty:.4f}"

    return stage_lines(runs, stages, _decided, _validated, hidden if truth else None)


def _decided(d: dict) -> list[str]:
    first = (
        f"out-of-fold Dice: {d['dice']:.4f} [{d['low']:.4f}, {d['high']:.4f}] chosen and fitted without each fold; "
        f"{d['candidate']:.4f} of the chosen ({d['name']}), {d['fitted']:.4f} fitted; all empty {d['all_empty']:.4f}"
    )
    return [first, *_alike(d.get("test_like") or [])]


def _validated(v: dict) -> str:
    return f"validation Dice:  {v['dice']:.4f} of the submission notebook on {v['pairs'] // 4} pictures"


def _alike(rows: list[dict]) -> list[str]:
    """A line about the pictures that look most like the test's; rows: the baseline, then the decision if it is another."""
    if not rows:
        return []
    first, last = rows[0], rows[-1]
    interval = f"[{last['low']:.4f}, {last['high']:.4f}]"
    return [f"on the {last['images']} most test-like: {last['dice']:.4f} {interval}; {first['name']} {first['dice']:.4f}"]
