"""Train a detector on one fold: its stages one after another, each on one device or on several together.

Several stages can follow one another (low resolution to high, frozen to free). Each starts from the weights
of the one before; what is done with the same frames and parameters is not done again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kaggle_utils.detector.parameters import DetectorParameters
from kaggle_utils.detector.stages import Stamp, begin, data_stamp, is_done, refuse_others, stage_plan
from kaggle_utils.detector.validation import Validation
from kaggle_utils.files import fingerprint, replacing
from kaggle_utils.learning.data_parallel import Team, together
from kaggle_utils.learning.progress import endless

DEADLINE = "the deadline"  # how the reason of a training begins that another session goes on with


def train_fold(
    data_yaml: Path,
    validation: Validation,
    folder: Path,
    parameters: DetectorParameters,
    donors: Sequence = (),
    devices: Sequence[str] = ("cpu",),
    seconds_left: Callable[[], float] = endless,
) -> tuple[Path | None, str]:
    """Run every stage of ``parameters.chain`` on one fold; what is done with the same data is not run again.

    data_yaml: a YOLO dataset file with train and val, and the classes; validation: names the metric, too
    folder: gets ``best.pth`` (the last stage's best epoch) and, a folder a stage, ``progress.json`` (with the
        figures of each validation) and ``done.json``
    devices: several cards train the one model together, each on its share of every batch
    seconds_left: asked after every epoch; where another would not end in time, the stage waits for another session
    Returns (the path of best.pth, why it ended); None where no epoch was done. Earlier stages' weights are deleted when
    all is done. Raises ValueError when the folder holds another training, or a batch cannot be shared by the devices.
    """
    data = data_stamp(data_yaml, validation.paths, validation.rows, validation.truth)
    plan = stage_plan(parameters, data, folder)
    finished = [is_done(place, stamp) for place, _, stamp in plan]
    first = len(plan) if finished[-1] else finished.index(False)
    refuse_others(folder, plan)
    stopped = "all stages"
    for place, stage, stamp in plan[first:]:
        stopped = _train_stage(data_yaml, validation, place, stage, stamp, donors, devices, seconds_left) or stopped
        if stopped.startswith(DEADLINE):
            break
    made = [place / "best.pth" for place, _, _ in plan if (place / "best.pth").is_file()]
    if not made:
        return None, stopped
    if not (folder / "best.pth").is_file() or fingerprint(folder / "best.pth") != fingerprint(made[-1]):
        with replacing(folder / "best.pth") as partial:
            shutil.copyfile(made[-1], partial)
    for path in made[:-1] if not stopped.startswith(DEADLINE) else ():
        path.unlink()
    return folder / "best.pth", stopped


def _train_stage(
    data_yaml: Path, validation: Validation, place: Path, stage: DetectorParameters, stamp: Stamp, donors: Sequence,
    devices: Sequence[str], seconds_left: Callable[[], float],
) -> str:  # fmt: skip
    """Why it ended, in words."""
    if len(devices) > 1 and (stage.batch < 1 or stage.batch % len(devices)):
        raise ValueError(f"batch is {stage.batch}, expected a multiple of {len(devices)}, as many devices share it")
    if seconds_left() <= stage.reserve:
        return f"{DEADLINE}, before {place.name} began"
    begin(place, stamp)
    seconds, stopped = together(devices, _train_as, data_yaml, validation, place, stage, stamp, donors, seconds_left)
    if stopped.startswith(DEADLINE):
        return stopped
    (place / "resume.pth").unlink(missing_ok=True)
    with replacing(place / "done.json") as partial:
        partial.write_text(json.dumps({"stamp": stamp, "minutes": seconds / 60, "parameters": asdict(stage)}))
    return stopped


def _train_as(team: Team, *what: Any) -> tuple[float, str]:
    """Seconds that a stage took, and why it ended; the work of one process, be it alone or one of several."""
    from kaggle_utils.detector.trainer import Ended, JudgedTrainer  # ultralytics, which asks at once whether it is alone

    trainer = JudgedTrainer(team, *what)
    with suppress(Ended):
        trainer.train()
    return trainer.seconds, trainer.stopped
