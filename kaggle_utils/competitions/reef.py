"""Reef: starfish in underwater video (Kaggle, TensorFlow - Help Protect the Great Barrier Reef, 2021).

Everything that is particular to this competition: its names and sizes, its tables in, its submission
out, its score. Facts measured on the organisers' table are in the constants; formats are those of the
competition's data page. The mechanisms (boxes, F2, folds) lie elsewhere and know nothing of reefs.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kaggle_utils.boxes.formats import boxes_from_annotations, boxes_from_texts, texts_from_boxes
from kaggle_utils.boxes.scorecard import Scorecard, scorecard
from kaggle_utils.boxes.table import Boxes
from kaggle_utils.files import replacing
from kaggle_utils.tasks.box_faults import border_faults, text_faults, unreadable
from kaggle_utils.tasks.faults import column_faults, name_faults, order_faults, refuse

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "SLUG",
    "API",
    "LABELS",
    "WIDTH",
    "HEIGHT",
    "MOST_BOXES",
    "HIDDEN_FRAMES",
    "FRAME_COLUMNS",
    "PREDICTION_COLUMNS",
    "SUBMISSION_COLUMNS",
    "ReefData",
    "load",
    "read_frames",
    "true_boxes",
    "inside_frame",
    "prediction_faults",
    "read_predictions",
    "write_predictions",
    "submission_faults",
    "read_submission",
    "write_submission",
    "score",
    "score_files",
]

SLUG = "tensorflow-great-barrier-reef"
API = "greatbarrierreef"  # the time-series module; CPython 3.7 only
LABELS = ("starfish",)
WIDTH, HEIGHT = 1280, 720  # of every frame, in pixels
MOST_BOXES = 18  # in one training frame
HIDDEN_FRAMES = 13_000  # about as many are served when a submission is scored
FRAME_COLUMNS = ("video_id", "sequence", "video_frame", "sequence_frame", "image_id", "annotations")
PREDICTION_COLUMNS = ("image_id", "annotations")
SUBMISSION_COLUMNS = ("index", "annotations")  # what the API writes; the example on disk says row_num


@dataclass(frozen=True)
class ReefData:
    """Frames with their truth; ``truth.frame`` is the row number in ``frames``.

    frames: one row a frame in order of video and time, columns FRAME_COLUMNS, path (str), exists (bool)
    truth: the annotated boxes, score 1, label 0
    """

    frames: pd.DataFrame
    truth: Boxes

    @property
    def report(self) -> pd.DataFrame:
        """One row a video: sequences, rows, with_boxes (frames), boxes, images present and missing."""
        boxes = np.bincount(self.truth.frame, minlength=len(self.frames))
        table = self.frames.assign(boxes=boxes, with_boxes=boxes > 0, missing=~self.frames["exists"])
        return table.groupby("video_id").agg(
            sequences=("sequence", "nunique"),
            rows=("image_id", "size"),
            with_boxes=("with_boxes", "sum"),
            boxes=("boxes", "sum"),
            present=("exists", "sum"),
            missing=("missing", "sum"),
        )

    def take(self, rows: np.ndarray) -> ReefData:
        """The frames chosen by row numbers or a mask, renumbered from 0 in both tables."""
        rows = np.arange(len(self.frames))[rows]
        new_number = np.full(len(self.frames), -1)
        new_number[rows] = np.arange(len(rows))
        kept = self.truth[new_number[self.truth.frame] >= 0]
        return ReefData(self.frames.iloc[rows].reset_index(drop=True), kept.replace(frame=new_number[kept.frame]))

    def present(self) -> ReefData:
        """Only the frames whose image is there."""
        return self.take(self.frames["exists"].to_numpy())

    def __str__(self) -> str:
        missing = int((~self.frames["exists"]).sum())
        images = "all images are there" if not missing else f"{missing} of their images are missing"
        return f"{len(self.frames)} frames, {len(np.unique(self.truth.frame))} with {len(self.truth)} boxes; {images}"


def load(folder: str | os.PathLike, table: str = "train.csv") -> ReefData:
    """A folder in the competition's layout: ``train.csv`` and ``train_images/video_0/16.jpg``.

    Images that are not there are counted in ``report``, not refused: downloads are often partial.
    Raises FileNotFoundError when the table is missing, ValueError as :func:`read_frames`, :func:`true_boxes`.

    >>> import tempfile
    >>> text = ",".join(FRAME_COLUMNS) + "\\n0,40258,5,5,0-5,[]\\n"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "train.csv").write_text(text)
    ...     print(load(folder))
    1 frames, 0 with 0 boxes; 1 of their images are missing
    """
    frames = read_frames(Path(folder) / table)
    images = Path(folder) / "train_images"
    videos, numbers = frames["video_id"], frames["video_frame"]
    paths = [str(images / f"video_{video}" / f"{number}.jpg") for video, number in zip(videos, numbers, strict=True)]
    there = {str(path) for path in images.glob("video_*/*.jpg")}
    frames = frames.assign(path=paths, exists=[path in there for path in paths])
    return ReefData(frames, true_boxes(frames, Path(folder) / table))


def read_frames(path: str | os.PathLike) -> pd.DataFrame:
    """A table like ``train.csv`` in order of video and time, rows numbered from 0.

    Raises ValueError naming columns that are missing or an image_id that stands twice.
    """
    import pandas as pd

    frames = pd.read_csv(path)
    refuse([f"the table lacks the column {name!r}" for name in FRAME_COLUMNS if name not in frames], path)
    twice = frames["image_id"][frames["image_id"].duplicated()]
    refuse([f"image_id {name!r} stands more than once" for name in twice[:1]], path)
    return frames.sort_values(["video_id", "video_frame"], kind="stable", ignore_index=True)


def true_boxes(frames: pd.DataFrame, path: str | os.PathLike) -> Boxes:
    """The annotations of frames that :func:`read_frames` read from path, as boxes with score 1.

    Raises ValueError naming the file and the image_id of the first annotation that cannot be read.
    """
    try:
        return boxes_from_annotations(frames["annotations"].tolist())
    except ValueError as error:
        name, text = next(unreadable(boxes_from_annotations, frames["annotations"], frames["image_id"]))
        expected = "a list of {'x': .., 'y': .., 'width': .., 'height': ..}"
        raise ValueError(f"{path}: image_id {name}: the annotations are {text!r}, expected {expected}") from error


def inside_frame(boxes: Boxes) -> Boxes:
    """Boxes cut at the border of the frame; those wholly outside are left out.

    >>> inside_frame(Boxes([0, 0], [[1270, 700, 1300, 730], [1290, 0, 1300, 9]])).xyxy.tolist()
    [[1270.0, 700.0, 1280.0, 720.0]]
    """
    xyxy = np.clip(boxes.xyxy, 0, [WIDTH, HEIGHT, WIDTH, HEIGHT])
    return boxes.replace(xyxy=xyxy)[(xyxy[:, 2:] > xyxy[:, :2]).all(1)]


def prediction_faults(table: pd.DataFrame, frames: pd.DataFrame) -> list[str]:
    """What is wrong with a table of predictions, a sentence each; none when it can be scored.

    table: columns image_id, annotations (``conf x y w h ...`` in pixels, empty for none)
    frames: the frames it must cover, each once; column image_id

    >>> import pandas as pd
    >>> frames = pd.DataFrame({"image_id": ["0-1", "0-2"]})
    >>> prediction_faults(pd.DataFrame({"image_id": ["0-1", "0-9"], "annotations": ["", "0.9 1 2 3 4"]}), frames)
    ["1 image_id missing: '0-2'", "1 image_id unknown: '0-9'"]
    """
    return column_faults(table, PREDICTION_COLUMNS) or [
        *name_faults("image_id", table["image_id"], frames["image_id"]),
        *text_faults(table["annotations"], table["image_id"]),
    ]


def read_predictions(path: str | os.PathLike, frames: pd.DataFrame) -> Boxes:
    """A CSV of image_id, annotations, rows in any order, as boxes numbered as in ``frames``.

    Raises ValueError with every fault that :func:`prediction_faults` finds.
    """
    import pandas as pd

    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    refuse(prediction_faults(table, frames), path)
    texts = table.set_index("image_id")["annotations"].reindex(frames["image_id"].astype(str))
    return boxes_from_texts(texts.tolist())


def write_predictions(path: str | os.PathLike, frames: pd.DataFrame, boxes: Boxes) -> None:
    """The inverse of :func:`read_predictions`: one row a frame, in the order of ``frames``."""
    import pandas as pd

    texts = texts_from_boxes(boxes, len(frames))
    _write(path, pd.DataFrame({"image_id": frames["image_id"].to_numpy(), "annotations": texts}))


def submission_faults(table: pd.DataFrame, n_frames: int) -> list[str]:
    """What is wrong with a submission, a sentence each; none when Kaggle would score it.

    table: columns index (0 to n_frames - 1, in order) and annotations

    >>> import pandas as pd
    >>> submission_faults(pd.DataFrame({"index": [0, 1], "annotations": ["", "0.9 1270 0 30 40"]}), 2)
    ['index 1: the box 1270 0 30 40 leaves the frame of 1280 x 720 pixels']
    """
    faults = column_faults(table, SUBMISSION_COLUMNS, exactly=True)
    if faults:
        return faults
    rows = (table["index"], range(n_frames))
    names = name_faults("index", *rows) or order_faults("index", *rows)
    texts = text_faults(table["annotations"], table["index"])
    borders = texts or border_faults(boxes_from_texts(table["annotations"].tolist()), (WIDTH, HEIGHT))
    return [*names, *borders]


def read_submission(path: str | os.PathLike, n_frames: int) -> Boxes:
    """A submission's boxes by row number; raises ValueError with all of its faults."""
    import pandas as pd

    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    refuse(submission_faults(table, n_frames), path)
    return boxes_from_texts(table["annotations"].tolist())


def write_submission(path: str | os.PathLike, boxes: Boxes, n_frames: int) -> None:
    """``submission.csv`` as the API writes it; raises ValueError rather than write one with faults.

    Boxes that leave the frame are a fault: cut them with :func:`inside_frame` first.
    """
    import pandas as pd

    table = pd.DataFrame({"index": range(n_frames), "annotations": texts_from_boxes(boxes, n_frames)})
    refuse(submission_faults(table, n_frames), path)
    _write(path, table)


def _write(path: str | os.PathLike, table: pd.DataFrame) -> None:
    with replacing(path) as part:
        table.to_csv(part, index=False)


def score(frames: pd.DataFrame, truth: Boxes, predictions: Boxes, plus_one: bool = False) -> Scorecard:
    """F2 over IoU 0.30 to 0.80 as the competition counts it, in all and by video.

    frames: column video_id; both tables of boxes number its rows
    plus_one: whether a box of width w covers w + 1 pixels; the organisers' convention is not public

    >>> import pandas as pd
    >>> frames, box = pd.DataFrame({"video_id": [5, 5]}), [[0, 0, 9, 9]]
    >>> score(frames, Boxes([0], box), Boxes([0, 1], box * 2, [0.9, 0.2])).by_group
    {5: 0.8333333333333334}
    """
    return scorecard(truth, predictions, frames["video_id"].to_numpy(), plus_one)


def score_files(truth: str | os.PathLike, predictions: str | os.PathLike, plus_one: bool = False) -> Scorecard:
    """:func:`score` of two CSVs: one like ``train.csv``, and a table of image_id, annotations.

    Raises ValueError as :func:`read_frames`, :func:`true_boxes` and, naming each fault, :func:`read_predictions`.
    """
    frames = read_frames(truth)
    return score(frames, true_boxes(frames, truth), read_predictions(predictions, frames), plus_one)
