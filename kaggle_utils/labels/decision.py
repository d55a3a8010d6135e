"""From the members' probabilities to labels: one decision, made of plain numbers, chosen once, applied anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kaggle_utils.labels.calibration import Calibration, calibrated
from kaggle_utils.labels.rules import LabelRule, labels_by_rule
from kaggle_utils.labels.stacking import Stack, mean_of, stacked, voted


@dataclass(frozen=True)
class LabelDecision:
    """How the probabilities of M members become labels, in this order.

    rule: what makes labels of probabilities
    weights: (M,) of the members' mean, or of their votes; None: all alike
    stack: a regression in place of the mean
    calibration: what the probabilities go through before the rule
    vote: the rule is asked of each member, and the labels that half of them give are taken
    """

    rule: LabelRule = LabelRule()
    weights: tuple[float, ...] | None = None
    stack: Stack | None = None
    calibration: Calibration | None = None
    vote: bool = False

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LabelDecision:
        """The inverse of ``dataclasses.asdict``, also after JSON, for decision.json.

        >>> import json
        >>> from dataclasses import asdict
        >>> one = LabelDecision(LabelRule((0.2,)), stack=Stack("ridge", ((1.0,),), (0.0,)))
        >>> LabelDecision.from_dict(json.loads(json.dumps(asdict(one)))) == one
        True
        """
        parts = {name: _tuples(value) for name, value in values.items()}
        for name, kind in (("rule", LabelRule), ("stack", Stack), ("calibration", Calibration)):
            if parts.get(name) is not None:
                parts[name] = kind(**parts[name])
        return cls(**parts)

    def __str__(self) -> str:
        """
        >>> print(LabelDecision(weights=(2, 1), calibration=Calibration("platt", ())))
        weights 2, 1; platt; highest expected F2
        """
        weights = [] if self.weights is None else [f"weights {', '.join(f'{weight:g}' for weight in self.weights)}"]
        steps = [str(step) for step in (self.stack, self.calibration) if step is not None]
        return "; ".join([*weights, *steps, *["votes"] * self.vote, str(self.rule)])


def _tuples(value: Any) -> Any:
    """Lists as tuples, down to the last."""
    if isinstance(value, Mapping):
        return {name: _tuples(part) for name, part in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, (list, tuple)) else value


def labels_by_decision(decision: LabelDecision, members: np.ndarray) -> np.ndarray:
    """(N, L) bool: the labels of N images.

    members: (M, N, L) probabilities; of one member (1, N, L)

    >>> members = np.array([[[0.9, 0.1]], [[0.7, 0.5]]])
    >>> labels_by_decision(LabelDecision(LabelRule((0.4,)), weights=(1, 3)), members)
    array([[ True,  True]])
    """
    if decision.vote:
        return voted(np.stack([labels_by_rule(decision.rule, member) for member in members]), decision.weights)
    one = mean_of(members, decision.weights) if decision.stack is None else stacked(decision.stack, members)
    return labels_by_rule(decision.rule, one if decision.calibration is None else calibrated(decision.calibration, one))
