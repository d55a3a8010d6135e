"""Weights of the prediction sets in a fusion, searched, and what they are worth when nothing has seen the answer.

The search fuses the surer boxes alone; it only has to tell which of two ensembles is better, each at its best cut, so
the cut is found with the weights. What it finds is judged with all boxes, nested: a frame is answered by weights *and* a
cut that come from the other parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kaggle_utils.boxes.f2 import f2_from_counts
from kaggle_utils.boxes.fusion import fuse
from kaggle_utils.boxes.matching import match
from kaggle_utils.boxes.table import Boxes
from kaggle_utils.evidence.candidates import Candidate, nested
from kaggle_utils.evidence.crossfit import CrossFit
from kaggle_utils.evidence.weights import select_weights
from kaggle_utils.tasks.boxes.candidates import candidate
from kaggle_utils.tasks.boxes.decision import Decision
from kaggle_utils.tasks.boxes.out_of_fold import OutOfFold

_CUTS = 200  # that the search tries of an ensemble
_FEWEST = 0.05  # boxes kept by the highest of them, as a share of the true ones


def searched_weights(
    judged: OutOfFold,
    fusion: Mapping[str, Any],
    floor: float = 0.05,
    rounds: int = 10,
    progress: str | None = None,
) -> CrossFit:
    """Weights of all sets in a fusion, by :func:`kaggle_utils.evidence.weights.select_weights`.

    fusion: of :func:`kaggle_utils.boxes.fusion.fuse`, without weights; floor: boxes of a lower confidence are left out
    The figures are those of the search, each at a cut that was fitted on the very frames. ``decisions`` are by number of
    the part, in ascending order.
    """
    part = np.unique(judged.part, return_inverse=True)[1]
    sure = {name: boxes[boxes.score >= floor] for name, boxes in judged.sets.items()}

    def counts(weights: np.ndarray) -> np.ndarray:
        fused = (_fused(sure, decision_of(list(sure), fusion, one)) for one in weights)
        return np.stack([_counts_at_cuts(judged.truth, boxes, part, judged.thresholds) for boxes in fused])

    return select_weights(counts, len(sure), _best_f2, rounds, progress)


def decision_of(sets: list[str], fusion: Mapping[str, Any], weights: Any) -> Decision:
    """The fusion of the sets that have a weight above 0.

    >>> decision_of(["a", "b", "c"], {"method": "wbf"}, (2, 0, 1))
    Decision(sets=('a', 'c'), fusion={'method': 'wbf', 'weights': (2.0, 1.0)}, attention=None, tracking=None, cut=0.0)
    """
    kept = [(name, float(weight)) for name, weight in zip(sets, weights, strict=True) if weight]
    names, own = zip(*kept, strict=True)
    return Decision(names, {**fusion, "weights": own})


def _fused(tables: Mapping[str, Boxes], decision: Decision) -> Boxes:
    return fuse([tables[name] for name in decision.sets], **decision.fusion)


def _counts_at_cuts(truth: Boxes, boxes: Boxes, part: np.ndarray, thresholds: Sequence[float]) -> np.ndarray:
    """(G, C, 3) hits and, once for each of the T thresholds, true boxes and boxes kept, at cuts that keep more and more.

    part: (n_frames,) 0 to G - 1. Which cuts are looked at depends on the confidences alone.
    """
    matches, parts = match(truth, boxes, thresholds), int(part.max()) + 1
    fewest = max(1, round(_FEWEST * len(truth)))
    kept = np.geomspace(min(fewest, max(1, len(boxes))), max(1, len(boxes)), _CUTS).round().astype(int)
    falling = np.append(np.sort(-boxes.score), 0.0) if len(boxes) else np.zeros(2)
    cuts = falling[kept - 1]
    place = part[boxes.frame] * (_CUTS + 1) + np.searchsorted(cuts, -boxes.score)
    hits = np.bincount(place, np.bitwise_count(matches.hit), minlength=parts * (_CUTS + 1))
    there = np.bincount(place, minlength=parts * (_CUTS + 1)) * len(matches.thresholds)
    true = np.bincount(part[truth.frame], minlength=parts) * len(matches.thresholds)
    sums = [column.reshape(parts, -1)[:, :_CUTS].cumsum(1) for column in (hits, there)]
    return np.stack([sums[0], np.repeat(true[:, None], _CUTS, 1), sums[1]], axis=-1).astype(np.float64)


def _best_f2(sums: np.ndarray) -> float:
    """At the best cut; sums: (C, 3)."""
    values = f2_from_counts(*sums.T)
    return float(np.nanmax(values)) if np.isfinite(values).any() else 0.0


def judged_weights(judged: OutOfFold, weights: CrossFit, fusion: Mapping[str, Any]) -> Candidate:
    """The decision with the weights of all frames; the counts of a part come from the weights found without it.

    weights: of :func:`searched_weights`; fusion: as there
    """
    tried = dict.fromkeys([weights.decision, *weights.decisions.values()])
    found = {one: candidate(judged, decision_of(list(judged.sets), fusion, one)) for one in tried}
    return nested(found, weights, judged.ground)


def weighed(
    judged: OutOfFold, methods: Sequence[str], iou: float, engine: str | None = None, rounds: int = 10, progress: bool = True
) -> dict[str, Candidate]:
    """Sets fused by each method with searched weights; none where rounds are 0, or where there is one set.

    methods, iou, engine: as for :func:`kaggle_utils.boxes.fusion.fuse`
    """
    found = {}
    for method in methods if rounds and len(judged.sets) > 1 else ():
        fusion = {"method": method, "iou": iou, "engine": engine}
        weights = searched_weights(judged, fusion, rounds=rounds, progress=f"weights, {method}" if progress else None)
        found[f"{method}, searched weights"] = judged_weights(judged, weights, fusion)
    return found
