"""Questions that diaries ask again and again, each answered in a sentence by a number of the run at hand."""

from __future__ import annotations

from collections.abc import Sequence

from kaggle_utils.evidence.candidates import Candidate
from kaggle_utils.evidence.intervals import Interval
from kaggle_utils.labels.metrics import LabelMetric, fbeta_from_counts, label_counts
from kaggle_utils.labels.search import MEAN_F2
from kaggle_utils.tasks.labels.candidates import decided_by
from kaggle_utils.tasks.labels.decision import Decision
from kaggle_utils.tasks.labels.out_of_fold import OutOfFold
from kaggle_utils.tasks.runs import Runs

MACRO_F1 = LabelMetric("macro", beta=1)


def questions(judged: OutOfFold, decision: Decision, runs: Runs) -> list[str]:
    """A threshold a label? Focal loss? Imbalance? Macro or weighted? Out of fold, gains over the same resampled groups.

    decision: that stands; runs: what members were trained with. A question that no member was trained for says so.
    """
    return [
        _threshold_a_label(judged, decision.sets),
        *_of_members(judged, runs, "Focal loss?", "loss", "focal"),
        *_of_members(judged, runs, "Weighing rare labels more?", "balance", 0.5),
        _macro_or_weighted(judged, decision),
    ]


def what_next(judged: OutOfFold, decision: Decision, classes: Sequence[str], weakest: str) -> str:
    """One line: which labels lose most, and what is worth a try against it; weakest: a sentence on the weakest part."""
    common, given, true = label_counts(judged.truth, decision.labels(judged.of(decision.sets)), axis=0).T
    missed, invented = true - common, given - common
    worst = [f"{classes[i]} ({missed[i]} missed, {invented[i]} invented)" for i in (-missed - invented / 4).argsort()[:3]]
    more = missed.sum() > invented.sum() / 4  # what a label too few costs in F2
    way = "more weight for rare labels (balance), a larger network" if more else "calibration, another loss"
    return f"what to try next: {', '.join(worst)} lose most: {way}, eight views; {weakest}"


def _threshold_a_label(judged: OutOfFold, sets: Sequence[str]) -> str:
    one, each = (decided_by(judged, sets, way, MEAN_F2) for way in ("one cut", "cut per label"))
    gain, score = judged.ground().gain(each.counts, one.counts), judged.ground().total
    flattered = f"{each.fitted:.4f} against {one.fitted:.4f} of one for all where they were fitted"
    honest = f"{score(each.counts):.4f} against {score(one.counts):.4f} elsewhere"
    return f"A threshold a label? {flattered}, {honest}, {_said(gain)}."


def _of_members(judged: OutOfFold, runs: Runs, question: str, name: str, asked: str | float) -> list[str]:
    """A sentence a member that has this parameter, where the first has not: F2 and macro F1, each by its own threshold."""
    first = runs.sets[judged.sets[0]].member
    firsts = {runs.sets[one].member: one for one in reversed(judged.sets)}  # the first set of each
    having = [one for one in firsts if _has(runs, one, name, asked) and not _has(runs, first, name, asked)]
    if not having:
        example = {first: {}, "other": {name: asked}}
        return [f"{question} No member was trained with it, beside {first} without: members={example}."]
    told = []
    for member in reversed(having):
        gains = {str(metric): _gain(judged, firsts[member], firsts[first], metric) for metric in (MEAN_F2, MACRO_F1)}
        told.append(f"{question} {member} against {first}: " + "; ".join(f"{key} {_said(g)}" for key, g in gains.items()) + ".")
    return told


def _has(runs: Runs, member: str, name: str, asked: str | float) -> bool:
    value = runs.parameters(member).get(name)
    return asked in value if isinstance(asked, str) else bool(value)


def _gain(judged: OutOfFold, one: str, other: str, metric: LabelMetric) -> Interval:
    both: list[Candidate] = [decided_by(judged, (name,), "one cut", metric) for name in (one, other)]
    return judged.ground(metric).gain(both[0].counts, both[1].counts)


def _macro_or_weighted(judged: OutOfFold, decision: Decision) -> str:
    given = decision.labels(judged.of(decision.sets))
    f1, true = fbeta_from_counts(label_counts(judged.truth, given, axis=0), beta=1), judged.truth.sum(0)
    rare = true < 0.05 * len(judged.truth)
    macro, weighted = f1.mean(), (f1 * true).sum() / max(true.sum(), 1)
    share = true[rare].sum() / max(true.sum(), 1)
    parts = [f"{f1[some].mean():.3f}" if some.any() else "none" for some in (rare, ~rare)]
    why = f"{rare.sum()} of {len(true)} labels are on less than one item in 20, {share:.1%} of all that are true"
    told = f"Macro or weighted? F1 {macro:.3f} macro, {weighted:.3f} weighted: {why}"
    return f"{told}; their mean F1 is {parts[0]}, the others' {parts[1]}."


def _said(gain: Interval) -> str:
    sure = "yes" if gain.low > 0 else "no" if gain.high < 0 else "these items do not say"
    return f"{gain.value:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}], {sure}"
