"""A competition of masks from outside the package: grey squares with a bright disc, which is the mask.

An object and no module; four pictures in ``train.csv``'s place are arrays in one file. It answers
:class:`kaggle_utils.tasks.competition.Competition` and nothing else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kaggle_utils.masks.rle import rle_from_mask
from kaggle_utils.masks.scorecard import MaskScorecard, mask_scorecard
from kaggle_utils.tasks.competition import FoldSize
from kaggle_utils.tasks.faults import column_faults, name_faults
from kaggle_utils.tasks.masks.items import RunLengthItems
from kaggle_utils.tasks.masks.kind import Masks
from kaggle_utils.tasks.submission import FileStream

SIDE = 64


class Discs:
    """Each picture is an .npy file; those of the test lie in test/, their truth in the files' names."""

    NAME, SLUG, DATASETS, UNIT, KEY = "discs", "toy-discs", (), "square", "square"
    CLASSES, COLUMNS, CODE, SERVED, HIDDEN_ITEMS = ("disc",), ("square", "rle"), False, False, 4
    KIND, FULL = Masks(1, (SIDE, SIDE)), {0: FoldSize(6, 6), 1: FoldSize(6, 6)}
    SAMPLE = SMOKE = {
        "architecture": "fpn", "encoder": "tu-test_resnet", "size": (SIDE, SIDE), "epochs": 2, "batch": 4, "lr": 1e-2,
        "options": {"decoder_pyramid_channels": 32, "decoder_segmentation_channels": 32}, "views": ("identity",),
        "augmentations": "none", "grayscale": True,
    }  # fmt: skip
    SCORE_OPTIONS: dict[str, str] = {}
    MEDALS = None

    def make_sample(self, folder: Path) -> Path:
        if folder.is_dir():
            return folder
        rng = np.random.default_rng(0)
        for part, count in (("train", 12), ("test", 4)):
            (folder / part).mkdir(parents=True)
            for _ in range(count):
                x, y, r = rng.integers(16, 48), rng.integers(16, 48), rng.integers(0, 3) * 8
                disc = np.hypot(*np.ogrid[-y : SIDE - y, -x : SIDE - x]) < r
                np.save(folder / part / f"{x:02}{y:02}{r}{rng.integers(10**6):06}.npy", (60 + 150 * disc).astype(np.uint8))
        return folder

    def _items(self, folder: Path, known: bool = True) -> RunLengthItems:
        paths = sorted(folder.glob("*.npy"))
        table = pd.DataFrame({"square": [p.stem for p in paths], "exists": True, "path": list(map(str, paths))})
        texts = np.array([[rle_from_mask(np.load(path) > 100)] for path in paths], dtype=object)
        return RunLengthItems(table, self.CLASSES, (SIDE, SIDE), texts if known else None)

    def load(self, folder: Path) -> RunLengthItems:
        return self._items(folder / "train")

    def test(self, folder: Path) -> RunLengthItems:
        return self._items(folder / "test", known=False)

    unlabelled = test

    def hidden(self, folder: Path) -> RunLengthItems:
        return self._items(folder)

    def fit_pixels(self, items: RunLengthItems) -> dict:
        return {}

    def read(self, items: RunLengthItems, row: int, size: tuple[int, int] | None, grayscale: bool = False) -> np.ndarray:
        assert size in (None, (SIDE, SIDE))
        return np.load(items.table["path"].iloc[row])[..., None]

    def truth(self, items: RunLengthItems, row: int, shape: tuple[int, int]) -> np.ndarray:
        return items.masks(row, shape)

    def stream(self, items: RunLengthItems | None, folder: Path, output: Path) -> FileStream:
        return FileStream.opened(self, items, folder, output)

    def lay_out(self, items: RunLengthItems, folder: Path, test: bool = True) -> None:
        place = folder / ("test" if test else "train")
        place.mkdir(parents=True, exist_ok=True)
        for path in map(Path, items.table["path"]):
            (place / path.name).symlink_to(path)

    def rows(self, items: RunLengthItems, row: int, answer: np.ndarray) -> list[tuple]:
        return [(items.table["square"].iloc[row], rle_from_mask(answer[0]))]

    def faults(self, table: pd.DataFrame, items: RunLengthItems) -> list[str]:
        wrong = column_faults(table, self.COLUMNS, exactly=True)
        return wrong or name_faults("square", table["square"], items.table["square"])

    def answers(self, table: pd.DataFrame, items: RunLengthItems) -> list[str]:
        return table.set_index("square")["rle"].reindex(items.table["square"]).tolist()

    def score(self, items: RunLengthItems, table: pd.DataFrame) -> MaskScorecard:
        answers = np.array(self.answers(table, items), dtype=object)[:, None]
        return mask_scorecard(items.texts, answers, self.CLASSES, (SIDE, SIDE))

    def score_files(self, truth: Path, predictions: Path, **options: Any) -> MaskScorecard:
        return self.score(self.hidden(truth), pd.read_csv(predictions, dtype=str, keep_default_na=False))
