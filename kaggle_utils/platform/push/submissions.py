"""What is submitted: a finished notebook version, or the table that it wrote; how many submissions are left today.

A code competition runs the notebook again on its hidden test. Others score a file: there the kernel's table is fetched,
checked and uploaded.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from kaggle_utils import competitions
from kaggle_utils.platform import runtime
from kaggle_utils.platform.push.client import KaggleFailure, ask
from kaggle_utils.tasks.competition import SUBMISSION
from kaggle_utils.tasks.submission import read_answers


def submit(competition: str, kernel: str, version: int, message: str = "") -> str:
    """Submits an output file of a kernel version (owner/slug) that has completed; what Kaggle says.

    competition: its slug. Raises KaggleFailure, when no submission is left today among others.
    """
    order = {"competition": competition, "kernel": kernel, "version": version, "file": SUBMISSION}
    return _asked("submit", competition, kernel, version, message, order)


def takes_a_file(competition: str) -> bool:
    """Whether a competition, by the name of its kernels, scores an uploaded table and runs no notebook again.

    >>> takes_a_file("clouds"), takes_a_file("reef"), takes_a_file("of-somebody-else")
    (True, False, False)
    """
    try:
        return not competitions.find(competition).CODE
    except ValueError:  # nobody here knows it
        return False


def check(competition: str, table: Path) -> str:
    """ValueError with all that is wrong with a submission for the test at home; else what was seen, in words.

    competition: the name of its kernels. Without its data here nothing can be said of rows that are missing.
    """
    found = competitions.find(competition)
    folder, items = runtime.competition_dir(found.SLUG), None
    if folder is not None:
        with suppress(FileNotFoundError):  # a folder of something else
            items = found.test(folder)
    if items is None:
        return f"{table.name} was checked by the notebook; {found.SLUG} is not here (KAGGLE_UTILS_INPUT) to check it again"
    content = read_answers(found, items, table)
    return f"{table.name}: {len(content)} rows, nothing is wrong with them"


def submit_file(competition: str, table: Path, kernel: str, version: int, message: str = "") -> str:
    """Uploads the table that a kernel version (owner/slug) wrote; what Kaggle says.

    competition: its slug. Raises KaggleFailure, when no submission is left today among others.
    """
    return _asked("submit_file", competition, kernel, version, message, {"competition": competition, "path": str(table)})


def _asked(call: str, competition: str, kernel: str, version: int, message: str, order: dict) -> str:
    try:
        return ask(call, **order, message=message or f"{kernel} version {version}").get("message", "submitted")
    except KaggleFailure as failure:
        advice = "; it may have been counted all the same" if failure.uncertain else ""
        text = f"{kernel} version {version} was not submitted to {competition}: {failure}{advice}"
        raise KaggleFailure(failure.kind, text, failure.status) from None


def remaining(competition: str) -> int:
    """Submissions the account's team has left today (UTC); KaggleFailure when Kaggle does not say."""
    return ask("allowance", competition=competition)
