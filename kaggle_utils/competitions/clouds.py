"""Clouds: four kinds of shallow clouds on satellite pictures (Kaggle, Understanding Clouds from Satellite Images, 2019).

Everything that is particular to this competition: its names and sizes, its tables in, its submission
out, its score. Pictures and the run lengths of train.csv are 1400x2100, submissions are 350x525; the
score is the mean Dice over all (image, class) pairs, 1 where both masks are empty. Facts measured on
the organisers' table are in the constants; formats are those of the competition's data page.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kaggle_utils.competitions.samples.folders import MARKER
from kaggle_utils.files import replacing
from kaggle_utils.masks.rle import mask_from_rle, rle_from_mask, runs_from_rle
from kaggle_utils.masks.scorecard import MaskScorecard, mask_scorecard, resized_mask
from kaggle_utils.tasks.faults import column_faults, name_faults, refuse

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "SLUG",
    "CLASSES",
    "TRAIN_SHAPE",
    "SUBMISSION_SHAPE",
    "TRAIN_IMAGES",
    "TEST_IMAGES",
    "MASKS_OF_CLASS",
    "COLUMNS",
    "CloudsData",
    "load",
    "test_images",
    "read_table",
    "submission_faults",
    "read_submission",
    "write_submission",
    "score",
    "score_files",
]

SLUG = "understanding_cloud_organization"
CLASSES = ("Fish", "Flower", "Gravel", "Sugar")
TRAIN_SHAPE = (1400, 2100)  # (height, width) of pictures and training masks, pixels
SUBMISSION_SHAPE = (350, 525)  # of the masks that are scored
TRAIN_IMAGES, TEST_IMAGES = 5546, 3698
MASKS_OF_CLASS = {"Fish": 2781, "Flower": 2365, "Gravel": 2939, "Sugar": 3751}  # training images that have it
COLUMNS = ("Image_Label", "EncodedPixels")


@dataclass(frozen=True)
class CloudsData:
    """Training images with their masks as run lengths.

    images: one row an image in order of name: image, path (str), exists (bool); of any size
    texts: (N, 4) run lengths at ``shape``, a column a class; shape: (height, width) of the masks
    """

    images: pd.DataFrame
    texts: np.ndarray
    shape: tuple[int, int]

    @property
    def labels(self) -> np.ndarray:
        """(N, 4) bool: which classes an image has."""
        return self.texts != ""

    @property
    def report(self) -> pd.DataFrame:
        """One row a class: masks (images that have it), share of the images, and empty pairs."""
        import pandas as pd

        have = self.labels.sum(0)
        columns = {"masks": have, "share": have / max(1, len(self.texts)), "empty": len(self.texts) - have}
        return pd.DataFrame(columns, index=pd.Index(CLASSES, name="class"))

    def masks(self, row: int, shape: tuple[int, int] = SUBMISSION_SHAPE) -> np.ndarray:
        """(4, height, width) bool, the masks of one image at another size."""
        full = (mask_from_rle(text, self.shape) for text in self.texts[row])
        return np.stack([resized_mask(mask, shape) for mask in full])

    def all_masks(self, shape: tuple[int, int], progress: str | None = None) -> np.ndarray:
        """(N, 4, height, width) bool; progress: the title of a bar, None for no bar."""
        from tqdm import tqdm

        masks = np.empty((len(self.texts), len(CLASSES), *shape), bool)
        for row in tqdm(range(len(masks)), desc=progress, disable=progress is None, unit="image"):
            masks[row] = self.masks(row, shape)
        return masks

    def take(self, rows: np.ndarray) -> CloudsData:
        """The images chosen by row numbers or a mask."""
        return CloudsData(self.images.iloc[rows].reset_index(drop=True), self.texts[rows], self.shape)

    def present(self) -> CloudsData:
        """Only the images whose file is there."""
        return self.take(np.flatnonzero(self.images["exists"]))

    def __str__(self) -> str:
        missing = int((~self.images["exists"]).sum())
        files = "all files are there" if not missing else f"{missing} of their files are missing"
        size = "x".join(map(str, self.shape))
        return f"{len(self.images)} images, {int(self.labels.sum())} masks at {size}; {files}"


def load(folder: str | os.PathLike, table: str = "train.csv") -> CloudsData:
    """A folder in the competition's layout: ``train.csv`` and ``train_images/0011165.jpg``.

    Images that are not there are counted (``str``, ``exists``), not refused: downloads are often partial. They may be
    smaller than Kaggle's, as shared folders of resized ones are: the run lengths stay at 1400x2100, and masks are drawn
    there and resized. The built-in sample alone has run lengths at another size, which its note tells.
    Raises FileNotFoundError when the table is missing, ValueError when it is not a table of run lengths, or one whose
    runs were resized with the pictures.

    >>> import tempfile
    >>> rows = [f"0011165.jpg_{name}," for name in CLASSES]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "train.csv").write_text("\\n".join([",".join(COLUMNS), *rows]))
    ...     print(load(folder))
    1 images, 0 masks at 1400x2100; 1 of their files are missing
    """
    wide = read_table(Path(folder) / table)
    images, texts = _located(wide.index, Path(folder) / "train_images"), wide.to_numpy(dtype=object)
    return CloudsData(images, texts, _noted_shape(Path(folder)) or _kaggles_shape(images, texts, Path(folder) / table))


def test_images(folder: str | os.PathLike) -> pd.DataFrame:
    """The images to predict, those of ``sample_submission.csv``: image, path, exists; in order of name."""
    names = read_table(Path(folder) / "sample_submission.csv").index
    return _located(names, Path(folder) / "test_images")


test_images.__test__ = False  # its name is no test's


def read_table(path: str | os.PathLike) -> pd.DataFrame:
    """A CSV of Image_Label, EncodedPixels as one row an image (sorted) and one column a class, of texts.

    Raises ValueError naming missing columns, a label that is not ``<image>_<class>``, missing and doubled ones.
    """
    import pandas as pd

    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    refuse(column_faults(table, COLUMNS), path)
    names, kinds = table[COLUMNS[0]].str.rpartition("_")[[0, 2]].to_numpy().T
    odd = table[COLUMNS[0]][~np.isin(kinds, CLASSES) | (names == "")]
    refuse([f"{COLUMNS[0]} {name!r} does not end in one of {', '.join(CLASSES)}" for name in odd[:1]], path)
    refuse(name_faults(COLUMNS[0], table[COLUMNS[0]], _pair_names(sorted(set(names)))), path)
    wide = table.assign(image=names, kind=kinds).pivot(index="image", columns="kind", values=COLUMNS[1])
    return wide[list(CLASSES)].sort_index()


def _pair_names(images: Sequence[str]) -> list[str]:
    return [f"{image}_{kind}" for image in images for kind in CLASSES]


def _located(names: Sequence[str], folder: Path) -> pd.DataFrame:
    import pandas as pd

    there = {path.name for path in folder.glob("*.jpg")}
    rows = {"image": list(names), "path": [str(folder / name) for name in names], "exists": [n in there for n in names]}
    return pd.DataFrame(rows)


def _noted_shape(folder: Path) -> tuple[int, int] | None:
    """(height, width) that the built-in sample was made at; None where the folder is none."""
    note = folder / MARKER
    return tuple(json.loads(note.read_text())["size"][::-1]) if note.is_file() else None


def _kaggles_shape(images: pd.DataFrame, texts: np.ndarray, table: Path) -> tuple[int, int]:
    """1400x2100; ValueError where the pictures are smaller and no run leaves them, for then the runs are smaller, too."""
    from PIL import Image

    for path in images["path"][images["exists"]][:1]:
        with Image.open(path) as image:
            shape = image.height, image.width
        if 0 < _reach(texts) <= math.prod(shape) < math.prod(TRAIN_SHAPE):
            size, kaggles = ("x".join(map(str, one)) for one in (shape, TRAIN_SHAPE))
            raise ValueError(f"{table}: all runs end within the pictures' {size}, expected the organisers', at {kaggles}")
    return TRAIN_SHAPE


def submission_faults(table: pd.DataFrame, images: Sequence[str]) -> list[str]:
    """What is wrong with a submission, a sentence each; none when Kaggle would score it.

    table: columns Image_Label and EncodedPixels (run lengths at 350x525, empty for none)
    images: names of the images it must cover, four rows each

    >>> import pandas as pd
    >>> rows = [("a.jpg_Fish", "1 2"), ("a.jpg_Flower", ""), ("a.jpg_Gravel", "183750 2"), ("a.jpg_Sugar", "")]
    >>> submission_faults(pd.DataFrame(rows, columns=list(COLUMNS)), ["a.jpg"])
    ['a.jpg_Gravel: run lengths of a mask of 350x525: the run 183750 2 is beyond the last pixel, 183750']
    """
    faults = column_faults(table, COLUMNS, exactly=True)
    if faults:
        return faults
    names, texts = table[COLUMNS[0]], table[COLUMNS[1]]
    return [*name_faults(COLUMNS[0], names, _pair_names(images)), *_text_faults(names, texts)]


def _text_faults(names: Sequence[str], texts: Sequence[str]) -> list[str]:
    """A sentence for each of the first three texts that are no run lengths, and how many more there are."""
    wrong = []
    for name, text in zip(names, texts, strict=True):
        try:
            runs_from_rle(text, SUBMISSION_SHAPE)
        except ValueError as error:
            wrong.append(f"{name}: {error}")
    return wrong[:3] + ([f"{len(wrong) - 3} more rows are no run lengths"] if len(wrong) > 3 else [])


def read_submission(path: str | os.PathLike, images: Sequence[str]) -> np.ndarray:
    """(N, 4) run lengths in the order of ``images``, rows in any order; raises ValueError with all faults."""
    import pandas as pd

    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    refuse(submission_faults(table, images), path)
    texts = table.set_index(COLUMNS[0])[COLUMNS[1]].reindex(_pair_names(images))
    return texts.to_numpy(dtype=object).reshape(-1, len(CLASSES))


def write_submission(path: str | os.PathLike, images: Sequence[str], masks: Iterator[np.ndarray] | np.ndarray) -> None:
    """``submission.csv``; raises ValueError rather than write one with faults.

    masks: for each image, in the same order, (4, 350, 525) bool; may be a generator, one image is held at a time
    """
    import pandas as pd

    texts = [rle_from_mask(mask) for four in masks for mask in _checked(four)]
    if len(texts) != len(CLASSES) * len(images):
        raise ValueError(f"there are masks of {len(texts) // len(CLASSES)} images, expected {len(images)}")
    table = pd.DataFrame({COLUMNS[0]: _pair_names(images), COLUMNS[1]: texts})
    refuse(submission_faults(table, images), path)
    with replacing(path) as part:
        table.to_csv(part, index=False)


def _checked(four: np.ndarray) -> np.ndarray:
    expected = (len(CLASSES), *SUBMISSION_SHAPE)
    if np.shape(four) != expected:
        raise ValueError(f"an image's masks have shape {np.shape(four)}, expected {expected}")
    return np.asarray(four)


def score(truth: np.ndarray, predictions: np.ndarray, truth_shape: tuple[int, int] = SUBMISSION_SHAPE) -> MaskScorecard:
    """The competition's score. truth, predictions: (N, 4) run lengths, predictions at 350x525.

    truth_shape: (height, width) that the truth's run lengths are at; other than 350x525 it is resized
    """
    return mask_scorecard(truth, predictions, CLASSES, SUBMISSION_SHAPE, truth_shape)


def score_files(
    truth: str | os.PathLike, predictions: str | os.PathLike, truth_shape: tuple[int, int] | None = None
) -> MaskScorecard:
    """:func:`score` of two CSVs of Image_Label, EncodedPixels; predictions at 350x525.

    truth_shape: None takes 350x525 unless a run reaches beyond its last pixel, then 1400x2100
    Raises ValueError naming each fault of the predictions.
    """
    table = read_table(truth)
    texts = table.to_numpy(dtype=object)
    return score(texts, read_submission(predictions, list(table.index)), truth_shape or _guessed_shape(texts))


def _guessed_shape(texts: np.ndarray) -> tuple[int, int]:
    """The smaller of the competition's two sizes that holds every run."""
    return SUBMISSION_SHAPE if _reach(texts) <= math.prod(SUBMISSION_SHAPE) else TRAIN_SHAPE


def _reach(texts: np.ndarray) -> int:
    """The last pixel of all masks, from 1; 0 where all are empty."""
    last = (text.split()[-2:] for text in texts.ravel() if text)
    return max((int(start) + int(length) - 1 for start, length in last), default=0)
