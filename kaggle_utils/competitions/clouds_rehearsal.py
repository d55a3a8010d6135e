"""What a rehearsal must know of the clouds competition: its test, and other tests made from it.

The test is a folder of pictures, and beside it ``truth.csv`` (run lengths at 350x525) where the truth is
known. A :class:`TestPictures` can be cut or reordered, laid out as the competition's files again, and
judges the submission made from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kaggle_utils.competitions import clouds
from kaggle_utils.competitions.clouds_runs import first_fold_images
from kaggle_utils.masks.dice import dice_counts, dice_from_counts
from kaggle_utils.masks.rle import mask_from_rle
from kaggle_utils.tasks.hidden import hidden_truth

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["HIDDEN_ITEMS", "SERVED", "SLUG", "UNIT", "TestPictures", "held_out", "hidden_test"]

SLUG = clouds.SLUG
UNIT = "picture"
HIDDEN_ITEMS = clouds.TEST_IMAGES
SERVED = False  # files in the competition's folder
_SAME_DICE = 0.99  # of two answers; a batch of another size may round differently


@dataclass(frozen=True)
class TestPictures:
    """paths: of the pictures, in order; texts: (n, 4) their true run lengths at truth_shape, None if not known."""

    __test__ = False  # its name is no test's

    paths: tuple[Path, ...]
    texts: np.ndarray | None = None
    truth_shape: tuple[int, int] = clouds.SUBMISSION_SHAPE

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def names(self) -> list[str]:
        """Of the files, as Image_Label has them."""
        return [path.name for path in self.paths]

    def take(self, rows: Sequence[int]) -> TestPictures:
        """The pictures with these numbers, in this order."""
        rows = list(rows)
        texts = None if self.texts is None else self.texts[rows]
        return TestPictures(tuple(self.paths[row] for row in rows), texts, self.truth_shape)

    def some(self, n: int) -> TestPictures:
        """The first n, or all."""
        return self.take(range(min(n, len(self))))

    def other_order(self, at_most: int) -> list[int]:
        """Every other picture, the last first: other neighbours in other batches. Empty for a single one."""
        return list(range(len(self)))[::-2][:at_most] if len(self) > 1 else []

    def write(self, folder: Path) -> None:
        """Lays the pictures out as the competition does: test_images/ (links) and sample_submission.csv."""
        (folder / "test_images").mkdir(parents=True)
        for path in self.paths:
            (folder / "test_images" / path.name).symlink_to(path.resolve())
        rows = [f"{name}_{kind},1 1" for name in self.names for kind in clouds.CLASSES]
        (folder / "sample_submission.csv").write_text("\n".join([",".join(clouds.COLUMNS), *rows]) + "\n")

    def faults(self, table: pd.DataFrame) -> list[str]:
        """What is wrong with the submission, a sentence each; table: all cells as text."""
        return clouds.submission_faults(table, self.names)

    def answers(self, table: pd.DataFrame) -> list[str]:
        """The answer for each picture, its four run lengths joined by |, of a table without faults."""
        return ["|".join(four) for four in self._texts(table)]

    def _texts(self, table: pd.DataFrame) -> np.ndarray:
        of_name = table.set_index(clouds.COLUMNS[0])[clouds.COLUMNS[1]]
        return np.array([[of_name[f"{name}_{kind}"] for kind in clouds.CLASSES] for name in self.names], dtype=object)

    def score(self, table: pd.DataFrame) -> tuple[str, float] | None:
        """The metric's name and value; None where the truth is not known."""
        if self.texts is None:
            return None
        return "Dice", clouds.score(self.texts, self._texts(table), self.truth_shape).dice

    @staticmethod
    def same(one: str, other: str) -> bool:
        """Whether two answers are the same but for a few pixels.

        >>> TestPictures.same("1 900||5 5|", "1 899||5 5|"), TestPictures.same("1 900|||", "|||")
        (True, False)
        """
        pairs = zip(one.split("|"), other.split("|"), strict=True)
        masks = ([mask_from_rle(text, clouds.SUBMISSION_SHAPE) for text in pair] for pair in pairs)
        return all(dice_from_counts(dice_counts(*pair)) >= _SAME_DICE for pair in masks)


def hidden_test(folder: Path, frames: Iterable[Path] = ()) -> TestPictures:
    """The test's pictures in a folder, with their truth where :func:`hidden_truth` finds it.

    frames: not used, nothing is served; ValueError for a folder without pictures, or a truth that lacks one
    """
    paths = tuple(sorted(Path(folder).glob("*.jpg")))
    if not paths:
        raise ValueError(f"{str(folder)!r} has no pictures, expected files ending in .jpg")
    truth = hidden_truth(Path(folder))
    if truth is None:
        return TestPictures(paths)
    table = clouds.read_table(truth)
    unknown = [path.name for path in paths if path.name not in table.index]
    if unknown:
        raise ValueError(f"{truth} lacks the picture {unknown[0]!r}, expected all {len(paths)} of the test")
    return TestPictures(paths, table.loc[[path.name for path in paths]].to_numpy(dtype=object))


def held_out(folder: Path, training: Iterable[Path], at_most: int) -> TestPictures:
    """Training pictures in place of a test, those that the first fold has not seen (other folds' models have).

    folder: the competition's; training: outputs of the training stage; at_most: how many
    """
    data = clouds.load(folder).present()
    data = data.take(data.images["image"].isin(first_fold_images(training)).to_numpy())
    return TestPictures(tuple(map(Path, data.images["path"])), data.texts, data.shape).some(at_most)
