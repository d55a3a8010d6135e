"""Parameters of a training: the detector's, and how it is asked afterwards.

A view is a name of :mod:`kaggle_utils.images.views`, and after ``@`` how many times the input size the model
looks at: ``hflip``, ``identity@1.25``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from pathlib import Path

from kaggle_utils.detector.parameters import DetectorParameters
from kaggle_utils.images.views import VIEWS

STRIDE = 32  # of the models: sizes other than the training's are multiples of it


@dataclass(frozen=True)
class BoxParameters(DetectorParameters):
    """What one training of a fold needs to know, and what is predicted with its model."""

    # predictions, all on frames the model has not seen; more cost time, and change nothing in what is learnt
    prediction_sets: tuple[str, ...] = ("identity", "hflip", "identity@1.25")  # @: times the input size
    # other members
    start_from: str = ""  # one with whose weights of the same fold this one begins
    learns_from: str = ""  # one whose boxes in frames without truth are learnt like true ones
    pseudo_from: float = 0.5  # score from which such a box counts

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.start and self.start_from:
            raise ValueError(f"start is {self.start!r} and start_from {self.start_from!r}, expected one of both")
        if isinstance(self.prediction_sets, str) or not self.prediction_sets:
            raise ValueError(f"prediction_sets is {self.prediction_sets!r}, expected some such as ('identity', 'hflip')")
        for view in self.prediction_sets:
            asked_at(view, self.imgsz)

    @property
    def detector(self) -> DetectorParameters:
        """Those that the detector is trained with."""
        return DetectorParameters(**{one.name: getattr(self, one.name) for one in fields(DetectorParameters)})


def asked_at(view: str, imgsz: int) -> tuple[str, int]:
    """(name of the view, longer side in pixels at which the model looks); imgsz: what it is trained at.

    >>> asked_at("hflip", 832), asked_at("identity@1.25", 832)
    (('hflip', 832), ('identity', 1024))
    >>> asked_at("identity@1920", 1280)
    Traceback (most recent call last):
    ValueError: prediction set is 'identity@1920', expected a view of identity, hflip, vflip, rot180, transpose, rot90, rot270, antitranspose, and @ a factor up to 8
    """  # noqa: E501
    name, at, factor = view.partition("@")
    if name not in VIEWS or (at and not (re.fullmatch(r"\d+(\.\d+)?", factor) and 0 < float(factor) <= 8)):
        known = f"a view of {', '.join(VIEWS)}, and @ a factor up to 8"
        raise ValueError(f"prediction set is {view!r}, expected {known}")
    return name, round(imgsz * float(factor) / STRIDE) * STRIDE if at else imgsz


def member_name(model: str) -> str:
    """What a member is called that is named after its model alone, a name or the path of a YAML file.

    >>> member_name("yolov5s+p2"), member_name("models/Mine.yaml")
    ('yolov5sp2', 'mine')
    """
    return re.sub(r"[^a-z0-9]", "", (Path(model).stem if model.endswith((".yaml", ".yml")) else model).lower())
