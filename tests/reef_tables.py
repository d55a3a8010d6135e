"""Tables of reef frames and their image files, made up for tests; the files are empty."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from kaggle_utils.competitions import reef

BOX = "[{'x': 10, 'y': 20, 'width': 30, 'height': 40}]"


def table(rows: list[tuple[int, int, int, str]]) -> pd.DataFrame:
    """Rows (video, sequence, frame, annotations) as train.csv has them."""
    parts = [(v, s, f, f, f"{v}-{f}", a) for v, s, f, a in rows]
    return pd.DataFrame(parts, columns=list(reef.FRAME_COLUMNS))


def images(folder: Path, frames: pd.DataFrame) -> Path:
    for video, number in zip(frames["video_id"], frames["video_frame"], strict=True):
        path = folder / f"video_{video}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder
