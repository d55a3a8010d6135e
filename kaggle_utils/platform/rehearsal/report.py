"""A rehearsal in lines of text: what it measured, what that comes to on Kaggle, what is wrong."""

from __future__ import annotations

from kaggle_utils.platform.rehearsal import sandbox
from kaggle_utils.platform.rehearsal.projection import gigabytes
from kaggle_utils.platform.rehearsal.quota import Quota
from kaggle_utils.platform.rehearsal.session import Run
from kaggle_utils.platform.rehearsal.session_faults import Finding
from kaggle_utils.platform.rehearsal.submission import SubmissionReport
from kaggle_utils.platform.rehearsal.training import UNLIKE, TrainingReport
from kaggle_utils.platform.runtime import Limits
from kaggle_utils.tasks.competition import Competition


def projection_findings(report: SubmissionReport, contest: Competition, limits: Limits, like_kaggle: bool) -> list[Finding]:
    """Findings about the real hidden test: too slow, too much output.

    like_kaggle: whether this machine has what the kernel asks for; if it has not, slowness is a note
    """
    found = []
    if report.cost is None or report.output is None:
        return found
    hours = report.cost.at(contest.HIDDEN_ITEMS) / 3600
    size = report.output.at(contest.HIDDEN_ITEMS)
    many = f"{contest.HIDDEN_ITEMS:,} {contest.UNIT}s"
    if hours > limits.hours:
        who = "the rerun" if contest.CODE else "a session"
        slow = f"too slow: {many} would take {duration(3600 * hours)}, {who} has {limits.hours:g} h"
        found.append(Finding(slow + ("" if like_kaggle else UNLIKE), like_kaggle))
    if size > limits.output:
        much = f"{many} would write {gigabytes(size)}, Kaggle keeps {gigabytes(limits.output)}"
        found.append(Finding(f"too much output: {much}"))
    return found


def submission_lines(report: SubmissionReport, contest: Competition, limits: Limits) -> list[str]:
    """What was measured, a line a fact."""
    lines = [f"run:         {report.items} {contest.UNIT}s in {duration(report.run.seconds)}"]
    if report.cost is not None:
        lines[0] += f": {report.cost.start:.1f} s to start and {1000 * report.cost.each:.0f} ms a {contest.UNIT}"
        hours = f"{duration(report.cost.at(contest.HIDDEN_ITEMS))} of {limits.hours:g} h"
        lines.append(f"projected:   {contest.HIDDEN_ITEMS:,} {contest.UNIT}s in {hours}, at this machine's speed")
    lines += [memory_line(report.run, limits), output_line(report.run, limits)]
    if report.submission is not None:
        rows = max(0, report.submission.count("\n") - 1)
        lines.append(f"submission:  {rows} rows" + ("" if report.score is None else ", {} {:.4f}".format(*report.score)))
    return lines


def training_lines(report: TrainingReport, unit: str, limits: Limits, left: Quota) -> list[str]:
    """What was measured, and what the whole training comes to; unit: what an item is called."""
    lines, cost = [f"run:         a trial on {report.tried.train} {unit}s in {duration(report.run.seconds)}"], report.cost
    if cost is not None:
        count, most = len(cost.sizes), max(size.train for size in cost.sizes.values())
        folds = f"{count} fold{'s' * (count != 1)} of {most:,} {unit}s an epoch"
        total, longest = (duration(3600 * hours) for hours in (cost.total, cost.longest))
        lines += [f"a {unit}:".ljust(13) + model.line() for model in cost.models]
        lines.append(f"projected:   {folds} in {total} of {limits.hours:g} h, one alone {longest}, at this machine's speed")
        lines.append(f"quota:       {left}")
        parts = sorted(cost.output.items(), key=lambda pair: -pair[1])
        output = f"{gigabytes(sum(cost.output.values()))} of {gigabytes(limits.output)}"
        lines.append(f"all output:  {output}: " + ", ".join(f"{kind} {gigabytes(size)}" for kind, size in parts))
    return [*lines, memory_line(report.run, limits), output_line(report.run, limits)]


def run_lines(run: Run, limits: Limits) -> list[str]:
    """What one run of a notebook took."""
    return [f"run:         {duration(run.seconds)}", memory_line(run, limits), output_line(run, limits)]


def memory_line(run: Run, limits: Limits) -> str:
    """Peaks against what a session has."""
    card = f"{gigabytes(run.gpu)} of the card's {gigabytes(limits.card)}" if run.gpu else "no GPU was used"
    return f"memory:      {gigabytes(run.host)} of {gigabytes(limits.host)}; {card}"


def output_line(run: Run, limits: Limits) -> str:
    """How much was written, and the three largest files."""
    names = ", ".join(f"{name} ({gigabytes(size)})" for name, size in run.written[:3]) or "nothing"
    more = f" and {len(run.written) - 3} more" if len(run.written) > 3 else ""
    return f"output:      {gigabytes(run.output)} of {gigabytes(limits.output)}: {names}{more}"


def surroundings(how: str | None) -> str:
    """How the session was made, or what of it was not."""
    return f"a fresh root ({how}): no network, inputs read-only" if how else f"note: {sandbox.WITHOUT}"


def duration(seconds: float) -> str:
    """A time as it is said.

    >>> duration(42.4), duration(600), duration(12_600)
    ('42 s', '10.0 min', '3.5 h')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
