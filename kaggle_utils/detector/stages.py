"""Which stages of a training are done: each is tied to all that its weights depend on.

A stage's stamp is made of its parameters, of the stage (or file) it starts from, and of the frames and
labels on both sides. A folder whose stamp is another's is trained anew, so weights never outlive the folds
they belong to.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from kaggle_utils.boxes.table import Boxes
from kaggle_utils.detector.parameters import DetectorParameters
from kaggle_utils.files import fingerprint, replacing
from kaggle_utils.learning.parameters import UNLEARNT
from kaggle_utils.learning.progress import Progress


def stage_plan(parameters: DetectorParameters, data_stamp: str, folder: Path) -> list[tuple[Path, DetectorParameters, str]]:
    """(its folder, its parameters, its stamp) of each stage; a stamp stands for all that the stage's weights depend on."""
    start, origin, plan = parameters.start, parameters.start and fingerprint(parameters.start), []
    for number, changes in enumerate(parameters.chain):
        stage = replace(parameters, chain=({},), **({"start": start} | dict(changes)))
        learnt = {name: value for name, value in asdict(replace(stage, start="")).items() if name not in UNLEARNT}
        known = json.dumps(learnt, sort_keys=True)
        stamp = hashlib.sha1(f"{known} {origin} {data_stamp}".encode()).hexdigest()
        plan.append((folder / f"stage{number}", stage, stamp))
        start, origin = str(plan[-1][0] / "best.pth"), stamp
    return plan


def minutes_of(folder: Path) -> float:
    """Minutes that a fold's finished stages were trained, over all sessions."""
    return sum(json.loads(path.read_text())["minutes"] for path in folder.glob("stage*/done.json"))


def history_of(folder: Path) -> list[dict[str, float]]:
    """Figures of a fold's last stage, a validation each; none where it was not begun."""
    stages = sorted(folder.glob("stage*/progress.json"), key=lambda path: int(path.parent.name.removeprefix("stage")))
    return Progress(stages[-1].parent).history if stages else []


def data_stamp(data_yaml: Path, paths: Sequence[str], rows: np.ndarray, truth: Boxes) -> str:
    """Stands for the frames on both sides, their labels and classes: other folds or more frames give another.

    data_yaml: a YOLO dataset's; paths, rows, truth: the frames that a training is judged on
    """
    classes = json.loads(Path(data_yaml).read_text())["names"]
    frames = [Path(path).parts[-2:] for path in paths]  # the mount above them may be another in the next session
    digest = hashlib.sha1(repr([frames, classes]).encode())
    for array in (rows, truth.frame, truth.xyxy):
        digest.update(np.ascontiguousarray(array).tobytes())
    for path in sorted((Path(data_yaml).parent / "labels" / "train").glob("*.txt")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def begin(place: Path, stamp: str) -> None:
    """A stage's folder, of that stamp from now on."""
    place.mkdir(parents=True, exist_ok=True)
    (place / "done.json").unlink(missing_ok=True)
    with replacing(place / "stamp.txt") as partial:
        partial.write_text(stamp)


def forget_others(folder: Path, plan: Sequence[tuple[Path, DetectorParameters, str]]) -> None:
    """Takes away the folders of stages that another training left: its weights must not be taken for this one's."""
    stamps = {place: stamp for place, _, stamp in plan}
    for place in folder.glob("stage*"):
        note, stamp = place / "stamp.txt", stamps.get(place, "")
        if not is_done(place, stamp) and not (note.is_file() and note.read_text() == stamp):
            if (place / "resume.pth").is_file():
                print(f"{place / 'resume.pth'} is of other parameters, folds or data: training starts anew")
            shutil.rmtree(place)


def is_done(place: Path, stamp: str) -> bool:
    """Whether a stage's folder holds the weights that this stamp stands for."""
    marker = place / "done.json"
    return (place / "best.pth").is_file() and marker.is_file() and json.loads(marker.read_text())["stamp"] == stamp
