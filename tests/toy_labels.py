"""A competition of labels from outside the package: small tiles, by day or by night, with a disc, a bar, both or neither.

An object and no module; each tile is an array in a file whose name tells its labels. It answers
:class:`kaggle_utils.tasks.competition.Competition` and nothing else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kaggle_utils.labels.scorecard import LabelScorecard, label_scorecard
from kaggle_utils.tasks.competition import FoldSize
from kaggle_utils.tasks.faults import column_faults, name_faults
from kaggle_utils.tasks.labels.items import LabelItems
from kaggle_utils.tasks.labels.kind import Labels
from kaggle_utils.tasks.submission import FileStream

SIDE = 32


class Tiles:
    """Each tile is an .npy file, (32, 32, 4) uint8, of which three channels are read unless bands are named."""

    NAME, SLUG, DATASETS, UNIT, KEY = "tiles", "toy-tiles", (), "tile", "tile"
    CLASSES, COLUMNS, CODE, SERVED, HIDDEN_ITEMS = ("day", "night", "disc", "bar"), ("tile", "tags"), False, False, 8
    KIND, FULL = Labels(4, exclusive=((0, 1),)), {0: FoldSize(16, 16), 1: FoldSize(16, 16)}
    SAMPLE = SMOKE = {
        "encoder": "test_resnet", "size": (SIDE, SIDE), "epochs": 3, "batch": 8, "lr": 1e-2, "views": ("identity", "rot90"),
        "augmentations": "dihedral",
    }  # fmt: skip
    SCORE_OPTIONS: dict[str, str] = {}
    MEDALS = None

    def make_sample(self, folder: Path) -> Path:
        if folder.is_dir():
            return folder
        rng = np.random.default_rng(0)
        for part, count in (("train", 32), ("test", 8)):
            (folder / part).mkdir(parents=True)
            for number in range(count):
                day, disc, bar = number % 2, rng.integers(2), rng.integers(2)
                tile = rng.integers(120 * day, 120 * day + 40, (SIDE, SIDE, 4)).astype(np.uint8)
                if disc:
                    tile[np.hypot(*np.ogrid[-10 : SIDE - 10, -10 : SIDE - 10]) < 7] += np.uint8(90)
                if bar:
                    tile[24:28] += np.uint8(90)
                tags = np.flatnonzero([day, 1 - day, disc, bar])
                np.save(folder / part / f"{part[:2]}{number:02}_{''.join(map(str, tags))}.npy", tile)
        return folder

    def _items(self, folder: Path, known: bool = True) -> LabelItems:
        paths = sorted(folder.glob("*.npy"))
        table = pd.DataFrame({"tile": [p.stem[:4] for p in paths], "exists": True, "path": list(map(str, paths))})
        labels = np.array([[str(k) in path.stem[5:] for k in range(4)] for path in paths])
        return LabelItems(table, self.CLASSES, labels if known else None)

    def load(self, folder: Path) -> LabelItems:
        return self._items(folder / "train")

    def test(self, folder: Path) -> LabelItems:
        return self._items(folder / "test", known=False)

    unlabelled = test

    def hidden(self, folder: Path) -> LabelItems:
        return self._items(folder)

    def fit_pixels(self, items: LabelItems) -> dict[str, Any]:
        return {"limits": {"n": [0.0, float(len(items))]}}

    def read(
        self, items: LabelItems, row: int, size: tuple[int, int] | None, bands: tuple[str, ...] = ("r", "g", "b"), **_: Any
    ) -> np.ndarray:
        assert size in (None, (SIDE, SIDE))
        return np.load(items.table["path"].iloc[row])[..., ["rgbn".index(band) for band in bands]]

    def truth(self, items: LabelItems, row: int, shape: tuple[int, int]) -> np.ndarray:
        return items.labels[row]

    def stream(self, items: LabelItems | None, folder: Path, output: Path) -> FileStream:
        return FileStream.opened(self, items, folder, output)

    def lay_out(self, items: LabelItems, folder: Path, test: bool = True) -> None:
        place = folder / ("test" if test else "train")
        place.mkdir(parents=True, exist_ok=True)
        for path in map(Path, items.table["path"]):
            (place / path.name).symlink_to(path)

    def rows(self, items: LabelItems, row: int, answer: np.ndarray) -> list[tuple]:
        return [(items.table["tile"].iloc[row], " ".join(np.array(self.CLASSES)[answer]))]

    def faults(self, table: pd.DataFrame, items: LabelItems) -> list[str]:
        wrong = column_faults(table, self.COLUMNS, exactly=True)
        return wrong or name_faults("tile", table["tile"], items.table["tile"])

    def answers(self, table: pd.DataFrame, items: LabelItems) -> list[str]:
        return table.set_index("tile")["tags"].reindex(items.table["tile"]).tolist()

    def score(self, items: LabelItems, table: pd.DataFrame) -> LabelScorecard:
        given = [[name in answer.split() for name in self.CLASSES] for answer in self.answers(table, items)]
        return label_scorecard(items.labels, np.array(given), self.CLASSES)

    def score_files(self, truth: Path, predictions: Path, **options: Any) -> LabelScorecard:
        return self.score(self.hidden(truth), pd.read_csv(predictions, dtype=str, keep_default_na=False))
