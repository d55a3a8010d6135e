"""Which technique is worth what: candidate decisions on out-of-fold predictions, each cut without seeing its frames.

A candidate's boxes are cut in each part where the *other* parts have their best cut, so no figure here was fitted on
the frames it is measured on. Matched with the truth once, its cuts and counts are sums: what is chosen where a part is
not looked at costs no second matching. Units are sequences; :class:`kaggle_utils.evidence.candidates.Choice` compares.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from kaggle_utils.boxes.attention import attend
from kaggle_utils.boxes.cuts import Matched
from kaggle_utils.boxes.fusion import fuse
from kaggle_utils.boxes.seqnms import seq_nms
from kaggle_utils.boxes.table import Boxes
from kaggle_utils.boxes.tracking import rescore, track
from kaggle_utils.evidence.candidates import Candidate, built_on, judged_by_parts
from kaggle_utils.tasks.boxes.decision import Decision, split_settings, uncut
from kaggle_utils.tasks.boxes.out_of_fold import OutOfFold
from kaggle_utils.tasks.merges import groups_of_sets

Settings = Mapping[str, Any]


def candidate(judged: OutOfFold, decision: Decision) -> Candidate:
    """A decision, its cut fitted on all frames, with what it is worth."""
    return candidate_of(judged, uncut(decision, judged.sets, judged.clips, judged.size), decision)


def candidate_of(judged: OutOfFold, boxes: Boxes, decision: Decision | None = None) -> Candidate:
    """What boxes are worth that are not cut yet, by whatever rule they came about: its own, or one that looks ahead.

    A part that is left out, and the one that it judges then, have no say in a cut; of two parts each is cut by its own.
    """
    matched, part, of_unit = Matched.of(judged.truth, boxes, thresholds=judged.thresholds), judged.part, judged.ground.part
    unit, units = judged.unit, len(of_unit)
    cuts: dict[frozenset[int], float] = {}

    def counts(left_out: frozenset[int]) -> np.ndarray:
        """(units, T + 2) with the cut that is best where these parts are not looked at."""
        if left_out not in cuts:
            cuts[left_out] = matched.best_cut(~np.isin(part, list(left_out)))[0]
        return matched.counts(boxes.score >= cuts[left_out], unit, units)

    fitted = judged.ground.total(counts(frozenset()))
    return Candidate(decision and decision.with_cut(cuts[frozenset()]), fitted, *judged_by_parts(counts, of_unit))


def alone(judged: OutOfFold, iou: float, engine: str | None = None) -> dict[str, Candidate]:
    """Each prediction set by itself; iou, engine: of the NMS that makes one box of those that overlap in it."""
    fusion = {"method": "nms", "iou": iou, "engine": engine}
    return {name: candidate(judged, Decision((name,), fusion)) for name in judged.sets}


def fused(judged: OutOfFold, methods: Sequence[str], iou: float, engine: str | None = None) -> dict[str, Candidate]:
    """Sets fused by each method: each member's, each view's, all, and all but one member's.

    methods, iou, engine: as for :func:`kaggle_utils.boxes.fusion.fuse`
    """
    how = {"iou": iou, "engine": engine}
    return {
        f"{method} of {title}": candidate(judged, Decision(sets, {"method": method, **how}))
        for title, sets in groups_of_sets(list(judged.sets)).items()
        for method in methods
    }


def over_time(
    judged: OutOfFold, base: Candidate, attention: Settings | None, tracking: Settings | None
) -> dict[str, Candidate]:
    """Rules over frames put on a decision, those that are not None and both: of a frame only earlier ones are known."""
    ways = {"attention": {"attention": attention}, "tracking": {"tracking": tracking}}
    ways = {name: way for name, way in ways.items() if next(iter(way.values())) is not None}
    if len(ways) == 2:
        ways["attention, then tracking"] = {"attention": attention, "tracking": tracking}

    def build(decision: Decision) -> dict[str, Candidate]:
        return {name: candidate(judged, replace(decision, **way)) for name, way in ways.items()}

    return built_on(base, build, judged.ground)


def looking_ahead(
    judged: OutOfFold, decision: Decision, attention: Settings | None, tracking: Settings | None
) -> dict[str, np.ndarray]:
    """Name -> counts of rules that know later frames, too: for comparison, a submission is shown one frame at a time.

    On a decision without its own rules over frames.
    """
    boxes = uncut(replace(decision, attention=None, tracking=None), judged.sets, judged.clips, judged.size)
    linking, rules = split_settings(tracking or {})
    links = track(boxes, judged.clips, **linking)
    every = fuse([judged.sets[name] for name in judged.sets], "nms", iou=0.9)
    ahead = {
        "attention, looks ahead": attend(boxes, judged.clips, **{**(attention or {}), "ahead": 3}),
        "tracks, look ahead": rescore(links, **rules, tails=False),
        "tracks of 3 and more, look ahead": rescore(links, **rules, min_length=3, tails=False),
        "Seq-NMS of all, looks ahead": seq_nms(every, judged.clips),
    }
    return {name: candidate_of(judged, own).counts for name, own in ahead.items()}
