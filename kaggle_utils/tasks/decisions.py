"""decision.json and validation.json: what stage 3 decided, what it is worth, and what a run says of both.

One layout for all kinds: the kind's own decision as a mapping, and beside it the figures, each under the name that
pages and the command line give it. The figure that counts is what the same choice gives when it is made anew without
each fold; those that flatter stand beside it and are called so.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kaggle_utils.files import figure, json_text, plain, replacing
from kaggle_utils.tasks.competition import SUBMISSION
from kaggle_utils.tasks.faults import read_texts
from kaggle_utils.tasks.runs import require_same_source

if TYPE_CHECKING:
    import numpy as np

    from kaggle_utils.evidence.candidates import Choice
    from kaggle_utils.evidence.medals import Medals
    from kaggle_utils.tasks.competition import Competition, Items


@dataclass(frozen=True)
class Worth:
    """What a decision is worth, out of fold.

    name: of the candidate that stands
    score, low, high: of the whole decision made and fitted anew without each part, with its 95 % interval
    candidate: the standing one's own figure, fitted without each part, but chosen with all
    fitted: its figure on the items it was fitted on
    over: what the first figure is compared with, such as {"all empty": (.4665, gain over it, low, high)}
    remarks: further lines for the summary
    """

    name: str
    score: float
    low: float
    high: float
    candidate: float
    fitted: float
    over: Mapping[str, tuple[float, float, float, float]] = field(default_factory=dict)
    remarks: Sequence[str] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "over", {name: tuple(map(figure, four)) for name, four in self.over.items()})
        object.__setattr__(self, "remarks", tuple(self.remarks))

    @classmethod
    def of(cls, choice: Choice, beside: Mapping[str, np.ndarray] | None = None, remarks: Sequence[str] = ()) -> Worth:
        """Of what stands after some steps; beside: name -> counts that it is compared with, besides the baseline's."""
        ground, counts, value = choice.ground, choice.counts, choice.worth
        compared = {} if choice.name == choice.baseline else {choice.baseline: choice.known[choice.baseline].counts}
        gains = {name: (ground.total(one), ground.gain(counts, one)) for name, one in (compared | dict(beside or {})).items()}
        over = {name: (score, gain.value, gain.low, gain.high) for name, (score, gain) in gains.items()}
        own = ground.total(choice.candidate.counts)
        return cls(choice.name, value.value, value.low, value.high, own, choice.candidate.fitted, over, remarks)

    def lines(self, metric: str, unit: str) -> list[str]:
        """The honest figure, what it is compared with, and those that flatter, each called so.

        >>> worth = Worth("wbf", 0.48, 0.12, 0.72, 0.6677, 0.6738, {"nms": (0.47, 0.01, -0.1, 0.2)})
        >>> print(*worth.lines("F2", "frame"), sep="\\n")
        F2 0.4800 [0.1200, 0.7200] of wbf, chosen and fitted without the frames it is judged on
        gain on nms (0.4700): +0.0100 [-0.1000, +0.2000]
        flattering: 0.6677 of wbf, chosen with all frames; 0.6738 where its rule is fitted on them, too
        (of one model a frame: a submission that averages the folds' models usually does better)
        """
        honest = f"{metric} {self.score:.4f} [{self.low:.4f}, {self.high:.4f}] of {self.name}"
        lines = [f"{honest}, chosen and fitted without the {unit}s it is judged on"]
        for name, (score, gain, low, high) in self.over.items():
            warning = f": WARNING, the honest figure does not lie above that of {name}" if gain <= 0 else ""
            lines.append(f"gain on {name} ({score:.4f}): {gain:+.4f} [{low:+.4f}, {high:+.4f}]{warning}")
        chosen = f"{self.candidate:.4f} of {self.name}, chosen with all {unit}s; "
        lines += [
            f"flattering: {chosen}{self.fitted:.4f} where its rule is fitted on them, too",
            f"(of one model a {unit}: a submission that averages the folds' models usually does better)",
        ]
        return [*lines, *self.remarks]


def write_decision(path: Path, decision: Mapping[str, Any], worth: Worth, weights: Mapping[str, Any], **facts: Any) -> None:
    """``decision.json``.

    decision: the kind's own, plain values; weights: fingerprints of those it was measured with
    facts: sample, smoke, data (the version), run (the diary's), table (of candidates), and what else is plain
    """
    content = {"decision": decision, "worth": asdict(worth), "weights": weights, **facts}
    with replacing(path) as partial:
        partial.write_text(json_text(content, indent=1) + "\n")


def read_decision(
    path: Path, sample: bool | None = None, smoke: bool | None = None
) -> tuple[dict[str, Any], Worth, dict[str, Any]]:
    """The inverse of :func:`write_decision`: (the kind's decision, its worth, the facts with ``weights``).

    sample, smoke: of what the data and the run in use are; None: whatever the decision was made from
    Raises ValueError for a file that is no decision, or one made from other data.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_decision(Path(folder, "d.json"), {"cut": 0.5}, Worth("nms", 0.6, 0.5, 0.7, 0.61, 0.62), {}, sample=True)
    ...     decision, worth, facts = read_decision(Path(folder, "d.json"))
    ...     print(decision, worth.name, facts)
    {'cut': 0.5} nms {'weights': {}, 'sample': True}
    """
    facts = json.loads(Path(path).read_text())
    if not {"decision", "worth", "weights"} <= facts.keys():
        raise ValueError(f"{path} holds {sorted(facts)}, expected a decision as 3_decide writes it")
    require_same_source(facts, sample, path, smoke)
    worth = facts.pop("worth")
    return facts.pop("decision"), Worth(**{name: figure(value) for name, value in worth.items()}), facts


def write_validation(folder: Path, metric: str, score: float, items: int, **facts: Any) -> None:
    """``validation.json``: the submission notebook's own score on items that its models have not seen."""
    with replacing(folder / "validation.json") as partial:
        partial.write_text(json_text({"metric": metric, "score": score, "items": items, **plain(facts)}, indent=1) + "\n")


def summary(
    competition: Competition, runs: Path, hidden: Items | None, stages: Collection[str], medals: Medals | None = None
) -> list[str]:
    """Lines about the stages named, in order, each made of what a stage left.

    runs: the competition's folder of runs, a folder for each stage; hidden: the hidden test with its truth, None where
    that is not known; stages: those that have just run: figures that others left earlier are not told
    medals: the private leaderboard's lines, where the decision would stand unless it was made from a sample or by a smoke run
    """
    lines, unit, metric = [], competition.UNIT, competition.KIND.METRIC
    decision, answer = runs / "3_decide" / "decision.json", runs / "4_submit"
    if "3_decide" in stages and decision.is_file():
        _, worth, facts = read_decision(decision)
        first, *others = worth.lines(metric, unit)
        lines += [f"out-of-fold {first}", *others]
        if medals and not facts.get("sample", True) and not facts.get("smoke"):
            lines += medals.lines(worth.score, worth.low, worth.high)
    if "4_submit" not in stages:
        return lines
    validation, submission = answer / "validation.json", answer / SUBMISSION
    if validation.is_file():
        v = json.loads(validation.read_text())
        lines.append(f"validation {v['metric']}:  {figure(v['score']):.4f} of the submission notebook on {v['items']} {unit}s; "
                     "flattering: the decision was fitted on them, too")
    if submission.is_file():
        if hidden is not None:
            card = competition.score(hidden, read_texts(submission))
            lines.append(f"hidden-test {metric}: {card.short}")
        lines.append(f"submission:     {submission}")
    return lines
