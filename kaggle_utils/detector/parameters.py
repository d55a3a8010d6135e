"""Every switch of the detector's training, with its default and its reason.

The defaults are for a competition on one 16 GB card. A competition's preset replaces them for its built-in
sample, which is for seeing the whole chain work on two CPU cores. A notebook's own choice beats both. The diary
records what differs from the defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from kaggle_utils.evidence.diary import changed
from kaggle_utils.files import plain
from kaggle_utils.learning.augment import PIXEL_SETS, known_sets
from kaggle_utils.learning.own import is_own
from kaggle_utils.learning.parameters import given


@dataclass(frozen=True)
class DetectorParameters:
    """What one training of a fold needs to know."""

    # the model
    model: str = "yolov5s"  # family and size, '+p2' for a stride-4 head, or a YAML file
    start: str = ""  # weights to start from: a local file; empty: random
    prior: float = 0.03  # score that a new head starts with everywhere; ultralytics' .001 costs hundreds of steps
    imgsz: int = 1280  # longer side in training, pixels; the competition's teams went up to 3648
    # the schedule
    epochs: int = 20  # passes over the training frames
    trial: int = 0  # a rehearsal's: end each stage after so many epochs; 0: no trial
    batch: int = 8  # frames a step, shared by cards that train one model; -1 measures what fits one card's memory
    optimizer: str = "AdamW"  # SGD, Adam, AdamW, ...
    lr: float = 1e-3  # first learning rate, falls to 1 % of it in a cosine
    warmup_epochs: float = 1.0  # rate rises from 0 over these
    freeze: int = 0  # first layers kept as they are; the backbone has 10
    patience: int = 10  # epochs without a better score before it stops
    validate_every: int = 1  # epochs between two validations
    chain: tuple[dict[str, Any], ...] = ({},)  # stages, each overrides the above and starts from the one before
    # the frames
    empties: float = 1.0  # frames without boxes, as a share of those with boxes; 0: frames with boxes only
    # augmentation
    crop: int = 0  # train on square windows of so many pixels of the resized frame; 0: whole frames; 1st place: 512x320
    mosaic: float = 0.5  # probability of four frames in one
    scale: float = 0.5  # zoom by 1 +- this
    translate: float = 0.1  # shift, fraction of the frame
    fliplr: float = 0.5
    flipud: float = 0.5  # a camera that looks down has no up
    rotate90: float = 0.5  # probability of a quarter turn; 2nd place: +.02
    hsv: tuple[float, float, float] = (0.015, 0.5, 0.4)  # hue, saturation, value, as fractions
    augmentations: str = "none"  # a named set of kaggle_utils.learning.augment
    paste: float = 0.0  # probability of objects pasted into an empty frame
    paste_blend: str = "alpha"  # alpha, or poisson, the 5th place's way
    # validation and out-of-fold predictions
    min_score: float = 0.01  # the decision is made later, so keep nearly everything
    nms_iou: float = 0.6  # of two boxes that overlap more, the lower is dropped
    # the machine
    seed: int = 0  # covers the data order, augmentation and initial weights on one device
    workers: int = 2  # decoding processes; on a CPU ultralytics uses none
    cache: bool = False  # keep resized frames in memory: 2.8 MB each at 1280, so for small data only
    reserve: float = 300.0  # seconds before the session's end that are not trained into
    hours: float = 0.0  # the epoch in which this is over is a stage's last; 0: no limit

    def __post_init__(self) -> None:
        if len(tuple(self.hsv)) != 3:
            raise ValueError(f"hsv is {self.hsv!r}, expected three fractions: hue, saturation, value")
        if is_own(self.model) or is_own(self.augmentations):
            raise ValueError(f"{self.model!r}, {self.augmentations!r}: a detector is ultralytics', own.py has no say in it")
        known_sets(self.augmentations, PIXEL_SETS)
        known = [f.name for f in fields(DetectorParameters)]
        if isinstance(self.chain, Mapping) or not self.chain:
            raise ValueError(f"chain is {self.chain!r}, expected stages such as ({{'imgsz': 640}}, {{'imgsz': 1280}})")
        for number, stage in enumerate(self.chain):
            wrong = [name for name in stage if name not in known or name == "chain"]
            if wrong:
                raise ValueError(f"stage {number} of chain sets {wrong[0]!r}, expected some of {', '.join(known)}")

    @classmethod
    def chosen(cls, names: Mapping[str, Any], preset: Mapping[str, Any] | None = None) -> DetectorParameters:
        """Parameters from a notebook's variables: those named here that are set and not None.

        names: for instance a notebook's ``globals()``; preset: replaces defaults, not choices

        >>> from kaggle_utils.detector.parameters import DetectorParameters
        >>> DetectorParameters.chosen({"imgsz": 640, "lr": None, "other": 1}, {"lr": 0.1}).changed()
        {'imgsz': 640, 'lr': 0.1}
        """
        return cls(**given(names, preset, [f.name for f in fields(cls)]))

    def plain(self) -> dict[str, Any]:
        """All of them by name, in JSON's own types; the class takes them back."""
        return plain(asdict(self))

    def changed(self) -> dict[str, Any]:
        """Names and values that differ from the defaults."""
        return changed(self.plain(), type(self)().plain())
