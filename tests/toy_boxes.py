"""Bright squares in small frames: a competition of boxes in video that lives outside the package.

A folder holds ``frames.csv`` (name, video_id, video_frame), the frames, and where the truth is known ``truth.csv``
(name, annotations).
"""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from kaggle_utils.boxes.formats import boxes_from_texts, texts_from_boxes
from kaggle_utils.boxes.scorecard import scorecard
from kaggle_utils.images.decode import read_image
from kaggle_utils.tasks.boxes import tables
from kaggle_utils.tasks.boxes.items import VideoItems
from kaggle_utils.tasks.boxes.kind import BoxesInVideo
from kaggle_utils.tasks.faults import order_faults
from kaggle_utils.tasks.submission import FileStream

TINY = {"model": "yolov5t", "imgsz": 128, "batch": 4, "epochs": 2, "lr": 5e-3, "empties": 0.3, "mosaic": 0.0, "scale": 0.3}


class Squares:
    NAME, SLUG, DATASETS, UNIT, KEY, CLASSES = "squares", "bright-squares", (), "picture", "name", ("square",)
    COLUMNS, KIND, CODE, HIDDEN_ITEMS = ("name", "annotations"), BoxesInVideo((128, 72)), False, 30
    FULL, SAMPLE, SMOKE, SCORE_OPTIONS, SERVED, MEDALS = {}, TINY, TINY, {}, False, None

    def make_sample(self, folder):
        for place, seed in ((folder / "train", 0), (folder.with_name(folder.name + "-hidden"), 1)):
            if place.is_dir():
                continue
            place.mkdir(parents=True)
            rng, rows, texts = np.random.default_rng(seed), [], []
            for n in range(12):
                image = rng.integers(0, 90, (72, 128, 3), dtype=np.uint8)
                x, y = int(rng.integers(5, 90)), int(rng.integers(5, 40))
                if n % 2:
                    image[y : y + 24, x : x + 30] = 230
                cv2.imwrite(str(place / f"{n // 6}-{n % 6}.jpg"), image)
                rows.append((f"{n // 6}-{n % 6}", n // 6, n % 6))
                texts.append(f"1 {x} {y} 30 24" if n % 2 else "")
            table = pd.DataFrame(rows, columns=["name", "video_id", "video_frame"])
            table.to_csv(place / "frames.csv", index=False)
            table[["name"]].assign(annotations=texts).to_csv(place / "truth.csv", index=False)
        return folder

    def load(self, folder):
        return self.hidden(folder / "train")

    test = hidden = lambda self, folder: self._items(Path(folder))

    def unlabelled(self, folder):
        """The hidden frames under other names: each video has its frame 0-0."""
        items = self._items(Path(folder).with_name(Path(folder).name + "-hidden"))
        return VideoItems(items.table.assign(name="u" + items.table["name"]), items.truth)

    def _items(self, folder):
        table = pd.read_csv(folder / "frames.csv")
        paths = [folder / f"{name}.jpg" for name in table["name"]]
        table = table.assign(path=[str(path) for path in paths], exists=[path.is_file() for path in paths])
        known = folder / "truth.csv"
        return VideoItems.in_time(table, tables.read_boxes(known, table["name"]) if known.is_file() else None)

    def fit_pixels(self, items):
        return {}

    def read(self, items, row, size=None):
        return read_image(items.table["path"].iloc[row], size)

    def truth(self, items, row, shape):
        return items.truth[items.truth.frame == row]

    def stream(self, items, folder, output):
        return FileStream.opened(self, items, folder, output)

    def lay_out(self, items, folder, test=True):
        folder = folder if test else folder / "train"
        folder.mkdir(parents=True, exist_ok=True)
        items.table[["name", "video_id", "video_frame"]].to_csv(folder / "frames.csv", index=False)
        for path in items.table["path"]:
            shutil.copy(path, folder)

    def rows(self, items, row, answer):
        return [(items.table["name"].iloc[row], texts_from_boxes(answer, 1)[0])]

    def faults(self, table, items):
        return tables.table_faults(table, items.table["name"]) or order_faults("name", table["name"], items.table["name"])

    def answers(self, table, items):
        return table["annotations"].tolist()

    def score(self, items, table):
        return scorecard(items.truth, boxes_from_texts(table["annotations"].tolist()), items.table["video_id"].to_numpy())

    def score_files(self, truth, predictions):
        items = self._items(truth.parent)
        return self.score(items, pd.read_csv(predictions, dtype=str, keep_default_na=False))
