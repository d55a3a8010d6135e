"""Which stages of a training are done: each is tied to all that its weights depend on.

A stage's stamp is made of its parameters, of the stage (or file) it starts from, and of the frames and
labels on both sides. A folder whose stamp is another's is trained anew, so weights never outlive the folds
they belong to.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from kaggle_utils.boxes.table import Boxes
from kaggle_utils.detector.parameters import DetectorParameters
from kaggle_utils.files import fingerprint
from kaggle_utils.learning.progress import Progress


def stage_plan(parameters: DetectorParameters, data_stamp: str, folder: Path) -> list[tuple[Path, DetectorParameters, str]]:
    """(its folder, its parameters, its stamp) of each stage; a stamp stands for all that the stage's weights depend on."""
    start, origin, plan = parameters.start, parameters.start and fingerprint(parameters.start), []
    for number, changes in enumerate(parameters.chain):
        stage = replace(parameters, chain=({},), **({"start": start} | dict(changes)))
        known = json.dumps(asdict(replace(stage, start="")), sort_keys=True)
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
    digest = hashlib.sha1(repr([list(paths), classes]).encode())
    for array in (rows, truth.frame, truth.xyxy):
        digest.update(np.ascontiguousarray(array).tobytes())
    for path in sorted((Path(data_yaml).parent / "labels" / "train").glob("*.txt")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def is_done(place: Path, stamp: str) -> bool:
    """Whether a stage's folder holds the weights that this stamp stands for."""
    marker = place / "done.json"
    return (place / "best.pth").is_file() and marker.is_file() and json.loads(marker.read_text())["stamp"] == stamp
