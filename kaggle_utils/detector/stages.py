"""Which stages of a training are done: each is tied to all that its weights depend on.

A stage's stamp holds its parameters, digests of the stage (or file) it starts from, and of the frames and labels on both
sides. A folder whose stamp is another's is refused: its training may have been long, and its weights belong to other folds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from kaggle_utils.boxes.table import Boxes
from kaggle_utils.detector.parameters import DetectorParameters
from kaggle_utils.files import fingerprint, plain, replacing
from kaggle_utils.learning.parameters import UNLEARNT, require_same
from kaggle_utils.learning.progress import Progress

Stamp = dict[str, Any]


def stage_plan(
    parameters: DetectorParameters, data: Mapping[str, str], folder: Path
) -> list[tuple[Path, DetectorParameters, Stamp]]:
    """(its folder, its parameters, its stamp) of each stage; a stamp holds all that the stage's weights depend on."""
    start, origin, plan = parameters.start, parameters.start and fingerprint(parameters.start), []
    for number, changes in enumerate(parameters.chain):
        stage = replace(parameters, chain=({},), **({"start": start} | dict(changes)))
        learnt = {name: value for name, value in asdict(replace(stage, start="")).items() if name not in UNLEARNT}
        stamp: Stamp = plain({"parameters": learnt, "start": origin, "data": data})
        plan.append((folder / f"stage{number}", stage, stamp))
        start, origin = str(plan[-1][0] / "best.pth"), hashlib.sha1(json.dumps(stamp, sort_keys=True).encode()).hexdigest()
    return plan


def minutes_of(folder: Path) -> float:
    """Minutes that a fold's finished stages were trained, over all sessions."""
    return sum(json.loads(path.read_text())["minutes"] for path in folder.glob("stage*/done.json"))


def history_of(folder: Path) -> list[dict[str, float]]:
    """Figures of a fold's last stage, a validation each; none where it was not begun."""
    return (_histories(folder) or [[]])[-1]


def best_epochs_of(folder: Path) -> list[int]:
    """The epoch, from 1, that each stage's weights are of: where its first figure is highest, of equals the last."""
    found = []
    for lines in filter(None, _histories(folder)):
        *_, best = sorted(lines, key=lambda line: list(line.values())[1])
        found.append(int(best["epoch"]))
    return found


def _histories(folder: Path) -> list[list[dict[str, float]]]:
    stages = sorted(folder.glob("stage*/progress.json"), key=lambda path: int(path.parent.name.removeprefix("stage")))
    return [Progress(path.parent).history for path in stages]


def data_stamp(data_yaml: Path, paths: Sequence[str], rows: np.ndarray, truth: Boxes) -> dict[str, str]:
    """Stands for the frames on both sides, their labels and classes: other folds or more frames give others.

    data_yaml: a YOLO dataset's; paths, rows, truth: the frames that a training is judged on
    """
    classes = json.loads(Path(data_yaml).read_text())["names"]
    frames = [Path(path).parts[-2:] for path in paths]  # the mount above them may be another in the next session
    judged = hashlib.sha1(repr([frames, classes]).encode())
    for array in (rows, truth.frame, truth.xyxy):
        judged.update(np.ascontiguousarray(array).tobytes())
    learnt = hashlib.sha1()
    for path in sorted((Path(data_yaml).parent / "labels" / "train").glob("*.txt")):
        learnt.update(path.name.encode() + path.read_bytes())
    return {"judged": judged.hexdigest()[:12], "learnt": learnt.hexdigest()[:12]}


def begin(place: Path, stamp: Stamp) -> None:
    """A stage's folder, of that stamp from now on."""
    place.mkdir(parents=True, exist_ok=True)
    (place / "done.json").unlink(missing_ok=True)
    with replacing(place / "stamp.json") as partial:
        partial.write_text(json.dumps(stamp))


def refuse_others(folder: Path, plan: Sequence[tuple[Path, DetectorParameters, Stamp]]) -> None:
    """ValueError, saying what differs, where a stage's folder holds another training: it is neither mixed nor lost."""
    stamps = {place: stamp for place, _, stamp in plan}
    for note in sorted(folder.glob("stage*/stamp.json")):
        wanted = stamps.get(note.parent)
        held = json.loads(note.read_text()) if wanted else {"chain": f"a {note.parent.name}"}
        require_same(held, wanted or {}, folder)


def is_done(place: Path, stamp: Stamp) -> bool:
    """Whether a stage's folder holds the weights that this stamp stands for."""
    marker = place / "done.json"
    return (place / "best.pth").is_file() and marker.is_file() and json.loads(marker.read_text())["stamp"] == stamp
