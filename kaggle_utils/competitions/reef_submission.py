"""From a frame of the time-series API to the text that is answered, and which frames are served.

Used by ``4_submit`` at home, in a rehearsal and in the scored rerun alike.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from kaggle_utils.boxes.f2 import f2, f2_counts
from kaggle_utils.boxes.formats import texts_from_boxes
from kaggle_utils.boxes.table import Boxes
from kaggle_utils.competitions import reef
from kaggle_utils.competitions.reef_decision import Decision, Stream
from kaggle_utils.competitions.reef_runs import trained_folds
from kaggle_utils.files import fingerprint, replacing

__all__ = ["Predictor", "Served", "served_frames", "report"]


class Predictor:
    """Trained detectors and a decision, asked frame by frame.

    stage_folders: outputs of the training stage
    models: "first": the first fold's model, the set-up that stage 3 measured; "all": every fold's,
        all their prediction sets fused
    made_for: fold -> fingerprint of the weights that the decision was measured with, as stage 3 writes them
        beside it (``models``); None: not checked
    Raises ValueError for a model that the decision was not measured with.
    """

    def __init__(
        self,
        stage_folders: Iterable[Path],
        decision: Decision,
        models: str = "first",
        device: str = "cpu",
        made_for: Mapping[str, str] | None = None,
    ) -> None:
        from kaggle_utils.detector.crossval import PredictionSet
        from kaggle_utils.detector.inference import Detector

        if models not in ("first", "all"):
            raise ValueError(f"models is {models!r}, expected 'first' or 'all'")
        folds = trained_folds(stage_folders)
        used = list(folds) if models == "all" else list(folds)[:1]
        if made_for is not None:
            _refuse_other_models({fold: folds[fold][0] for fold in used}, made_for)
        self.detectors = [Detector.load(folds[fold][0], device) for fold in used]
        self.judged_on = folds[used[0]][1]  # image_ids the first model has not seen
        self.sets = [PredictionSet.parse(name, self.detectors[0].imgsz) for name in decision.sets]
        self.stream, self.answered = Stream(decision), 0

    def reset(self) -> None:
        """Call before the first frame of another clip."""
        self.stream.reset()

    def answer(self, frame: np.ndarray) -> str:
        """``conf x y w h ...`` for one (H, W, 3) uint8 RGB frame; empty for no starfish."""
        found = [d.predict([frame], imgsz=s.imgsz, view_name=s.view) for d in self.detectors for s in self.sets]
        boxes = self.stream.update(found)
        self.answered += 1
        return texts_from_boxes(boxes.replace(frame=np.zeros(len(boxes), np.int64)), n_frames=1)[0]


def _refuse_other_models(weights: Mapping[int, Path], made_for: Mapping[str, str]) -> None:
    for fold, path in weights.items():
        found, expected = fingerprint(path), made_for.get(str(fold))
        if found != expected:
            measured = f"with {expected[:12]}" if expected else f"without fold {fold}, with folds {', '.join(made_for)}"
            problem = f"fold {fold}: the decision was measured {measured}, but the weights {path} are {found[:12]}"
            raise ValueError(f"{problem}: run stage 3_decide on these models")


@dataclass(frozen=True)
class Served:
    """Frames for the emulated API and, for validation frames only, their truth.

    what: in words; paths: in the order of serving; truth: boxes by number in that order, None if not known here
    """

    what: str
    paths: list[str] = field(default_factory=list)
    truth: Boxes | None = None

    def __len__(self) -> int:
        return len(self.paths)

    def __str__(self) -> str:
        return f"{len(self.paths)} frames: {self.what}"


def served_frames(
    folder: Path, hidden: Sequence[Path] | None, predictor: Predictor, validate: bool | None, at_most: int | None
) -> Served:
    """Which frames the emulated API hands out (the real one, in a scored rerun, has its own).

    folder: the competition's; hidden: image files of a hidden test in order of serving, None without
    validate: True: the frames that the first model has not seen; None: those, unless there is a hidden test
    at_most: of validation frames, the first so many
    """
    if hidden is not None and not validate:
        return Served("the hidden test", [str(path) for path in hidden])
    data = reef.load(folder).present()
    rows = np.flatnonzero(data.frames["image_id"].isin(set(predictor.judged_on)))[:at_most]
    judged = data.take(rows)
    return Served("validation frames the model has not seen", judged.frames["path"].tolist(), judged.truth)


def report(folder: Path, submission: Boxes, served: Served) -> float | None:
    """F2 of a submission on validation frames, also written to ``validation.json``.

    None without truth; a validation.json of an earlier submission is then taken away.
    """
    path = Path(folder) / "validation.json"
    if served.truth is None:
        path.unlink(missing_ok=True)
        return None
    score = f2(f2_counts(served.truth, submission))
    with replacing(path) as partial:
        partial.write_text(json.dumps({"f2": score, "frames": len(served)}) + "\n")
    return score
