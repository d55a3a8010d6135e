"""YOLO architectures by name, built without a download, and their weights in a file.

A name is the family and a size letter: ``yolov5n``, ``yolov8s``, ``yolo11m``, ... The letter ``t``
(tiny: a half of n's width) is this kit's, for CPUs and quick trials. ``+p2`` adds a detection head
at stride 4 for small objects (the reef ladder's "P2 head": +.040 on the leaderboard).
Checkpoints are read and written by :mod:`kaggle_utils.learning.checkpoints`.
"""

from __future__ import annotations

import copy
import math
import re
from pathlib import Path
from typing import Any

from torch import nn

from kaggle_utils.learning.checkpoints import write_checkpoint

_NAME = re.compile(r"(yolov5|yolov8|yolo11)([tnsmlx])(\+p2)?")
_TINY = {"yolov5": [0.33, 0.125, 1024], "yolov8": [0.33, 0.125, 1024], "yolo11": [0.50, 0.125, 1024]}
_P2_LAYER = 2  # the backbone's last layer at stride 4, in all three families


def architecture(name: str) -> dict[str, Any]:
    """The architecture as ultralytics' YAML describes it, from a name or from a YAML file's path.

    Raises ValueError for a name that is neither.

    >>> from kaggle_utils.detector.architecture import architecture
    >>> architecture("yolov8n+p2")["head"][-1][0]
    [18, 21, 24, 27]
    """
    from ultralytics.utils import YAML
    from ultralytics.utils.checks import check_yaml

    if Path(name).suffix in {".yaml", ".yml"} and Path(name).is_file():
        return YAML.load(name)
    known = _NAME.fullmatch(name)
    if not known:
        raise ValueError(
            f"model is {name!r}, expected yolov5, yolov8 or yolo11 and a size of t n s m l x, "
            "with '+p2' for a stride-4 head (yolov8n, yolov5s+p2), or the path of a YAML file"
        )
    family, size, p2 = known.groups()
    config = YAML.load(check_yaml(f"{family}.yaml"))
    config["scales"]["t"] = _TINY[family]
    config["scale"] = size
    return with_stride4_head(config) if p2 else config


def with_stride4_head(config: dict[str, Any]) -> dict[str, Any]:
    """The same architecture with one more level of its feature pyramid, at stride 4.

    Behind the stride-8 block come an upsampling to stride 4, a block there, and a way back down to
    stride 8; what lay behind moves down by six layers.
    """
    config = copy.deepcopy(config)
    head, offset = config["head"], len(config["backbone"])
    levels = head[-1][0]
    stride8 = levels[0]
    block = head[stride8 - offset]
    cut = stride8 - offset + 1
    small = [-1, block[1], block[2], [block[3][0] // 2, *block[3][1:]]]
    inserted = [
        [-1, 1, "nn.Upsample", ["None", 2, "nearest"]],
        [[-1, _P2_LAYER], 1, "Concat", [1]],
        small,
        [-1, 1, "Conv", [block[3][0] // 2, 3, 2]],
        [[-1, stride8], 1, "Concat", [1]],
        [-1, block[1], block[2], list(block[3])],
    ]
    moved = [[_moved(layer[0], stride8), *layer[1:]] for layer in head[cut:-1]]
    last = [[stride8 + 3, *(level + 6 for level in levels)], *head[-1][1:]]
    config["head"] = head[:cut] + inserted + moved + [last]
    return config


def _moved(source: int | list[int], after: int) -> int | list[int]:
    if isinstance(source, list):
        return [_moved(s, after) for s in source]
    return source + 6 if source > after else source


def build(config: dict[str, Any], classes: int = 1, prior: float = 0.0) -> nn.Module:
    """A detection model with random weights.

    config: as :func:`architecture` gives it
    classes: number of classes
    prior: score that every place starts with; 0: ultralytics' (about .001 at stride 8, made for long
        trainings: the first hundreds of steps go into raising it)
    """
    from ultralytics.cfg import get_cfg
    from ultralytics.nn.tasks import DetectionModel

    model = DetectionModel(copy.deepcopy(config), ch=3, nc=classes, verbose=False)
    model.args = get_cfg()
    if prior:
        for branch in model.model[-1].cv3:  # one a level of the pyramid
            nn.init.constant_(branch[-1].bias, math.log(prior / (1 - prior)))
    return model


def save_weights(path: Path, model: nn.Module, **facts: Any) -> None:
    """Write weights (float16) with their architecture and plain facts beside them, all or nothing."""
    state = {k: v.half() if v.is_floating_point() else v for k, v in model.state_dict().items()}
    content = {"state": {k: v.cpu() for k, v in state.items()}, "architecture": model.yaml, **facts}
    write_checkpoint(path, content)
