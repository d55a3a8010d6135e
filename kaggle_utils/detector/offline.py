"""Keep ultralytics and albumentations off the network, at home and in a submission alike.

ultralytics looks for updates, downloads fonts and a test model for its precision check, installs
packages with pip, and keeps its settings in the home folder. All of it hangs or fails offline.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

_SWITCHES = {
    "YOLO_OFFLINE": "true",  # no update check, no downloads
    "YOLO_AUTOINSTALL": "false",  # no pip install behind the user's back
    "YOLO_VERBOSE": "false",  # the kit shows its own progress
    "NO_ALBUMENTATIONS_UPDATE": "1",
    "WANDB_MODE": "disabled",
}


def switch_off_network() -> None:
    """Set the switches that ultralytics and albumentations read when they are imported, and import the former.

    Call it before the first import of either; ``import kaggle_utils.detector`` does. Settings go to
    a folder for temporary files, so nothing is written to the home folder. Raises RuntimeError when
    ultralytics was imported earlier without the switches and believes itself online.
    """
    for name, value in _SWITCHES.items():
        os.environ[name] = value
    settings = Path(tempfile.gettempdir()) / f"kaggle-utils-yolo-{os.getuid()}"
    settings.mkdir(exist_ok=True)
    os.environ.setdefault("YOLO_CONFIG_DIR", str(settings))
    loaded = sys.modules.get("ultralytics.utils")
    _import_quietly()
    if loaded is not None and loaded.ONLINE:
        raise RuntimeError("ultralytics was imported before kaggle_utils.detector and is online; import it after")


def _import_quietly() -> None:
    """Import ultralytics and take back what it changes for everybody: how NumPy prints, how Pillow opens.

    Its Pillow fetches a package for files that are no image.
    """
    opener = Image.open
    with np.printoptions():
        import ultralytics.data.utils
    Image.open = opener
    ultralytics.data.utils.check_font = lambda font: None  # would fetch one, for plots that are switched off
