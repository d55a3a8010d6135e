"""Reef: starfish in underwater video (Kaggle, TensorFlow - Help Protect the Great Barrier Reef, 2021).

Everything that is particular to this competition: its names and sizes, its tables in, its submission
out, its score. Facts measured on the organisers' table are in the constants; formats are those of the
competition's data page. It answers :class:`kaggle_utils.tasks.competition.Competition`; what is done with
boxes in video, whosever they are, lies in :mod:`kaggle_utils.tasks.boxes`.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kaggle_utils.boxes.formats import UnreadableText, boxes_from_annotations, boxes_from_texts, texts_from_boxes
from kaggle_utils.boxes.scorecard import Scorecard, scorecard
from kaggle_utils.boxes.table import Boxes
from kaggle_utils.evidence.medals import Medals
from kaggle_utils.images.decode import read_image
from kaggle_utils.images.listing import frame_paths
from kaggle_utils.tasks.boxes.faults import border_faults, text_faults
from kaggle_utils.tasks.boxes.items import VideoItems
from kaggle_utils.tasks.boxes.kind import BoxesInVideo
from kaggle_utils.tasks.boxes.tables import read_boxes
from kaggle_utils.tasks.competition import FoldSize
from kaggle_utils.tasks.faults import column_faults, doubled_faults, name_faults, order_faults, refuse
from kaggle_utils.tasks.hidden import hidden_truth
from kaggle_utils.tasks.submission import FileStream

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

NAME = "reef"
SLUG = "tensorflow-great-barrier-reef"
DATASETS: tuple[str, ...] = ()
UNIT = "frame"
KEY = "image_id"
CLASSES = ("starfish",)
COLUMNS = ("index", "annotations")  # what the API writes; the example on disk says row_num
FRAME_COLUMNS = ("video_id", "sequence", "video_frame", "sequence_frame", "image_id", "annotations")
KIND = BoxesInVideo(size=(1280, 720))
CODE = SERVED = True  # run again on a hidden test, whose frames the API hands out one by one
HIDDEN_ITEMS = 13_000  # about as many are served when a submission is scored
MOST_BOXES = 18  # in one training frame
# What teams say in write-ups and repositories: of the 1st two digits, and of their own F2 at home; one up to rank 101 had
# .699, the 359th .635.
MEDALS = Medals(None, (0.635, 0.699), (0.635, 0.699), winner=(0.73, 0.74), validation=(0.74, 0.75), teams=2025)

# The folds, a video each: its frames, and those with boxes, counted in the organisers' table; as many empty frames
# as frames with boxes are trained on (empties=1).
_VIDEOS = ((6_708, 2_143), (8_232, 2_099), (8_561, 677))
FULL = {
    fold: FoldSize(train=2 * sum(filled for other, (_, filled) in enumerate(_VIDEOS) if other != fold), valid=frames)
    for fold, (frames, _) in enumerate(_VIDEOS)
}

# Two CPU cores, a few minutes: a tiny network on windows of a coarse image.
SAMPLE = {
    "model": "yolov5t", "imgsz": 640, "crop": 256, "epochs": 12, "batch": 4, "lr": 4e-3, "empties": 0.3, "mosaic": 0.0,
    "scale": 0.3, "rotate90": 0.3, "validate_every": 4, "patience": 100, "cache": True,
}  # fmt: skip
SMOKE = SAMPLE | {"imgsz": 320, "crop": 96, "epochs": 1}  # one short pass: everything runs, nothing is learnt
SCORE_OPTIONS = {"plus_one": "IoU where a box from 3 to 3 is one pixel wide"}


def make_sample(folder: Path) -> Path:
    """The built-in sample, painted unless it is there; its hidden test lies in ``<folder>-hidden``."""
    from kaggle_utils.competitions.samples import reef as painter

    return painter.make_sample(folder)


def load(folder: str | os.PathLike, table: str = "train.csv") -> VideoItems:
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
    frames = _with_images(read_frames(Path(folder) / table), Path(folder) / "train_images")
    return VideoItems.in_time(frames, true_boxes(frames, Path(folder) / table))


def test(folder: str | os.PathLike) -> VideoItems:
    """The few frames of ``test.csv``; their pixels come from the API, so that no file is there."""
    frames = read_frames(Path(folder) / "test.csv", FRAME_COLUMNS[:-1])
    return VideoItems.in_time(_with_images(frames, Path(folder) / "test_images"))


def unlabelled(folder: Path) -> None:
    """None: frames without truth are served one by one, when a submission is scored."""


def _with_images(frames: pd.DataFrame, images: Path) -> pd.DataFrame:
    videos, numbers = frames["video_id"], frames["video_frame"]
    paths = [str(images / f"video_{video}" / f"{number}.jpg") for video, number in zip(videos, numbers, strict=True)]
    there = {str(path) for path in images.glob("video_*/*.jpg")}
    return frames.assign(path=paths, exists=[path in there for path in paths])


def hidden(folder: str | os.PathLike) -> VideoItems:
    """Frames ``video_3/17.jpg`` in natural order, as they are served; truth: a table like train.csv in the folder or beside.

    Without one, clips are read from the names. Raises ValueError for a truth that lacks a frame.
    """
    import pandas as pd

    folder, paths = Path(folder), frame_paths(folder)
    names, place = [_image_id(path) for path in paths], {"path": [str(path) for path in paths], "exists": True}
    if (known := hidden_truth(folder)) is None:
        numbers = [re.search(r"(\d+)$", path.stem) for path in paths]
        numbers = [int(match.group(1)) if match else row for row, match in enumerate(numbers)]
        videos = [str(path.parent) for path in paths]
        return VideoItems.in_time(pd.DataFrame({KEY: names, "video_id": videos, "video_frame": numbers, **place}))
    table = read_frames(known).set_index(KEY)
    if unknown := [name for name in names if name not in table.index]:
        raise ValueError(f"{known} lacks the frame {unknown[0]!r}, expected all {len(names)} of the hidden test")
    table = table.loc[names].reset_index().assign(**place)
    return VideoItems.in_time(table, true_boxes(table, known))


def _image_id(path: Path) -> str:
    """``video_3/17.jpg`` is frame ``3-17``."""
    return f"{path.parent.name.removeprefix('video_')}-{path.stem}"


def read_frames(path: str | os.PathLike, columns: Sequence[str] = FRAME_COLUMNS) -> pd.DataFrame:
    """A table like ``train.csv`` in order of video and time, rows numbered from 0.

    Raises ValueError naming columns that are missing or an image_id that stands twice.
    """
    import pandas as pd

    frames = pd.read_csv(path)
    refuse([f"the table lacks the column {name!r}" for name in columns if name not in frames], path)
    refuse(doubled_faults(frames[KEY]), path)
    return frames.sort_values(["video_id", "video_frame"], kind="stable", ignore_index=True)


def true_boxes(frames: pd.DataFrame, path: str | os.PathLike) -> Boxes:
    """The annotations of frames that :func:`read_frames` read from path, as boxes with score 1.

    Raises ValueError naming the file and the image_id of the first annotation that cannot be read.
    """
    try:
        return boxes_from_annotations(frames["annotations"].tolist())
    except UnreadableText as error:
        name, text = frames["image_id"].iloc[error.number], frames["annotations"].iloc[error.number]
        expected = "a list of {'x': .., 'y': .., 'width': .., 'height': ..}"
        raise ValueError(f"{path}: image_id {name}: the annotations are {text!r}, expected {expected}") from error


def fit_pixels(items: VideoItems) -> dict:
    """Nothing: pictures are of 8 bits."""
    return {}


def read(items: VideoItems, row: int, size: tuple[int, int] | None = None) -> np.ndarray:
    """(H, W, 3) uint8 RGB of a frame; size: (width, height), None: as it was filmed."""
    return read_image(items.table["path"].iloc[row], size)


def truth(items: VideoItems, row: int, shape: tuple[int, int] | None = None) -> Boxes:
    """The boxes that are true in a frame, in its own pixels whatever the shape."""
    return items.truth[items.truth.frame == row]


def stream(items: VideoItems | None, folder: Path, output: Path) -> FileStream:
    """Frames from files into ``validation.csv``; the test comes from the API, see kaggle_utils.platform.reef_api.stream."""
    return FileStream.opened(sys.modules[__name__], items, folder, output)


def lay_out(items: VideoItems, folder: Path, test: bool = True) -> None:
    """A hidden test's folder, by links, so that these frames are served in this order; or train.csv of these frames."""
    if not test:
        items.table[list(FRAME_COLUMNS)].to_csv(Path(folder) / "train.csv", index=False)
        return
    for number, (path, clip) in enumerate(zip(items.table["path"], items.table["clip"], strict=True)):
        place = Path(folder) / f"{number:06d}_clip_{clip}"
        place.mkdir(parents=True)
        (place / Path(path).name).symlink_to(Path(path).resolve())


def rows(items: VideoItems | None, row: int, answer: Boxes) -> list[tuple]:
    """(index, annotations) of one frame; answer: its boxes, as frame 0."""
    return [(row, texts_from_boxes(answer, n_frames=1)[0])]


def faults(table: pd.DataFrame, items: VideoItems | range) -> list[str]:
    """What is wrong with a submission, a sentence each; none when Kaggle would score it.

    table: columns index (0, 1, ... in order) and annotations; items: as many as there must be rows

    >>> import pandas as pd
    >>> faults(pd.DataFrame({"index": [0, 1], "annotations": ["", "0.9 1270 0 30 40"]}), range(2))
    ['index 1: the box 1270 0 30 40 leaves the frame of 1280 x 720 pixels']
    """
    if found := column_faults(table, COLUMNS, exactly=True):
        return found
    index = (table["index"], range(len(items)))
    texts = text_faults(table["annotations"], table["index"])
    return [
        *(name_faults("index", *index) or order_faults("index", *index)),
        *(texts or border_faults(boxes_from_texts(table["annotations"].tolist()), KIND.size)),
    ]


def answers(table: pd.DataFrame, items: VideoItems | range) -> list[str]:
    """``conf x y w h ...`` of each frame."""
    return table["annotations"].tolist()


def score(items: VideoItems, table: pd.DataFrame) -> Scorecard:
    """F2 over IoU 0.30 to 0.80 of a submission without faults, in all and by video."""
    return _card(items.table, items.truth, boxes_from_texts(table["annotations"].tolist()))


def score_files(truth: str | os.PathLike, predictions: str | os.PathLike, plus_one: bool = False) -> Scorecard:
    """The score of two CSVs: one like ``train.csv``, and a table of image_id, annotations.

    plus_one: whether a box of width w covers w + 1 pixels; the organisers' convention is not public
    Raises ValueError as :func:`read_frames`, :func:`true_boxes` and, naming each fault,
    :func:`kaggle_utils.tasks.boxes.tables.read_boxes`.
    """
    frames = read_frames(truth)
    return _card(frames, true_boxes(frames, truth), read_boxes(predictions, frames[KEY]), plus_one)


def _card(frames: pd.DataFrame, truth: Boxes, predictions: Boxes, plus_one: bool = False) -> Scorecard:
    return scorecard(truth, predictions, frames["video_id"].to_numpy(), plus_one)
