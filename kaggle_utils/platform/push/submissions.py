"""What is submitted: a finished notebook version, or the table that it wrote; how many submissions are left today.

A code competition runs the notebook again on its hidden test. Others score a file: the kernel's table is fetched, checked
and uploaded. Digest and version stand in the submission's message, so that Kaggle's list tells what was submitted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from kaggle_utils import competitions
from kaggle_utils.platform import runtime
from kaggle_utils.platform.client.calls import KaggleFailure, all_rows, ask, request
from kaggle_utils.platform.client.once import once
from kaggle_utils.platform.kernels.chain import Stage
from kaggle_utils.platform.push.order import Order
from kaggle_utils.platform.push.outputs import home_of
from kaggle_utils.platform.push.sending import patiently
from kaggle_utils.platform.push.versions import Version
from kaggle_utils.tasks.competition import SUBMISSION
from kaggle_utils.tasks.submission import read_answers

_UPLOAD_S = 3600.0  # a table may have 100 MB, a line at home 1 Mbit/s
_SERVICE = "competitions.CompetitionApiService"


def submit(competition: str, found: Stage, version: Version, order: Order) -> None:
    """Submits a complete version, or the table that it wrote, unless Kaggle's list has it already; reports what it says.

    competition: its slug. Raises ValueError for a table with faults, KaggleFailure when none is left today, among others.
    """
    table = _written(found, version, order)
    uploads = takes_a_file(found.competition)
    if uploads:
        order.report(check(found.competition, table))
    sign = f"[{version.mark.digest}.{version.version}]"

    def there() -> tuple[str | None, int]:
        rows = [row for row in _listed(competition) if sign in row[0]]
        return f"{version} is submitted already: {rows[0][2]}, {rows[0][1]}" if rows else None, len(rows)

    def sent(keep: Sequence[int]) -> str:
        text = f"{sign} {order.message or version}"  # a long one may be cut at its end
        if uploads:
            answer = ask("submit_file", _UPLOAD_S, keep, competition=competition, message=text, path=str(table))
        else:
            owner, slug = version.kernel.split("/")
            what = {"kernelOwner": owner, "kernelSlug": slug, "kernelVersion": version.version, "fileName": SUBMISSION}
            what |= {"competitionName": competition, "submissionDescription": text}
            answer = request(f"{_SERVICE}/CreateCodeSubmission", keep, **what)
        if not answer.get("message"):
            raise KaggleFailure("unreachable", "what came is no answer of Kaggle's")
        return answer["message"]

    try:
        path = order.locks / f"{competition}-submission"
        order.report(patiently(lambda: once(path, sign, there, sent, order.report), order))
    except KaggleFailure as failure:
        text = f"{version} was not submitted to {competition}: {failure}; the same command submits it once"
        raise KaggleFailure(failure.kind, text, failure.status) from None
    order.report(_rest_of_the_day(competition))


def _listed(competition: str) -> list[list[str]]:
    """Message, status and date of all submissions, the latest first."""
    rows = all_rows(f"{_SERVICE}/ListSubmissions", "submissions", competitionName=competition)
    return [[str(row.get(key) or "") for key in ("description", "status", "date")] for row in rows]


def _written(found: Stage, version: Version, order: Order) -> Path:
    """The table that a kernel wrote; KaggleFailure when it wrote none, if what was fetched can tell."""
    folder = home_of(found, version.kernel, order.runs)
    if not (folder / SUBMISSION).is_file() and re.search(order.files or "", SUBMISSION):
        wrote = ", ".join(sorted(path.name for path in folder.rglob("*") if path.is_file())) or "nothing"
        raise KaggleFailure("run", f"{version} wrote no {SUBMISSION}, so nothing was submitted; it wrote {wrote}")
    return folder / SUBMISSION


def _rest_of_the_day(competition: str) -> str:
    try:
        limits = request(f"{_SERVICE}/GetSubmissionLimits", competitionName=competition)
        return f"submissions left today: {limits.get('numAllowedNow', 0)}"  # the team's, until midnight UTC
    except KaggleFailure as failure:
        return f"it is submitted; how many submissions are left today was not told: {failure}"


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
    folder, items = runtime.competition_dir(found.SLUG, found.DATASETS), None
    if folder is not None:
        with suppress(FileNotFoundError):  # a folder of something else
            items = found.test(folder)
    if items is None:
        return f"{table.name} was checked by the notebook; {found.SLUG} is not here (KAGGLE_UTILS_INPUT) to check it again"
    content = read_answers(found, items, table)
    return f"{table.name}: {len(content)} rows, nothing is wrong with them"
