"""A finished notebook version, submitted to its competition; how many submissions are left today."""

from __future__ import annotations

from kaggle_utils.platform.push.client import KaggleFailure, ask

__all__ = ["SUBMISSION", "remaining", "submit"]

SUBMISSION = "submission.csv"  # what every code competition of the kit scores


def submit(competition: str, kernel: str, version: int, message: str = "") -> str:
    """Submits an output file of a kernel version (owner/slug) that has completed; what Kaggle says.

    competition: its slug. Raises KaggleFailure, when no submission is left today among others.
    """
    order = {"competition": competition, "kernel": kernel, "version": version, "file": SUBMISSION}
    try:
        return ask("submit", **order, message=message or f"{kernel} version {version}").get("message", "submitted")
    except KaggleFailure as failure:
        advice = "; it may have been counted all the same" if failure.uncertain else ""
        text = f"{kernel} version {version} was not submitted to {competition}: {failure}{advice}"
        raise KaggleFailure(failure.kind, text, failure.status) from None


def remaining(competition: str) -> int:
    """Submissions the account's team has left today (UTC); KaggleFailure when Kaggle does not say."""
    return ask("allowance", competition=competition)
