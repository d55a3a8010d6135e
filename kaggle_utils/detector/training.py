"""Train a detector on one fold: its stages one after another, each on one device or on several together.

Several stages can follow one another (low resolution to high, frozen to free). Each starts from the weights
of the one before; what is done with the same frames and parameters is not done again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kaggle_utils.detector.parameters import DetectorParameters
from kaggle_utils.detector.stages import data_stamp, is_done, stage_plan
from kaggle_utils.detector.validation import Validation
from kaggle_utils.files import fingerprint, replacing
from kaggle_utils.learning.data_parallel import Team, together

__all__ = ["train_fold"]


def train_fold(
    data_yaml: Path,
    validation: Validation,
    folder: Path,
    parameters: DetectorParameters,
    donors: Sequence = (),
    devices: Sequence[str] = ("cpu",),
) -> Path:
    """Run every stage of ``parameters.chain`` on one fold; what is done with the same data is not run again.

    data_yaml: a YOLO dataset file with train and val, and the classes; validation: names the metric, too
    folder: gets ``best.pth`` (the last stage's best epoch) and, a folder a stage, ``progress.jsonl`` (a line of
        figures a validation) and ``done.json``
    devices: several cards train the one model together, each on its share of every batch
    Returns the path of best.pth. Earlier stages' weights are deleted at the end. Raises ValueError when a
    batch cannot be shared by the devices.
    """
    data = data_stamp(data_yaml, validation.paths, validation.rows, validation.truth)
    plan = stage_plan(parameters, data, folder)
    finished = [is_done(place, stamp) for place, _, stamp in plan]
    first = len(plan) if finished[-1] else finished.index(False)
    for place, stage, stamp in plan[first:]:
        _train_stage(data_yaml, validation, place, stage, stamp, donors, devices)
    last = plan[-1][0] / "best.pth"
    if not (folder / "best.pth").is_file() or fingerprint(folder / "best.pth") != fingerprint(last):
        with replacing(folder / "best.pth") as partial:
            shutil.copyfile(last, partial)
    for place, _, _ in plan[:-1]:
        (place / "best.pth").unlink(missing_ok=True)
    return folder / "best.pth"


def _train_stage(
    data_yaml: Path, validation: Validation, place: Path, stage: DetectorParameters, stamp: str, donors: Sequence,
    devices: Sequence[str],
) -> None:  # fmt: skip
    if len(devices) > 1 and (stage.batch < 1 or stage.batch % len(devices)):
        raise ValueError(f"batch is {stage.batch}, expected a multiple of {len(devices)}, as many devices share it")
    place.mkdir(parents=True, exist_ok=True)
    (place / "done.json").unlink(missing_ok=True)
    seconds = together(devices, _train_as, data_yaml, validation, place, stage, stamp, donors)
    (place / "resume.pth").unlink(missing_ok=True)
    with replacing(place / "done.json") as partial:
        partial.write_text(json.dumps({"stamp": stamp, "minutes": seconds / 60, "parameters": asdict(stage)}))


def _train_as(team: Team, *what: Any) -> float:
    """Seconds that a stage took; the work of one process, be it alone or one of several."""
    from kaggle_utils.detector.trainer import JudgedTrainer  # ultralytics, which asks at once whether it is alone

    trainer = JudgedTrainer(team, *what)
    trainer.train()
    return trainer.seconds
