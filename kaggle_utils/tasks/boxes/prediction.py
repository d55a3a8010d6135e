"""From frames as they come to the boxes that are answered, at home, in a rehearsal and in the scored rerun alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from kaggle_utils.boxes.clips import is_cut
from kaggle_utils.boxes.table import Boxes
from kaggle_utils.tasks.boxes.decision import Decision, FrameByFrame
from kaggle_utils.tasks.boxes.parameters import asked_at
from kaggle_utils.tasks.runs import Runs

if TYPE_CHECKING:
    from kaggle_utils.tasks.competition import Look


class Predictor:
    """Trained detectors and a decision, asked frame by frame; what it carries over ends at a cut between clips.

    runs: of the training stage; size: (width, height) of frames
    models: "first": the first fold's, the set-up that stage 3 measured; "all": every fold's, all their
        prediction sets fused; "full": those trained on all rows
    folds: those whose models are used
    """

    def __init__(
        self, runs: Runs, decision: Decision, size: tuple[int, int], models: str = "first", device: str = "cpu"
    ) -> None:
        from kaggle_utils.detector.inference import Detector

        self.folds = runs.folds_of(models)
        sets = runs.named(decision.sets)
        weights = {one.member: runs.weights(one.member, one.checkpoint, self.folds) for one in sets}
        self.detectors = {
            (member, fold): Detector.load(paths[fold], device) for member, paths in weights.items() for fold in self.folds
        }
        self._ways = []  # (detector, its view, longer side in pixels), in the order in which tables are fused
        for fold in self.folds:
            for one in sets:
                detector = self.detectors[one.member, fold]
                self._ways.append((detector, *asked_at(one.view, detector.imgsz)))
        self._decided, self._previous = FrameByFrame(decision, size), None

    def __call__(self, looks: Sequence[Look]) -> Iterator[Boxes]:
        """The boxes of each of some frames that follow the last ones, all as frame 0."""
        return (self.answer(look(None)) for look in looks)

    def answer(self, frame: np.ndarray) -> Boxes:
        """The boxes in the next frame, (H, W, 3) uint8 RGB, as frame 0."""
        if self._previous is not None and is_cut(self._previous, frame):
            self._decided.reset()
        self._previous = frame
        found = [detector.predict([frame], imgsz=imgsz, view_name=view) for detector, view, imgsz in self._ways]
        boxes = self._decided.update(found)
        return boxes.replace(frame=np.zeros(len(boxes), np.int64))
