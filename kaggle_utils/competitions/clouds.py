"""Clouds: four kinds of shallow clouds on satellite pictures (Kaggle, Understanding Clouds from Satellite Images, 2019).

Everything that is particular to this competition: its names and sizes, its tables in, its submission
out, its score. Pictures and the run lengths of train.csv are 1400x2100, submissions are 350x525; the
score is the mean Dice over all (image, class) pairs, 1 where both masks are empty. Facts measured on
the organisers' table are in the constants; formats are those of the competition's data page.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kaggle_utils.competitions.samples.folders import MARKER
from kaggle_utils.evidence.medals import Medals
from kaggle_utils.images.decode import read_image
from kaggle_utils.masks.rle import rle_from_mask, runs_from_rle
from kaggle_utils.masks.scorecard import MaskScorecard, mask_scorecard
from kaggle_utils.tasks.competition import FoldSize
from kaggle_utils.tasks.faults import column_faults, name_faults, read_texts, refuse
from kaggle_utils.tasks.hidden import hidden_truth
from kaggle_utils.tasks.masks.items import RunLengthItems
from kaggle_utils.tasks.masks.kind import Masks
from kaggle_utils.tasks.submission import FileStream, read_answers

if TYPE_CHECKING:
    import pandas as pd

NAME = "clouds"
SLUG = "understanding_cloud_organization"
DATASETS: tuple[str, ...] = ()
UNIT = "picture"
KEY = "image"
CLASSES = ("Fish", "Flower", "Gravel", "Sugar")
COLUMNS = ("Image_Label", "EncodedPixels")
CODE = SERVED = False  # submitted as a file, the test's pictures are there
TRAIN_SHAPE = (1400, 2100)  # (height, width) of pictures and training masks, pixels
SUBMISSION_SHAPE = (350, 525)  # of the masks that are scored
KIND = Masks(len(CLASSES), SUBMISSION_SHAPE, top_pixels=(0, 17_500))  # the first place's number beside the label head
TRAIN_IMAGES, HIDDEN_ITEMS = 5546, 3698
# What teams say in write-ups and repositories: the 1st, and their own Dice at home; 5th .67080, 95th .65800, 137th .65571,
# below which the last bronze, the 153rd, lies by less than the 95th lies above it.
MEDALS = Medals((0.658, 0.6708), (0.658, 0.6708), (0.6534, 0.65571), winner=0.67175, validation=0.6637, teams=1538)
MASKS_OF_CLASS = {"Fish": 2781, "Flower": 2365, "Gravel": 2939, "Sugar": 3751}  # training images that have it
FULL = {  # near-duplicates stay together, so a fold may have a few pictures more or less
    fold: FoldSize(TRAIN_IMAGES - valid, valid)
    for fold, valid in ((fold, len(range(fold, TRAIN_IMAGES, 5))) for fold in range(5))
}
# Two CPU cores, a few minutes: networks of half a million weights on small pictures, from random weights.
SAMPLE = {
    "n_folds": 3,
    "architecture": "fpn",
    "encoder": "tu-test_resnet",
    "options": {"decoder_pyramid_channels": 64, "decoder_segmentation_channels": 32},
    "size": (192, 128),
    "members": {"192x128": {}, "256x160": {"size": (256, 160)}},
    "augmentations": "flips",
    "epochs": 12,
    "batch": 8,
    "lr": 3e-3,
    "ema": 0.95,
}
SMOKE = SAMPLE | {"size": (96, 64), "members": None, "epochs": 1, "views": ("identity",)}
SCORE_OPTIONS = {
    "truth_shape": "height and width of the truth's run lengths; default: 350x525 unless they reach further, then 1400x2100"
}


def make_sample(folder: Path) -> Path:
    """The built-in sample, painted unless it is there."""
    from kaggle_utils.competitions.samples import clouds

    return clouds.make_sample(folder)


def load(folder: Path) -> RunLengthItems:
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
    1 pictures, 0 masks at 1400x2100; 1 of their files are missing
    """
    path = Path(folder) / "train.csv"
    wide = read_table(path)
    images, texts = _located(wide.index, Path(folder) / "train_images"), wide.to_numpy(dtype=object)
    return RunLengthItems(images, CLASSES, _noted_shape(Path(folder)) or _kaggles_shape(images, texts, path), texts)


def test(folder: Path) -> RunLengthItems:
    """The pictures to predict, those of ``sample_submission.csv``, in order of name."""
    names = read_table(Path(folder) / "sample_submission.csv").index
    return RunLengthItems(_located(names, Path(folder) / "test_images"), CLASSES, SUBMISSION_SHAPE)


test.__test__ = False  # its name is no test's
unlabelled = test


def hidden(folder: Path) -> RunLengthItems:
    """A hidden test's pictures in a folder, with their truth where :func:`hidden_truth` finds it.

    ValueError for a folder without pictures, or a truth that lacks one
    """
    names = sorted(path.name for path in Path(folder).glob("*.jpg"))
    if not names:
        raise ValueError(f"{str(folder)!r} has no pictures, expected files ending in .jpg")
    images, truth = _located(names, Path(folder)), hidden_truth(Path(folder))
    if truth is None:
        return RunLengthItems(images, CLASSES, SUBMISSION_SHAPE)
    table = read_table(truth)
    for name in names:
        if name not in table.index:
            raise ValueError(f"{truth} lacks the picture {name!r}, expected all {len(names)} of the test")
    return RunLengthItems(images, CLASSES, SUBMISSION_SHAPE, table.loc[names].to_numpy(dtype=object))


def fit_pixels(items: RunLengthItems) -> dict:
    """Nothing: pictures are of 8 bits."""
    return {}


def read(items: RunLengthItems, row: int, size: tuple[int, int] | None, grayscale: bool = False) -> np.ndarray:
    """A picture, (H, W, 3) uint8 RGB, or (H, W, 1) in grayscale."""
    return read_image(items.table["path"].iloc[row], size, grayscale)


def truth(items: RunLengthItems, row: int, shape: tuple[int, int] = SUBMISSION_SHAPE) -> np.ndarray:
    """(4, height, width) bool."""
    return items.masks(row, shape)


def stream(items: RunLengthItems | None, folder: Path, output: Path) -> FileStream:
    """The test, into ``submission.csv`` of the folder output; or other items, into ``validation.csv``."""
    return FileStream.opened(sys.modules[__name__], items, folder, output)


def lay_out(items: RunLengthItems, folder: Path, test: bool = True) -> None:
    """As the competition does: test_images/ (links) and sample_submission.csv; or train.csv of these pictures."""
    if not test:
        pairs = zip(_pair_names(items.table[KEY]), items.texts.ravel(), strict=True)
        (folder / "train.csv").write_text("\n".join([",".join(COLUMNS), *map(",".join, pairs)]) + "\n")
        return
    (folder / "test_images").mkdir(parents=True)
    for path in map(Path, items.table["path"]):
        (folder / "test_images" / path.name).symlink_to(path.resolve())
    rows = [f"{pair},1 1" for pair in _pair_names(items.table[KEY])]
    (folder / "sample_submission.csv").write_text("\n".join([",".join(COLUMNS), *rows]) + "\n")


def read_table(path: Path) -> pd.DataFrame:
    """A CSV of Image_Label, EncodedPixels as one row an image (sorted) and one column a class, of texts.

    Raises ValueError naming missing columns, a label that is not ``<image>_<class>``, missing and doubled ones.
    """
    table = read_texts(path)
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


def rows(items: RunLengthItems, row: int, answer: np.ndarray) -> list[tuple[str, str]]:
    """The submission's four rows for one picture; answer: (4, 350, 525), any value but 0 belongs to the mask."""
    expected = (len(CLASSES), *SUBMISSION_SHAPE)
    if np.shape(answer) != expected:
        raise ValueError(f"a picture's masks have shape {np.shape(answer)}, expected {expected}")
    return list(zip(_pair_names([items.table[KEY].iloc[row]]), map(rle_from_mask, answer), strict=True))


def faults(table: pd.DataFrame, items: RunLengthItems) -> list[str]:
    """What is wrong with a submission, a sentence each; none when Kaggle would score it.

    table: columns Image_Label and EncodedPixels (run lengths at 350x525, empty for none), four rows a picture

    >>> import pandas as pd
    >>> rows = [("a.jpg_Fish", "1 2"), ("a.jpg_Flower", ""), ("a.jpg_Gravel", "183750 2"), ("a.jpg_Sugar", "")]
    >>> items = RunLengthItems(pd.DataFrame({"image": ["a.jpg"]}), CLASSES, SUBMISSION_SHAPE)
    >>> faults(pd.DataFrame(rows, columns=list(COLUMNS)), items)
    ['a.jpg_Gravel: run lengths of a mask of 350x525: the run 183750 2 is beyond the last pixel, 183750']
    """
    wrong = column_faults(table, COLUMNS, exactly=True)
    if wrong:
        return wrong
    names, texts = table[COLUMNS[0]], table[COLUMNS[1]]
    return [*name_faults(COLUMNS[0], names, _pair_names(items.table[KEY])), *_text_faults(names, texts)]


def _text_faults(names: Sequence[str], texts: Sequence[str]) -> list[str]:
    """A sentence for each of the first three texts that are no run lengths, and how many more there are."""
    wrong = []
    for name, text in zip(names, texts, strict=True):
        try:
            runs_from_rle(text, SUBMISSION_SHAPE)
        except ValueError as error:
            wrong.append(f"{name}: {error}")
    return wrong[:3] + ([f"{len(wrong) - 3} more rows are no run lengths"] if len(wrong) > 3 else [])


def texts_of(table: pd.DataFrame, items: RunLengthItems) -> np.ndarray:
    """(N, 4) run lengths of a table without faults, in the order of items, rows in any order."""
    texts = table.set_index(COLUMNS[0])[COLUMNS[1]].reindex(_pair_names(items.table[KEY]))
    return texts.to_numpy(dtype=object).reshape(-1, len(CLASSES))


def answers(table: pd.DataFrame, items: RunLengthItems) -> list[str]:
    """The answer to each picture, its four run lengths joined by |."""
    return ["|".join(four) for four in texts_of(table, items)]


def score(items: RunLengthItems, table: pd.DataFrame) -> MaskScorecard:
    """The mean Dice of a table without faults; the truth is resized to 350x525 where it is not."""
    return mask_scorecard(items.texts, texts_of(table, items), CLASSES, SUBMISSION_SHAPE, items.shape)


def score_files(truth: Path, predictions: Path, truth_shape: tuple[int, int] | None = None) -> MaskScorecard:
    """:func:`score` of two CSVs of Image_Label, EncodedPixels; predictions at 350x525.

    truth_shape: None takes 350x525 unless a run reaches beyond its last pixel, then 1400x2100
    Raises ValueError naming each fault of the predictions.
    """
    import pandas as pd

    wide = read_table(truth)
    texts = wide.to_numpy(dtype=object)
    items = RunLengthItems(pd.DataFrame({KEY: wide.index}), CLASSES, truth_shape or _guessed_shape(texts), texts)
    return score(items, read_answers(sys.modules[__name__], items, predictions))


def _guessed_shape(texts: np.ndarray) -> tuple[int, int]:
    """The smaller of the competition's two sizes that holds every run."""
    return SUBMISSION_SHAPE if _reach(texts) <= math.prod(SUBMISSION_SHAPE) else TRAIN_SHAPE


def _reach(texts: np.ndarray) -> int:
    """The last pixel of all masks, from 1; 0 where all are empty."""
    last = (text.split()[-2:] for text in texts.ravel() if text)
    return max((int(start) + int(length) - 1 for start, length in last), default=0)
